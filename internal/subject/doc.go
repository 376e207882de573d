// Package subject describes the subject of a certificate: a host, a client or an organisation, with
// the subject and the subject alternative names that libvirt uses.
//
// It checks names and derives subjects from them. It does not read files and does not know the
// machine: other packages decide which names this machine has, and which names a CA grants.
package subject
