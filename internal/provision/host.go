package provision

import (
	"context"
	"io/fs"
	"path/filepath"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/hostconf"
	"virtpki/internal/inventory"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// HostRequest asks for a host that is ready to serve TLS and to connect to others.
type HostRequest struct {
	Hostname      string   // empty for the system's host name
	Client        string   // name in the client certificate; empty for the host's
	SANs          []string // more names and addresses of the server, as they are typed
	OnlySANs      bool     // without the short name and the addresses of the machine
	Leaf          authority.Leaf
	ClientKeyMode fs.FileMode
	CA            *authority.Spec // to make if there is no CA; nil to make none
	Bundle        string          // directory that the host was given; empty for none
	QEMU          *QEMU

	Daemon      string   // to configure, by its name; empty for the one that serves TLS here
	Allow       []string // patterns of DNs; nil for no list
	AllowIssued bool     // every client certificate of the CA here too
	Force       bool     // even if the list locks out the host's own client
	Update      bool     // the caller adds the missing names afterwards; see [Ready]
	Restarted   bool     // the caller makes sure that the daemon is restarted

	WaitClock string // how long to wait for the clock to be set, as it is typed; empty for not at all
}

// Host is a host that is to be made ready.
type Host struct {
	Server subject.Identity
	Client subject.Identity
	Daemon inventory.Daemon // that is to be configured

	m    *machine.Machine
	r    HostRequest
	list *inventory.List
	to   keypair.Dest

	asked   subject.Names // of the server, by the request and not by the machine
	lacking []string      // those of them that the existing certificate does not have
}

// Look checks a request against the machine. list holds the machine's users of TLS.
func Look(m *machine.Machine, list *inventory.List, r HostRequest) (*Host, error) {
	h := &Host{m: m, r: r, list: list}
	var err error
	if h.Daemon, err = list.Named(r.Daemon); err != nil {
		return nil, hint.Usage(err)
	}
	h.to = keypair.Dest{Layout: m.System().WithMode(libvirt.ClientKey, r.ClientKeyMode), Owner: machine.Owner()}
	return h, h.name()
}

// name says who this host is, as a server and as a client.
func (h *Host) name() error {
	host := h.r.Hostname
	own, err := h.m.Names()
	if err != nil && host == "" {
		return hint.With(err, "name it with --hostname")
	}
	if host == "" {
		host = own[0]
	}
	client := h.r.Client
	if client == "" {
		client = host
	}
	if err := hint.First(subject.CheckHost(host), subject.CheckClient(client)); err != nil {
		return hint.Usage(err)
	}
	if h.asked, err = h.askedNames(); err != nil {
		return hint.Usage(err)
	}
	names, err := h.m.ServerNames(host, h.r.SANs, h.m.Live(), h.r.OnlySANs, own)
	h.Server = subject.Identity{Role: pki.Server, Name: host, Names: names}
	h.Client = subject.Identity{Role: pki.Client, Name: client}
	return hint.Usage(err)
}

// askedNames are the names that the request gives the server.
func (h *Host) askedNames() (asked subject.Names, err error) {
	if h.r.Hostname != "" {
		asked.AddDNS(h.r.Hostname)
	}
	for _, san := range h.r.SANs {
		err = hint.First(err, asked.Add(san))
	}
	return asked, err
}

// Ready is a host that was made ready.
type Ready struct {
	*change.Job
	// Lacking lists the requested names that the existing server certificate does not have.
	// Without Update the job notes them.
	Lacking []string
}

// Bootstrap makes a host ready: by its bundle, or by itself. It keeps existing files. The job
// notes the differences between them and the request.
func Bootstrap(ctx context.Context, m *machine.Machine, keys *change.Keyring, r HostRequest, o change.Options) (*Ready, error) {
	h, err := Look(m, inventory.Of(ctx, m), r)
	if err != nil {
		return nil, err
	}
	if err := m.WaitClock(ctx, h.floor(), r.WaitClock); err != nil {
		return nil, err
	}
	// The addresses may have come while the clock was waited for.
	if err := h.name(); err != nil {
		return nil, err
	}
	h.ahead(keys)
	o.Lock = h.Locks()
	j, err := change.Run(ctx, m, o, func(j *change.Job) error {
		h.lacking = nil
		if r.Bundle != "" {
			return h.readyByBundle(j, keys)
		}
		return h.readyByItself(j, keys)
	})
	return &Ready{j, h.lacking}, err
}

// floor returns the earliest possible time on a host with these files.
func (h *Host) floor() machine.Floor {
	floor := h.m.Floor()
	keypair.RaiseFloor(&floor, h.m.Tree(), h.to.Layout)
	if h.r.Bundle != "" {
		layout, _ := bundleLayout(h.m, h.r.Bundle)
		keypair.RaiseFloor(&floor, h.m.Tree(), layout)
	}
	return floor
}

// ahead begins to make the keys that are not there.
func (h *Host) ahead(keys *change.Keyring) {
	if h.r.Bundle != "" {
		return
	}
	if h.r.CA != nil && !h.r.CA.Key.Place.InDevice() && !h.m.Tree().Exists(libvirt.CA(h.m.CAPath()).Path(libvirt.CACert)) {
		keys.Ahead(h.r.Leaf.KeyType, authority.Slot)
	}
	for _, id := range []subject.Identity{h.Server, h.Client} {
		if !h.m.Tree().Exists(h.to.Layout.Path(libvirt.KeyFile(string(id.Role)))) {
			keys.Ahead(h.r.Leaf.KeyType, id.Slot())
		}
	}
}

// Locks returns the directories that a run writes to. A host with a bundle does not have a CA.
func (h *Host) Locks() []string {
	locks := append([]string{h.m.System().Top(), filepath.Dir(h.m.Path(h.Daemon.ConfPath))}, h.r.QEMU.Locks()...)
	if h.r.Bundle != "" {
		return locks
	}
	return append([]string{h.m.CAPath()}, locks...)
}

// outfit holds the files that a host has, or will have.
type outfit struct {
	ca     *authority.Authority
	server *keypair.Pair
	client *keypair.Pair
	crl    bool
}

// readyByItself plans everything for a host that has its files, or makes them.
func (h *Host) readyByItself(j *change.Job, keys *change.Keyring) error {
	a, err := h.FindOrMakeCA(j, keys)
	if err != nil {
		return err
	}
	return h.Decide(j, keys, a)
}

// readyByBundle is readyByItself for a host that is given its files.
func (h *Host) readyByBundle(j *change.Job, keys *change.Keyring) error {
	b, err := LoadBundle(h.m, h.r.Bundle)
	if err != nil {
		return err
	}
	if b.outdated(j.Plan.Tree(), h.to) {
		j.Note("%s is newer than the bundle's: the bundle is no longer needed", h.to.Layout.Path(libvirt.ServerCert))
		return h.readyByItself(j, keys)
	}
	h.holdNames(j, b.Server)
	has, err := b.install(j, h.to, h.m.Now())
	if err != nil {
		return err
	}
	f := h.folders(keys, has)
	f.take(b, filepath.Join(h.r.Bundle, h.m.Sysconfdir))
	return hint.First(f.Fill(j, has.ca), h.configure(j, has))
}

// Decide plans a host's key pairs, the CA certificates and CRLs, QEMU's files, and the daemon's
// configuration. a is its CA, there or planned.
func (h *Host) Decide(j *change.Job, keys *change.Keyring, a *authority.Authority) error {
	has := &outfit{ca: a, crl: a.CRL != nil}
	var err error
	if has.server, err = h.takeOrMake(j, keys, a, h.Server); err != nil {
		return err
	}
	if has.client, err = h.takeOrMake(j, keys, a, h.Client); err != nil {
		return err
	}
	if err := a.Trust(j, h.to); err != nil {
		return err
	}
	if err := h.folders(keys, has).Fill(j, a); err != nil {
		return err
	}
	return h.configure(j, has)
}

// folders returns the directories of QEMU's that are to be filled.
func (h *Host) folders(keys *change.Keyring, has *outfit) *Folders {
	return &Folders{
		QEMU: h.r.QEMU, Machine: h.m, Keys: keys, Leaf: h.r.Leaf, Sysconfdir: h.to.Layout.Base,
		Identities: map[pki.Role]subject.Identity{pki.Server: h.Server, pki.Client: h.Client},
		Pairs:      map[pki.Role]*keypair.Pair{pki.Server: has.server, pki.Client: has.client},
	}
}

// configure plans the daemon's configuration for files that are there or planned.
func (h *Host) configure(j *change.Job, has *outfit) error {
	d := &hostconf.Daemon{List: h.list, Daemon: h.Daemon, Allow: h.r.Allow, Force: h.r.Force, Restarted: h.r.Restarted}
	if has.client.Cert != nil {
		d.Client = subject.Of(has.client.Cert)
	}
	d.Present = func(file libvirt.File) bool { return file != libvirt.CACRL || has.crl }
	if h.r.AllowIssued {
		if err := d.AllowIssued(has.ca, h.m); err != nil {
			return err
		}
	}
	return d.Plan(j, h.m)
}
