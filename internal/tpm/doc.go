// Package tpm makes keys that only one TPM 2.0 can use, and signs with them.
//
// Such a key is a file in the form that OpenSSL's providers read (TSS2 PRIVATE KEY): the TPM
// has encrypted it under its storage root key. Nothing is stored in the TPM. The package does
// not read files and does not ask for passphrases: its caller hands both in. It does not
// support keys that are bound to a policy or to a parent of their own form.
package tpm
