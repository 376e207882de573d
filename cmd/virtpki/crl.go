package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// crlOptions are the flags of every command that makes a CRL.
type crlOptions struct {
	reloadOptions
	validity string
}

func (o *crlOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.validity, "validity", pki.FormatValidity(pki.DefaultCRLValidity), "how long the CRL counts as fresh, a `duration`; libvirt itself does not look")
	o.reloadOptions.addFlags(cmd)
}

// crlPlan is crlOptions with everything checked.
type crlPlan struct {
	reloadOptions
	validity time.Duration
	out      string // a copy for other hosts
	force    bool   // replaces what is there
}

func (o *crlOptions) check() (crlPlan, error) {
	validity, err := pki.ParseValidity(o.validity)
	return crlPlan{reloadOptions: o.reloadOptions, validity: validity}, hint.Usage(err)
}

const crlHelp = `Make the CRL anew: the same entries, a number one higher, fresh dates. It is
installed where the daemon here reads one, and the daemon reads it again.

libvirt goes on with a CRL whose time has passed; other programs do not.`

func newCRL(e *env, g *globals) *cobra.Command {
	o := &crlOptions{}
	var out string
	var force bool
	cmd := &cobra.Command{
		Use:     "crl",
		Short:   "Refresh the CRL",
		Long:    help(crlHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki crl\n  virtpki crl --validity 90d --out cacrl.pem",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.check()
			if err != nil {
				return err
			}
			c.out, c.force = out, force
			none := func(*change.Job, *authority) (newEntries, error) { return nil, nil }
			return e.publishCRL(cmd.Context(), g, c, none, func() []condemned { return nil })
		},
	}
	o.addFlags(cmd)
	cmd.Flags().StringVarP(&out, "out", "o", "", "write a copy to `file`, for other hosts")
	addForce(cmd.Flags(), &force)
	cmd.MarkFlagFilename("out")
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	cmd.AddCommand(newCRLShow(e, g))
	return cmd
}

// newEntries are what is to be added to the lists of a CA's generations.
type newEntries map[*generation][]x509.RevocationListEntry

// publishCRL makes CRLs with more entries, installs them, and has the daemons
// here act on it. entries decides what is added, nil to refresh; out lists
// whom that concerns.
func (e *env) publishCRL(ctx context.Context, g *globals, c crlPlan,
	entries func(*change.Job, *authority) (newEntries, error), out func() []condemned) error {
	if err := g.CheckClock(); err != nil {
		return err
	}
	keys := e.newKeyring(g)
	daemons, err := c.find(ctx, g.Machine)
	if err != nil {
		return err
	}
	var signer *authority
	j, err := e.carryOut(ctx, g, []string{g.CAPath(), g.System().Top()}, func(j *change.Job) error {
		a, err := loadCA(g.Machine)
		if err != nil {
			return err
		}
		if err := hint.First(a.open(keys), a.loadCRL()); err != nil {
			return err
		}
		signer, a.copy = a, store.Output{Path: c.out, Force: c.force}
		add, err := entries(j, a)
		if err != nil {
			return err
		}
		if len(add) == 0 && out() != nil {
			// All of them are revoked already, by a run that may have been cut short.
			places, err := a.crlPlaces(g.Machine, c.out, daemons)
			if err != nil {
				return err
			}
			return a.planCRLs(j, places, a.currents())
		}
		return planCRL(j, g.Machine, a, c, add, daemons)
	})
	if err != nil {
		return err
	}
	var enforced error
	if !g.dryRun {
		enforced = errors.Join(
			e.enforce(ctx, g.Machine, j, signer, c.reloadOptions, daemons, out()),
			e.refreshGuests(ctx, g.Machine, c.reloadOptions, j),
		)
	}
	return errors.Join(e.tell(g, j), enforced)
}

// planCRL signs the next CRL of each generation that has new entries, of all
// when none has, and plans them for each place that holds one.
func planCRL(j *change.Job, m *machine.Machine, a *authority, c crlPlan, add newEntries, daemons []running.Daemon) error {
	places, err := a.crlPlaces(m, c.out, daemons)
	if err != nil {
		return err
	}
	var crls []*pki.CRL
	for _, gen := range a.generations() {
		elsewhere, err := gen.elsewhere(a.tree, places[1:]) // the first is the CA's own, read already
		if err != nil {
			return err
		}
		if len(add) > 0 && len(add[gen])+len(elsewhere) == 0 {
			continue
		}
		crl, err := gen.nextCRL(m.Now(), elsewhere, add[gen], c.validity)
		if err != nil {
			return err
		}
		crls = append(crls, crl)
		if len(elsewhere) == 0 {
			a.noteForgotten(j)
		}
		j.Did("CRL number %v: %s, fresh until %s", crl.Number, termtext.Count(crl.Len(), "entry", "entries"), termtext.Day(crl.NextUpdate))
	}
	own := keypair.Dest{Layout: a.layout, Owner: machine.Owner()}
	if err := own.Folders(&j.Plan, a.layout.Path(libvirt.CACRL)); err != nil {
		return err
	}
	return a.planCRLs(j, places, crls)
}

