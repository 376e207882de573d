// Package clientpack makes packs for clients: the certificate, the key and the CA certificates
// of one client under the names that its system's libvirt reads, with a script that installs
// them, or as one PKCS#12 file, or with a file that opens a guest's console.
//
// Package authority signs and records the certificates, and package change applies the plan.
// The scripts in a pack are the same for every client: names never get into a shell. The
// package does not connect, and it does not know which clients a host admits.
package clientpack
