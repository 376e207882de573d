package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"virtpki/internal/libvirt"
	"virtpki/pki"
)

// distrust is what a client has against a server's certificate, nil where it has
// nothing.
type distrust struct{ certificate, name *reason }

// verify looks at what is served, and ends the handshake where a client would hang
// up after it.
func (c *connection) verify(chain []*x509.Certificate) error {
	c.distrust.certificate = c.judgeChain(chain)
	c.distrust.name = judgeName(chain[0], c.uri.Host)
	if c.uri.NoVerify || c.distrust == (distrust{}) {
		return nil
	}
	return errors.New("the server is not trusted")
}

func (c *connection) judgeChain(chain []*x509.Certificate) *reason {
	problem := judgeIssued("the server's certificate", chain, c.roots, c.files.CA, c.e.now())
	switch {
	case problem == nil:
		return revokedBy(chain[0], c.crls, "the server's certificate", c.files.CRL)
	case problem.Mend == "":
		problem.Mend = "on the server: virtpki renew, then virtpki reload"
	}
	return problem
}

// judgeIssued says what is wrong with a certificate in the eyes of somebody with a
// file of CAs. Without a mend it is the times.
func judgeIssued(what string, chain, roots []*x509.Certificate, rootFile string, now time.Time) *reason {
	leaf := chain[0]
	switch {
	case now.After(leaf.NotAfter):
		return &reason{Sure: true, Text: fmt.Sprintf("%s expired on %s; the clock here says %s", what, clockText(leaf.NotAfter), clockText(now))}
	case now.Before(leaf.NotBefore):
		return &reason{Sure: true, Text: fmt.Sprintf("%s is not valid before %s; the clock here says %s", what, clockText(leaf.NotBefore), clockText(now)),
			Mend: "set the clock that is wrong: the one here, or that of the CA when it signed"}
	}
	err := verifyIssued(chain, roots, now)
	if err == nil {
		return nil
	}
	return &reason{Sure: true, Text: whyNotIssued(what, leaf, roots, rootFile, err), Mend: fmt.Sprintf("the same CA on both sides: its cacert.pem belongs in %s", rootFile)}
}

func clockText(at time.Time) string { return at.UTC().Format(time.RFC3339) }

func verifyIssued(chain, roots []*x509.Certificate, now time.Time) error {
	options := x509.VerifyOptions{
		Roots:         x509.NewCertPool(),
		Intermediates: x509.NewCertPool(),
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	for _, root := range roots {
		options.Roots.AddCert(root)
	}
	for _, cert := range chain[1:] {
		options.Intermediates.AddCert(cert)
	}
	_, err := chain[0].Verify(options)
	return err
}

func whyNotIssued(what string, leaf *x509.Certificate, roots []*x509.Certificate, rootFile string, err error) string {
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &unknown) {
		return fmt.Sprintf("%s does not hold before %s: %v", what, rootFile, err)
	}
	var names []string
	for _, root := range roots {
		if bytes.Equal(root.RawSubject, leaf.RawIssuer) {
			return fmt.Sprintf("%s is of another CA that has the same name as the one in %s, %s", what, rootFile, issuerOf(leaf))
		}
		names = append(names, dnOf(root))
	}
	return fmt.Sprintf("%s is of another CA: of %s, and %s holds %s", what, issuerOf(leaf), rootFile, strings.Join(names, "; "))
}

// revokedBy looks a certificate up in the list that GnuTLS would take: of several of
// one issuer the newest.
func revokedBy(cert *x509.Certificate, crls []*pki.CRL, what, file string) *reason {
	var list *pki.CRL
	for _, crl := range crls {
		if bytes.Equal(crl.RawIssuer, cert.RawIssuer) && (list == nil || !crl.ThisUpdate.Before(list.ThisUpdate)) {
			list = crl
		}
	}
	if list == nil {
		return nil
	}
	entry, found := list.Find(cert.SerialNumber)
	if !found {
		return nil
	}
	return &reason{Sure: true, Text: fmt.Sprintf("%s was revoked on %s, says %s", what, entry.RevocationTime.UTC().Format(dateForm), file),
		Mend: "a revoked certificate stays so: issue a new one"}
}

// judgeName says what is wrong with the names in a server's certificate.
func judgeName(leaf *x509.Certificate, host string) *reason {
	if hostNameFits(leaf, host) == nil {
		return nil
	}
	names := describe(leaf, "", leaf.NotAfter).names()
	if names == "" {
		names = "no name at all but the CN " + leaf.Subject.CommonName
	}
	return &reason{Sure: true, Text: fmt.Sprintf("%s is not in the server's certificate, which has %s", host, printable(names)),
		Mend: fmt.Sprintf("connect by one of these names; or add this one on the server: virtpki issue server NAME --san %s", host)}
}

// hostNameFits looks at the CN of a certificate that has no SAN at all, as
// GnuTLS does for names, not for addresses.
func hostNameFits(cert *x509.Certificate, name string) error {
	bare := len(cert.DNSNames)+len(cert.IPAddresses)+len(cert.EmailAddresses)+len(cert.URIs) == 0
	if bare && cert.Subject.CommonName != "" && net.ParseIP(name) == nil {
		named := *cert
		named.DNSNames = []string{cert.Subject.CommonName}
		return named.VerifyHostname(name)
	}
	return cert.VerifyHostname(name)
}

// ownFiles says for what libvirt refuses the client's own files, unless no_sanity
// is set.
func (c *connection) ownFiles() *reason {
	if c.client != nil {
		if err := c.client.mismatch(); err != nil {
			return &reason{Sure: true, Text: err.Error(), Mend: "put the key that belongs to the certificate there"}
		}
	}
	if c.uri.NoSanity {
		return nil
	}
	now := c.e.now()
	if err := c.e.checkClock(); err != nil {
		return &reason{Sure: true, Text: err.Error(), Mend: "set the clock: every certificate is judged by it"}
	}
	if err := libvirt.CheckBundle(c.size, c.roots, now); err != nil {
		return &reason{Sure: true, Text: fmt.Sprintf("%s: %v", c.files.CA, err), Mend: "copy cacert.pem from the CA again"}
	}
	if c.client == nil {
		return nil
	}
	problem := judgeIssued("the client's certificate "+c.client.certPath, []*x509.Certificate{c.client.cert}, c.roots, c.files.CA, now)
	if problem != nil && problem.Mend == "" {
		problem.Mend = "renew it: virtpki renew where the CA is, or install a new one"
	}
	return problem
}
