package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"time"

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

// renewElsewhere renews on a machine without the CA's key: it makes the requests
// for what is due and, with --via, has the CA answer them and installs the answer.
// Without it the requests are left in a file, and the exit status is 3.
func (r *renewal) renewElsewhere(ctx context.Context) error {
	if len(r.shapes.files) > 0 {
		return hint.With(errors.New("--template is for the CA, whose key is not on this machine"), "give it to virtpki sign there")
	}
	if r.g.dryRun {
		return r.tellDue()
	}
	if done, err := r.renewCopies(ctx); done || err != nil {
		return err
	}
	csrs, made, err := r.makeRequests(ctx)
	if err != nil {
		return err
	}
	if r.via == "" {
		return hint.First(r.tellRequested(made), r.failures(), hint.ErrRefused)
	}
	answer, err := r.askCA(ctx, csrs)
	if err != nil {
		return err
	}
	return r.installAnswers(ctx, answer)
}

// due are the installations that a certificate is wanted for. Copies follow.
func (r *renewal) due() []*installation {
	return slices.DeleteFunc(slices.Clone(r.found), func(in *installation) bool {
		return in.err != nil || len(in.reasons) == 0 || in.original != nil
	})
}

// dueLayouts are the layouts in which something is due, the first one first.
func (r *renewal) dueLayouts() []libvirt.Layout {
	var layouts []libvirt.Layout
	for _, in := range r.due() {
		if !slices.ContainsFunc(layouts, func(l libvirt.Layout) bool { return l.Base == in.layout.Base }) {
			layouts = append(layouts, in.layout)
		}
	}
	return layouts
}

