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
	own     bool // at a path that a configuration file names
	role    pki.Role
	pair    *keypair.Pair
	opens   time.Time // when it becomes due by its age
	ends    time.Time // the earliest end on its chain
	reasons []string  // why it is due; none when it is not
	missing []net.IP  // addresses of this machine that it lacks
	signed  bool      // by a generation of the CA here
	change  NameChange
	err     error
	// original is the candidate of which this one is a copy, or was one before the original was
	// renewed; nil if it is not a copy.
	original *candidate
	renewed  *keypair.Pair // the pair that replaces it
	// sealed is set for a key of QEMU's with a passphrase. A renewal does not know the
	// passphrase, and must not put a key without one in its place.
	sealed bool
}

func (c *candidate) why() string { return strings.Join(c.reasons, "; ") }

// ofDaemons reports whether a daemon serves it.
func (c *candidate) ofDaemons() bool { return c.place == ofSystem || c.place == ofDaemon }

// due reports whether there is something to renew, and nothing that prevents it.
func (c *candidate) due() bool { return c.err == nil && len(c.reasons) > 0 }

// readOwn reads the certificate. The next one gets its names. So the file must be one that only
// root or this user can have written.
func (c *candidate) readOwn(files *store.OwnFiles) error {
	data, err := files.Read(filepath.Base(c.pair.CertPath), store.MaxPEM)
	var refusal *store.Refusal
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.pair.ReadCert() // a broken link was put there on purpose
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

// names returns the names of the next certificate. A server without any SAN is known by its CN
// (RFC 6125 section 6.4.4). The CN does not count any more beside the names and addresses that
// are added here. So it becomes a name among the others.
func (c *candidate) names() []string {
	cert := c.pair.Cert
	if c.role != pki.Server || len(c.missing)+len(c.change.add.DNS)+len(c.change.add.IPs) == 0 || len(cert.DNSNames)+len(cert.IPAddresses)+len(cert.URIs) > 0 ||
		subject.CheckDNS("CN", cert.Subject.CommonName) != nil {
		return cert.DNSNames
	}
	return []string{cert.Subject.CommonName}
}

// identity returns the subject and the names of the next certificate. The subject stays, unless
// libvirt refuses it as empty or unreadable and the certificate has a name to put there.
func (c *candidate) identity() subject.Identity {
	old := c.pair.Cert
	id := subject.Identity{Role: c.role, Name: c.layout.Path(libvirt.CertFile(string(c.role))), RawSubject: old.RawSubject}
	if name := nameFor(old); name != "" && !subject.Readable(old) {
		id.Place, id.Name, id.RawSubject = " "+id.Name, name, nil
	}
	id.Names = c.change.of(subject.Names{DNS: c.names(), IPs: slices.Concat(old.IPAddresses, c.missing)})
	return id
}

// nameFor returns the name that a certificate gives its holder: the CN, or the first
// subjectAltName that can be one; empty if there is none.
func nameFor(cert *x509.Certificate) string {
	for _, name := range append([]string{cert.Subject.CommonName}, cert.DNSNames...) {
		if subject.CheckHost(name) == nil {
			return name
		}
	}
	return ""
}

// keyType returns the type of the next key: the same, if it is known.
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

// strictUsage reports whether a certificate has the key usage of --for libvirt-11.6.
func strictUsage(cert *x509.Certificate) bool {
	_, isRSA := cert.PublicKey.(*rsa.PublicKey)
	return !isRSA && cert.KeyUsage == x509.KeyUsageDigitalSignature
}
