package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// issueOptions are the flags of issue.
type issueOptions struct {
	leafOptions
	withOptions
	fleetOptions
	subject string
	out     string
	layout  string
	user    bool
	shapes  templateOptions
}

const issueHelp = `Make a key and have the CA here sign a certificate for it.

A server certificate is libvirtd's identity, a client certificate is that of
whoever connects. A host, a hypervisor, is both, with a pair for each.

Without --out the files are installed on this machine, below --root. With --out
each name gets a folder of its own: --layout system is a tree to be copied onto
that machine's /, --layout pkipath is flat, for virsh -c '...?pkipath=DIR'.
--user installs into ~/.pki/libvirt, where libvirt looks for everybody but root.

--with fills the folders that QEMU reads too, for migration, VNC and the rest:
see virtpki bootstrap --help.

--hosts FILE makes a bundle for each line: a name, then SANs, separated by
blanks; # begins a comment. All lines are checked before anything is made. Then
the bundles are made on all processors, and each appears whole or not at all. A
run that was cut short is gone on with by the same command: what is there stays.

--format tar makes archives: DIR/NAME.tar for each name, to be unpacked onto that
machine's /; with --out FILE.tar, or - for standard output, one with a folder for
each name. Everything in them belongs to root.

A server answers to its name, its short name, what --san adds and, when it is
this machine, to every address that this machine has.`

const issueExample = `  # the server and client pairs of this machine
  virtpki issue host hv1.lab.example

  # those of two others, as trees to be copied onto their /
  virtpki issue host hv2.lab.example hv3.lab.example --out bundles

  # an admin's, for virsh -c 'qemu+tls://hv1.lab.example/system?pkipath=...'
  virtpki issue client alice --out bundles --layout pkipath

  # a thousand hosts, and one archive of them instead
  virtpki issue host --hosts hosts.txt --out bundles
  virtpki issue host --hosts hosts.txt --format tar --out - | ssh deploy tar -xf -`

func newIssue(e *env, g *globals) *cobra.Command {
	return bindIssue(e, g, &issueOptions{})
}

// bindIssue binds the flags to o.
func bindIssue(e *env, g *globals, o *issueOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:       "issue server|client|host [NAME...]",
		Short:     "Make a key and a certificate",
		Long:      help(issueHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example:   issueExample,
		Args:      cobra.MinimumNArgs(1),
		ValidArgs: subject.KindNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.issue(cmd.Context(), g, o, args[0], args[1:])
		},
	}
	o.leafOptions.addFlags(cmd)
	o.withOptions.addFlags(cmd)
	o.fleetOptions.addFlags(cmd)
	flags := cmd.Flags()
	o.shapes.addFlags(flags)
	flags.StringVar(&o.subject, "subject", "", "the whole subject, a `DN` in libvirt's form: C=GB,O=Example,CN=admin")
	flags.StringVarP(&o.out, "out", "o", "", "make bundles in `directory`, one folder a name")
	flags.StringVar(&o.layout, "layout", "system", "`form` of the bundles: system or pkipath")
	flags.BoolVar(&o.user, "user", false, "install into ~/.pki/libvirt")
	cmd.MarkFlagsMutuallyExclusive("out", "user")
	cmd.MarkFlagDirname("out")
	completeFrom(cmd, "layout", "system", "pkipath")
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	return cmd
}

// bundle is what one name gets: its identities, and where they go.
type bundle struct {
	to         keypair.Dest
	identities []subject.Identity
	// portable is set for a folder that will be carried elsewhere: it must not
	// be there yet, and it holds the CA and the CRL too.
	portable bool
}

