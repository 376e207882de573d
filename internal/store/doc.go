// Package store reads and writes PKI files so that nothing is lost and nobody
// is let in.
//
// Reading is guarded: a file must be regular and of a sane size, so that a FIFO
// or a device in the place of a certificate is an error and not a hang.
//
// Writing goes through a [Plan]: the caller states how files and folders should
// be, the plan keeps what differs from the disk, and [Plan.Apply] carries it
// out under a [Lock], all or nothing. A private key is never readable by
// others, not for an instant: every file begins with mode 0600 under a
// temporary name in its own folder and gets its owner, then its mode, then,
// when it is whole and synced, its name.
//
// The folder of a CA is its own database: [Records] are the certificates it
// has signed.
package store
