package main

import (
	"crypto/x509"
	"fmt"
	"math/big"
	"slices"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/pki"
)

// history reads whom the CA has shut out, in all its generations: the records of what it
// has revoked. signed reads the others, where somebody may have been let in again. The
// lists have been loaded.
func (a *authority) history(now time.Time, signed func() ([]*x509.Certificate, error)) (*grant.History, error) {
	revoked, err := a.revokedRecords()
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool)
	for _, r := range revoked {
		known[string(r.Cert.Raw)] = true
	}
	return grant.NewHistory(revoked, func() ([]*x509.Certificate, error) {
		certs, err := signed()
		return slices.DeleteFunc(slices.Clone(certs), func(cert *x509.Certificate) bool {
			return known[string(cert.Raw)] || !now.Before(cert.NotAfter)
		}), err
	}), nil
}

// revokedRecords reads the records of the certificates that a list names.
func (a *authority) revokedRecords() ([]*grant.Revoked, error) {
	if !slices.ContainsFunc(a.recalled, func(list *pki.CRL) bool { return list.Len() > 0 }) {
		return nil, nil
	}
	files, err := a.tree.RecordFiles(libvirt.Records(a.folder))
	if err != nil {
		return nil, fmt.Errorf("reading the CA's records: %w", err)
	}
	entries := a.revocationsOf(files)
	var revoked []*grant.Revoked
	for _, file := range files {
		entry, ok := entries[file.Serial.String()]
		if !ok {
			continue
		}
		cert, err := a.tree.ReadRecord(file.Path)
		if err != nil {
			return nil, fmt.Errorf("reading the CA's records: %w", err)
		}
		revoked = append(revoked, &grant.Revoked{Cert: cert, Entry: entry})
	}
	return revoked, nil
}

// revocationsOf finds the revocations of some records, by serial; of several the gravest.
func (a *authority) revocationsOf(files []store.RecordFile) map[string]x509.RevocationListEntry {
	serials := make([]*big.Int, len(files))
	for i, file := range files {
		serials[i] = file.Serial
	}
	entries := make(map[string]x509.RevocationListEntry)
	for _, list := range a.recalled {
		for serial, entry := range list.FindAll(serials) {
			if have, ok := entries[serial]; !ok || isGraver(entry, have) {
				entries[serial] = entry
			}
		}
	}
	return entries
}

// shutOuts is the history of the CA as this run has found it.
func (a *authority) shutOuts(now time.Time) (*grant.History, error) {
	if a.past != nil {
		return a.past, nil
	}
	if err := a.loadCRL(); err != nil {
		return nil, err
	}
	var err error
	a.past, err = a.history(now, a.recorded)
	return a.past, err
}

// refuseCompromised is the error for a key that was revoked as compromised: nobody gets
// another certificate for it, whoever asks and wherever it lies.
func refuseCompromised(h *grant.History, keyID string) error {
	if r := h.Compromised(keyID); r != nil {
		return fmt.Errorf("its key is compromised: %s", revocationText(r))
	}
	return nil
}

// refuseKey is refuseCompromised for a key that is there and would be kept.
func (a *authority) refuseKey(have *keypair.Pair, now time.Time) error {
	h, err := a.shutOuts(now)
	if err == nil {
		err = refuseCompromised(h, pki.KeyID(have.Key.Public()))
	}
	switch {
	case err == nil:
		return nil
	case have.Cert != nil:
		return hint.With(fmt.Errorf("%s: %w", have.KeyPath, err), "renew with a new key: virtpki renew --rekey")
	}
	return hint.With(fmt.Errorf("%s: %w", have.KeyPath, err), "move the key away: the same command makes a new one")
}

// noteLetIn says whom a certificate lets in again that the owner signs by hand. Where that
// cannot be known, it says so: to sign is the owner's decision all the same.
func (e *env) noteLetIn(j *change.Job, a *authority, cert *x509.Certificate, name string) {
	h, err := a.shutOuts(e.here.Now())
	var text string
	if err == nil {
		text, err = letIn(h, cert, name)
	}
	if err != nil {
		j.NoteOnce("%s", historyUnknown(err))
	}
	if text != "" {
		j.Note("%s", text)
	}
}

func historyUnknown(err error) string {
	return fmt.Sprintf("whom the CA has shut out is not known: %v", err)
}

// letIn says whom a certificate lets in again; empty for nobody.
func letIn(h *grant.History, cert *x509.Certificate, name string) (string, error) {
	out, err := h.ShutOut(cert)
	if err != nil || len(out) == 0 {
		return "", err
	}
	return fmt.Sprintf("%s: %s, and is let in again by this certificate", name, shutOutText(out[0])), nil
}
