package authority

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"virtpki/internal/hint"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/pki"
)

// rehearse has a stand-in sign the certificate that a template describes, and judges it. So a
// certificate that libvirt or QEMU would refuse is an error before the CA has signed.
func rehearse(ca *pki.CA, r pki.Request, target libvirt.Release) error {
	cert, standIn, err := ca.Rehearse(r)
	if err != nil {
		return err
	}
	set := judge.Set{
		Role: judge.Role(r.Role), Product: target.Product,
		CA:   judge.File{Path: "the CA", Data: pki.EncodeCertificates(standIn)},
		Cert: judge.File{Path: "the certificate", Data: pki.EncodeCertificates(cert)},
		Key:  judge.File{Path: "the key"}, // not checked: the template does not decide on it
	}
	now := cert.NotBefore.Add(pki.Backdate)
	findings := append(judge.OwnFiles(set, target, now), judge.InSession(set, judge.Peer{}, target, now)...)
	return refusedShape(findings, set.Key.Path)
}

// refusedShape returns the first finding that is a refusal, except those about a file that was left
// out.
func refusedShape(findings []judge.Finding, except string) error {
	for _, f := range findings {
		if f.Level != judge.Error || f.File == except {
			continue
		}
		err := fmt.Errorf("libvirt or QEMU would refuse a certificate of this template: %s", f.Text)
		if len(f.Releases) > 0 {
			return hint.With(fmt.Errorf("%w (%s)", err, strings.Join(f.Releases, ", ")), "--for names a release that accepts it, if there is one")
		}
		return err
	}
	return nil
}

// judgeCA is rehearse for a CA that signs itself.
func judgeCA(cert *x509.Certificate, now time.Time) error {
	file := judge.File{Path: "the CA", Data: pki.EncodeCertificates(cert)}
	crl := judge.File{Path: "the CRL"}
	return refusedShape(judge.CAFile(file, crl, "", libvirt.Release{}, now), crl.Path)
}
