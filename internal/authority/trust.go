package authority

import (
	"bytes"
	"crypto/x509"
	"fmt"

	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// standing says which of a new CA's published generations an existing CA file trusts.
type standing int

const (
	absent   standing = iota // there is no file
	complete                 // it trusts all new ones, and perhaps others
	behind                   // it trusts the one that signs, not all new ones, and no others
	mixed                    // it trusts the one that signs, not all new ones, and others
	outdated                 // it trusts some new ones, not the one that signs, and no others
	foreign                  // it trusts others, and not the one that signs
)

// standingOf judges the certificates of a file; an absent file has none.
func (a *Authority) standingOf(here []*x509.Certificate) standing {
	signs, others := keypair.Contains(here, a.CA.Certificate), !keypair.ContainsAll(a.Certificates, here)
	switch {
	case len(here) == 0:
		return absent
	case keypair.ContainsAll(here, a.Certificates):
		return complete
	case signs && others:
		return mixed
	case signs:
		return behind
	case others:
		return foreign
	}
	return outdated
}

// verdict says what happens to a CA file.
type verdict int

const (
	refuse  verdict = iota // an error: the machine would no longer trust its current CA
	stay                   // the file stays as it is
	write                  // it is written, because there is none
	replace                // it is written, and keeps its mode and owner
	leave                  // it stays, and the files beside it belong to another CA
)

// TrustPolicy says which CAs win if a CA file exists already.
type TrustPolicy map[standing]verdict

var (
	// BesidePair is for a key pair that the CA signs on this machine. A file that trusts the CA
	// which signs stays, even if somebody has added other CAs.
	BesidePair = TrustPolicy{absent: write, complete: stay, behind: stay, mixed: stay, outdated: refuse, foreign: refuse}
	// FromBundle is for the bundle that a host is given. It accepts further generations of the same
	// CA, for example after the beginning of a rollover, and never removes trust in the current
	// ones.
	FromBundle = TrustPolicy{absent: write, complete: stay, behind: replace, mixed: refuse, outdated: replace, foreign: refuse}
	// ForQEMU is for a directory of QEMU, which may belong to another CA as a whole.
	ForQEMU = TrustPolicy{absent: write, complete: stay, behind: stay, mixed: stay, outdated: leave, foreign: leave}
)

// Leaves reports whether a policy leaves a file that trusts some CAs to another CA.
func (p TrustPolicy) Leaves(a *Authority, here []*x509.Certificate) bool {
	return p[a.standingOf(here)] == leave
}

// PlanTrust plans the CA file at a place, following a policy.
func (a *Authority) PlanTrust(j *change.Job, to keypair.Dest, p TrustPolicy) error {
	path := to.Layout.Path(libvirt.CACert)
	here, err := keypair.ReadCertsIfThere(j.Plan.Tree(), path)
	if err != nil {
		return err
	}
	switch p[a.standingOf(here)] {
	case stay:
		return nil
	case replace:
		to.Keep = true
		fallthrough
	case write:
		return to.Write(&j.Plan, libvirt.CACert, pki.EncodeCertificates(a.Certificates...))
	}
	return fmt.Errorf("%s trusts another CA: %s, not %s", path, subject.Of(here[0]), subject.Of(a.CA.Certificate))
}

// Trust plans the CA and the CRL beside a key pair. In a CA's own directory they are there already.
func (a *Authority) Trust(j *change.Job, to keypair.Dest) error {
	if to.Layout.Path(libvirt.CACert) == a.Layout.Path(libvirt.CACert) {
		return nil
	}
	if err := a.PlanTrust(j, to, BesidePair); err != nil {
		return err
	}
	return shareCRL(j, a, to)
}

// shareCRL plans the CA's CRL beside a key pair, unless the key pair has one of its own.
func shareCRL(j *change.Job, a *Authority, to keypair.Dest) error {
	there, err := machine.ReadIfThere(j.Plan.Tree(), to.Layout.Path(libvirt.CACRL))
	if err != nil || a.CRL == nil || there != nil && !bytes.Equal(there, a.CRL) {
		return err
	}
	return to.Write(&j.Plan, libvirt.CACRL, a.CRL)
}
