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

// entry is a certificate that is to be revoked.
type entry struct {
	serial *big.Int
	cert   *x509.Certificate // nil for a serial that the CA has no record of
	path   string
	as     string // the name that it was found by, where that is not its CN
}

// label is what people call it.
func (c entry) label() string {
	switch {
	case c.cert == nil:
		return "serial " + store.SerialText(c.serial)
	case c.as != "":
		return fmt.Sprintf("%s (serial %s), which carries %s", subject.Of(c.cert), store.SerialText(c.serial), termtext.QuoteShort(c.as))
	}
	return fmt.Sprintf("%s (serial %s)", subject.Of(c.cert), store.SerialText(c.serial))
}

// entriesFor are the CRL entries of those that are not revoked yet, each for the list
// of the generation that has signed it; for that of the one that signs now where it was
// dropped.
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

// keep plans a record of a certificate that has none, as of a CA that was taken over
// without them: whom its revocation shuts out is known by the record.
func (c entry) keep(j *change.Job, a *authority.Authority) error {
	if c.cert == nil || j.Plan.Tree().Exists(store.RecordPath(libvirt.Records(a.Folder), c.serial)) {
		return nil
	}
	return a.Record(j, c.cert)
}

// entryFor is the entry of one; false where it is revoked already and stays as it is.
func (f *finder) entryFor(j *change.Job, a *authority.Authority, c entry) (x509.RevocationListEntry, bool) {
	have, revoked := a.FindRevoked(c.serial)
	if !revoked {
		if c.cert == nil {
			j.Note("the CA here has no record of %s: check that it is not mistyped", c.label())
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

// revise returns the entry of a certificate that is revoked again; false where it stays as it
// is. The first reason stays, unless the new one was given and shuts out more.
func revise(have x509.RevocationListEntry, reason pki.Reason) (x509.RevocationListEntry, bool) {
	next := pki.WithReason(have, reason)
	if reason == pki.ReasonUnspecified || !authority.IsGraver(next, have) {
		return have, false
	}
	return next, true
}
