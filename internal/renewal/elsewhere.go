package renewal

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/enroll"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// elsewhere is a run on a machine without the CA's key, or one round of it: for the certificates
// at the default paths, or for one that a program reads from a path of its own.
type elsewhere struct {
	*renewal
	own string // [libvirt.Layout.ID] of the program's own pair; empty for all others
}

// run renews on a machine without the CA's key. It makes the requests for the due certificates
// and, with --via or --issuer, sends them to the CA and installs the response. Without either,
// it leaves the requests in a file. A pair at a path of a program's own has a request and a
// response of its own: what the CA says of it does not keep the others from being renewed.
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
	if err != nil {
		return err
	}
	if !r.asks() {
		if j != nil && len(r.due()) == 0 {
			return nil
		}
		if _, err := r.makeRequests(ctx); err != nil {
			return err
		}
		return r.leaveRequests()
	}
	err = errors.Join(r.rounds(ctx), r.failures())
	if err == nil && r.report.Outcome == Failed { // another run was faster
		return r.nothingDue(ctx)
	}
	return err
}

// rounds asks for the certificates at the default paths, and then for each at another path.
func (r elsewhere) rounds(ctx context.Context) error {
	rounds := []elsewhere{r}
	for _, c := range r.found {
		if c.own && c.due() {
			rounds = append(rounds, elsewhere{r.renewal, c.layout.ID()})
		}
	}
	var errs []error
	for _, one := range rounds {
		if err := one.round(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// round has one request or several signed, and installs the response.
func (r elsewhere) round(ctx context.Context) error {
	crl := r.crl != "" && r.own == ""
	if len(r.due()) == 0 && !crl {
		return nil
	}
	csrs, err := r.makeRequests(ctx)
	if err != nil || len(csrs) == 0 && !crl {
		return err
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
		r.tell("would ask the CA %s", r.asked())
		return r.failures()
	}
	if flag := r.m.RenewFlag(); flag != "" {
		r.tell("would leave requests in %s; this machine's issuer signs them with%s", r.m.System().Path(libvirt.Requests), flag)
		return r.refused()
	}
	r.tell("the CA's key is not on this machine: would leave requests in %s; --via or --issuer sends them to the CA", r.m.System().Path(libvirt.Requests))
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
	r.tell("nothing is renewed yet: the CA's key is not on this machine, so the requests are in %s", r.report.Requests)
	if flag := r.m.RenewFlag(); flag != "" {
		r.next("virtpki %srenew%s", r.m.Flags(), flag)
		return r.refused()
	}
	r.next("at the CA, with that file: virtpki sign %s --out response.pem", filepath.Base(r.report.Requests))
	r.next("here, with the response: virtpki %sinstall response.pem (renew --via COMMAND does all of it)", r.m.Flags())
	r.nextImport()
	return r.refused()
}

// nextImport names the command for a CA whose key lies in another place of this machine, as
// after libvirt's own page.
func (r elsewhere) nextImport() {
	r.next("if the key lies elsewhere on this machine: virtpki %sca import --cert %s --key FILE", r.m.Flags(), termtext.ShellWord(libvirt.CA(r.m.CAPath()).Path(libvirt.CACert)))
}

// tell adds to the facts about the requests.
func (r elsewhere) tell(format string, args ...any) {
	r.report.Told = append(r.report.Told, termtext.Sprintf(format, args...))
}

// next adds a step to those that are left to do.
func (r elsewhere) next(format string, args ...any) {
	r.report.Next = append(r.report.Next, termtext.Sprintf(format, args...))
}

// due returns the candidates of this round that need a certificate. Copies follow their originals.
func (r elsewhere) due() []*candidate {
	return slices.DeleteFunc(slices.Clone(r.found), func(c *candidate) bool {
		return !c.due() || c.original != nil || c.own != (r.own != "") || c.own && c.layout.ID() != r.own
	})
}

// firstDue returns the first due candidate of each layout that has one.
func (r elsewhere) firstDue() []*candidate {
	var first []*candidate
	for _, c := range r.due() {
		if !slices.ContainsFunc(first, func(other *candidate) bool { return other.layout.ID() == c.layout.ID() }) {
			first = append(first, c)
		}
	}
	return first
}

// makeRequests makes a request for each candidate that is due. The keys wait
// beside the live ones; the requests are in the file of the first layout, unless
// they are sent at once.
func (r elsewhere) makeRequests(ctx context.Context) (csrs []*pki.CSR, err error) {
	if len(r.due()) == 0 {
		return nil, nil
	}
	var folders []string
	for _, c := range r.firstDue() {
		if folder := r.m.LockOf(c.layout); !slices.Contains(folders, folder) {
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
	a, err := r.look()
	if err != nil {
		return nil, err
	}
	for _, c := range r.due() {
		csr, err := r.requestOne(j, a, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.pair.CertPath, err)
		}
		csrs = append(csrs, csr)
	}
	if r.asks() || len(csrs) == 0 {
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
func (r elsewhere) requestOne(j *change.Job, a *authority.Authority, c *candidate) (*pki.CSR, error) {
	asking := enroll.Asker{
		Machine: r.m, Keys: r.keys, To: keypair.Dest{Layout: c.layout, Owner: machine.Owner()},
		KeyType: c.keyType(), SameKey: c.keepsKey(r.SameKey, listed(a, c.pair.Cert)), Beside: r.beside(c),
	}
	id := c.identity()
	if c.role != pki.Server {
		id.DNS, id.IPs = nil, nil
	}
	return asking.Plan(j, id)
}

// beside returns the other live pairs of this machine that share a name with a certificate. Their
// keys prove that the names are this machine's.
func (r elsewhere) beside(c *candidate) (pairs []*keypair.Pair) {
	names := subject.Names{DNS: c.pair.Cert.DNSNames, IPs: c.pair.Cert.IPAddresses}
	for _, other := range r.found {
		if other != c && other.place != ofUser && other.pair.Cert != nil && len(names.Missing(other.pair.Cert)) < len(names.DNS)+len(names.IPs) {
			pairs = append(pairs, other.pair)
		}
	}
	return pairs
}

// listed reports whether the CRL that is here names a certificate.
func listed(a *authority.Authority, cert *x509.Certificate) bool {
	crls, err := pki.ParseCRLs(a.CRL)
	return err == nil && slices.ContainsFunc(a.Certificates, func(ca *x509.Certificate) bool {
		crl := keypair.NewestCRL(crls, ca)
		if crl == nil || cert.CheckSignatureFrom(ca) != nil {
			return false
		}
		_, found := crl.Find(cert.SerialNumber)
		return found
	})
}

// installAnswers installs the response into each layout that it is for, as install does, and
// verifies it.
func (r elsewhere) installAnswers(ctx context.Context, answer *pki.Answer) error {
	places := r.firstDue()
	if len(places) == 0 { // the CRL alone
		places = append(places, &candidate{layout: r.m.System(), place: ofSystem})
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
	for _, c := range places {
		j, err := r.installInto(ctx, c, answer)
		if err != nil {
			err = fmt.Errorf("installing the response: %w", err)
		}
		if j != nil {
			whole.Merge(j)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// installInto installs the part of a response that is for the layout of a candidate.
func (r elsewhere) installInto(ctx context.Context, c *candidate, answer *pki.Answer) (*change.Job, error) {
	own, err := enroll.Own(r.m, c.layout, answer.Leafs)
	if err != nil {
		return nil, err
	}
	if c.place != ofUser {
		if err := r.namesGranted(own); err != nil {
			return nil, err
		}
	}
	j, err := enroll.Install(ctx, r.m, enroll.Response{
		Answer: &pki.Answer{Leafs: own, CAs: answer.CAs, CRLs: answer.CRLs},
		To:     r.destOf(c), System: c.place == ofSystem, Minded: minded(r.found),
		TrustNew: r.TrustNew, BelowTrusted: r.Issuer != nil, Reload: r.Reload, KeepSubject: !r.NewSubject,
	}, r.keys, r.o)
	if err == nil {
		err = r.stillDue(c.layout, own)
	}
	return j, err
}

// destOf returns the destination of a response. Modes and owners stay as they are.
func (r elsewhere) destOf(c *candidate) keypair.Dest {
	to := keypair.Dest{Layout: c.layout, Owner: machine.Owner(), Keep: true}
	if c.place == ofQEMU {
		to.KeyOwner = r.m.QEMUOwner()
	}
	return to
}

// stillDue returns the error for a response that lacks a certificate for a request. The live one,
// sent back, does not count.
func (r elsewhere) stillDue(layout libvirt.Layout, own []*x509.Certificate) error {
	for _, c := range r.due() {
		role := func(cert *x509.Certificate) bool {
			return slices.Contains(pki.RolesOf(cert), c.role) && !cert.Equal(c.pair.Cert)
		}
		if c.layout.ID() == layout.ID() && !slices.ContainsFunc(own, role) {
			return fmt.Errorf("the response does not contain a certificate for %s", c.pair.CertPath)
		}
	}
	return nil
}
