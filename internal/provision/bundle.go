package provision

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Bundle holds the files that a host was given: a directory that `issue host --out` has made.
type Bundle struct {
	CA     *authority.Authority // without a key
	Server *keypair.Pair
	Client *keypair.Pair // without certificate and key in a bundle of a server alone
}

// bundleLayout returns the layout of a bundle's directory, which is flat or a tree to be copied
// onto /, and the directory of its CA's files.
func bundleLayout(m *machine.Machine, folder string) (layout libvirt.Layout, caFolder string) {
	if flat := libvirt.Flat(folder); store.At(folder).Exists(flat.Path(libvirt.CACert)) {
		return flat, folder
	}
	base := filepath.Join(folder, m.Sysconfdir)
	return libvirt.System(base), libvirt.CAFolder(base)
}

// LoadBundle reads a bundle and checks that its parts belong together.
func LoadBundle(m *machine.Machine, folder string) (*Bundle, error) {
	layout, caFolder := bundleLayout(m, folder)
	at := m.WithCA(caFolder)
	at.Root = folder // nothing in it leads out of it
	b := &Bundle{}
	var err error
	if b.CA, err = authority.Open(at); errors.Is(err, authority.ErrNone) {
		return nil, hint.With(fmt.Errorf("no bundle in %s: %s is missing", folder, layout.Path(libvirt.CACert)), "make one on the CA's machine: virtpki issue host NAME --out DIR; unpack a tar archive first")
	}
	if err != nil {
		return nil, err
	}
	if b.Server, err = b.pair(layout, pki.Server); err != nil {
		return nil, err
	}
	if b.Server.Cert == nil {
		return nil, fmt.Errorf("no server certificate in the bundle: %s is missing", b.Server.CertPath)
	}
	b.Client, err = b.pair(layout, pki.Client)
	return b, err
}

// pair reads a pair of the bundle. It is complete, or not there at all.
func (b *Bundle) pair(layout libvirt.Layout, role pki.Role) (*keypair.Pair, error) {
	p, err := keypair.Load(b.CA.Tree, layout, role)
	switch {
	case err != nil:
		return nil, err
	case p.Cert == nil && p.Key == nil:
		return p, nil
	case p.Cert == nil:
		return nil, fmt.Errorf("%s: its certificate %s is missing", p.KeyPath, p.CertPath)
	case p.Key == nil:
		return nil, hint.With(p.KeyMissing(), "make the bundle again on the CA's machine")
	case !b.CA.HasSigned(p.Cert):
		return nil, fmt.Errorf("%s: %s is not signed by the CA in %s", p.CertPath, subject.Of(p.Cert), b.CA.Layout.Path(libvirt.CACert))
	}
	return p, nil
}

// outdated reports whether a host has its server's pair, and from later than the bundle. Then
// the host has renewed it, its CA and CRL may be newer too, and nothing of the bundle may come
// back.
func (b *Bundle) outdated(t store.Tree, to keypair.Dest) bool {
	have, err := keypair.Load(t, to.Layout, pki.Server)
	return err == nil && have.Cert != nil && have.Key != nil &&
		bytes.Equal(have.Cert.RawSubject, b.Server.Cert.RawSubject) && have.Cert.NotBefore.After(b.Server.Cert.NotBefore)
}

// install plans the bundle's files into their places. A newer file on the host stays: the host
// has renewed it. It returns the files that the host will have.
func (b *Bundle) install(j *change.Job, to keypair.Dest, now time.Time) (*outfit, error) {
	if err := b.CA.PlanTrust(j, to, authority.FromBundle); err != nil {
		return nil, b.hintAtMove(j.Plan.Tree(), to, err)
	}
	has := &outfit{ca: b.CA}
	var err error
	if has.crl, err = b.shareCRL(j, to); err != nil {
		return nil, err
	}
	j.Plan.Together(to.Layout.PairFolder()) // also if nothing changes: this finishes a run that was killed
	if has.server, err = b.installPair(j, to, b.Server, now); err != nil {
		return nil, err
	}
	has.client, err = b.installPair(j, to, b.Client, now)
	return has, err
}

