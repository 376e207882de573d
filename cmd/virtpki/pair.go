package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// record plans the CA's copy of a certificate. It comes before the certificate
// itself: what is handed out can always be revoked.
func (a *authority) record(j *change.Job, cert *x509.Certificate) error {
	to := keypair.Dest{Layout: a.layout, Owner: machine.Owner()}
	path := store.RecordPath(libvirt.Records(a.folder), cert.SerialNumber)
	j.Plan.Guard(a.folder) // a record that somebody else can remove makes a revocation forgotten
	if err := to.Folders(&j.Plan, path); err != nil {
		return err
	}
	a.plan(j, cert)
	return j.Plan.File(path, pki.EncodeCertificates(cert), recordMode, to.Owner)
}

// plan takes note of a certificate whose record is planned.
func (a *authority) plan(j *change.Job, cert *x509.Certificate) {
	before := a.pending
	j.OnFailure(func() { a.pending = before })
	a.pending = append(before, cert)
}

// recordMode is that of a certificate: it holds no secret.
const recordMode fs.FileMode = 0o644

// noteShortened says so when the CA ends before the certificate should. That now is
// later than when it was signed does not count: a slow machine takes seconds.
func (e *env) noteShortened(j *change.Job, a *authority, cert *x509.Certificate, validity time.Duration) {
	if cert.NotAfter.Before(e.here.Now().Add(validity)) && !cert.NotAfter.Before(a.ca.Certificate.NotAfter) {
		j.Note("%s ends on %s, with its CA", subject.Of(cert), termtext.Day(cert.NotAfter))
	}
}

// trust plans the CA and the CRL beside a pair. Where a CA's own folder is the
// place, they are there already; a file that trusts this CA and others stays.
func trust(j *change.Job, a *authority, to keypair.Dest) error {
	path := to.Layout.Path(libvirt.CACert)
	if path == a.layout.Path(libvirt.CACert) {
		return nil
	}
	certs, err := keypair.ReadCerts(j.Plan.Tree(), path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = to.Write(&j.Plan, libvirt.CACert, pki.EncodeCertificates(a.bundle...))
	case err == nil && !slices.ContainsFunc(certs, a.ca.Certificate.Equal):
		err = fmt.Errorf("%s trusts another CA: %s, not %s", path, subject.Of(certs[0]), subject.Of(a.ca.Certificate))
	}
	if err != nil {
		return err
	}
	return a.shareCRL(j, to)
}

// shareCRL plans the CA's CRL beside a pair, unless there is one of its own.
func (a *authority) shareCRL(j *change.Job, to keypair.Dest) error {
	there, err := machine.ReadIfThere(j.Plan.Tree(), to.Layout.Path(libvirt.CACRL))
	if err != nil || a.crl == nil || there != nil && !bytes.Equal(there, a.crl) {
		return err
	}
	return to.Write(&j.Plan, libvirt.CACRL, a.crl)
}
