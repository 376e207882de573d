package renewal

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// look finds the installed certificates, and decides which of them are due. It returns the CA,
// whose files are read once for each decision.
func (r *renewal) look() (*authority.Authority, error) {
	r.found, r.others, r.left, r.crl, r.serving = nil, nil, nil, "", false
	a, err := authority.Open(r.m)
	if err != nil {
		return nil, hint.First(err, ownPaths{r}.look(nil))
	}
	r.caEnds = time.Time{}
	ends := pki.Ends(a.CA.Certificate, a.Certificates)
	if a.Rollover == nil && !r.m.Now().Before(pki.Window{}.Opens(pki.Life(a.CA.Certificate), ends)) {
		r.caEnds = ends
	}
	for _, layout := range r.layouts() {
		for _, c := range candidatesIn(r.m, layout) {
			if r.consider(a, c) {
				r.found = append(r.found, c)
			}
		}
	}
	err = ownPaths{r}.look(a)
	r.left = append(r.left, r.namesNotThere(r.found)...)
	err = hint.First(err, r.namesUnmet(r.m, r.found), r.lookAtCRL(a))
	r.mindsCRL(a)
	return a, err
}

// candidatesIn reads the certificates of a layout.
func candidatesIn(m *machine.Machine, layout libvirt.Layout) (all []*candidate) {
	files := m.Tree().OwnFiles(layout.PairFolder())
	defer files.Close()
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		c := &candidate{layout: layout, place: placeOf(m, layout), role: role, pair: keypair.New(m.Tree(), layout, role)}
		c.err = c.readOwn(files)
		all = append(all, c)
	}
	return all
}

// consider decides about one certificate. It returns false if there is none, or if it is not
// ours to renew.
func (r *renewal) consider(a *authority.Authority, c *candidate) bool {
	if c.pair.Cert != nil {
		c.signed, c.ends = a.HasSigned(c.pair.Cert), pki.Ends(c.pair.Cert, a.Certificates)
	}
	if othersQEMU(c) {
		r.others = append(r.others, c)
		return false
	}
	if c.pair.Cert == nil && c.err == nil || r.passOver(c) {
		return false
	}
	if err := c.pair.ReadKey(); c.err == nil && machine.Unread(err) {
		c.err = err // it may be a good one
	}
	c.sealed = c.err == nil && c.place == ofQEMU && change.KeyState(r.m.Tree(), c.pair.KeyPath) == "encrypted"
	if c.original = r.originalOf(c); c.original != nil {
		c.opens = c.original.opens
		if why := whyCopy(gatherCopy(c)); why != "" {
			c.reasons = []string{why}
		}
	} else if c.err == nil {
		f := r.gather(r.m, a, c)
		c.opens, c.missing, c.reasons, c.change = f.opens, f.missing, f.reasons(), r.namesFor(c)
		r.rename(a, c, ownAddresses(r.m, a, c))
		if c.ends.Before(c.pair.Cert.NotAfter) { // renewing does not help, but somebody has to act: its CA ends
			c.opens = r.Window.Opens(pki.Life(c.pair.Cert), c.ends)
		}
		r.hold(a, c)
	}
	r.minds(c)
	return true
}

// layouts returns the directories in which renew looks. With a CA for QEMU, these are only
// QEMU's.
func (r *renewal) layouts() []libvirt.Layout {
	all := r.m.AllLayouts()
	if r.QEMU.CA == "" {
		return all
	}
	return slices.DeleteFunc(all, func(layout libvirt.Layout) bool { return placeOf(r.m, layout) != ofQEMU })
}

// othersQEMU reports whether it is a file of QEMU's that another CA has signed: a run for that
// CA renews it.
func othersQEMU(c *candidate) bool {
	return c.place == ofQEMU && c.pair.Cert != nil && !c.signed
}

// passOver reports whether to skip the certificate and continue: it is in the directory of
// another user, to which root comes by a HOME that sudo has kept.
func (r *renewal) passOver(c *candidate) bool {
	var refusal *store.Refusal
	if c.place != ofUser || !errors.As(c.err, &refusal) {
		return false
	}
	if r.m.Tree().Exists(c.pair.CertPath) {
		r.leave(c, refusal.Error())
	}
	return true
}

// leave notes that a certificate is not renewed, and why.
func (r *renewal) leave(c *candidate, why string) {
	r.left = append(r.left, fmt.Sprintf("%s: not renewed: %s", c.pair.CertPath, why))
}

// anythingDue reports whether there is something to do, or an error to report.
func (r *renewal) anythingDue() bool {
	return r.crl != "" || r.lacksPairs() || slices.ContainsFunc(r.found, func(c *candidate) bool { return c.err != nil || len(c.reasons) > 0 })
}

// failures are the errors of the CRL and of the candidates that could not be renewed.
func (r *renewal) failures() error {
	errs := []error{r.crlErr}
	for _, c := range r.found {
		errs = append(errs, c.err)
	}
	return errors.Join(errs...)
}

// Installed is a certificate that a run has looked at.
type Installed struct {
	Path     string    `json:"path"`
	DN       string    `json:"dn,omitempty"`
	NotAfter time.Time `json:"not_after"`
	Ends     time.Time `json:"ends"` // the earliest end on its chain: a CA may end before it
	DueFrom  time.Time `json:"due_from"`
	Reasons  []string  `json:"reasons"` // why it is due; none when it is not
}

// installed tells of candidates that have a certificate.
func installed(found []*candidate) []Installed {
	all := []Installed{}
	for _, c := range found {
		if c.pair.Cert != nil {
			all = append(all, Installed{c.pair.CertPath, subject.Of(c.pair.Cert), c.pair.Cert.NotAfter, c.ends, c.opens, append([]string{}, c.reasons...)})
		}
	}
	return all
}
