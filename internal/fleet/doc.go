// Package fleet makes bundles of keys and certificates for thousands of hosts, in the order of
// a list, and reads the certificates of such bundles.
//
// It checks existing bundles and keeps them; it resumes an interrupted run. Its caller says
// which names a certificate is for, and package batch knows how files reach the disk. It prints
// nothing.
package fleet
