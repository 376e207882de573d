package authority

import (
	"fmt"
	"time"

	"virtpki/internal/cakey"
	"virtpki/internal/certinfo"
	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// Summary describes a CA; its JSON form is stable.
type Summary struct {
	Folder       string          `json:"folder"`
	Certificates []certinfo.Info `json:"certificates"`
	Signer       string          `json:"signer"`            // fingerprint of the one that signs
	Key          string          `json:"key"`               // plain, encrypted, pkcs11, tpm, absent, unreadable
	KeyURI       string          `json:"key_uri,omitempty"` // of a key in a token, without how it is reached
	Signed       int             `json:"signed"`
	Live         int             `json:"live"` // neither expired nor revoked
	Expired      int             `json:"expired"`
	Revoked      int             `json:"revoked"`
	CRL          *CRLSummary     `json:"crl,omitempty"`

	keyPath string // file of the key that signs; empty for cakey.pem
	keyIn   string // the device with that key, in words; empty for a key in a file
}

// CRLSummary describes a CA's own list, without its entries.
type CRLSummary struct {
	Number     string    `json:"number,omitempty"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	Entries    int       `json:"entries"`
}

func summaryOf(crl *pki.CRL) *CRLSummary {
	if crl == nil {
		return nil
	}
	return &CRLSummary{Number: numberText(crl), ThisUpdate: crl.ThisUpdate, NextUpdate: crl.NextUpdate, Entries: crl.Len()}
}

// numberText returns the number of a list, or an empty text.
func numberText(crl *pki.CRL) string {
	if crl.Number == nil {
		return ""
	}
	return crl.Number.String()
}

// Summarize returns the summary of a CA at a time. It leaves out records that cannot be read, and
// warns of them.
func Summarize(a *Authority, now time.Time, warn func(format string, args ...any)) (*Summary, error) {
	s := &Summary{Folder: a.Folder, Signer: libvirt.Fingerprint(a.CA.Certificate), keyPath: signerKey(a)}
	s.Key = change.KeyState(a.Tree, s.keyPath)
	if cakey.Form(s.Key).InDevice() {
		data, err := a.Tree.ReadFile(s.keyPath, store.MaxPEM)
		if err != nil {
			return nil, err
		}
		s.KeyURI, s.keyIn = cakey.URIOf(data), cakey.Words(data)
	}
	for _, cert := range a.Certificates {
		s.Certificates = append(s.Certificates, certinfo.Of(cert, a.Layout.Path(libvirt.CACert), now))
	}
	if err := a.LoadCRL(); err != nil {
		return nil, err
	}
	s.CRL = summaryOf(a.Current)
	certs, err := a.signed()
	if err != nil {
		warn("%v", err)
	}
	revoked, err := a.revoked()
	for _, cert := range certs {
		s.Signed++
		switch {
		case revoked.Has(cert):
			s.Revoked++
		case !now.Before(cert.NotAfter):
			s.Expired++
		default:
			s.Live++
		}
	}
	return s, err
}

// CRLContents describes a list and its revocations; its JSON form is stable.
type CRLContents struct {
	File       string     `json:"file"`
	Issuer     string     `json:"issuer"`
	Number     string     `json:"number,omitempty"`
	ThisUpdate time.Time  `json:"this_update"`
	NextUpdate time.Time  `json:"next_update"`
	Expired    bool       `json:"expired"`
	Entries    []CRLEntry `json:"entries"`
}

// CRLEntry is one revocation.
type CRLEntry struct {
	Serial  string    `json:"serial"`
	Revoked time.Time `json:"revoked"`
	Reason  string    `json:"reason"`
	DN      string    `json:"dn,omitempty"` // if the CA of the machine has a record
}

// ReadCRLFile returns the lists of a file and their revocations. data is the contents of the file;
// path is for the errors.
func ReadCRLFile(m *machine.Machine, path string, data []byte) (CRLs, error) {
	crls, err := pki.ParseCRLs(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var all CRLs
	for _, crl := range crls {
		contents, err := contentsOf(m, path, crl)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, contents)
	}
	return all, nil
}

func contentsOf(m *machine.Machine, path string, crl *pki.CRL) (CRLContents, error) {
	c := CRLContents{File: path, Issuer: subject.Text(crl.RawIssuer), Number: numberText(crl), ThisUpdate: crl.ThisUpdate, NextUpdate: crl.NextUpdate, Entries: []CRLEntry{}}
	c.Expired = !crl.NextUpdate.IsZero() && m.Now().After(crl.NextUpdate)
	folder := libvirt.Records(m.CAPath())
	for entry, err := range crl.Entries() {
		if err != nil {
			return c, err
		}
		e := CRLEntry{Serial: store.SerialText(entry.SerialNumber), Revoked: entry.RevocationTime, Reason: pki.Reason(entry.ReasonCode).String()}
		if certs, err := keypair.ReadCerts(m.Tree(), store.RecordPath(folder, entry.SerialNumber)); err == nil {
			e.DN = subject.Of(certs[0])
		}
		c.Entries = append(c.Entries, e)
	}
	return c, nil
}
