package issuer

import (
	"context"
	"crypto"
	"crypto/x509"

	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// Trial is the result of a test request to an issuer, with the verdicts of libvirt and QEMU.
// Its JSON form is stable.
type Trial struct {
	Issuer   string          `json:"issuer"`
	Kind     string          `json:"kind"`
	Serials  []string        `json:"serials"` // of the certificates, whose keys are gone
	CAs      []TriedCA       `json:"cas"`
	Verdicts []Verdict       `json:"verdicts"`
	Findings []judge.Finding `json:"findings"`
}

// TriedCA is a CA of the response.
type TriedCA struct {
	DN          string `json:"dn"`
	Fingerprint string `json:"fingerprint"`
	Root        bool   `json:"root"`
}

// Verdict says whether one release accepts the certificate of one role.
type Verdict struct {
	Release string   `json:"release"` // the first of those with the same rules
	Role    pki.Role `json:"role"`
	Refused string   `json:"refused,omitempty"` // why; empty if it is accepted
}

// tried is one certificate of the trial.
type tried struct {
	role pki.Role
	csr  *pki.CSR
	key  crypto.Signer
	cert *x509.Certificate
}

// Try requests a certificate for each identity with a key that is thrown away, and has the
// judge check the certificates. Their subjects have an O that no organization uses: whether a
// CA keeps it is part of the trial.
func (i *Issuer) Try(ctx context.Context, ids []subject.Identity, keyType pki.KeyType) (*Trial, error) {
	var all []tried
	var csrs []*pki.CSR
	for _, id := range ids {
		one, err := newTried(id, keyType)
		if err != nil {
			return nil, err
		}
		all, csrs = append(all, one), append(csrs, one.csr)
	}
	answer, err := i.Ask(ctx, csrs)
	if err != nil {
		return nil, err
	}
	for n := range all {
		all[n].cert = answer.Leafs[n]
	}
	return i.report(all, answer), nil
}

// triedOrganization is the O of a trial's requests.
const triedOrganization = "virtpki trial"

func newTried(id subject.Identity, keyType pki.KeyType) (one tried, err error) {
	one.role = id.Role
	if one.key, err = pki.GenerateKey(keyType); err != nil {
		return one, err
	}
	r := pki.CSRRequest{Role: id.Role}
	like := &x509.Certificate{}
	like.Subject.Organization = []string{triedOrganization}
	if r.RawSubject, err = subject.ForLeaf(like, id.Name); err != nil {
		return one, err
	}
	if id.Role == pki.Server {
		r.DNSNames, r.IPAddresses = id.DNS, id.IPs
	}
	one.csr, err = pki.NewCSR(r, one.key)
	return one, err
}

func (i *Issuer) report(all []tried, answer *pki.Answer) *Trial {
	t := &Trial{Issuer: i.URL, Kind: i.Kind}
	for _, ca := range answer.CAs {
		t.CAs = append(t.CAs, TriedCA{subject.Of(ca), libvirt.Fingerprint(ca), isRoot(ca)})
	}
	for _, one := range all {
		t.Serials = append(t.Serials, store.SerialText(one.cert.SerialNumber))
		t.Verdicts = append(t.Verdicts, i.verdicts(one, answer)...)
		t.Findings = append(t.Findings, i.judged(one, answer)...)
		t.Findings = append(t.Findings, i.traps(one, answer)...)
	}
	t.Findings = append(t.Findings, i.crlTraps(answer)...)
	return t
}

// set returns the files as a program would read them.
func (one tried) set(product string, answer *pki.Answer) judge.Set {
	role := judge.Role(one.role)
	name := string(one.role) + " certificate"
	key, err := pki.EncodeKey(one.key, nil)
	s := judge.Set{
		Role: role, Product: product,
		CA:   judge.File{Path: "CA certificates", Data: pki.EncodeCertificates(answer.CAs...)},
		Cert: judge.File{Path: name, Data: pki.EncodeCertificates(one.cert)},
		Key:  judge.File{Path: string(one.role) + " key", Data: key, Err: err},
	}
	if len(answer.CRLs) > 0 {
		s.CRL = judge.File{Path: "CRL", Data: pki.EncodeCRL(answer.CRLs...)}
	}
	return s
}

// peer returns the other side of a connection: it knows a server by the requested names.
func (one tried) peer() (p judge.Peer) {
	if one.role == pki.Server {
		p.Names = append(p.Names, one.csr.DNSNames...)
		for _, ip := range one.csr.IPAddresses {
			p.Names = append(p.Names, ip.String())
		}
	}
	return p
}

// judgeBy returns the findings of a release about the certificate, as its own file and as that
// of its peer.
func (i *Issuer) judgeBy(one tried, release libvirt.Release, answer *pki.Answer) []judge.Finding {
	set := one.set(release.Product, answer)
	found := judge.OwnFiles(set, release, i.now())
	if !judge.Refused(found) {
		found = append(found, judge.InSession(set, one.peer(), release, i.now())...)
	}
	return found
}

func (i *Issuer) verdicts(one tried, answer *pki.Answer) (verdicts []Verdict) {
	for _, rules := range (libvirt.Release{}).Rules("") {
		v := Verdict{Release: rules.Name, Role: one.role}
		release, err := libvirt.ParseRelease(rules.Name)
		if err != nil {
			continue
		}
		for _, f := range i.judgeBy(one, release, answer) {
			if f.Level == judge.Error && v.Refused == "" {
				v.Refused = f.Text
			}
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// judged returns the judge's findings for any release. A finding about the certificate has to
// be fixed at the CA.
func (i *Issuer) judged(one tried, answer *pki.Answer) []judge.Finding {
	found := i.judgeBy(one, libvirt.Release{}, answer)
	for n := range found {
		if found[n].File == one.set("", answer).Cert.Path {
			found[n].Fix = i.fixRole(one.role)
		}
	}
	return found
}
