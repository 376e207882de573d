package revocation

import (
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/authority"
	"virtpki/internal/certinfo"
	"virtpki/internal/change"
	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
)

// finder finds the certificates that a request means.
type finder struct {
	Request
	m      *machine.Machine
	agreed map[string]bool // names for which a person has agreed to revoke several certificates
	mayAsk bool
}

// find returns the certificates, and their entries for the CRLs.
func (f *finder) find(j *change.Job, a *authority.Authority) ([]entry, authority.Entries, error) {
	out, err := f.meant(j, a)
	if err != nil {
		return nil, nil, err
	}
	f.mayAsk = false // the second time the CA is locked
	entries, err := f.entriesFor(j, a, out)
	return out, entries, err
}

// meant returns the certificates that the arguments mean.
func (f *finder) meant(j *change.Job, a *authority.Authority) ([]entry, error) {
	records, err := authority.Records(f.m)
	if err != nil {
		f.m.Warn("%v", err)
	}
	var out []entry
	for _, arg := range f.What {
		found, err := f.one(j, a, records, arg)
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			if !isAmong(out, c.serial) {
				out = append(out, c)
			}
		}
	}
	if f.Reason.ShutsOut() {
		f.noteOthers(j, a, records, out)
	}
	return out, nil
}

// isAmong reports whether a serial is already in out.
func isAmong(out []entry, serial *big.Int) bool {
	return slices.ContainsFunc(out, func(c entry) bool { return c.serial.Cmp(serial) == 0 })
}

// one finds the certificates that one argument means. An argument in the form of a file is a
// file. Otherwise it is a serial on record, or a name, or a serial without a record, in this
// order.
func (f *finder) one(j *change.Job, a *authority.Authority, records []change.Placed, arg string) ([]entry, error) {
	if isFileArg(arg) {
		return inFile(a, arg)
	}
	if serial, ok := new(big.Int).SetString(arg, 16); ok && strings.EqualFold(store.SerialText(serial), arg) {
		bySerial := func(p change.Placed) bool { return p.Cert.SerialNumber.Cmp(serial) == 0 }
		if i := slices.IndexFunc(records, bySerial); i >= 0 {
			return []entry{{serial: serial, cert: records[i].Cert, path: records[i].Path}}, nil
		}
	}
	named, live := f.named(j, a, records, arg)
	switch {
	case len(live) > 1:
		return live, f.agree(arg, live)
	case len(live) > 0:
		return live, nil
	case len(named) > 0:
		return named, nil
	}
	return unknown(arg)
}

// isFileArg reports whether an argument has the form of a file name. It does not look into the
// working directory: anyone who can write there could cause another host's certificate to be
// revoked in place of the named one.
func isFileArg(arg string) bool {
	return strings.Contains(arg, "/") || slices.Contains([]string{".pem", ".crt", ".cer"}, filepath.Ext(arg))
}

// named returns the certificates that carry a name, and the live ones among them. Of the
// certificates that are not live, it returns only those with the name as CN, if there are any.
func (f *finder) named(j *change.Job, a *authority.Authority, records []change.Placed, name string) (named, live []entry) {
	var others []entry
	for _, p := range records {
		c := entry{serial: p.Cert.SerialNumber, cert: p.Cert, path: p.Path}
		how, wildcard := carries(grant.NamesOf(p.Cert), name)
		alive := how != notAtAll && f.isLive(a, p.Cert)
		switch how {
		case asCN:
			named = append(named, c)
		case asAnother:
			c.as = name
			others = append(others, c)
		case byWildcard:
			if alive {
				j.Note("%s stays: it carries %s", c.label(), wildcard)
			}
			continue
		}
		if alive {
			live = append(live, c)
		}
	}
	if len(named) == 0 {
		named = others
	}
	return named, live
}

// carrying says how a certificate carries a name.
type carrying int

const (
	notAtAll   carrying = iota
	asCN                // the name is the CN
	asAnother           // the name is among the other names
	byWildcard          // a wildcard covers the name and others: that certificate is not meant
)

// carries returns how a certificate's names carry a typed name, and the wildcard that covers
// it.
func carries(names grant.Names, name string) (how carrying, wildcard string) {
	switch wildcard := names.Cover(name); {
	case grant.Names{CNs: names.CNs}.Carry(name):
		return asCN, ""
	case names.Carry(name):
		return asAnother, ""
	case wildcard != "":
		return byWildcard, wildcard
	}
	return notAtAll, ""
}

