// Package inspect reads a machine's files for package judge and orders the findings: by place, each
// once, with a verdict and the fix that is right on this machine.
//
// It changes nothing, opens no device, and reads no file that is larger than the program that uses
// the file accepts. It decides which files to read ([Run]) and which finding has which fix
// (fix.go). Package judge decides what the files mean, and package inventory which daemons there
// are.
package inspect
