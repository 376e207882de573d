package renewal

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"virtpki/internal/change"
	"virtpki/internal/enroll"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// elsewhere is a run on a machine without the CA's key.
type elsewhere struct{ *renewal }

// run renews on a machine without the CA's key. It makes the requests for the due certificates
// and, with --via or --issuer, sends them to the CA and installs the response. Without either,
// it leaves the requests in a file.
func (r elsewhere) run(ctx context.Context) error {
	if err := r.forTheCA(); err != nil {
		return err
	}
	if r.o.DryRun {
		return r.leaveDue()
	}
	j, err := r.renewCopies(ctx)
	if r.report.Job = j; j != nil {
		r.end(Renewed, r.renewed)
	}
	if err != nil || j != nil && len(r.due()) == 0 && r.crl == "" {
		return err
	}
	csrs, err := r.makeRequests(ctx)
	if err != nil {
		return err
	}
	if !r.asks() {
		return r.leaveRequests()
	}
	answer, err := r.ask(ctx, csrs)
	if err != nil {
		return err
	}
	return r.installAnswers(ctx, answer)
}

// forTheCA refuses options about the certificates that the CA signs.
func (r elsewhere) forTheCA() error {
	option, advice := "--template", "give it to virtpki sign there"
	switch {
	case len(r.Templates) > 0:
	case r.KeepExtras:
		option, advice = "--keep-extras", "give virtpki sign a --template there"
	default:
		return nil
	}
	return hint.With(fmt.Errorf("%s needs the CA's key, which is not on this machine", option), "%s", advice)
}

// leaveDue ends a run that only lists the due certificates.
func (r elsewhere) leaveDue() error {
	about := slices.DeleteFunc(slices.Clone(r.found), func(c *candidate) bool { return len(c.reasons) == 0 })
	r.end(Due, about)
	if r.asks() {
		r.next("would ask the CA %s", r.asked())
		return r.failures()
	}
	if flag := r.m.RenewFlag(); flag != "" {
		r.next("requests would be left in %s; the CA of this machine signs them with%s", r.m.System().Path(libvirt.Requests), flag)
		return r.refused()
	}
	r.next("the CA's key is not on this machine: requests would be left in %s; --via or --issuer has them signed", r.m.System().Path(libvirt.Requests))
	r.nextImport()
	return r.refused()
}

// leaveRequests ends a run that leaves its requests to a person, who takes them to the CA.
func (r elsewhere) leaveRequests() error {
	due := r.due()
	if len(due) == 0 {
		return r.leaveDue()
	}
	r.end(Requested, due)
	r.report.Requests = due[0].layout.Path(libvirt.Requests)
	r.next("nothing is renewed yet: the CA's key is not on this machine, and the requests are in %s", r.report.Requests)
	if flag := r.m.RenewFlag(); flag != "" {
		r.next("have the CA of this machine sign: virtpki %srenew%s", r.m.Flags(), flag)
		return r.refused()
	}
	r.next("sign them there (virtpki sign), then virtpki install the response; --via does both")
	r.nextImport()
	return r.refused()
}

// nextImport names the command for a CA whose key lies in another place of this machine, as
// after libvirt's own page.
func (r elsewhere) nextImport() {
	r.next("where the key lies elsewhere on this machine: virtpki %sca import --cert %s --key FILE", r.m.Flags(), termtext.ShellWord(libvirt.CA(r.m.CAPath()).Path(libvirt.CACert)))
}

// next adds a step to those that are left to do.
func (r elsewhere) next(format string, args ...any) {
	r.report.Next = append(r.report.Next, termtext.Sprintf(format, args...))
}

// due returns the candidates that need a certificate. Copies follow their originals.
func (r elsewhere) due() []*candidate {
	return slices.DeleteFunc(slices.Clone(r.found), func(c *candidate) bool { return !c.due() || c.original != nil })
}

// dueLayouts returns the layouts that contain a due certificate, the first one first.
func (r elsewhere) dueLayouts() []libvirt.Layout {
	var layouts []libvirt.Layout
	for _, c := range r.due() {
		if !slices.ContainsFunc(layouts, func(l libvirt.Layout) bool { return l.Base == c.layout.Base }) {
			layouts = append(layouts, c.layout)
		}
	}
	return layouts
}