// isLive reports whether a certificate still admits its owner. No host trusts a generation of
// the CA that was dropped.
func (f *finder) isLive(a *authority.Authority, cert *x509.Certificate) bool {
	_, revoked := a.FindRevoked(cert.SerialNumber)
	return !revoked && f.m.Now().Before(cert.NotAfter) && a.HasSigned(cert)
}

// noteOthers notes other live certificates that carry the CN of a revoked one: a host or client
// that was named by serial or file may have another certificate.
func (f *finder) noteOthers(j *change.Job, a *authority.Authority, records []change.Placed, out []entry) {
	cns := make(map[string]bool)
	for _, c := range out {
		if c.cert != nil && c.as == "" {
			for _, cn := range grant.NamesOf(c.cert).CNs {
				cns[cn] = true
			}
		}
	}
	for _, p := range records {
		names := grant.NamesOf(p.Cert)
		all := slices.Concat(names.CNs, names.DNS)
		i := slices.IndexFunc(all, func(name string) bool { return cns[name] })
		if i < 0 || isAmong(out, p.Cert.SerialNumber) || !f.isLive(a, p.Cert) {
			continue
		}
		j.Note("%s (serial %s) stays: it carries %s too", subject.Of(p.Cert), store.SerialText(p.Cert.SerialNumber), termtext.QuoteShort(all[i]))
	}
}

// agree lists several live certificates of a name and asks whether all of them are meant,
// unless the user has already said so.
func (f *finder) agree(name string, live []entry) error {
	if f.All || f.agreed[name] {
		return nil
	}
	several := severalLive(name, live)
	if !f.mayAsk {
		return several
	}
	yes, err := f.Confirm(termtext.Sprintf("%v\nRevoke them all? [y/N] ", errors.Unwrap(several)))
	switch {
	case errors.Is(err, ErrNobodyToAsk):
		return several
	case err != nil:
		return err
	case !yes:
		return hint.With(errors.New("not confirmed: nothing was revoked"), "give the serials of the certificates to revoke")
	}
	f.agreed[name] = true
	return nil
}

// severalLive returns an error that lists the certificates which a name could mean.
func severalLive(name string, live []entry) error {
	lines := []error{fmt.Errorf("%q has %d live certificates", name, len(live))}
	for _, c := range live {
		line := fmt.Errorf("  %s  %s  %s, until %s", store.SerialText(c.serial), strings.Join(certinfo.Roles(c.cert), "+"), subject.Of(c.cert), termtext.Day(c.cert.NotAfter))
		if c.as != "" {
			line = fmt.Errorf("%w, carries %s", line, termtext.QuoteShort(c.as))
		}
		lines = append(lines, line)
	}
	return hint.With(errors.Join(lines...), "give the serials, or --all")
}

// serialDigits is the least number of digits of a word without a record that counts as a
// serial. A shorter word counts as a mistyped name.
const serialDigits = 8

// serialBits is the maximum length of a serial (RFC 5280 section 4.1.2.2).
const serialBits = 160

// unknown accepts a serial without a record: of a CA that was imported without its records, or
// restored from a backup.
func unknown(arg string) ([]entry, error) {
	serial, ok := new(big.Int).SetString(arg, 16)
	if !ok || len(arg) < serialDigits || serial.Sign() <= 0 || serial.BitLen() > serialBits {
		return nil, hint.With(fmt.Errorf("the CA here has signed no certificate named %s", termtext.QuoteShort(arg)),
			"virtpki list shows the names; if another tool made the certificate, give its file or its serial")
	}
	return []entry{{serial: serial}}, nil
}

// inFile returns the certificate in a file.
func inFile(a *authority.Authority, path string) ([]entry, error) {
	certs, err := keypair.ReadCerts(a.Tree, path)
	if err != nil {
		return nil, err
	}
	cert := certs[0]
	if !a.EverSigned(cert) {
		return nil, fmt.Errorf("%s: %s is not signed by the CA here, %s", path, subject.Of(cert), subject.Of(a.CA.Certificate))
	}
	if cert.Equal(a.CA.Certificate) {
		return nil, fmt.Errorf("%s: it is the CA itself, %s, which its own CRL cannot revoke", path, subject.Of(cert))
	}
	return []entry{{serial: cert.SerialNumber, cert: cert, path: path}}, nil
}
