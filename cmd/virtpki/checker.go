package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"virtpki/internal/inspect"
	"virtpki/internal/inventory"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/pki"
)

// checker looks at files and gathers what the judge says of them.
type checker struct {
	*env
	g             *globals
	o             *checkOptions
	libvirt, qemu *libvirt.Target // releases to please; nil is a product that is not judged
	machine       judge.Machine
	list          *inventory.List       // what uses TLS here
	files         map[string]judge.File // what was read
	uses          map[string]string     // the use of QEMU's by its folder
	asked         map[string]string     // the use of QEMU's by the CA's file that it wants; see --with
	areas         []*area
	verdicts      []roleVerdict
}

// area is what was said of one place, or of one daemon's conf.
type area struct {
	title string
	found []judge.Finding
}

// newChecker readies everything but the files.
func (e *env) newChecker(ctx context.Context, g *globals, o *checkOptions) (*checker, error) {
	c := &checker{env: e, g: g, o: o, files: make(map[string]judge.File), asked: make(map[string]string), uses: make(map[string]string)}
	if err := c.readTargets(ctx); err != nil {
		return nil, err
	}
	c.machine = judge.Machine{Now: e.here.Now(), Due: pki.Window{}.CertificateOpens}
	if o.pkipath == "" && !o.user {
		c.list = inventory.Of(ctx, g.Machine)
	}
	if g.Live() {
		names, err := g.Names()
		if err != nil {
			return nil, err
		}
		c.machine.Names = names
		if c.machine.Addresses, err = g.Addresses(); err != nil {
			return nil, fmt.Errorf("listing this machine's addresses: %w", err)
		}
	}
	return c, nil
}

// target is the libvirt to please; the zero value, all of them, where none is named.
func (c *checker) target() libvirt.Target {
	if c.libvirt == nil {
		return libvirt.Target{}
	}
	return *c.libvirt
}

// everything judges what the options name.
func (c *checker) everything() error {
	switch {
	case c.o.pkipath != "":
		return c.flatFolder(filepath.Clean(c.o.pkipath))
	case c.o.user:
		home, err := os.UserHomeDir()
		if err != nil {
			return err
		}
		c.userFolder(c.g.Path(home))
		return nil
	}
	c.system()
	return nil
}

// system judges what this machine's programs read.
func (c *checker) system() {
	if c.libvirt != nil {
		serves := false
		if c.o.wants(judge.Server) {
			serves = c.daemons()
		}
		if c.o.wants(judge.Client) {
			c.systemClient(serves)
		}
		if c.o.wants(judge.Trust) {
			c.trust()
		}
		c.rootHome()
	}
	if c.qemu != nil && len(c.o.roles) == 0 {
		c.qemuFolders()
	}
}

// trust judges the CA that is here: what is trusted, and the key that signs.
func (c *checker) trust() {
	layout := c.g.System()
	place := c.systemPlace(layout, judge.Trust)
	found := judge.InPlace(place)
	own := libvirt.CA(c.g.CAPath())
	if c.g.CADir != "" {
		found = append(found, judge.InPlace(c.place(judge.SystemTree, own, judge.Trust))...)
	}
	found = append(found, c.caFile(layout, "libvirt", *c.libvirt)...)
	found = append(found, c.caKey()...)
	c.conclude("ca", "", layout.Base, found)
}

// caKey is what is to be said of the key that signs here.
func (c *checker) caKey() []judge.Finding {
	own := libvirt.CA(c.g.CAPath())
	return judge.CAKeyOnHost(c.file(own.Path(libvirt.CACert)), c.file(own.Path(libvirt.CAKey)))
}

// systemPlace is the system's tree, with what lies in wrong places of it.
func (c *checker) systemPlace(layout libvirt.Layout, roles ...judge.Role) judge.Place {
	p := c.place(judge.SystemTree, layout, roles...)
	p.Base = filepath.Join(layout.Base, "pki")
	strays(c.g.Tree(), &p, libvirt.MisplacedSystem(layout.Base))
	c.crlsBeside(&p, layout.Path(libvirt.CACRL))
	for _, other := range []string{"/etc", "/usr/local/etc"} {
		folder := c.g.Path(filepath.Join(other, "pki", "libvirt"))
		if filepath.Clean(c.g.Sysconfdir) != other && c.g.Tree().Exists(folder) {
			p.OtherPrefix = folder
		}
	}
	return p
}