// makeRequests makes a request for each candidate that is due. The keys wait
// beside the live ones; the requests are in the file of the first layout, unless
// they are sent at once.
func (r elsewhere) makeRequests(ctx context.Context) (csrs []*pki.CSR, err error) {
	if len(r.due()) == 0 {
		return nil, nil
	}
	var folders []string
	for _, layout := range r.dueLayouts() {
		if folder := r.m.LockOf(layout); !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	_, err = r.change(ctx, folders, func(j *change.Job) error {
		csrs, err = r.planRequests(j)
		return err
	})
	return csrs, err
}

// planRequests looks again and plans the keys. If the requests do not go to the CA at once, it
// plans their file too.
func (r elsewhere) planRequests(j *change.Job) (csrs []*pki.CSR, err error) {
	if _, err := r.look(); err != nil || len(r.due()) == 0 {
		return nil, err
	}
	for _, c := range r.due() {
		csr, err := r.requestOne(j, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.pair.CertPath, err)
		}
		csrs = append(csrs, csr)
	}
	if r.asks() {
		return csrs, nil
	}
	first := keypair.Dest{Layout: r.due()[0].layout, Owner: machine.Owner()}
	return csrs, r.planRequestFile(j, first, pki.EncodeCSRs(csrs...))
}

// planRequestFile plans the file for requests that a person takes to the CA.
func (r elsewhere) planRequestFile(j *change.Job, to keypair.Dest, requests []byte) error {
	path, mode := to.Layout.Place(libvirt.Requests)
	if err := to.Folders(&j.Plan, path); err != nil {
		return err
	}
	err := j.Plan.Output(store.Output{Path: path, Data: requests, Mode: mode, Owner: to.Owner, Ours: change.WrittenRequests, Force: r.Force})
	if errors.Is(err, store.ErrNotOurs) {
		return hint.With(err, "move it away: mv %s %[1]s.kept", termtext.ShellWord(path))
	}
	return err
}

// requestOne asks for a successor of a certificate: the same subject and names,
// and the addresses that it lacks.
func (r elsewhere) requestOne(j *change.Job, c *candidate) (*pki.CSR, error) {
	asking := enroll.Asker{
		Machine: r.m, Keys: r.keys, To: keypair.Dest{Layout: c.layout, Owner: machine.Owner()},
		KeyType: c.keyType(), SameKey: r.SameKey && c.keyFits(),
	}
	id := c.identity()
	if c.role != pki.Server {
		id.DNS, id.IPs = nil, nil
	}
	return asking.Plan(j, id)
}

// installAnswers installs the response into each layout that it is for, as install does, and
// verifies it.
func (r elsewhere) installAnswers(ctx context.Context, answer *pki.Answer) error {
	layouts := r.dueLayouts()
	if len(layouts) == 0 { // the CRL alone
		layouts = append(layouts, r.m.System())
	}
	r.end(Renewed, r.due())
	whole := r.report.Job
	if whole == nil {
		whole = &change.Job{}
	}
	r.report.Job = whole
	for _, c := range r.due() {
		whole.Did("%s: %s", c.pair.CertPath, c.why())
	}
	var errs []error
	for _, layout := range layouts {
		j, err := r.installInto(ctx, layout, answer)
		if err != nil {
			err = fmt.Errorf("installing the response: %w", err)
		}
		if j != nil {
			whole.Merge(j)
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, r.failures())...)
}

// installInto installs the part of a response that is for one layout.
func (r elsewhere) installInto(ctx context.Context, layout libvirt.Layout, answer *pki.Answer) (*change.Job, error) {
	own, err := enroll.Own(r.m, layout, answer.Leafs)
	if err != nil {
		return nil, err
	}
	if placeOf(r.m, layout) != ofUser {
		if err := r.namesGranted(own); err != nil {
			return nil, err
		}
	}
	j, err := enroll.Install(ctx, r.m, enroll.Response{
		Answer: &pki.Answer{Leafs: own, CAs: answer.CAs, CRLs: answer.CRLs},
		To:     keypair.Dest{Layout: layout, Owner: machine.Owner(), Keep: true}, System: placeOf(r.m, layout) == ofSystem,
		TrustNew: r.TrustNew, BelowTrusted: r.Issuer != nil, Reload: r.Reload, KeepSubject: !r.NewSubject,
	}, r.keys, r.o)
	if err == nil {
		err = r.stillDue(layout, own)
	}
	return j, err
}

// stillDue returns the error for a response that lacks a certificate for a request.
func (r elsewhere) stillDue(layout libvirt.Layout, own []*x509.Certificate) error {
	for _, c := range r.due() {
		role := func(cert *x509.Certificate) bool { return slices.Contains(pki.RolesOf(cert), c.role) }
		if c.layout.Base == layout.Base && !slices.ContainsFunc(own, role) {
			return fmt.Errorf("the response holds no certificate for %s", c.pair.CertPath)
		}
	}
	return nil
}
