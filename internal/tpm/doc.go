// Package tpm makes keys that one TPM 2.0 alone can use, and signs with them.
//
// Such a key is a file in the form that OpenSSL's providers read (TSS2 PRIVATE KEY): the
// TPM has encrypted it under its storage root key. Nothing is stored in the TPM. The package
// reads no file and asks for no passphrase: its caller hands both in. Keys that are bound
// to a policy or to a parent of their own form are not its business.
package tpm
