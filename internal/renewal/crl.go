package renewal

import (
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// whyCRL returns why a CRL is due; empty if it is not. The window of a run is for certificates;
// a CRL is due with a third of its lifetime left.
func whyCRL(crl *pki.CRL, now time.Time) string {
	opens := pki.Window{}.CRLOpens(crl)
	if opens.IsZero() || now.Before(opens) {
		return ""
	}
	return "due: fresh until " + termtext.Day(crl.NextUpdate)
}

// lookAtCRL decides whether the CRL is due. Without the CA's key on this machine
// it is not ours to make, but with --via or --issuer to ask for.
func (r *renewal) lookAtCRL(a *authority.Authority) error {
	switch {
	case !r.asks() && keyAbsent(r.m):
		return nil
	case keyAbsent(r.m):
		r.crl = whyOthersCRL(a, r.m.Now())
		return nil
	case a.CRL == nil:
		r.crl = "missing"
		return nil
	}
	if err := a.LoadCRL(); err != nil {
		return err
	}
	r.crl = whyCRL(a.Current, r.m.Now())
	return nil
}

// whyOthersCRL returns why the copy of a CRL is due: of any CA here.
func whyOthersCRL(a *authority.Authority, now time.Time) (why string) {
	crls, err := pki.ParseCRLs(a.CRL)
	if err != nil {
		return "missing, or not readable"
	}
	for _, ca := range a.Certificates {
		if crl := keypair.NewestCRL(crls, ca); crl != nil && whyCRL(crl, now) != "" {
			why = whyCRL(crl, now)
		}
	}
	return why
}

// renewCRL plans a fresh CRL when the one here is due. A link in its place does not keep the
// certificates from being renewed.
func (r *renewal) renewCRL(j *change.Job, a *authority.Authority) error {
	if r.crlErr = nil; r.crl == "" {
		return nil
	}
	err := j.Attempt(func() error { return r.planCRL(j, a) })
	if r.crlErr = leftToLink(err, r.crl, r.m.Flags()); r.crlErr != nil {
		return nil
	}
	r.serving = r.serving || err == nil && r.QEMU.CA == ""
	return err
}

func (r *renewal) planCRL(j *change.Job, a *authority.Authority) error {
	fresh := authority.CRLRequest{Validity: pki.DefaultCRLValidity}
	if a.Current != nil && !a.Current.NextUpdate.IsZero() {
		fresh.Validity = a.Current.NextUpdate.Sub(a.Current.ThisUpdate)
	}
	j.Did("%s: %s", a.Layout.Path(libvirt.CACRL), r.crl)
	return a.PlanCRL(j, r.m, fresh)
}