// planCRLs plans each file that is to hold lists.
func (a *authority) planCRLs(j *change.Job, places []string, crls []*pki.CRL) error {
	for _, path := range places {
		if err := a.planCRLAt(j, path, crls); err != nil {
			return err
		}
	}
	return nil
}

// planCRLsHere plans lists for each place of this machine that has the CA's.
func (a *authority) planCRLsHere(j *change.Job, m *machine.Machine, crls []*pki.CRL) error {
	places, err := a.crlPlaces(m, "", nil)
	if err != nil {
		return err
	}
	return a.planCRLs(j, places, crls)
}

// crlPlaces are the files that hold, or are to hold, the CA's CRL on this
// machine: the CA's own, the system's, that of each daemon, and a copy.
func (a *authority) crlPlaces(m *machine.Machine, out string, daemons []running.Daemon) ([]string, error) {
	places := []string{a.layout.Path(libvirt.CACRL)}
	add := func(path string) {
		if path != "" && !slices.Contains(places, path) {
			places = append(places, path)
		}
	}
	for i, layout := range append([]libvirt.Layout{m.System()}, libvirt.QEMU(m.Path(m.Sysconfdir))...) {
		certs, err := keypair.ReadCerts(m.Tree(), layout.Path(libvirt.CACert))
		if machine.Unread(err) {
			return nil, err // it may trust the CA, and would go on with the list of before
		}
		if path := layout.Path(libvirt.CACRL); slices.ContainsFunc(certs, a.ca.Certificate.Equal) && (i == 0 || m.Tree().Exists(path)) {
			add(path)
		}
	}
	for _, d := range daemons {
		if d.Files.Custom && d.Files.CRL != "" && d.Root == "/" {
			add(filepath.Join(d.Root, d.Files.CRL))
		}
	}
	add(out)
	return places, nil
}

// crlMode is that of a CRL: it is public.
const crlMode fs.FileMode = 0o644

// planCRLAt plans one file with CRLs in it. Those of other CAs in the file stay;
// of each issuer there is one, because libvirt keeps one.
func (a *authority) planCRLAt(j *change.Job, path string, crls []*pki.CRL) error {
	own := path == a.layout.Path(libvirt.CACRL)
	there, err := a.lists, error(nil)
	if !own || a.lists == nil {
		there, err = keypair.ReadCRLs(j.Plan.Tree(), path)
	}
	if err != nil {
		return err
	}
	all := there
	for _, crl := range crls {
		all = keypair.ReplaceCRL(all, crl)
	}
	switch text := pki.EncodeCRL(all...); {
	case own:
		return j.Plan.File(path, text, crlMode, machine.Owner())
	case path == a.copy.Path:
		o := a.copy
		o.Data, o.Mode, o.Ours = text, crlMode, change.WrittenCRLs
		return change.PlanOutput(&j.Plan, o, "--out")
	case there == nil:
		return newCRLFile(&j.Plan, path, text)
	default:
		return j.Plan.Keep(path, text, crlMode, machine.Owner())
	}
}

// newCRLFile plans a file that holds no list so far: one with something else in it was
// named by mistake, in a daemon's conf say.
func newCRLFile(plan *store.Plan, path string, text []byte) error {
	data, err := machine.ReadIfThere(plan.Tree(), path)
	if err == nil && len(bytes.TrimSpace(data)) > 0 {
		err = hint.With(fmt.Errorf("%s: does not hold a CRL, but a daemon here reads it as one", path), "correct crl_file in the daemon's configuration")
	}
	return hint.First(err, plan.Keep(path, text, crlMode, machine.Owner()))
}

// loadCRL finds the lists of the CA's generations in its file, none if there is no file:
// of each the newest that its key has signed; and the lists of those that were dropped.
func (a *authority) loadCRL() error {
	if err := a.loadRetired(); err != nil || a.crl == nil {
		return err
	}
	crls, err := pki.ParseCRLs(a.crl)
	if err == nil {
		a.takeLists(crls)
		if a.current == nil {
			err = fmt.Errorf("no CRL that %s has signed", subject.Of(a.ca.Certificate))
		}
	}
	if err != nil {
		return hint.With(fmt.Errorf("%s: %w", a.layout.Path(libvirt.CACRL), err),
			"bring the CRL back from a backup; without it what it revoked is forgotten")
	}
	return nil
}

// takeLists finds out which list is whose. One of a generation whose key is not open
// counts as well.
func (a *authority) takeLists(crls []*pki.CRL) {
	a.lists = crls
	for _, ca := range a.bundle {
		list := keypair.NewestCRL(crls, ca)
		if list == nil {
			continue
		}
		a.recalled = append(a.recalled, list)
		for _, gen := range a.generations() {
			if ca.Equal(gen.ca.Certificate) {
				gen.current = list
			}
		}
	}
}

// noteForgotten says what it means that a CA's CRL was gone: only the CRL knew whom
// it had revoked.
func (a *authority) noteForgotten(j *change.Job) {
	if a.crl == nil {
		j.Note("there was no %s: whoever was revoked before is let in again; bring it back from a backup, or revoke them anew", a.layout.Path(libvirt.CACRL))
	}
}
