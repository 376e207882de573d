// Package subject says whom a certificate names: a host, a client or an organisation,
// with the subject and the subject alternative names that libvirt goes by.
//
// It checks names and derives subjects from them. It reads no disk and knows no machine:
// which names this machine has, and what a CA grants, is decided elsewhere.
package subject
