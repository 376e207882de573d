package enroll

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/judge"
	"virtpki/internal/keypair"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Given is a certificate with its key that somebody else made, for one role.
type Given struct {
	Role pki.Role
	Key  crypto.Signer
	Cert *x509.Certificate
	From string // the certificate's file, for errors
}

// putGiven checks the key pairs that somebody else made and plans them.
func (in *installer) putGiven(j *change.Job, places []*place, taken map[*place]*x509.Certificate) error {
	for _, g := range in.Given {
		for _, s := range places {
			if s.live.Role != g.Role {
				continue
			}
			s.given, taken[s] = g.Key, g.Cert
			if err := in.put(j, s, g.Cert); err != nil {
				return fmt.Errorf("%s: as the %s's certificate: %w", g.From, g.Role, err)
			}
		}
	}
	return nil
}

// judgeCopies returns the reason for which QEMU would refuse its copies of the given key pairs.
func (in *installer) judgeCopies(j *change.Job, comes map[pki.Role]*keypair.Pair) error {
	filled := in.QEMU != nil && len(in.QEMU.Uses) > 0
	if len(in.Given) == 0 || !in.placed || !in.copies && !filled {
		return nil
	}
	for _, g := range in.Given {
		if err := in.judgeAs(j, reader{"qemu", in.qemu, in.qemuKnown}, comes[g.Role]); err != nil {
			return fmt.Errorf("%s: as the %s's certificate of QEMU: %w", g.From, g.Role, err)
		}
	}
	return nil
}

// checkGivenNames refuses a server's certificate that is for another machine: by all names
// under which peers know this one they would refuse it.
func (in *installer) checkGivenNames(j *change.Job, s *place, cert *x509.Certificate) error {
	if s.live.Role == pki.Client || in.Names == nil {
		return nil
	}
	file := judge.File{Data: pki.EncodeCertificates(cert)}
	lacking := namesLacking(file, in.Names)
	var served []string // today
	if s.live.Cert != nil {
		served = namesOf(s.live.Cert)
	}
	lost := namesLacking(file, served)
	if len(lacking) == len(in.Names) && len(lost) == len(served) {
		return hint.With(fmt.Errorf("it is for %s, and this machine is %s", namesText(cert), strings.Join(in.Names, ", ")),
			"if its clients use another name, give that name: --hostname NAME")
	}
	if len(lost) > 0 {
		j.Note("clients that connect to %s will refuse the server: the previous certificate covered it, and this one does not", termtext.Join(lost))
	}
	return nil
}

// namesLacking returns the names by which a client would refuse a server with a certificate.
func namesLacking(cert judge.File, names []string) (lacking []string) {
	for _, name := range names {
		if ok, _ := judge.HostName(cert, name); !ok {
			lacking = append(lacking, name)
		}
	}
	return lacking
}

// namesText words the names of a certificate.
func namesText(cert *x509.Certificate) string {
	if names := namesOf(cert); len(names) > 0 {
		return strings.Join(names, ", ")
	}
	return subject.Of(cert)
}

// namesOf returns the names and addresses in a certificate.
func namesOf(cert *x509.Certificate) []string {
	names := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// newer says how to come by a certificate that is newer.
func (in *installer) newer() string {
	if len(in.Given) > 0 {
		return in.again("")
	}
	return "make a new request"
}

// again says how to come by another certificate.
func (in *installer) again(role pki.Role) string {
	if len(in.Given) > 0 {
		return "have its CA make another one"
	}
	return fmt.Sprintf("have the CA sign the request again, or make another one: virtpki request %s", role)
}

// published says where the fingerprint of a CA is found.
func (in *installer) published() string {
	if len(in.Given) > 0 || in.BelowTrusted {
		return "the one that the CA publishes"
	}
	return "the one at the CA (virtpki ca show)"
}
