package main

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/allowlist"
	"virtpki/internal/authority"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/provision"
	"virtpki/internal/subject"
	"virtpki/pki"
	"virtpki/templates"
)

// firstBoot is what one machine gets.
func firstBoot(m *machine.Machine, o *cloudInitOptions, daemon libvirt.Daemon, name string) (templates.FirstBoot, error) {
	boot := templates.FirstBoot{
		Name: name, Program: o.binary, URL: o.url, SHA256: strings.ToLower(o.sha256), Packages: o.packages,
		Service: daemon.Service, Socket: daemon.TLSSocket, Sysconfdir: m.Sysconfdir,
		Arguments: o.arguments(m, name),
		Network:   o.bundle == "" || o.url != "",
	}
	if boot.Program == "" {
		boot.Program = "virtpki"
	}
	var err error
	switch {
	case o.request:
		err = bootRequest(m, o, &boot)
	case o.name != "":
		ca := &x509.Certificate{Subject: pkix.Name{Organization: []string{o.name}}}
		err = o.locksOut(ca, name)
	default:
		err = bootBundle(m, o, &boot)
	}
	return boot, err
}

// bootBundle gives a machine its bundle.
func bootBundle(m *machine.Machine, o *cloudInitOptions, boot *templates.FirstBoot) error {
	b, err := provision.LoadBundle(m, filepath.Join(o.bundle, boot.Name))
	if err != nil {
		return err
	}
	if b.Server.Cert.VerifyHostname(boot.Name) != nil {
		return fmt.Errorf("%s does not name %s", b.Server.CertPath, boot.Name)
	}
	if b.Client.Cert != nil && !o.force {
		if err := allowlist.LockedOut(o.allow, subject.Of(b.Client.Cert)); err != nil {
			return err
		}
	}
	boot.Files, err = bootFiles(b)
	return err
}

// bootRequest has a machine ask the CA here.
func bootRequest(m *machine.Machine, o *cloudInitOptions, boot *templates.FirstBoot) error {
	a, err := authority.Open(m)
	if err != nil {
		return err
	}
	wait, err := pki.ParseValidity(o.waitClock)
	if err != nil {
		return hint.Usage(err)
	}
	common := flagArgs("sysconfdir", machine.DefaultSysconfdir(), m.Sysconfdir)
	r := &templates.BootRequest{Via: o.via, Wait: wait}
	r.Arguments = slices.Concat(common, flagArgs("san", "", o.sans...), flagArgs("key-type", string(pki.DefaultKeyType), o.keyType))
	r.Install = slices.Concat(common, flagArgs("client-key-mode", "0600", o.clientKeyMode))
	boot.Request = r
	trust, made, err := a.TrustText()
	if err != nil {
		return err
	}
	r.NotBefore, boot.Files = made, []templates.BootFile{{Name: "trust.pem", Text: string(trust)}}
	return o.locksOut(a.CA.Certificate, boot.Name)
}

// locksOut is the error for a list that bootstrap would refuse when the machine
// boots, where nobody sees it: it keeps out the client that this CA will sign.
func (o *cloudInitOptions) locksOut(ca *x509.Certificate, name string) error {
	if o.client != "" {
		name = o.client
	}
	raw, err := subject.ForLeaf(ca, name)
	if err != nil || o.force {
		return hint.Usage(err)
	}
	return allowlist.LockedOut(o.allow, subject.Text(raw))
}

// flagArgs writes values of a flag that differ from its default. Each follows its
// flag after "=", so that none can pass for a flag.
func flagArgs(flag, otherwise string, values ...string) (args []string) {
	for _, value := range values {
		if value != otherwise {
			args = append(args, "--"+flag+"="+value)
		}
	}
	return args
}

// arguments are those of bootstrap. What is signed elsewhere is none of its.
func (o *cloudInitOptions) arguments(m *machine.Machine, name string) []string {
	args := []string{"--no-reload", "--wait-clock=" + o.waitClock, "--hostname=" + name}
	add := func(flag, otherwise string, values ...string) {
		args = append(args, flagArgs(flag, otherwise, values...)...)
	}
	add("sysconfdir", machine.DefaultSysconfdir(), m.Sysconfdir)
	if o.name != "" {
		add("ca", "", m.CADir)
		add("name", "", o.name)
		add("client", "", o.client)
		add("san", "", o.sans...)
		add("key-type", string(pki.DefaultKeyType), o.keyType)
		add("validity", pki.FormatValidity(pki.DefaultLeafValidity), o.validity)
		add("for", "any", o.target)
	}
	add("client-key-mode", "0600", o.clientKeyMode)
	add("daemon", "", o.daemon) // the machine itself might choose another than the commands beside this one start
	add("allow-dn", "", o.allow...)
	if o.force {
		args = append(args, "--force")
	}
	return args
}

// bootFiles are the files of a bundle, encoded anew: nothing but PEM is carried.
func bootFiles(b *provision.Bundle) ([]templates.BootFile, error) {
	flat := libvirt.Flat("")
	files := []templates.BootFile{{Name: flat.Path(libvirt.CACert), Text: string(pki.EncodeCertificates(b.CA.Certificates...))}}
	if b.CA.CRL != nil {
		crls, err := pki.ParseCRLs(b.CA.CRL)
		if err != nil {
			return nil, err
		}
		files = append(files, templates.BootFile{Name: flat.Path(libvirt.CACRL), Text: string(pki.EncodeCRL(crls...))})
	}
	for _, p := range []*keypair.Pair{b.Server, b.Client} {
		if p.Cert == nil {
			continue
		}
		key, err := pki.EncodeKey(p.Key, nil)
		if err != nil {
			return nil, err
		}
		role := string(p.Role)
		files = append(files,
			templates.BootFile{Name: flat.Path(libvirt.KeyFile(role)), Text: string(key)},
			templates.BootFile{Name: flat.Path(libvirt.CertFile(role)), Text: string(pki.EncodeCertificates(p.Cert))})
	}
	return files, nil
}
