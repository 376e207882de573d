package main

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"fmt"
	"strings"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// makePair plans the certificate of an identity, with its record and its key.
// A key that is there is taken.
func (e *env) makePair(j *change.Job, a *authority.Authority, keys *change.Keyring, leaf leafPlan, to keypair.Dest, id subject.Identity, have *keypair.Pair) (*x509.Certificate, error) {
	key, err := keys.For(have, id.Slot(), leaf.keyType)
	if err == nil && have != nil && have.Key != nil {
		err = a.RefuseKey(have, e.here.Now())
	}
	if err != nil {
		return nil, err
	}
	cert, err := e.certify(j, a, leaf, id, key.Public(), to.Layout.Path(libvirt.CertFile(string(id.Role))))
	if err != nil {
		return nil, err
	}
	return cert, j.WritePair(to, id.Role, key, cert, have)
}

// certify signs the certificate of an identity for a key, and plans its record.
// path is where it will lie, for the summary; empty for the record's.
func (e *env) certify(j *change.Job, a *authority.Authority, leaf leafPlan, id subject.Identity, pub crypto.PublicKey, path string) (*x509.Certificate, error) {
	cert, dropped, err := e.signFor(a, leaf, id, pub, false)
	if err != nil {
		return nil, err
	}
	if len(dropped) > 0 {
		j.Note("%s", droppedText(dropped, id.Name))
	}
	if text := leaf.unbound(id.Role, cert); text != "" {
		j.Note("%s", text)
	}
	a.NoteShortened(j, cert, leaf.validity, e.here.Now())
	j.Made = append(j.Made, change.Placed{Cert: cert, Path: cmp.Or(path, store.RecordPath(libvirt.Records(a.Folder), cert.SerialNumber))})
	return cert, a.Record(j, cert)
}

// signFor has the CA sign for a key. dropped are the names that nobody asked for and
// that the CA may not sign. quick is as in [pki.Request].
func (e *env) signFor(a *authority.Authority, leaf leafPlan, id subject.Identity, key crypto.PublicKey, quick bool) (cert *x509.Certificate, dropped []string, err error) {
	request, dropped, err := e.leafRequest(a, leaf, id, key)
	if err != nil {
		return nil, nil, err
	}
	request.Quick = quick
	if request.Template != nil {
		if err := authority.Rehearse(&a.CA, request, leaf.target); err != nil {
			return nil, nil, err
		}
	}
	cert, err = a.CA.Issue(request)
	return cert, dropped, err
}

// leafRequest describes the certificate that signFor has the CA sign.
func (e *env) leafRequest(a *authority.Authority, leaf leafPlan, id subject.Identity, key crypto.PublicKey) (r pki.Request, dropped []string, err error) {
	subject, err := id.Subject(a.CA.Certificate)
	names, dropped := id.Within(pki.PermitOf(a.CA.Certificate))
	return pki.Request{
		Role: id.Role, RawSubject: subject, PublicKey: key,
		DNSNames: names.DNS, IPAddresses: names.IPs,
		Now: e.here.Now(), Validity: leaf.validity, StrictKeyUsage: leaf.strict, Template: leaf.templates[id.Role],
	}, dropped, err
}

func droppedText(dropped []string, name string) string {
	return fmt.Sprintf("the CA may not sign for %s: left out of %s's certificate", strings.Join(dropped, ", "), name)
}
