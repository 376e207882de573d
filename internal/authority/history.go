package authority

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
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// History reads which keys and names the CA has shut out, in all its generations, from the records
// of revoked certificates. signed reads the other records, which show who was admitted again. The
// lists must have been loaded.
func (a *Authority) History(now time.Time, signed func() ([]*x509.Certificate, error)) (*grant.History, error) {
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
func (a *Authority) revokedRecords() ([]*grant.Revoked, error) {
	if !slices.ContainsFunc(a.recalled, func(list *pki.CRL) bool { return list.Len() > 0 }) {
		return nil, nil
	}
	files, err := a.Tree.RecordFiles(libvirt.Records(a.Folder))
	if err != nil {
		return nil, fmt.Errorf("reading the CA's records: %w", err)
	}
	entries := revocationsOf(a.recalled, files)
	var revoked []*grant.Revoked
	for _, file := range files {
		entry, ok := entries[file.Serial.String()]
		if !ok {
			continue
		}
		cert, err := a.Tree.ReadRecord(file.Path)
		if err != nil {
			return nil, fmt.Errorf("reading the CA's records: %w", err)
		}
		revoked = append(revoked, &grant.Revoked{Cert: cert, Entry: entry})
	}
	return revoked, nil
}

// revocationsOf finds the revocations of some records in lists, by serial. If there are several for
// one serial, it returns the gravest.
func revocationsOf(lists []*pki.CRL, files []store.RecordFile) map[string]x509.RevocationListEntry {
	serials := make([]*big.Int, len(files))
	for i, file := range files {
		serials[i] = file.Serial
	}
	entries := make(map[string]x509.RevocationListEntry)
	for _, list := range lists {
		for serial, entry := range list.FindAll(serials) {
			if have, ok := entries[serial]; !ok || IsGraver(entry, have) {
				entries[serial] = entry
			}
		}
	}
	return entries
}

// ShutOuts is the history of the CA as this run has found it.
func (a *Authority) ShutOuts(now time.Time) (*grant.History, error) {
	if a.past != nil {
		return a.past, nil
	}
	if err := a.LoadCRL(); err != nil {
		return nil, err
	}
	var err error
	a.past, err = a.History(now, a.recorded)
	return a.past, err
}

// RefuseCompromised returns an error for a key that was revoked as compromised. It never gets
// another certificate, regardless of who asks and where the key lies.
func RefuseCompromised(h *grant.History, keyID string) error {
	if r := h.Compromised(keyID); r != nil {
		return fmt.Errorf("its key is compromised: %s", revocationText(r))
	}
	return nil
}

// refuseKey is RefuseCompromised for an existing key that would be kept.
func (a *Authority) refuseKey(have *keypair.Pair, now time.Time) error {
	h, err := a.ShutOuts(now)
	if err == nil {
		err = RefuseCompromised(h, pki.KeyID(have.Key.Public()))
	}
	switch {
	case err == nil:
		return nil
	case have.Cert != nil:
		return hint.With(fmt.Errorf("%s: %w", have.KeyPath, err), "renew with a new key: virtpki renew --rekey")
	}
	return hint.With(fmt.Errorf("%s: %w", have.KeyPath, err), "move the key away: the same command makes a new one")
}

// NoteLetIn notes which revoked host or client a certificate admits again, when the owner signs it
// by hand. If that cannot be known, it notes this instead: signing is the owner's decision all the
// same.
func (a *Authority) NoteLetIn(j *change.Job, cert *x509.Certificate, name string, now time.Time) {
	h, err := a.ShutOuts(now)
	var text string
	if err == nil {
		text, err = LetIn(h, cert, name)
	}
	if err != nil {
		j.NoteOnce("%s", HistoryUnknown(err))
	}
	if text != "" {
		j.Note("%s", text)
	}
}

// HistoryUnknown returns the message for an error because of which virtpki does not know which keys
// and names the CA has shut out.
func HistoryUnknown(err error) string {
	return fmt.Sprintf("the CA's revocations could not be read: %v", err)
}

// LetIn says which revoked host or client a certificate admits again. The text is empty if there is
// none.
func LetIn(h *grant.History, cert *x509.Certificate, name string) (string, error) {
	out, err := h.ShutOut(cert)
	if err != nil || len(out) == 0 {
		return "", err
	}
	return fmt.Sprintf("%s: %s, and this certificate admits it again", name, ShutOutText(out[0])), nil
}

// ShutOutText says by which revocation a key or a name was shut out.
func ShutOutText(one grant.ShutOut) string {
	what := "its key"
	if !one.Key {
		what = termtext.QuoteShort(one.Name)
	}
	return fmt.Sprintf("%s is shut out: %s", what, revocationText(one.By))
}

func revocationText(r *grant.Revoked) string {
	return fmt.Sprintf("serial %s, %s, was revoked on %s (%s)",
		store.SerialText(r.Cert.SerialNumber), subject.Of(r.Cert), termtext.Day(r.Entry.RevocationTime), r.Reason())
}
