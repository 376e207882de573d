package keypair

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"

	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// Pair is a certificate with its key, as found in a layout.
type Pair struct {
	Tree     store.Tree
	Role     pki.Role
	CertPath string
	KeyPath  string
	Cert     *x509.Certificate // nil when there is none
	Key      crypto.Signer     // nil when there is none
}

// Load returns the certificate and key that a layout holds for a role. They have to belong
// together; either may be missing.
func Load(t store.Tree, layout libvirt.Layout, role pki.Role) (*Pair, error) {
	p := New(t, layout, role)
	if err := hint.First(p.ReadCert(), p.ReadKey()); err != nil {
		return nil, err
	}
	return p, p.Mismatch()
}

// New returns the paths of the certificate and the key of a role in a layout. Nothing is read
// yet.
func New(t store.Tree, layout libvirt.Layout, role pki.Role) *Pair {
	return &Pair{
		Tree:     t,
		Role:     role,
		CertPath: layout.Path(libvirt.CertFile(string(role))),
		KeyPath:  layout.Path(libvirt.KeyFile(string(role))),
	}
}

// ReadCert reads the certificate, if there is one.
func (p *Pair) ReadCert() error {
	certs, err := ReadCerts(p.Tree, p.CertPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		p.Cert = certs[0]
	}
	return err
}

// ReadKey reads the key, if there is one.
func (p *Pair) ReadKey() error {
	data, err := machine.ReadIfThere(p.Tree, p.KeyPath)
	if err != nil || data == nil {
		return err
	}
	if p.Key, err = pki.ParseKey(data, nil); err != nil {
		return fmt.Errorf("%s: %w", p.KeyPath, err)
	}
	return nil
}

// Mismatch returns an error if the certificate stands beside another one's key, else nil.
func (p *Pair) Mismatch() error {
	if p.Cert != nil && p.Key != nil && !pki.KeyMatches(p.Cert, p.Key) {
		return fmt.Errorf("%s is not the key of %s", p.KeyPath, p.CertPath)
	}
	return nil
}

// TooOpen reports whether every user can read the key of a server. virtpki keeps the modes and
// owners of files, but not such a mode.
func (p *Pair) TooOpen() bool {
	mode, err := machine.ModeOf(p.Tree, p.KeyPath)
	return err == nil && p.Role == pki.Server && mode&0o004 != 0
}

// TLS returns the pair as a TLS client shows it.
func (p *Pair) TLS() *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{p.Cert.Raw}, PrivateKey: p.Key}
}

// KeyMissing returns an error if there is a certificate but not its key, else nil.
func (p *Pair) KeyMissing() error {
	if p.Cert == nil || p.Key != nil {
		return nil
	}
	return hint.With(fmt.Errorf("%s: its key %s is missing", p.CertPath, p.KeyPath), "restore the key; or remove the certificate, and virtpki makes a new one")
}

// Alone returns the pair if it is a key without a certificate, else nil.
func (p *Pair) Alone() *Pair {
	if p.Cert == nil && p.Key != nil {
		return p
	}
	return nil
}

// Where names the certificate and its path, or the path of the key if there is only a key.
func (p *Pair) Where() string {
	if p.Cert == nil {
		return p.KeyPath
	}
	return fmt.Sprintf("%s in %s", subject.Of(p.Cert), p.CertPath)
}
