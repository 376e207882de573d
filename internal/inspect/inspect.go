package inspect

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/inventory"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/renewer"
	"virtpki/pki"
)

// Request says which parts of a machine to judge, and for which releases.
type Request struct {
	Roles   []judge.Role      // empty for all
	For     []libvirt.Release // releases to please; the first of a product counts
	PKIPath string            // a directory for ?pkipath=, instead of the system's files
	User    bool              // the user's own files, instead of the system's
	Uses    []libvirt.QEMUUse // uses of QEMU's that need files
	TPM     string            // path of the TPM; empty for the machine's own
	// Validate reports whether the demands of virt-pki-validate count; see [Validate].
	Validate bool
}

// ParseRoles returns the roles that arguments name, in upper or lower case; "trust" is the name that
// virt-pki-validate has for the CA.
func ParseRoles(args []string) (roles []judge.Role, err error) {
	for _, arg := range args {
		switch strings.ToLower(arg) {
		case "server":
			roles = append(roles, judge.Server)
		case "client":
			roles = append(roles, judge.Client)
		case "ca", "trust":
			roles = append(roles, judge.Trust)
		default:
			return nil, fmt.Errorf("unknown role %q (server, client or ca)", arg)
		}
	}
	return roles, nil
}

// Libvirt returns the libvirt to please; nil if libvirt is not judged.
func (r Request) Libvirt() *libvirt.Release { return r.release("libvirt") }

// QEMU returns the QEMU to please; nil if QEMU is not judged.
func (r Request) QEMU() *libvirt.Release { return r.release("qemu") }

func (r Request) release(product string) *libvirt.Release {
	i := slices.IndexFunc(r.For, func(t libvirt.Release) bool { return t.Product == "" || t.Product == product })
	if i < 0 {
		return nil
	}
	return &r.For[i]
}

// target returns the libvirt to please; the zero value, for all releases, if none is named.
func (r Request) target() libvirt.Release {
	if t := r.Libvirt(); t != nil {
		return *t
	}
	return libvirt.Release{}
}

// wants reports whether a role is to be judged.
func (r Request) wants(role judge.Role) bool {
	return len(r.Roles) == 0 || slices.Contains(r.Roles, role)
}

// daemons reports whether the daemons of the machine are judged.
func (r Request) daemons() bool {
	return r.PKIPath == "" && !r.User && r.Libvirt() != nil && r.wants(judge.Server)
}

// Run judges the parts that the request names. A file that cannot be inspected is a finding like
// any other.
func Run(ctx context.Context, m *machine.Machine, r Request) (*Report, error) {
	c, err := newInspector(m, r)
	if err != nil {
		return nil, err
	}
	if r.daemons() {
		c.list = inventory.Of(ctx, m)
	}
	if err := c.everything(); err != nil {
		return nil, err
	}
	if wrong := wrongClock(ctx, m, c.gathered.all()); wrong != nil {
		c.gathered.areas = append([]Area{{"this machine", []judge.Finding{*wrong}}}, c.gathered.areas...)
	}
	c.openName()
	x := c.fixer()
	report := c.gathered.report(x.fix)
	report.Import = x.importKey(report.Findings())
	if r.PKIPath == "" && !r.User {
		report.Renewed = renewer.Installed(m)
	}
	return report, nil
}

// inspector looks at the files that a request names, and collects the judge's findings on them.
type inspector struct {
	m             *machine.Machine
	r             Request
	libvirt, qemu *libvirt.Release // see Request
	machine       judge.Machine
	renews        renews
	list          *inventory.List // the programs that use TLS here
	files         *reader
	host          host
	places        places
	pairs         pairs
	uses          map[string]string // the use of QEMU's by its directory
	asked         map[string]string // the use of QEMU's by its required CA file
	users         []string          // the directories of users' own files that are judged
	gathered      gathered
}

// newInspector prepares everything but the files.
func newInspector(m *machine.Machine, r Request) (*inspector, error) {
	if _, err := os.Stat(m.Root); err != nil {
		return nil, err
	}
	known, err := factsOf(m)
	if err != nil {
		return nil, err
	}
	files := newReader(m)
	renews := renewsOf(m)
	known.Renews = renews.every
	c := &inspector{m: m, r: r, libvirt: r.Libvirt(), qemu: r.QEMU(), machine: known, renews: renews, files: files,
		host: host{files}, places: places{files, r}, pairs: pairs{files, known},
		uses: make(map[string]string), asked: make(map[string]string)}
	c.gathered.base = m.System().Base
	return c, nil
}

// factsOf returns the facts that certificates are compared with: the time, and on the running
// machine its names and addresses.
func factsOf(m *machine.Machine) (judge.Machine, error) {
	known := judge.Machine{Now: m.Now(), Due: pki.Window{}.CertificateOpens}
	if !m.Live() {
		return known, nil
	}
	var err error
	if known.Names, err = m.Names(); err != nil {
		return known, err
	}
	if known.Addresses, err = m.Addresses(); err != nil {
		return known, fmt.Errorf("listing this machine's addresses: %w", err)
	}
	return known, nil
}

// everything judges the files that the options name.
func (c *inspector) everything() error {
	switch {
	case c.r.PKIPath != "":
		return c.flatFolder(filepath.Clean(c.r.PKIPath))
	case c.r.User:
		home, err := os.UserHomeDir()
		if err != nil {
			return err
		}
		c.userFolder(c.m.Path(home))
		return nil
	}
	c.system()
	return nil
}

// system judges the files that this machine's programs read.
func (c *inspector) system() {
	if c.libvirt != nil && !c.onlyUsers() {
		serves := false
		if c.r.wants(judge.Server) {
			serves = c.daemons()
		}
		if c.r.wants(judge.Client) {
			c.systemClient(serves)
		}
		if c.r.wants(judge.Trust) {
			c.trust()
		}
		c.swapped()
		c.rootHome()
	}
	if c.qemu != nil && len(c.r.Roles) == 0 {
		c.qemuFolders()
	}
}
