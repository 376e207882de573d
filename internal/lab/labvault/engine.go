package labvault

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"strings"
	"time"
)

// Role is a role of the engine, as far as libvirt cares.
type Role struct {
	KeyUsage     x509.KeyUsage
	ExtKeyUsage  []x509.ExtKeyUsage
	NoSANs       bool          // exclude_cn_from_sans, and no SANs of the request
	Organization string        // in place of that of the request, which is dropped
	Life         time.Duration // zero is 90 days
}

// Roles are those of each engine: the two that virtpki prints, and some that people make.
var Roles = map[string]Role{
	"libvirt-server": {ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
	"libvirt-client": {ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, NoSANs: true},
	// Vault's defaults: three bits of key usage, and both purposes.
	"defaults": {
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	},
	"signature": {KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
	"nameless":  {ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NoSANs: true},
	"named":     {ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, NoSANs: true, Organization: "Role"},
	"short":     {ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, Life: time.Hour},
}

// engine is a PKI engine at a mount.
type engine struct {
	name    string
	root    *x509.Certificate
	rootKey crypto.Signer
	issuer  *x509.Certificate // the root's, or one below it
	key     crypto.Signer
	signed  map[string][]byte // in DER, by serial
	revoked []x509.RevocationListEntry
	lists   int64 // CRLs made
}

func newEngine(name string) (*engine, error) {
	e := &engine{name: name, signed: make(map[string][]byte)}
	var err error
	if e.root, e.rootKey, err = makeCA(name+" root", nil, nil); err != nil {
		return nil, err
	}
	e.issuer, e.key = e.root, e.rootKey
	if name != "root" {
		e.issuer, e.key, err = makeCA(name+" intermediate", e.root, e.rootKey)
	}
	return e, err
}

// makeCA makes a CA below another one; a nil parent makes a root.
func makeCA(name string, parent *x509.Certificate, parentKey crypto.Signer) (*x509.Certificate, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(10 * 365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	cert, err := sign(template, parent, key.Public(), parentKey)
	return cert, key, err
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 158))
	if err != nil {
		panic(err)
	}
	return n
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// serverPair makes the certificate and key of the server itself, which has these names.
func (e *engine) serverPair(names []string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	cert, err := sign(&x509.Certificate{
		SerialNumber: serial(), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, e.issuer, key.Public(), e.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw, e.issuer.Raw}, PrivateKey: key}, nil
}

// sign answers a request by a role.
func (e *engine) sign(w http.ResponseWriter, r *http.Request, name string) {
	role, known := Roles[name]
	if !known {
		refuse(w, http.StatusBadRequest, "unknown role: "+name)
		return
	}
	csr, err := readCSR(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	cert, err := e.certificate(csr, role)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	chain := []string{string(encode(e.issuer.Raw))}
	if e.issuer != e.root {
		chain = append(chain, string(encode(e.root.Raw)))
	}
	data := map[string]any{
		"certificate": string(encode(cert.Raw)), "issuing_ca": chain[0], "ca_chain": chain,
		"serial_number": fmt.Sprintf("%x", cert.SerialNumber), "expiration": cert.NotAfter.Unix(),
	}
	if e.name == "keys" {
		data["issuing_ca"] = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
	}
	answer(w, map[string]any{"request_id": "1", "lease_duration": 0, "data": data})
}

func readCSR(r *http.Request) (*x509.CertificateRequest, error) {
	var body struct {
		CSR string `json:"csr"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(body.CSR))
	if block == nil {
		return nil, fmt.Errorf("csr contains no data")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	return csr, csr.CheckSignature()
}

// certificate signs a request, and keeps its serial. As Vault does, it drops the whole subject
// but the CN.
func (e *engine) certificate(csr *x509.CertificateRequest, role Role) (*x509.Certificate, error) {
	life := role.Life
	if life == 0 {
		life = 90 * 24 * time.Hour
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: csr.Subject.CommonName},
		NotBefore: time.Now().Add(-30 * time.Second), NotAfter: time.Now().Add(life),
		KeyUsage: role.KeyUsage, ExtKeyUsage: role.ExtKeyUsage, BasicConstraintsValid: true,
	}
	if role.Organization != "" {
		template.Subject.Organization = []string{role.Organization}
	}
	if !role.NoSANs {
		template.DNSNames, template.IPAddresses = csr.DNSNames, csr.IPAddresses
	}
	issuer, key, public := e.issuer, e.key, csr.PublicKey
	var err error
	switch e.name {
	case "otherkey":
		public = e.rootKey.Public()
	case "otherca":
		issuer, key, err = makeCA(e.issuer.Subject.CommonName, nil, nil)
	case "ca":
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	case "strange":
		if e.root, e.rootKey, err = makeCA("strange root", nil, nil); err == nil {
			e.issuer, e.key, err = makeCA("strange intermediate", e.root, e.rootKey)
			issuer, key = e.issuer, e.key
		}
	}
	if err != nil {
		return nil, err
	}
	cert, err := sign(template, issuer, public, key)
	if err == nil {
		e.signed[template.SerialNumber.String()] = cert.Raw
	}
	return cert, err
}

// text writes a serial as Vault does.
func text(n *big.Int) string { return strings.ReplaceAll(fmt.Sprintf("% x", n.Bytes()), " ", ":") }

// list answers with the serials that were signed; without any it is a 404, as Vault's is.
func (e *engine) list(w http.ResponseWriter) {
	var keys []string
	for n := range e.signed {
		serial, _ := new(big.Int).SetString(n, 10)
		keys = append(keys, text(serial))
	}
	switch e.name {
	case "badlist":
		keys = []string{"../../sys/seal"}
	case "longlist":
		keys = []string{strings.Repeat("0a:", 1<<20/3) + "0b"}
	case "mixed":
		keys = append([]string{"0a:0b"}, keys...)
	}
	if len(keys) == 0 {
		w.WriteHeader(http.StatusNotFound)
		w.Write([]byte(`{"errors":[]}`))
		return
	}
	answer(w, map[string]any{"data": map[string]any{"keys": keys}})
}

// kept answers with one certificate, and when it was revoked.
func (e *engine) kept(w http.ResponseWriter, name string) {
	serial, _ := new(big.Int).SetString(strings.ReplaceAll(name, ":", ""), 16)
	if serial == nil || e.signed[serial.String()] == nil {
		refuse(w, http.StatusNotFound, "")
		return
	}
	kept := e.signed[serial.String()]
	for other, der := range e.signed {
		if e.name == "mixed" && other != serial.String() {
			kept = der
		}
	}
	data := map[string]any{"certificate": string(encode(kept)), "revocation_time": 0}
	for _, entry := range e.revoked {
		if entry.SerialNumber.Cmp(serial) == 0 {
			data["revocation_time"] = entry.RevocationTime.Unix()
		}
	}
	answer(w, map[string]any{"data": data})
}

func (e *engine) chainPEM() []byte {
	if e.issuer == e.root {
		return encode(e.root.Raw)
	}
	return append(encode(e.issuer.Raw), encode(e.root.Raw)...)
}

// crlPEM makes a fresh list. On a mount that is late, the list lacks the certificates that were
// revoked since the last one.
func (e *engine) crlPEM() []byte {
	e.lists++
	entries := e.revoked
	if e.name == "revoking" && e.lists%3 != 0 {
		entries = nil
	}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(e.lists), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(72 * time.Hour), RevokedCertificateEntries: entries,
	}, e.issuer, e.key)
	if err != nil {
		return nil
	}
	var out bytes.Buffer
	pem.Encode(&out, &pem.Block{Type: "X509 CRL", Bytes: der})
	return out.Bytes()
}