// makeRequests makes a request for each installation that is due. The keys wait
// beside the live ones; the requests are in the file of the first layout, unless
// they are sent at once.
func (r *renewal) makeRequests(ctx context.Context) ([]*pki.CSR, *change.Job, error) {
	if len(r.due()) == 0 {
		return nil, &change.Job{}, nil
	}
	var folders []string
	for _, layout := range r.dueLayouts() {
		if folder := r.g.LockOf(layout); !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	var csrs []*pki.CSR
	j, err := r.carryOut(ctx, r.g, folders, func(j *change.Job) error {
		csrs = nil
		if _, err := r.look(); err != nil || len(r.due()) == 0 {
			return err
		}
		for _, in := range r.due() {
			csr, err := r.requestOne(j, in)
			if err != nil {
				return fmt.Errorf("%s: %w", in.pair.CertPath, err)
			}
			csrs = append(csrs, csr)
		}
		if r.via != "" {
			return nil
		}
		first := r.due()[0].layout
		return r.planRequests(j, keypair.Dest{Layout: first, Owner: machine.Owner()}, pki.EncodeCSRs(csrs...))
	})
	return csrs, j, err
}

// planRequests plans the file in which requests wait that nobody takes to the CA.
func (r *renewal) planRequests(j *change.Job, to keypair.Dest, requests []byte) error {
	path, mode := to.Layout.Place(libvirt.Requests)
	if err := to.Folders(&j.Plan, path); err != nil {
		return err
	}
	err := j.Plan.Output(store.Output{Path: path, Data: requests, Mode: mode, Owner: to.Owner, Ours: change.WrittenRequests, Force: r.force})
	if errors.Is(err, store.ErrNotOurs) {
		return hint.With(err, "move it away: mv %s %[1]s.kept", path)
	}
	return err
}

// requestOne asks for a successor of a certificate: the same subject and names,
// and the addresses that it lacks.
func (r *renewal) requestOne(j *change.Job, in *installation) (*pki.CSR, error) {
	old := in.pair.Cert
	keyType, known := pki.KeyTypeOf(old.PublicKey)
	if !known {
		keyType = pki.DefaultKeyType
	}
	usable := in.pair.Key != nil && in.pair.Mismatch() == nil
	asking := enroll.Asker{
		Machine: r.g.Machine, Keys: r.keys, To: keypair.Dest{Layout: in.layout, Owner: machine.Owner()},
		KeyType: keyType, SameKey: r.sameKey && usable,
	}
	id := subject.Identity{Role: in.role, Name: in.layout.Path(libvirt.CertFile(string(in.role))), RawSubject: old.RawSubject}
	if in.role == pki.Server {
		id.DNS = in.names()
		id.IPs = append(append(id.IPs, old.IPAddresses...), in.missing...)
	}
	return asking.Plan(j, id)
}

// tellRequested says what is due, and where the requests for it are.
func (r *renewal) tellRequested(j *change.Job) error {
	due := r.due()
	if len(due) == 0 {
		return r.tellDue()
	}
	path := due[0].layout.Path(libvirt.Requests)
	if r.g.json {
		return r.printJSON(map[string]any{"due": true, "installed": r.infos(), "requests": path})
	}
	for _, in := range due {
		termtext.Fprintf(r.stdout, "%s: %s\n", in.pair.CertPath, in.why())
	}
	r.warn("nothing is renewed yet: the CA's key is not on this machine, and the requests are in %s", path)
	r.warn("sign them there (virtpki sign), then virtpki install the answer; --via does both")
	return nil
}

// How long --via may take, and what is left to its children after it.
const (
	viaTimeout = 5 * time.Minute
	viaGrace   = 5 * time.Second
)

// askCA sends the requests to the CA and reads its answer. Where only the CRL is
// due it sends the one that is here, or the CA where there is none.
func (r *renewal) askCA(ctx context.Context, csrs []*pki.CSR) (*pki.Answer, error) {
	question := pki.EncodeCSRs(csrs...)
	if len(csrs) == 0 {
		a, err := authority.Open(r.g.Machine)
		if err != nil {
			return nil, err
		}
		question = pki.EncodeCertificates(a.Certificates...)
	}
	ctx, cancel := context.WithTimeout(ctx, viaTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", r.via)
	cmd.WaitDelay = viaGrace
	cmd.Stdin, cmd.Stderr = bytes.NewReader(question), r.stderr
	data, err := boundedOutput(cmd)
	if err != nil {
		return nil, hint.With(fmt.Errorf("asking the CA with %q: %w", r.via, err), "the live certificates are as they were; the keys wait")
	}
	answer, err := pki.ParseAnswer(data)
	if err != nil {
		return nil, fmt.Errorf("the answer of %q: %w", r.via, err)
	}
	return answer, nil
}

// boundedOutput is what a command prints, as far as an answer can be long.
func boundedOutput(cmd *exec.Cmd) ([]byte, error) {
	out := &bounded{left: store.MaxPEM}
	cmd.Stdout = out
	err := cmd.Run()
	if out.left < 0 {
		return nil, fmt.Errorf("it prints more than %d bytes", store.MaxPEM)
	}
	return out.Bytes(), err
}

// bounded keeps what is written up to a length, and refuses the rest.
type bounded struct {
	bytes.Buffer
	left int
}

func (b *bounded) Write(data []byte) (int, error) {
	if b.left -= len(data); b.left < 0 {
		return 0, io.ErrShortBuffer
	}
	return b.Buffer.Write(data)
}

// installAnswers installs the answer into each layout that it is for, as install
// does, and proves it.
func (r *renewal) installAnswers(ctx context.Context, answer *pki.Answer) error {
	layouts := r.dueLayouts()
	if len(layouts) == 0 { // the CRL alone
		layouts = append(layouts, r.g.System())
	}
	whole := &change.Job{}
	for _, in := range r.due() {
		whole.Did("%s: %s", in.pair.CertPath, in.why())
	}
	var errs []error
	for _, layout := range layouts {
		j, err := r.installInto(ctx, layout, answer)
		if err != nil {
			err = fmt.Errorf("installing the answer: %w", err)
		}
		if j != nil {
			whole.Merge(j)
		}
		errs = append(errs, err)
	}
	return r.tellWith(r.g, whole, errors.Join(append(errs, r.failures())...))
}

func (r *renewal) installInto(ctx context.Context, layout libvirt.Layout, answer *pki.Answer) (*change.Job, error) {
	trust, err := enroll.ParseFingerprints(r.trustNew)
	if err != nil {
		return nil, hint.Usage(err)
	}
	own, err := enroll.Own(r.g.Machine, layout, answer.Leafs)
	if err != nil {
		return nil, err
	}
	j, err := enroll.Install(ctx, r.g.Machine, enroll.Response{
		Answer:   &pki.Answer{Leafs: own, CAs: answer.CAs, CRLs: answer.CRLs},
		To:       keypair.Dest{Layout: layout, Owner: machine.Owner(), Keep: true},
		System:   layout.Base == r.g.System().Base,
		TrustNew: trust, Reload: r.reloadOptions.request(r.env),
	}, r.keys, r.runOptions(r.g, nil))
	if err == nil {
		err = r.stillDue(layout, own)
	}
	return j, err
}

// stillDue is the error for an answer that leaves a request unanswered.
func (r *renewal) stillDue(layout libvirt.Layout, own []*x509.Certificate) error {
	for _, in := range r.due() {
		role := func(cert *x509.Certificate) bool { return slices.Contains(pki.RolesOf(cert), in.role) }
		if in.layout.Base == layout.Base && !slices.ContainsFunc(own, role) {
			return fmt.Errorf("the answer holds no certificate for %s", in.pair.CertPath)
		}
	}
	return nil
}
