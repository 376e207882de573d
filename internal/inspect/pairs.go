package inspect

import (
	"bytes"

	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/pki"
)

// pairs judges a certificate and its key with the CA and the CRL beside them, on a machine.
type pairs struct {
	files   *reader
	machine judge.Machine
}

// judge returns the findings of a program and its peers on a set. If there is no pair at all, it
// returns only those on the CA files.
func (p *pairs) judge(set judge.Set, target libvirt.Release) []judge.Finding {
	if set.Cert.Absent() && set.Key.Absent() && len(set.More) == 0 {
		return p.caFiles(set.CA, set.CRL, set.Product, target)
	}
	found := judge.OwnFiles(set, target, p.files.m.Now())
	if !judge.Refused(found) { // a peer sees only files with which their owner starts
		found = append(found, judge.InSession(set, judge.Peer{}, target, p.files.m.Now())...)
	}
	found = append(found, judge.CAOnHost(set.CA, set.CRL, crlTerms(set.CRL.Data), p.machine)...)
	if set.Product == "libvirt" || !p.copied(set) {
		found = append(found, judge.OnHost(set, p.machine)...)
	}
	return found
}

// copied reports whether QEMU's certificate is libvirt's own: then libvirt's place has the
// findings.
func (p *pairs) copied(set judge.Set) bool {
	return bytes.Equal(set.Cert.Data, p.files.read(p.files.m.System().Path(libvirt.CertFile(string(set.Role)))).Data)
}

// ca returns the findings on a CA file and a CRL by themselves.
func (p *pairs) ca(layout libvirt.Layout, product string, target libvirt.Release) []judge.Finding {
	ca, crl := p.files.read(layout.Path(libvirt.CACert)), p.files.read(layout.Path(libvirt.CACRL))
	return p.caFiles(ca, crl, product, target)
}

func (p *pairs) caFiles(ca, crl judge.File, product string, target libvirt.Release) []judge.Finding {
	found := judge.CAFile(ca, crl, product, target, p.files.m.Now())
	return append(found, judge.CAOnHost(ca, crl, crlTerms(crl.Data), p.machine)...)
}

// crlTerms returns the term of each CRL of a file.
func crlTerms(data []byte) []judge.CRLTerm {
	lists, _ := pki.ParseCRLs(data)
	var terms []judge.CRLTerm
	for _, list := range lists {
		terms = append(terms, judge.CRLTerm{Until: list.NextUpdate, Due: pki.Window{}.CRLOpens(list)})
	}
	return terms
}
