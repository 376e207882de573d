package enroll

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"io/fs"
	"strings"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/judge"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/pki"
)

// product returns the program that the layout's files belong to.
func (in *installer) product() string {
	if in.To.Layout.OfQEMU() {
		return "qemu"
	}
	return "libvirt"
}

// judge returns the reason for which the program here, or the other side of a connection, would
// refuse a pair, with the CAs and lists that are there afterwards, in the words of the judge. If no program is installed, it
// notes the faults that only some releases refuse.
func (in *installer) judge(j *change.Job, role pki.Role, key crypto.Signer, cert *x509.Certificate) error {
	return in.judgeAs(j, reader{in.product(), in.release, in.known}, &keypair.Pair{Role: role, Key: key, Cert: cert})
}

// reader is the program that reads the files.
type reader struct {
	product string
	release libvirt.Release
	known   bool // false: no release is known
}

// judgeAs is judge for one of the programs here.
func (in *installer) judgeAs(j *change.Job, by reader, pair *keypair.Pair) error {
	role, key, cert := pair.Role, pair.Key, pair.Cert
	keyPEM, err := pki.EncodeKey(key, nil)
	if err != nil {
		return err
	}
	file := func(f libvirt.File, data []byte) judge.File {
		return judge.File{Path: in.To.Layout.Path(f), Data: data}
	}
	set := judge.Set{
		Role: judge.Role(role), Product: by.product, GnuTLS: in.m.GnuTLS(),
		CA:   file(libvirt.CACert, pki.EncodeCertificates(in.cas...)),
		CRL:  file(libvirt.CACRL, pki.EncodeCRL(in.lists...)),
		Cert: file(libvirt.CertFile(string(role)), pki.EncodeCertificates(cert)),
		Key:  file(libvirt.KeyFile(string(role)), keyPEM),
	}
	if len(in.lists) == 0 {
		set.CRL = judge.File{Path: set.CRL.Path, Err: fs.ErrNotExist}
	}
	for _, f := range judge.OwnFiles(set, by.release, in.m.Now()) {
		if err := in.heed(j, role, by, f); err != nil {
			return err
		}
	}
	for _, f := range judge.InSession(set, judge.Peer{}, by.release, in.m.Now()) {
		if f.Level != judge.Error { // check says the others
			continue
		}
		if err := in.heed(j, role, by, f); err != nil {
			return err
		}
	}
	return nil
}

// heed turns a finding into a refusal or a note.
func (in *installer) heed(j *change.Job, role pki.Role, by reader, f judge.Finding) error {
	switch {
	case f.Level == judge.Error && (by.known || len(f.Releases) == 0):
		err := fmt.Errorf("libvirt would refuse it here: %s", f.Text)
		switch {
		case f.ID == "subject-empty" && len(in.Given) > 0:
			return hint.With(err, "have the CA put a name into the subject (commonName of cert-manager's Certificate)")
		case f.File == in.To.Layout.Path(libvirt.CertFile(string(role))):
			return hint.With(err, "%s", in.again(role))
		case f.Fix != "":
			return hint.With(err, "%s", f.Fix)
		}
		return err
	case f.Level == judge.Error:
		j.NoteOnce("%s (%s)", f.Text, strings.Join(f.Releases, ", "))
	case f.Level == judge.Warning:
		j.NoteOnce("%s", f.Text)
	}
	return nil
}
