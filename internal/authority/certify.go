package authority

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/judge"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// Leaf holds the settings that all certificates of one run have in common.
type Leaf struct {
	KeyType   pki.KeyType // of keys that are made for them
	Validity  time.Duration
	Release   libvirt.Release            // the oldest release that must accept them
	Templates map[pki.Role]*pki.Template // none for the built-in ones
}

// Order is one certificate that the CA is to sign.
type Order struct {
	Leaf
	Identity  subject.Identity
	PublicKey crypto.PublicKey // left out where [Authority.MakePair] finds or makes the key
	Now       time.Time
	Like      *x509.Certificate // as in [pki.Request]
	Quick     bool              // as in [pki.Request]
}

// MakePair plans a certificate with its record and its key. have is the key pair that lies there
// already, or nil; MakePair uses its key.
func (a *Authority) MakePair(j *change.Job, keys *change.Keyring, o Order, to keypair.Dest, have *keypair.Pair) (*x509.Certificate, error) {
	key, err := keys.For(have, o.Identity.Slot(), o.KeyType)
	if err == nil && have != nil && have.Key != nil {
		err = a.refuseKey(have, o.Now)
	}
	if err != nil {
		return nil, err
	}
	o.PublicKey = key.Public()
	cert, err := a.Certify(j, o, to.Layout.Path(libvirt.CertFile(string(o.Identity.Role))))
	if err != nil {
		return nil, err
	}
	return cert, j.WritePair(to, o.Identity.Role, key, cert, have)
}

// Certify signs a certificate and plans its record. path is its future path, for the summary; if it
// is empty, the summary shows that of the record.
func (a *Authority) Certify(j *change.Job, o Order, path string) (*x509.Certificate, error) {
	cert, dropped, err := a.Sign(o)
	if err != nil {
		return nil, err
	}
	if len(dropped) > 0 {
		j.Note("%s", DroppedText(dropped, o.Identity.Name))
	}
	if text := o.Unbound(o.Identity.Role, cert); text != "" {
		j.Note("%s", text)
	}
	a.noteShortened(j, cert, o.Validity, o.Now)
	j.Made = append(j.Made, change.Placed{Cert: cert, Path: cmp.Or(path, store.RecordPath(libvirt.Records(a.Folder), cert.SerialNumber))})
	return cert, a.Record(j, cert)
}

// Sign has the CA sign, without a record. dropped lists the names that the CA may not sign and that
// nobody asked for.
func (a *Authority) Sign(o Order) (cert *x509.Certificate, dropped []string, err error) {
	request, dropped, err := a.RequestFor(o)
	if err != nil {
		return nil, nil, err
	}
	if request.Template != nil {
		if err := rehearse(&a.CA, request, o.Release); err != nil {
			return nil, nil, err
		}
	}
	cert, err = a.CA.Issue(request)
	return cert, dropped, err
}

// RequestFor returns the request that [Authority.Sign] makes of the CA.
func (a *Authority) RequestFor(o Order) (r pki.Request, dropped []string, err error) {
	name, err := o.Identity.Subject(a.CA.Certificate)
	names, dropped := o.Identity.Within(pki.PermitOf(a.CA.Certificate))
	return pki.Request{
		Role: o.Identity.Role, RawSubject: name, PublicKey: o.PublicKey,
		DNSNames: names.DNS, IPAddresses: names.IPs,
		Now: o.Now, Validity: o.Validity, StrictKeyUsage: o.Release.TakesStrictKeyUsage(), Template: o.Templates[o.Identity.Role], Like: o.Like, Quick: o.Quick,
	}, dropped, err
}

// DroppedText says which names a certificate was signed without.
func DroppedText(dropped []string, name string) string {
	return fmt.Sprintf("the CA may not sign for %s: left out of %s's certificate", strings.Join(dropped, ", "), name)
}

// Unbound returns a warning if a certificate that a template made is good for more than its role,
// or else an empty text. The built-in templates make certificates for one role only.
func (l *Leaf) Unbound(role pki.Role, cert *x509.Certificate) string {
	template := l.Templates[role]
	if template == nil || judge.BindsRole(judge.File{Data: pki.EncodeCertificates(cert)}) {
		return ""
	}
	return fmt.Sprintf("%s: the extKeyUsage that it makes is not critical, so libvirt would take the certificate in another role too: write it as virtpki template %s does", template.Name, role)
}
