package authority

import (
	"crypto/x509"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"virtpki/dn"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Records reads the certificates that the CA of m has signed, in all its generations, with the
// paths of their files. It works even if the CA is incomplete.
func Records(m *machine.Machine) ([]change.Placed, error) {
	folder := libvirt.Records(m.CAPath())
	certs, err := m.Tree().Records(folder)
	found := make([]change.Placed, len(certs))
	for i, cert := range certs {
		found[i] = change.Placed{Cert: cert, Path: store.RecordPath(folder, cert.SerialNumber)}
	}
	if err != nil {
		err = fmt.Errorf("reading the CA's records: %w", err)
	}
	return found, err
}

// signed reads the records of the certificates that the CA's generations have signed, and adds the
// planned ones.
func (a *Authority) signed() ([]*x509.Certificate, error) {
	certs, err := a.recorded()
	return append(certs, a.Planned...), err
}

// recorded reads the records of the certificates that the CA's generations have signed. The records
// of a dropped generation stay on disk, but no longer count.
func (a *Authority) recorded() ([]*x509.Certificate, error) {
	certs, err := a.Tree.Records(libvirt.Records(a.Folder))
	if err != nil {
		err = fmt.Errorf("reading the CA's records: %w", err)
	}
	return ofCAs(a.Certificates, certs), err
}

// ofCAs returns the certificates that a generation has signed which is still trusted.
func ofCAs(cas, certs []*x509.Certificate) []*x509.Certificate {
	issuers := make(map[string]bool)
	for _, ca := range cas {
		issuers[string(ca.RawSubject)] = true
	}
	return slices.DeleteFunc(certs, func(cert *x509.Certificate) bool { return !issuers[string(cert.RawIssuer)] })
}

// Record plans the CA's copy of a certificate. The copy is written before the certificate itself,
// so that every certificate that is handed out can be revoked.
func (a *Authority) Record(j *change.Job, cert *x509.Certificate) error {
	to := keypair.Dest{Layout: a.Layout, Owner: machine.Owner()}
	path := store.RecordPath(libvirt.Records(a.Folder), cert.SerialNumber)
	j.Plan.Guard(a.Folder) // a record that somebody else can remove makes a revocation forgotten
	if err := to.Folders(&j.Plan, path); err != nil {
		return err
	}
	before := a.Planned
	j.OnFailure(func() { a.Planned = before })
	a.Planned = append(before, cert)
	return j.Plan.File(path, pki.EncodeCertificates(cert), recordMode, to.Owner)
}

// recordMode is the mode of a certificate, which is not secret.
const recordMode fs.FileMode = 0o644

// noteShortened warns if the CA expires before the certificate should. It ignores the seconds that
// a slow machine takes between signing and now.
func (a *Authority) noteShortened(j *change.Job, cert *x509.Certificate, validity time.Duration, now time.Time) {
	if cert.NotAfter.Before(now.Add(validity)) && !cert.NotAfter.Before(a.CA.Certificate.NotAfter) {
		j.Note("%s expires on %s, with its CA", subject.Of(cert), termtext.Day(cert.NotAfter))
	}
}

// LiveClients returns, in alphabetical order, the DNs of the client certificates that the CA has
// signed, or is about to sign, and that are neither expired nor revoked.
func (a *Authority) LiveClients(now time.Time) ([]string, error) {
	revoked, err := a.revoked()
	if err != nil {
		return nil, err
	}
	certs, err := a.signed()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, cert := range certs {
		if cert.IsCA || !slices.Contains(pki.RolesOf(cert), pki.Client) || !now.Before(cert.NotAfter) || revoked.Has(cert) {
			continue
		}
		name, err := dn.FromRDNSequence(cert.RawSubject)
		if err != nil {
			return nil, fmt.Errorf("certificate %s: %w", store.SerialText(cert.SerialNumber), err)
		}
		if strings.ContainsFunc(name, termtext.Hidden) {
			return nil, hint.With(fmt.Errorf("certificate %s: its DN %q contains a character that cannot be printed", store.SerialText(cert.SerialNumber), name),
				"revoke it: virtpki revoke %s", store.SerialText(cert.SerialNumber))
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// LifeLike returns the lifetime for the successor of a certificate. It is that of the certificate,
// or the default if the expiry of the CA shortened it, or if its CA is no longer known.
func (a *Authority) LifeLike(cert *x509.Certificate) time.Duration {
	for _, ca := range a.Certificates {
		if cert.CheckSignatureFrom(ca) == nil && cert.NotAfter.Before(ca.NotAfter) {
			return pki.Life(cert)
		}
	}
	return pki.DefaultLeafValidity
}

// Granted reports whether the CA has made a certificate: either a current generation of it, or a
// dropped one that has left a record.
func (a *Authority) Granted(cert *x509.Certificate) bool {
	return a.HasSigned(cert) || a.HasRecord(cert)
}

// HasRecord reports whether the CA's records hold a certificate, even one of a dropped generation.
func (a *Authority) HasRecord(cert *x509.Certificate) bool {
	certs, err := keypair.ReadCerts(a.Tree, store.RecordPath(libvirt.Records(a.Folder), cert.SerialNumber))
	return err == nil && keypair.Contains(certs, cert)
}

// Earlier are the certificates that the CA has signed already.
type Earlier struct {
	files map[string]*x509.Certificate   // by path; those of generations that were dropped too
	Certs []*x509.Certificate            // of the generations that are trusted
	ByKey map[string][]*x509.Certificate // by pki.KeyIDOf
}

// Earlier reads the certificates that the CA has signed. before holds those that this run has read
// already, or is nil. Earlier reads only new records, because a record does not change.
func (a *Authority) Earlier(before *Earlier) (*Earlier, error) {
	if before == nil {
		before = &Earlier{}
	}
	files, err := a.Tree.RecordFiles(libvirt.Records(a.Folder))
	known := &Earlier{files: make(map[string]*x509.Certificate, len(files)), ByKey: make(map[string][]*x509.Certificate)}
	for _, file := range files {
		cert := before.files[file.Path]
		if cert == nil && err == nil {
			cert, err = a.Tree.ReadRecord(file.Path)
		}
		known.files[file.Path] = cert
		known.Certs = append(known.Certs, cert)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the CA's records: %w", err)
	}
	if known.Certs = ofCAs(a.Certificates, known.Certs); before.ByKey != nil && slices.Equal(known.Certs, before.Certs) {
		return before, nil
	}
	for _, cert := range known.Certs {
		if key := pki.KeyIDOf(cert); key != "" {
			known.ByKey[key] = append(known.ByKey[key], cert)
		}
	}
	return known, nil
}

// liveNamed returns the live certificates with the CN of one of some others. A live certificate is
// neither expired nor revoked.
func liveNamed(a *Authority, certs []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	revoked, err := a.revoked()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, cert := range certs {
		names = append(names, cert.Subject.CommonName)
	}
	named, err := a.Tree.RecordsNaming(libvirt.Records(a.Folder), names...)
	return slices.DeleteFunc(ofCAs(a.Certificates, named), func(cert *x509.Certificate) bool {
		return !now.Before(cert.NotAfter) || revoked.Has(cert)
	}), err
}

// NoteBeside notes which other certificates for the same names and roles as some new ones are live.
// They stay valid, because a new certificate does not revoke an earlier one.
func NoteBeside(a *Authority, j *change.Job, certs []*x509.Certificate, now time.Time) {
	live, err := liveNamed(a, certs, now)
	if err != nil {
		j.NoteOnce("%s", HistoryUnknown(err))
		return
	}
	for _, cert := range certs {
		for _, other := range live {
			if other.Subject.CommonName != cert.Subject.CommonName || !slices.Equal(pki.RolesOf(other), pki.RolesOf(cert)) || other.Equal(cert) {
				continue
			}
			serial := store.SerialText(other.SerialNumber)
			j.Note("%s has another live certificate, serial %s until %s: virtpki revoke %s ends it", subject.Of(other), serial, termtext.Day(other.NotAfter), serial)
		}
	}
}
