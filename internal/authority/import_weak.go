package authority

import (
	"bytes"
	"crypto/x509"
	"fmt"

	"virtpki/internal/hint"
	"virtpki/internal/judge"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// refuseWeak returns an error for a CA if every peer refuses its certificates.
func (in *Import) refuseWeak(path string) error {
	cert := in.CA.Certificate
	text, refused := judge.WeakKey(cert.PublicKey)
	if !refused {
		return nil
	}
	return hint.With(fmt.Errorf("%s: %s has %s, and everything that it has signed", path, subject.Of(cert), text),
		"make a CA with a new key (virtpki ca init), and give every host and client certificates of it")
}

// noteWeak notes the weak parts of an imported CA: those that a distribution's policy, or GnuTLS
// itself, refuses.
func (in *Import) noteWeak() {
	for _, cert := range in.Certificates {
		if text, _ := judge.WeakKey(cert.PublicKey); text != "" {
			in.note("%s has %s: replace the CA with virtpki ca rollover start", subject.Of(cert), text)
		}
		if algorithm := cert.SignatureAlgorithm; judge.WeakSignature(algorithm) != "" {
			in.note("%s is signed with %s: libvirt ignores that for a CA that it trusts, other programs may not", subject.Of(cert), algorithm)
		}
	}
	in.noteWeakRecords()
}

// noteWeakRecords counts the weak certificates, and names one of each kind.
func (in *Import) noteWeakRecords() {
	var keys, signatures []*x509.Certificate
	for _, cert := range in.records {
		if text, _ := judge.WeakKey(cert.PublicKey); text != "" {
			keys = append(keys, cert)
		}
		if judge.WeakSignature(cert.SignatureAlgorithm) != "" {
			signatures = append(signatures, cert)
		}
	}
	if n := len(in.unproven); n > 0 {
		in.note("%s signed with MD5 skipped: MD5 proves nothing, and GnuTLS refuses it", termtext.Count(n, "certificate", "certificates"))
	}
	if len(keys) > 0 {
		text, _ := judge.WeakKey(keys[0].PublicKey)
		in.note("%s a weak key; %s has %s", haveOf(len(keys)), subject.Of(keys[0]), text)
	}
	if len(signatures) > 0 {
		in.note("%s a weak signature; %s is %s", haveOf(len(signatures)), subject.Of(signatures[0]), judge.WeakSignature(signatures[0].SignatureAlgorithm))
	}
}

func haveOf(n int) string {
	return termtext.Count(n, "recorded certificate has", "recorded certificates have")
}

// weakCRL reports whether a list has to be signed again. libvirt does not check its signature, but
// other programs do.
func weakCRL(crl *pki.CRL) bool {
	algorithm, err := crl.SignatureAlgorithm()
	return err == nil && judge.WeakSignature(algorithm) != ""
}

// unprovenCRL returns the error for a file without a list that the CA has signed.
func (in *Import) unprovenCRL(path string, crls []*pki.CRL) error {
	ca := in.CA.Certificate
	for _, crl := range crls {
		algorithm, err := crl.SignatureAlgorithm()
		if err == nil && algorithm == x509.MD5WithRSA && bytes.Equal(crl.RawIssuer, ca.RawSubject) {
			return hint.With(fmt.Errorf("%s: the CRL of %s is signed with %s, which proves nothing", path, subject.Of(ca), algorithm),
				"make the tool that made it sign it again with SHA-256, or give its index.txt with --issued")
		}
	}
	return fmt.Errorf("%s: no CRL that %s has signed", path, subject.Of(ca))
}
