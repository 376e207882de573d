package renewal

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// place says who owns the files of a layout: the system, QEMU, a user or a daemon.
type place int

const (
	ofSystem place = iota // the daemon's tree
	ofQEMU
	ofUser
	ofDaemon // a pair at paths that a daemon's configuration file names
)

// placeOf returns the place of a layout.
func placeOf(m *machine.Machine, layout libvirt.Layout) place {
	switch {
	case layout.Base == m.System().Base:
		return ofSystem
	case slices.ContainsFunc(m.Layouts(), func(other libvirt.Layout) bool { return other.Base == layout.Base }):
		return ofUser
	}
	return ofQEMU
}

// candidate is a certificate that is installed here, with the facts that decide its renewal.
type candidate struct {
	layout  libvirt.Layout
	place   place
	role    pki.Role
	pair    *keypair.Pair
	opens   time.Time // when it becomes due by its age
	ends    time.Time // the earliest end on its chain
	reasons []string  // why it is due; none when it is not
	missing []net.IP  // addresses of this machine that it lacks
	signed  bool      // by a generation of the CA here
	change  NameChange
	err     error
	// original is the candidate of which it is a copy, or was one before that was
	// renewed; nil for one that stands for itself.
	original *candidate
	renewed  *keypair.Pair // the pair that replaces it
	// sealed is a key of QEMU's with a passphrase: a renewal does not know it, and must
	// not put a key without one in its place.
	sealed bool
}

func (c *candidate) why() string { return strings.Join(c.reasons, "; ") }

// ofDaemons reports whether a daemon serves it.
func (c *candidate) ofDaemons() bool { return c.place == ofSystem || c.place == ofDaemon }

// due reports whether there is something to renew, and nothing in the way.
func (c *candidate) due() bool { return c.err == nil && len(c.reasons) > 0 }

// readOwn reads the certificate. Its names are those of the next one, so nobody may
// have written it who could not write as root or as this user anyhow.
func (c *candidate) readOwn(files *store.OwnFiles) error {
	data, err := files.Read(filepath.Base(c.pair.CertPath), store.MaxPEM)
	var refusal *store.Refusal
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.pair.ReadCert() // a link that leads nowhere was put there to mean something
	case errors.As(err, &refusal):
		return hint.With(refusal, "%s", refusal.Hint())
	case err != nil:
		return err
	}
	certs, err := keypair.ParseCerts(c.pair.CertPath, data)
	if err == nil {
		c.pair.Cert = certs[0]
	}
	return err
}

// names are those of the next certificate. One of a server without any SAN is taken
// by its CN (RFC 6125 section 6.4.4), which does not count any more beside the names and
// addresses that are added here: then the CN becomes a name among the others.
func (c *candidate) names() []string {
	cert := c.pair.Cert
	if c.role != pki.Server || len(c.missing)+len(c.change.add.DNS)+len(c.change.add.IPs) == 0 || len(cert.DNSNames)+len(cert.IPAddresses)+len(cert.URIs) > 0 ||
		subject.CheckDNS("CN", cert.Subject.CommonName) != nil {
		return cert.DNSNames
	}
	return []string{cert.Subject.CommonName}
}

// identity is the subject and the names of the next certificate.
func (c *candidate) identity() subject.Identity {
	old := c.pair.Cert
	id := subject.Identity{Role: c.role, Name: c.layout.Path(libvirt.CertFile(string(c.role))), RawSubject: old.RawSubject}
	id.Names = c.change.of(subject.Names{DNS: c.names(), IPs: slices.Concat(old.IPAddresses, c.missing)})
	return id
}

// keyType is that of the next key: the same, where it is known.
func (c *candidate) keyType() pki.KeyType {
	if t, known := pki.KeyTypeOf(c.pair.Cert.PublicKey); known {
		return t
	}
	return pki.DefaultKeyType
}

// keyFits reports whether the key that is here can be kept.
func (c *candidate) keyFits() bool { return c.pair.Key != nil && c.pair.Mismatch() == nil }

// keepsKey reports whether a renewal keeps the key: because the user wants that, or because the
// key could not change in one instant with its certificate. The second reason does not count
// for a certificate that was revoked.
func (c *candidate) keepsKey(wanted, revoked bool) bool {
	return c.keyFits() && (wanted || c.layout.Apart() && !revoked)
}

// dest returns the destination of a renewed pair. Modes and owners stay as they are, unless
// everybody can read a key.
func (c *candidate) dest(m *machine.Machine) keypair.Dest {
	to := keypair.Dest{Layout: c.layout, Owner: machine.Owner(), Keep: !c.pair.TooOpen()}
	if c.place == ofQEMU {
		to.KeyOwner = m.QEMUOwner()
	}
	return to
}

// strictUsage reports whether a certificate has the shape of --for libvirt-11.6.
func strictUsage(cert *x509.Certificate) bool {
	_, isRSA := cert.PublicKey.(*rsa.PublicKey)
	return !isRSA && cert.KeyUsage == x509.KeyUsageDigitalSignature
}