func (e *env) issue(ctx context.Context, g *globals, o *issueOptions, role string, names []string) error {
	if err := g.CheckClock(); err != nil {
		return err
	}
	leaf, err := o.leafOptions.check()
	if err != nil {
		return err
	}
	if leaf.Templates, err = o.shapes.check(); err != nil {
		return err
	}
	with, err := o.withOptions.check()
	if err != nil {
		return err
	}
	kind, unknown := subject.ParseKind(role)
	if err := hint.First(o.fleetOptions.checkUse(names, o.out), unknown, o.checkUse(kind, names), o.shapes.checkFor(kind)); err != nil {
		return hint.Usage(err)
	}
	if o.many() {
		return e.issueFleet(ctx, g, o, leaf, kind, names)
	}
	bundles, err := e.bundles(g.Machine, o, leaf, kind, names)
	if err != nil {
		return err
	}
	keys := e.newKeyring(g)
	locks := []string{g.CAPath(), bundles[0].to.Layout.Top()}
	if o.out != "" {
		locks[1] = o.out
	}
	return e.change(ctx, g, append(locks, with.locks()...), func(j *change.Job) error {
		a, err := authority.Open(g.Machine)
		if err != nil {
			return err
		}
		if err := a.Unlock(keys); err != nil {
			return err
		}
		a.NoteTwins(j)
		aheadFor(keys, leaf.Leaf, bundles)
		for _, b := range bundles {
			if b.portable {
				j.Plan.Together(filepath.Join(o.out, b.identities[0].Name)) // cut short there is none of it, and it can be made again
			}
			pairs, err := e.fill(j, a, keys, leaf.Leaf, b)
			if err != nil {
				return err
			}
			f := &filler{env: e, withPlan: with, m: g.Machine, keys: keys, leaf: leaf.Leaf, sysconfdir: b.to.Layout.Base, portable: b.portable, identities: b.byRole(), pairs: pairs}
			if err := f.fill(j, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// aheadFor begins to make the keys of all bundles.
func aheadFor(k *change.Keyring, leaf authority.Leaf, bundles []bundle) {
	for _, b := range bundles {
		for _, id := range b.identities {
			k.Ahead(leaf.KeyType, id.Slot())
		}
	}
}

// bundles checks the names and says what each gets, before anything is made.
func (e *env) bundles(m *machine.Machine, o *issueOptions, leaf leafPlan, kind subject.Kind, names []string) ([]bundle, error) {
	var bundles []bundle
	seen := make(map[string]bool)
	for _, name := range names {
		if seen[name] {
			return nil, hint.Usagef("name %s is given twice", termtext.QuoteShort(name))
		}
		seen[name] = true
		ids, err := identities(m, o, kind, name)
		if err != nil {
			return nil, err
		}
		layout, err := o.layoutFor(m, leaf, name)
		if err != nil {
			return nil, err
		}
		bundles = append(bundles, bundle{to: keypair.Dest{Layout: layout, Owner: machine.Owner()}, identities: ids, portable: o.out != ""})
	}
	if o.user && os.Geteuid() == 0 {
		e.warn("root's programs never read ~/.pki/libvirt; without --user the pair goes where they look")
	}
	return bundles, nil
}

func (o *issueOptions) checkUse(kind subject.Kind, names []string) error {
	switch {
	case o.layout != "system" && o.layout != "pkipath":
		return fmt.Errorf("unknown layout %q (system or pkipath)", o.layout)
	case o.out == "" && o.layout != "system":
		return errors.New("--layout is for bundles: give --out DIRECTORY")
	case len(names) > 1 && o.out == "":
		return errors.New("several names want --out: only one can be installed here")
	case (len(names) > 1 || o.hosts != "") && o.subject != "":
		return errors.New("several names cannot share one --subject")
	case len(o.with) > 0 && o.many():
		return hint.With(errors.New("--with is for names, not for --hosts or --format tar"), "on each host virtpki bootstrap --with fills QEMU's folders from its bundle")
	case len(o.with) > 0 && (kind != subject.Host || o.layout != "system" || o.user):
		return errors.New("--with is for a host in the system's layout: QEMU reads a server's and a client's pair")
	case kind == subject.Client && len(o.sans) > 0:
		return errors.New("--san is for servers: libvirt looks at no SAN of a client")
	case kind == subject.Client && o.onlySAN:
		return errors.New("--only-san is for servers: a client gets no SAN")
	}
	return nil
}

// layoutFor is where the files of a name go.
func (o *issueOptions) layoutFor(m *machine.Machine, leaf leafPlan, name string) (libvirt.Layout, error) {
	switch {
	case o.out != "" && o.layout == "pkipath":
		return libvirt.Flat(filepath.Join(o.out, name)), nil
	case o.out != "":
		layout := libvirt.System(filepath.Join(o.out, name, m.Sysconfdir))
		return layout.WithMode(libvirt.ClientKey, leaf.clientKeyMode), nil
	case o.user:
		home, err := os.UserHomeDir()
		return libvirt.User(m.Path(home)), err
	}
	return m.System().WithMode(libvirt.ClientKey, leaf.clientKeyMode), nil
}

// identities are the certificates that somebody of a kind gets.
func identities(m *machine.Machine, o *issueOptions, kind subject.Kind, name string) ([]subject.Identity, error) {
	var rawSubject []byte
	if o.subject != "" {
		var err error
		if rawSubject, err = subject.Encode(o.subject); err != nil {
			return nil, err
		}
	}
	if kind == subject.Client {
		return []subject.Identity{{Role: pki.Client, Name: name, RawSubject: rawSubject}}, hint.Usage(subject.CheckClient(name))
	}
	own, err := m.Names()
	if here := m.Live() && (o.out == "" || subject.IsOneOf(name, own)); err != nil && here {
		return nil, err
	}
	return hostIdentities(m, o, kind, name, rawSubject, own)
}

// hostIdentities are those of a server or a host, given the names of this machine.
func hostIdentities(m *machine.Machine, o *issueOptions, kind subject.Kind, name string, rawSubject []byte, own []string) ([]subject.Identity, error) {
	if err := subject.CheckHost(name); err != nil {
		return nil, hint.Usage(err)
	}
	here := m.Live() && (o.out == "" || subject.IsOneOf(name, own))
	names, err := m.ServerNames(name, o.sans, here, o.onlySAN, own)
	if err != nil {
		return nil, hint.Usage(err)
	}
	ids := []subject.Identity{{Role: pki.Server, Name: name, RawSubject: rawSubject, Names: names}}
	if kind == subject.Host {
		ids = append(ids, subject.Identity{Role: pki.Client, Name: name, RawSubject: rawSubject})
	}
	return ids, nil
}

// fill plans a bundle: records first, then keys and certificates, then what
// whoever uses them must trust.
func (e *env) fill(j *change.Job, a *authority.Authority, keys *change.Keyring, leaf authority.Leaf, b bundle) (map[pki.Role]*keypair.Pair, error) {
	if b.portable {
		if err := refuseFolder(b.to.Layout.Base); err != nil {
			return nil, err
		}
	}
	pairs := make(map[pki.Role]*keypair.Pair)
	for _, id := range b.identities {
		have, err := keypair.Load(j.Plan.Tree(), b.to.Layout, id.Role)
		if err != nil {
			return nil, err
		}
		if have.Cert != nil || have.Key != nil {
			return nil, hint.With(fmt.Errorf("there is a %s pair already: %s", id.Role, have.Where()), "move it away first, or make a bundle with --out")
		}
		if have.Cert, err = a.MakePair(j, keys, authority.Order{Leaf: leaf, Identity: id, Now: e.here.Now()}, b.to, nil); err != nil {
			return nil, err
		}
		a.NoteLetIn(j, have.Cert, id.Name, e.here.Now())
		if have.Key, err = keys.Key(id.Slot(), leaf.KeyType); err != nil {
			return nil, err
		}
		pairs[id.Role] = have
	}
	return pairs, a.Trust(j, b.to)
}

// byRole are the identities of a bundle.
func (b bundle) byRole() map[pki.Role]subject.Identity {
	ids := make(map[pki.Role]subject.Identity)
	for _, id := range b.identities {
		ids[id.Role] = id
	}
	return ids
}

// refuseFolder is the error for a bundle that is there already.
func refuseFolder(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return hint.With(fmt.Errorf("there is a bundle already: %s", path), "remove it, or choose another --out")
	}
	return nil
}
