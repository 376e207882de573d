package authority

import (
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// ErrNone says that a directory does not contain a CA.
var ErrNone = errors.New("no CA")

// ErrKeyAlone says that there is a CA's key that has signed nothing yet, not even its own
// certificate, because a run was interrupted.
var ErrKeyAlone = errors.New("there is only a CA's key")

// Authority is a CA as it was found on disk, or is about to be written. [Open] reads it; LoadCRL
// and Unlock add the lists and the keys, which only some commands need.
type Authority struct {
	Tree         store.Tree          // in which its files lie
	Generation                       // the one that signs
	others       []*Generation       // in a rollover, the other one
	Retired      []*x509.Certificate // CAs of generations that were dropped; see LoadCRL
	past         *grant.History      // see ShutOuts
	recalled     []*pki.CRL          // the lists of all generations; see LoadCRL
	Rollover     *Rollover           // nil outside of one
	Folder       string              // the CA's own
	Layout       libvirt.Layout      // of that directory
	Certificates []*x509.Certificate // all of cacert.pem
	CRL          []byte              // cacrl.pem as it is; nil when there is none
	Lists        []*pki.CRL          // all of cacrl.pem; see LoadCRL
	Planned      []*x509.Certificate // records that are planned, not written yet
}

// At returns the CA that is, or will be, trusted in a layout, in the form of a CA that another
// machine keeps: its certificates, the first of which signs, and its CRL or nil.
func At(t store.Tree, layout libvirt.Layout, certs []*x509.Certificate, crl []byte) *Authority {
	a := &Authority{Tree: t, Layout: layout, Folder: filepath.Dir(layout.Path(libvirt.CACert)), Certificates: certs, CRL: crl}
	a.CA.Certificate = certs[0]
	return a
}

// Open reads the CA's certificate and CRL. If there is neither a certificate nor a key, the error
// is ErrNone. A file that would keep libvirt from starting is an error too.
func Open(m *machine.Machine) (*Authority, error) {
	a, data, err := Read(m)
	if err != nil {
		return nil, err
	}
	if err := judge.CheckCAs(data, m.Now()); err != nil {
		return nil, hint.With(fmt.Errorf("%s: %w", a.Layout.Path(libvirt.CACert), err), "replace an expiring CA by: virtpki %sca rollover start", m.Flags())
	}
	return a, nil
}

// Read is Open for a CA that may have expired. data is its file.
func Read(m *machine.Machine) (a *Authority, data []byte, err error) {
	a = &Authority{Folder: m.CAPath(), Tree: m.Tree()}
	a.Layout = libvirt.CA(a.Folder)
	path := a.Layout.Path(libvirt.CACert)
	if data, err = machine.ReadIfThere(m.Tree(), path); err != nil {
		return nil, nil, err
	}
	if data == nil {
		return nil, nil, whyAbsent(a, m)
	}
	if a.Certificates, err = pki.ParseCertificates(data); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	if a.CRL, err = machine.ReadIfThere(m.Tree(), a.Layout.Path(libvirt.CACRL)); err != nil {
		return nil, nil, err
	}
	return a, data, a.loadRollover(m.Now())
}

// whyAbsent returns the error for a CA without a certificate.
func whyAbsent(a *Authority, m *machine.Machine) error {
	if key := a.Layout.Path(libvirt.CAKey); m.Tree().Exists(key) {
		records, err := m.Tree().Records(libvirt.Records(a.Folder))
		if err == nil && len(records) == 0 && !m.Tree().Exists(a.Layout.Path(libvirt.CACRL)) {
			return hint.With(fmt.Errorf("%s: %w", key, ErrKeyAlone), "an earlier run was interrupted: virtpki bootstrap uses the key; before ca init move it away")
		}
		return hint.With(fmt.Errorf("%s: the key of a CA without its certificate, %s", key, a.Layout.Path(libvirt.CACert)),
			"copy it back from any host or bundle of this CA")
	}
	err := fmt.Errorf("%w in %s", ErrNone, a.Folder)
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		if m.Tree().Exists(m.System().Path(libvirt.PendingFile(string(role)))) {
			return hint.With(err, "a request is pending here, and its response brings the CA: virtpki %sinstall FILE", m.Flags())
		}
	}
	return hint.With(err, "make one: virtpki %sca init --name \"Example Org\"", m.Flags())
}

// NoteTwins warns of CAs that share a DN.
func (a *Authority) NoteTwins(j *change.Job) {
	seen := make(map[string]bool)
	for _, cert := range a.Certificates {
		if name := string(cert.RawSubject); seen[name] {
			j.Note("%s: two CAs are called %s, and libvirt keeps one CRL for each name", a.Layout.Path(libvirt.CACert), subject.Of(cert))
		} else {
			seen[name] = true
		}
	}
}

// Keyless reports whether the CA's key is neither here nor about to be.
func (a *Authority) Keyless() bool {
	return a.CA.Signer == nil && !a.Tree.Exists(a.Layout.Path(libvirt.CAKey))
}

// TrustText returns the CA certificates and the CRLs that a machine is to use, in PEM, and the
// earliest time at which the text can have been made.
func (a *Authority) TrustText() (text []byte, made time.Time, err error) {
	made, text = a.CA.Certificate.NotBefore, pki.EncodeCertificates(a.Certificates...)
	if a.CRL == nil {
		return text, made, nil
	}
	crls, err := pki.ParseCRLs(a.CRL)
	if err != nil {
		return nil, made, fmt.Errorf("%s: %w", a.Layout.Path(libvirt.CACRL), err)
	}
	if list := crls[0].ThisUpdate; list.After(made) {
		made = list
	}
	return append(text, pki.EncodeCRL(crls...)...), made, nil
}
