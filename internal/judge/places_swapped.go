package judge

import (
	"fmt"

	"virtpki/internal/gnutls"
	"virtpki/internal/termtext"
)

// Swapped finds files of a server and a client that have changed places: a certificate and its key,
// two keys, two certificates, or two pairs.
func Swapped(server, client Set) []Finding {
	s, c := pairOf(server), pairOf(client)
	var found []Finding
	for _, p := range []slots{s, c} {
		if belong(p.keyFile, p.certFile) {
			cert, key := termtext.ShellWord(p.certFile.Path), termtext.ShellWord(p.keyFile.Path)
			found = append(found, swapped([]string{p.certFile.Path, p.keyFile.Path}, "the certificate and the key are swapped",
				fmt.Sprintf("%s && chmod 0644 %s && chmod 0600 %s", exchange(cert, key), cert, key)))
		}
	}
	whole := belong(s.certFile, s.keyFile) && belong(c.certFile, c.keyFile)
	crossed := belong(s.certFile, c.keyFile) && belong(c.certFile, s.keyFile) && !belong(s.certFile, s.keyFile)
	roles := onlyFor(s.certFile, gnutls.OIDClientAuth) && onlyFor(c.certFile, gnutls.OIDServerAuth)
	certs := exchange(termtext.ShellWord(s.certFile.Path), termtext.ShellWord(c.certFile.Path))
	keys := exchange(termtext.ShellWord(s.keyFile.Path), termtext.ShellWord(c.keyFile.Path))
	all := []string{s.certFile.Path, s.keyFile.Path, c.certFile.Path, c.keyFile.Path}
	switch {
	case whole && roles:
		pairs := swapped(all, "the certificates and keys of client and server are swapped", certs+" && "+keys)
		if !BindsRole(s.certFile) && !BindsRole(c.certFile) {
			pairs.Level = Warning // libvirt warns, and goes on
		}
		found = append(found, pairs)
	case crossed && roles:
		found = append(found, swapped(all, "the certificates of server and client are swapped", certs))
	case crossed:
		found = append(found, swapped(all, "the keys of server and client are swapped", keys))
	}
	return found
}

// slots are the two files of a pair.
type slots struct{ certFile, keyFile File }

func pairOf(s Set) slots { return slots{s.Cert, s.Key} }

// swapped returns the finding about files; it names the first as its file.
func swapped(files []string, text, fix string) Finding {
	return Finding{ID: "swapped", Level: Error, Stage: Places, File: files[0], Text: text, Fix: fix, about: files}
}

// exchange returns the command that exchanges two files, with their paths quoted for a shell.
func exchange(a, b string) string {
	return fmt.Sprintf("mv %s %[1]s.swap && mv %s %[1]s && mv %[1]s.swap %[2]s", a, b)
}

// belong reports whether one file contains a certificate and the other one its key.
func belong(cert, key File) bool {
	c, err := gnutls.ReadCertificate(cert.Data)
	if err != nil {
		return false
	}
	k, err := gnutls.ReadPrivateKey(key.Data)
	if err != nil {
		return false
	}
	same, unknown := k.Matches(c.Key)
	return same && !unknown
}

// onlyFor reports whether a certificate is only for one purpose.
func onlyFor(cert File, oid string) bool {
	c, err := gnutls.ReadCertificate(cert.Data)
	if err != nil {
		return false
	}
	oids, _, _ := c.Purposes()
	return len(oids) == 1 && oids[0] == oid
}