// caFile is what is to be said of a CA file and a CRL by themselves.
func (c *checker) caFile(layout libvirt.Layout, product string, target libvirt.Target) []judge.Finding {
	ca, crl := c.file(layout.Path(libvirt.CACert)), c.file(layout.Path(libvirt.CACRL))
	return c.caFiles(ca, crl, product, target)
}

func (c *checker) caFiles(ca, crl judge.File, product string, target libvirt.Target) []judge.Finding {
	found := judge.CAFile(ca, crl, product, target, c.here.Now())
	return append(found, judge.CAOnHost(ca, crl, crlTerms(crl.Data), c.machine)...)
}

// crlTerms are until when each CRL of a file holds.
func crlTerms(data []byte) []judge.CRLTerm {
	lists, _ := pki.ParseCRLs(data)
	var terms []judge.CRLTerm
	for _, list := range lists {
		terms = append(terms, judge.CRLTerm{Until: list.NextUpdate, Due: pki.Window{}.CRLOpens(list)})
	}
	return terms
}

// set are the files of a role in a layout.
func (c *checker) set(role judge.Role, product string, layout libvirt.Layout) judge.Set {
	return judge.Set{Role: role, Product: product,
		CA: c.file(layout.Path(libvirt.CACert)), CRL: c.file(layout.Path(libvirt.CACRL)),
		Cert: c.file(layout.Path(libvirt.CertFile(string(role)))), Key: c.file(layout.Path(libvirt.KeyFile(string(role))))}
}

// pair is what the programs and their peers say of a set; nothing where there is no
// pair at all.
func (c *checker) pair(set judge.Set, target libvirt.Target) []judge.Finding {
	if set.Cert.Absent() && set.Key.Absent() && len(set.More) == 0 {
		return c.caFiles(set.CA, set.CRL, set.Product, target)
	}
	found := judge.OwnFiles(set, target, c.here.Now())
	if !judge.Refused(found) { // a peer meets only what its owner starts on
		found = append(found, judge.InSession(set, judge.Peer{}, target, c.here.Now())...)
	}
	found = append(found, judge.CAOnHost(set.CA, set.CRL, crlTerms(set.CRL.Data), c.machine)...)
	if set.Product == "libvirt" || !c.copied(set) {
		found = append(found, judge.OnHost(set, c.machine)...)
	}
	return found
}

// copied reports whether QEMU's certificate is libvirt's own, of which all is said there.
func (c *checker) copied(set judge.Set) bool {
	return bytes.Equal(set.Cert.Data, c.file(c.g.System().Path(libvirt.CertFile(string(set.Role)))).Data)
}

// systemClient judges what virsh on this machine reads, run by whoever runs this.
func (c *checker) systemClient(serves bool) {
	if os.Geteuid() != 0 {
		if home, err := os.UserHomeDir(); err == nil && c.g.Tree().Exists(libvirt.User(c.g.Path(home)).Base) {
			c.userFolder(c.g.Path(home))
			return
		}
	}
	layout := c.g.System()
	p := c.systemPlace(layout, judge.Trust, judge.Client)
	p.Serves = serves
	set := c.set(judge.Client, "libvirt", layout)
	set.More = c.moreIdentities(judge.Client, layout)
	p.Numbered = len(set.More) > 0
	found := append(judge.InPlace(p), c.pair(set, *c.libvirt)...)
	c.conclude("client", "virsh", layout.Base, found)
}

