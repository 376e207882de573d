package authority

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/inventory"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/running"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Entries holds the entries to add to the lists of a CA's generations.
type Entries map[*Generation][]x509.RevocationListEntry

// CRLRequest says which list to make, and where to put it.
type CRLRequest struct {
	Add      Entries // none refreshes
	Validity time.Duration
	Copy     store.Output     // one for other hosts; without a path none
	Daemons  []running.Daemon // each gets the list in the file that it reads
}

// PlanCRL signs the next CRL of each generation with new entries, or of all generations if none has
// any. It plans these lists for each place that holds one.
func (a *Authority) PlanCRL(j *change.Job, m *machine.Machine, r CRLRequest) error {
	p := crlPlan{a, j, m, r}
	places, err := p.places()
	if err != nil {
		return err
	}
	var crls []*pki.CRL
	for _, gen := range a.generations() {
		elsewhere, err := gen.elsewhere(a.Tree, places[1:]) // the first is the CA's own, read already
		if err != nil {
			return err
		}
		if len(r.Add) > 0 && len(r.Add[gen])+len(elsewhere) == 0 {
			continue
		}
		crl, err := gen.nextCRL(m.Now(), elsewhere, r.Add[gen], r.Validity)
		if err != nil {
			return err
		}
		crls = append(crls, crl)
		if len(elsewhere) == 0 {
			a.NoteForgotten(j)
		}
		j.Did("CRL number %v: %s, fresh until %s", crl.Number, termtext.Count(crl.Len(), "entry", "entries"), termtext.Day(crl.NextUpdate))
	}
	own := keypair.Dest{Layout: a.Layout, Owner: machine.Owner()}
	if err := own.Folders(&j.Plan, a.Layout.Path(libvirt.CACRL)); err != nil {
		return err
	}
	return p.at(places, crls)
}

// PlanCurrent plans the unchanged lists for each place that holds one.
func (a *Authority) PlanCurrent(j *change.Job, m *machine.Machine, r CRLRequest) error {
	var crls []*pki.CRL
	for _, gen := range a.generations() {
		if gen.Current != nil {
			crls = append(crls, gen.Current)
		}
	}
	return crlPlan{a, j, m, r}.everywhere(crls)
}

// crlPlan plans the files that hold a CA's lists.
type crlPlan struct {
	a *Authority
	j *change.Job
	m *machine.Machine
	r CRLRequest
}

// at plans lists for some files.
func (p crlPlan) at(places []string, crls []*pki.CRL) error {
	for _, path := range places {
		if err := p.one(path, crls); err != nil {
			return err
		}
	}
	return nil
}

// everywhere plans lists for each place that has the CA's.
func (p crlPlan) everywhere(crls []*pki.CRL) error {
	places, err := p.places()
	if err != nil {
		return err
	}
	return p.at(places, crls)
}

// places returns the files that hold, or are to hold, the CA's CRL on this machine: the CA's own,
// the system's, that of each daemon, and a copy.
func (p crlPlan) places() ([]string, error) {
	places := []string{p.a.Layout.Path(libvirt.CACRL)}
	add := func(path string) {
		if path != "" && !slices.Contains(places, path) {
			places = append(places, path)
		}
	}
	for i, layout := range append([]libvirt.Layout{p.m.System()}, libvirt.QEMU(p.m.Path(p.m.Sysconfdir))...) {
		certs, err := keypair.ReadCerts(p.m.Tree(), layout.Path(libvirt.CACert))
		if machine.Unread(err) {
			return nil, err // it may trust the CA, and would keep its old list
		}
		if path := layout.Path(libvirt.CACRL); slices.ContainsFunc(certs, p.a.CA.Certificate.Equal) && (i == 0 || p.m.Tree().Exists(path)) {
			add(path)
		}
	}
	here := inventory.Here(p.m)
	cas, crls, err := here.CAFiles()
	if err != nil {
		return nil, err
	}
	for i, ca := range cas {
		certs, err := keypair.ReadCerts(p.m.Tree(), ca)
		if machine.Unread(err) {
			return nil, err
		}
		if crls[i] != "" && slices.ContainsFunc(certs, p.a.CA.Certificate.Equal) && p.m.Tree().Exists(crls[i]) {
			add(crls[i])
		}
	}
	for _, d := range append(here.Running(), p.r.Daemons...) {
		if d.Files.Custom && d.Files.CRL != "" && d.Root == "/" {
			add(filepath.Join(d.Root, d.Files.CRL))
		}
	}
	add(p.r.Copy.Path)
	return places, nil
}

// crlMode is the mode of a CRL, which is public.
const crlMode fs.FileMode = 0o644

// one plans one file with CRLs in it. CRLs of other CAs in the file stay. The file holds one per
// issuer, because libvirt keeps one.
func (p crlPlan) one(path string, crls []*pki.CRL) error {
	own := path == p.a.Layout.Path(libvirt.CACRL)
	there, err := p.a.Lists, error(nil)
	if !own || p.a.Lists == nil {
		there, err = keypair.ReadCRLs(p.j.Plan.Tree(), path)
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
		return p.j.Plan.File(path, text, crlMode, machine.Owner())
	case path == p.r.Copy.Path:
		o := p.r.Copy
		o.Data, o.Mode, o.Ours = text, crlMode, change.WrittenCRLs
		return change.PlanOutput(&p.j.Plan, o, "--out")
	case there == nil:
		return newCRLFile(&p.j.Plan, path, text)
	default:
		return p.j.Plan.Keep(path, text, crlMode, machine.Owner())
	}
}

// newCRLFile plans a file that does not hold a list so far. It refuses a file with other contents,
// which was named by mistake, for example in a daemon's configuration file.
func newCRLFile(plan *store.Plan, path string, text []byte) error {
	data, err := machine.ReadIfThere(plan.Tree(), path)
	if err == nil && len(bytes.TrimSpace(data)) > 0 {
		err = hint.With(fmt.Errorf("%s: does not contain a CRL, but a daemon here reads it as one", path), "correct crl_file in the daemon's configuration")
	}
	return hint.First(err, plan.Keep(path, text, crlMode, machine.Owner()))
}

// without plans a file of lists from which those of one issuer are removed.
func (p crlPlan) without(path string, gone *x509.Certificate) error {
	crls, err := keypair.ReadCRLs(p.j.Plan.Tree(), path)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(crls, func(crl *pki.CRL) bool { return string(crl.RawIssuer) == string(gone.RawSubject) })
	if len(left) == 0 {
		return nil // an empty file would keep libvirtd from starting
	}
	return p.j.Plan.Keep(path, pki.EncodeCRL(left...), crlMode, machine.Owner())
}
