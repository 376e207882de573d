package main

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"fmt"
	"strings"

	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/pki"
)

// identity is one certificate to be made, with what its subject needs: a raw
// subject, or a name to be put below the CA's organisation.
type identity struct {
	role       pki.Role
	name       string
	rawSubject []byte // nil: made from the name
	place      string // tells it from another one of the same role and name
	altNames
}

// slot is the name of the identity's key in a keyring.
func (id *identity) slot() string { return string(id.role) + " " + id.name + id.place }

// subject is the raw subject that a CA gives the identity.
func (id *identity) subject(ca *x509.Certificate) ([]byte, error) {
	if id.rawSubject != nil {
		return id.rawSubject, nil
	}
	return leafSubject(ca, id.name)
}

// makePair plans the certificate of an identity, with its record and its key.
// A key that is there is taken.
func (e *env) makePair(j *job, a *authority, keys *keyring, leaf leafPlan, to target, id identity, have *pair) (*x509.Certificate, error) {
	key, err := keys.forPair(have, id.slot(), leaf.keyType)
	if err == nil && have != nil && have.key != nil {
		err = a.refuseKey(have, e.now())
	}
	if err != nil {
		return nil, err
	}
	cert, err := e.certify(j, a, leaf, id, key.Public(), to.layout.Path(libvirt.CertFile(string(id.role))))
	if err != nil {
		return nil, err
	}
	return cert, e.writePair(j, to, id.role, key, cert, have)
}

// certify signs the certificate of an identity for a key, and plans its record.
// path is where it will lie, for the summary; empty for the record's.
func (e *env) certify(j *job, a *authority, leaf leafPlan, id identity, pub crypto.PublicKey, path string) (*x509.Certificate, error) {
	cert, dropped, err := e.signFor(a, leaf, id, pub, false)
	if err != nil {
		return nil, err
	}
	if len(dropped) > 0 {
		j.note("%s", droppedText(dropped, id.name))
	}
	if text := leaf.unbound(id.role, cert); text != "" {
		j.note("%s", text)
	}
	e.noteShortened(j, a, cert, leaf.validity)
	j.made = append(j.made, placed{cert, cmp.Or(path, store.RecordPath(libvirt.Records(a.folder), cert.SerialNumber))})
	return cert, a.record(j, cert)
}

// signFor has the CA sign for a key. dropped are the names that nobody asked for and
// that the CA may not sign. quick is as in [pki.Request].
func (e *env) signFor(a *authority, leaf leafPlan, id identity, key crypto.PublicKey, quick bool) (cert *x509.Certificate, dropped []string, err error) {
	request, dropped, err := e.leafRequest(a, leaf, id, key)
	if err != nil {
		return nil, nil, err
	}
	request.Quick = quick
	if request.Template != nil {
		if err := e.rehearse(a, leaf, request); err != nil {
			return nil, nil, err
		}
	}
	cert, err = a.ca.Issue(request)
	return cert, dropped, err
}

// leafRequest describes the certificate that signFor has the CA sign.
func (e *env) leafRequest(a *authority, leaf leafPlan, id identity, key crypto.PublicKey) (r pki.Request, dropped []string, err error) {
	subject, err := id.subject(a.ca.Certificate)
	names, dropped := id.within(pki.PermitOf(a.ca.Certificate))
	return pki.Request{
		Role: id.role, RawSubject: subject, PublicKey: key,
		DNSNames: names.dns, IPAddresses: names.ips,
		Now: e.now(), Validity: leaf.validity, StrictKeyUsage: leaf.strict, Template: leaf.templates[id.role],
	}, dropped, err
}

func droppedText(dropped []string, name string) string {
	return fmt.Sprintf("the CA may not sign for %s: left out of %s's certificate", strings.Join(dropped, ", "), name)
}
