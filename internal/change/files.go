package change

import (
	"crypto"
	"crypto/x509"

	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/pki"
)

// WritePair plans the key, if it is new, then the certificate.
func (j *Job) WritePair(to keypair.Dest, role pki.Role, key crypto.Signer, cert *x509.Certificate, have *keypair.Pair) error {
	if have == nil || have.Key == nil {
		data, err := pki.EncodeKey(key, nil)
		if err != nil {
			return err
		}
		if err := to.Write(&j.Plan, libvirt.KeyFile(string(role)), data); err != nil {
			return err
		}
	}
	return to.Write(&j.Plan, libvirt.CertFile(string(role)), pki.EncodeCertificates(cert))
}
