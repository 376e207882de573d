// Package store reads and writes PKI files so that nothing is lost and no other user can read a
// key.
//
// Reading is guarded: a file must be regular and of a sane size. A FIFO or a device in the place
// of a certificate is an error, and the run does not hang.
//
// Writing goes through a [Plan]. The caller states how files and directories should be, the plan
// keeps the differences from the disk, and [Plan.Apply] makes them under a [Lock]: all of them,
// or none if one fails. A run that is killed leaves each file whole, old or new. A file begins
// with mode 0600 under a temporary name in its own directory. It gets its owner, then its mode,
// and its name only when it is whole and synced.
//
// The package does not judge the contents of a file, and never asks or prints. Of CAs it knows
// only their records: a directory with a file for each certificate that a CA has signed
// ([Tree.Records]).
package store
