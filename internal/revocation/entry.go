package revocation

import (
	"crypto/x509"
	"fmt"
	"math/big"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// entry is a certificate to revoke.
type entry struct {
	serial *big.Int
	cert   *x509.Certificate // nil for a serial that the CA has no record of
	path   string
	as     string // the name by which it was found, if that is not its CN
}

// label returns the name of the certificate for messages.
func (c entry) label() string {
	switch {
	case c.cert == nil:
		return "serial " + store.SerialText(c.serial)
	case c.as != "":
		return fmt.Sprintf("%s (serial %s), which carries %s", subject.Of(c.cert), store.SerialText(c.serial), termtext.QuoteShort(c.as))
	}
	return fmt.Sprintf("%s (serial %s)", subject.Of(c.cert), store.SerialText(c.serial))
}

// entriesFor returns the CRL entries of the certificates that are not revoked yet. Each belongs
// to the CRL of the CA generation that has signed the certificate, or to that of the current
// generation if the signer was dropped.
func (f *finder) entriesFor(j *change.Job, a *authority.Authority, out []entry) (authority.Entries, error) {
	entries := make(authority.Entries)
	for _, c := range out {
		if err := c.keep(j, a); err != nil {
			return nil, err
		}
		if entry, ok := f.entryFor(j, a, c); ok {
			signer := a.SignerOf(c.cert)
			entries[signer] = append(entries[signer], entry)
		}
		if c.cert != nil {
			j.Revoked = append(j.Revoked, change.Placed{Cert: c.cert, Path: c.path})
		}
	}
	return entries, nil
}

// keep plans a record of a certificate that has none, for example from a CA that was imported
// without its records. The record holds the names that later certificates must not have.
func (c entry) keep(j *change.Job, a *authority.Authority) error {
	if c.cert == nil || j.Plan.Tree().Exists(store.RecordPath(libvirt.Records(a.Folder), c.serial)) {
		return nil
	}
	return a.Record(j, c.cert)
}

// entryFor returns the entry of one certificate; false if it is already revoked and its entry
// stays as it is.
func (f *finder) entryFor(j *change.Job, a *authority.Authority, c entry) (x509.RevocationListEntry, bool) {
	have, revoked := a.FindRevoked(c.serial)
	if !revoked {
		if c.cert == nil {
			j.Note("the CA here has no record of %s: check it for typing errors", c.label())
		}
		j.Did("revoked %s", c.label())
		return x509.RevocationListEntry{SerialNumber: c.serial, RevocationTime: f.m.Now().UTC().Truncate(time.Second), ReasonCode: int(f.Reason)}, true
	}
	j.Did("%s: already revoked on %s (%s)", c.label(), termtext.Day(have.RevocationTime), pki.Reason(have.ReasonCode))
	next, changed := revise(have, f.Reason)
	if changed {
		j.Did("%s: the reason is %s now", c.label(), f.Reason)
	}
	return next, changed
}

// revise returns the entry of a certificate that is revoked again; false if it stays as it is.
// The first reason stays, unless a new one is given that refuses more.
func revise(have x509.RevocationListEntry, reason pki.Reason) (x509.RevocationListEntry, bool) {
	next := pki.WithReason(have, reason)
	if reason == pki.ReasonUnspecified || !authority.IsGraver(next, have) {
		return have, false
	}
	return next, true
}
