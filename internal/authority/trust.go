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

// standing is how a file of CAs that is there stands to a CA that comes, with the
// generations that it publishes.
type standing int

const (
	absent   standing = iota // there is no file
	complete                 // it trusts all that come, and perhaps others
	behind                   // it trusts the one that signs, not all that come, and no others
	mixed                    // it trusts the one that signs, not all that come, and others
	outdated                 // it trusts some that come, not the one that signs, and no others
	foreign                  // it trusts others, and not the one that signs
)

// standingOf judges the certificates of a file, of which there are none where it is absent.
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

// verdict is what becomes of a file of CAs.
type verdict int

const (
	refuse  verdict = iota // an error: what was trusted so far would be trusted no more
	stay                   // the file stays as it is
	write                  // it is written, where there is none
	replace                // it is written, and keeps its mode and owner
	leave                  // it stays, and what lies beside it is another CA's business
)

// TrustPolicy says which CAs win where a file of them may be there already.
type TrustPolicy map[standing]verdict

var (
	// BesidePair is for a key pair that the CA signs on this machine. A file that trusts
	// the CA which signs stays, whatever else somebody has put into it.
	BesidePair = TrustPolicy{absent: write, complete: stay, behind: stay, mixed: stay, outdated: refuse, foreign: refuse}
	// FromBundle is for what a host is given. More of the same is taken, as after the
	// beginning of a rollover, and what is there is never less trusted than before.
	FromBundle = TrustPolicy{absent: write, complete: stay, behind: replace, mixed: refuse, outdated: replace, foreign: refuse}
	// ForQEMU is for a directory of QEMU's, which may be another CA's as a whole.
	ForQEMU = TrustPolicy{absent: write, complete: stay, behind: stay, mixed: stay, outdated: leave, foreign: leave}
)

// Leaves reports whether a policy has a file that trusts some CAs left to another CA.
func (p TrustPolicy) Leaves(a *Authority, here []*x509.Certificate) bool {
	return p[a.standingOf(here)] == leave
}

// PlanTrust plans the CAs that are trusted at a place, as a policy has it.
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

// Trust plans the CA and the CRL beside a key pair. Where a CA's own directory is the
// place, they are there already.
func (a *Authority) Trust(j *change.Job, to keypair.Dest) error {
	if to.Layout.Path(libvirt.CACert) == a.Layout.Path(libvirt.CACert) {
		return nil
	}
	if err := a.PlanTrust(j, to, BesidePair); err != nil {
		return err
	}
	return shareCRL(j, a, to)
}

// shareCRL plans the CA's CRL beside a pair, unless there is one of its own.
func shareCRL(j *change.Job, a *Authority, to keypair.Dest) error {
	there, err := machine.ReadIfThere(j.Plan.Tree(), to.Layout.Path(libvirt.CACRL))
	if err != nil || a.CRL == nil || there != nil && !bytes.Equal(there, a.CRL) {
		return err
	}
	return to.Write(&j.Plan, libvirt.CACRL, a.CRL)
}