// userFolder judges the user's own files: the CA and the CRL each fall back to the
// system's alone, certificate and key together (libvirt, src/rpc/virnettlsconfig.c).
func (c *checker) userFolder(home string) {
	if c.libvirt == nil {
		return
	}
	user, system := libvirt.User(home), c.g.System()
	p := c.place(judge.UserFolder, user, judge.Trust, judge.Client)
	strays(c.g.Tree(), &p, libvirt.MisplacedUser(home))
	found := judge.InPlace(p)
	set := c.set(judge.Client, "libvirt", user)
	set.More = c.moreIdentities(judge.Client, user)
	fallback := c.set(judge.Client, "libvirt", system)
	fallback.More = c.moreIdentities(judge.Client, system)
	if set.CA.Absent() {
		set.CA = fallback.CA
	}
	if set.CRL.Absent() {
		set.CRL = fallback.CRL
	}
	none := set.Cert.Absent() && set.Key.Absent() && len(set.More) == 0
	if none || (set.Cert.Absent() || set.Key.Absent()) && !c.libvirt.AtLeast(11, 10) {
		set.Cert, set.Key, set.More = fallback.Cert, fallback.Key, fallback.More
	}
	if set.CA.Absent() || set.Cert.Absent() && set.Key.Absent() && len(set.More) == 0 {
		rest := c.place(judge.SystemTree, system, judge.Trust, judge.Client)
		rest.Asked = true
		found = append(found, judge.InPlace(rest)...)
	}
	found = append(found, c.pair(set, *c.libvirt)...)
	c.conclude("client", "virsh", user.Base, found)
}

// rootHome tells root of a folder that only others' programs read.
func (c *checker) rootHome() {
	home, err := os.UserHomeDir()
	if err != nil || os.Geteuid() != 0 || !c.o.wants(judge.Client) {
		return
	}
	if user := libvirt.User(c.g.Path(home)); c.g.Tree().Exists(user.Base) {
		p := judge.Place{Kind: judge.UserFolder, Base: user.Base}
		c.say(user.Base, judge.InPlace(p))
	}
}

// flatFolder judges a folder for ?pkipath=.
func (c *checker) flatFolder(folder string) error {
	if c.libvirt == nil {
		return nil
	}
	if s := inspect.Spot(c.g.Tree(), folder); s.Err != nil {
		return fmt.Errorf("%s: %w", folder, s.Err)
	} else if !s.Mode.IsDir() {
		return fmt.Errorf("%s: not a folder", folder)
	}
	roles := c.flatRoles(folder)
	layout := libvirt.Flat(folder)
	p := c.place(judge.FlatFolder, layout, append([]judge.Role{judge.Trust}, roles...)...)
	strays(c.g.Tree(), &p, libvirt.MisplacedFlat(folder))
	for _, role := range roles {
		p.Numbered = p.Numbered || role == judge.Client && len(c.moreIdentities(role, layout)) > 0
	}
	found := judge.InPlace(p)
	for _, role := range roles {
		set := c.set(role, "libvirt", layout)
		set.More = c.moreIdentities(role, layout)
		c.conclude(string(role), "", folder, append(slices.Clone(found), c.pair(set, *c.libvirt)...))
	}
	if len(roles) == 0 {
		c.conclude("ca", "", folder, append(found, c.caFile(layout, "libvirt", *c.libvirt)...))
	}
	return nil
}

// flatRoles are the roles that a folder is for: a client's, unless the files of a
// server lie there.
func (c *checker) flatRoles(folder string) []judge.Role {
	switch {
	case len(c.o.roles) > 0 && c.o.roles[0] == judge.Trust:
		return nil
	case len(c.o.roles) > 0:
		return c.o.roles
	case c.g.Tree().Exists(filepath.Join(folder, "servercert.pem")) && !c.g.Tree().Exists(filepath.Join(folder, "clientcert.pem")):
		return []judge.Role{judge.Server}
	case c.g.Tree().Exists(filepath.Join(folder, "servercert.pem")):
		return []judge.Role{judge.Server, judge.Client}
	}
	return []judge.Role{judge.Client}
}

// say adds findings about a place.
func (c *checker) say(title string, found []judge.Finding) {
	if len(found) > 0 {
		c.areas = append(c.areas, &area{title, found})
	}
}