// hintAtMove returns err with a hint, if the host trusts another CA than the bundle's: mostly
// one that "bootstrap --name" made there by mistake.
func (b *Bundle) hintAtMove(t store.Tree, to keypair.Dest, err error) error {
	here, unread := keypair.ReadCertsIfThere(t, to.Layout.Path(libvirt.CACert))
	ofBundle := func(c *x509.Certificate) bool { return slices.ContainsFunc(b.CA.Certificates, c.Equal) }
	if unread != nil || len(here) == 0 || slices.ContainsFunc(here, ofBundle) {
		return err
	}
	cas, pairs := filepath.Dir(to.Layout.Path(libvirt.CACert)), to.Layout.PairFolder()
	move := fmt.Sprintf("mv %[1]s %[1]s.old", termtext.ShellWord(cas))
	if t.Exists(pairs) {
		move += fmt.Sprintf(" && mv %[1]s %[1]s.old", termtext.ShellWord(pairs))
	}
	return hint.With(err, "to change to the bundle's CA, move the files of the other away: %s", move)
}

// shareCRL plans the lists of the bundle's CAs that are newer than those that are there, and
// reports whether there will be any.
func (b *Bundle) shareCRL(j *change.Job, to keypair.Dest) (has bool, err error) {
	here, err := keypair.ReadCRLs(j.Plan.Tree(), to.Layout.Path(libvirt.CACRL))
	if err != nil || b.CA.CRL == nil {
		return here != nil, err
	}
	come, err := pki.ParseCRLs(b.CA.CRL)
	if err != nil {
		return false, fmt.Errorf("%s: %w", b.CA.Layout.Path(libvirt.CACRL), err)
	}
	var signed []*pki.CRL
	for _, ca := range b.CA.Certificates {
		if list := keypair.NewestCRL(come, ca); list != nil {
			signed = append(signed, list)
		}
	}
	lists, _ := keypair.MergeCRLs(here, signed, false)
	if len(lists) == 0 || keypair.SameCRLs(here, lists) {
		return here != nil, nil
	}
	to.Keep = true
	return true, to.Write(&j.Plan, libvirt.CACRL, pki.EncodeCRL(lists...))
}

// installPair plans one key pair: the bundle's, unless the existing one is the same or a later
// one of the same name.
func (b *Bundle) installPair(j *change.Job, to keypair.Dest, given *keypair.Pair, now time.Time) (*keypair.Pair, error) {
	have, err := keypair.Load(j.Plan.Tree(), to.Layout, given.Role)
	if err != nil || given.Cert == nil {
		return have, err
	}
	wins, err := whichPair(have, given)
	switch {
	case err != nil:
		return nil, err
	case wins == newer:
		j.Note("%s is newer than the bundle's: it was kept", have.CertPath)
		err = checkTaken(j, b.CA, have, now)
		fallthrough
	case wins == same:
		j.Found = append(j.Found, change.Placed{Cert: have.Cert, Path: have.CertPath})
		return have, err
	case wins == renewed:
		to.Keep = true
	}
	j.Made = append(j.Made, change.Placed{Cert: given.Cert, Path: to.Layout.Path(libvirt.CertFile(string(given.Role)))})
	return given, j.WritePair(to, given.Role, given.Key, given.Cert, have.Alone())
}

// outcome says which of two key pairs counts, the existing one or the given one.
type outcome int

const (
	missing outcome = iota // the given one: nothing exists, or only a part of it
	renewed                // the given one, in the place of an older one
	same                   // the one that is there is the given one
	newer                  // the one that is there: it is later, so the host has renewed it
)

// whichPair returns which key pair counts. An existing one of another name or with another key
// is an error: virtpki does not overwrite somebody else's files.
func whichPair(have, given *keypair.Pair) (outcome, error) {
	switch {
	case have.Cert == nil && have.Key != nil && !pki.KeyMatches(given.Cert, have.Key):
		return 0, hint.With(fmt.Errorf("%s: there is already another key here, without a certificate", have.KeyPath), "move it away to use the certificate and key of the bundle")
	case have.Cert == nil:
		return missing, nil
	case have.Cert.Equal(given.Cert) && have.Key == nil:
		return missing, nil
	case have.Cert.Equal(given.Cert):
		return same, nil
	case !bytes.Equal(have.Cert.RawSubject, given.Cert.RawSubject):
		return 0, hint.With(fmt.Errorf("%s: this is %s already, and the bundle is for %s", have.CertPath, subject.Of(have.Cert), subject.Of(given.Cert)),
			"use the bundle on its own host; if this is a copy of another machine, move the certificate and its key away first")
	case have.Key == nil:
		return 0, hint.With(have.KeyMissing(), "restore the key, or remove the certificate to use the certificate and key of the bundle")
	case !have.Cert.NotBefore.Before(given.Cert.NotBefore):
		return newer, nil
	}
	return renewed, nil
}
