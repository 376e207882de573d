package authority

import (
	"cmp"
	"path/filepath"
	"strings"

	"virtpki/internal/cakey"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/termtext"
)

// Text returns the summary in words.
func (s *Summary) Text() termtext.Text {
	var b strings.Builder
	for _, c := range s.Certificates {
		b.WriteString(string(c.Text()))
	}
	termtext.Fprintf(&b, "\nits key:  %s (%s)\n", cmp.Or(s.keyIn, s.Key), cmp.Or(s.keyPath, libvirt.CA(s.Folder).Path(libvirt.CAKey)))
	if s.keyIn != "" {
		termtext.Fprintf(&b, "          a backup of %s does not contain it\n", s.Folder)
	}
	termtext.Fprintf(&b, "signed:   %s: %d live, %d revoked, %d expired\n", termtext.Count(s.Signed, "certificate", "certificates"), s.Live, s.Revoked, s.Expired)
	if s.CRL == nil {
		return termtext.Text(b.String() + "CRL:      none\n")
	}
	termtext.Fprintf(&b, "CRL:      number %s, %s, fresh until %s\n", s.CRL.Number, termtext.Count(s.CRL.Entries, "entry", "entries"), termtext.Day(s.CRL.NextUpdate))
	return termtext.Text(b.String())
}

// signerKey returns the path of the key of the generation that signs.
func signerKey(a *Authority) string {
	if r := a.Rollover; r != nil && a.CA.Certificate.Equal(a.byKeyID(r.New)) {
		return a.Layout.Path(libvirt.CANextKey)
	}
	return a.Layout.Path(libvirt.CAKey)
}

// keyIn says in which device the key of the CA is that signs; empty for a key in a file, and for one
// that is not here or cannot be read.
func keyIn(a *Authority) string {
	data, err := machine.ReadIfThere(a.Tree, signerKey(a))
	if err != nil {
		return ""
	}
	return cakey.Words(data)
}

// KeyNote says how other tools sign with the key of the CA if it is in a device; otherwise
// it is empty.
func KeyNote(a *Authority) string {
	in := keyIn(a)
	if in == "" {
		return ""
	}
	return termtext.Sprintf("the CA's key is %s: to sign with %s, other tools need OpenSSL's provider for such keys (pkcs11 or tpm2)", in, signerKey(a))
}

// CRLs holds several lists and their revocations.
type CRLs []CRLContents

// Text returns the lists in words.
func (all CRLs) Text() (text termtext.Text) {
	for _, c := range all {
		text += c.text()
	}
	return text
}

func (c CRLContents) text() termtext.Text {
	fresh := "fresh until " + termtext.Instant(c.NextUpdate)
	if c.Expired {
		fresh = "not fresh since " + termtext.Instant(c.NextUpdate) + " (libvirt ignores that)"
	}
	text := termtext.Text(termtext.Sprintf("%s\n  of %s\n  number %s, made %s, %s, %s\n",
		filepath.Clean(c.File), c.Issuer, c.Number, termtext.Instant(c.ThisUpdate), fresh, termtext.Count(len(c.Entries), "entry", "entries")))
	if len(c.Entries) == 0 {
		return text
	}
	rows := [][]string{{"SERIAL", "REVOKED", "REASON", "DN"}}
	for _, r := range c.Entries {
		rows = append(rows, []string{r.Serial, termtext.Day(r.Revoked), r.Reason, r.DN})
	}
	return text + termtext.Table(rows)
}

// Text returns the state of a rollover, in words.
func (s *Status) Text() termtext.Text {
	var b strings.Builder
	if s.UnderWay {
		termtext.Fprintf(&b, "old CA:   %s\nnew CA:   %s\nsigns:    the %s one (the new one from %s)\n", s.Old, s.New, s.Signs, termtext.Instant(*s.Switch))
		for _, need := range s.Needs {
			termtext.Fprintf(&b, "needs the old one: %s\n", need)
		}
	} else {
		termtext.Fprintf(&b, "no rollover is in progress\n")
	}
	termtext.Fprintf(&b, "next:     %s\n", s.Next)
	return termtext.Text(b.String())
}
