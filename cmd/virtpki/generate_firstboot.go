package main

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/libvirt"
	"virtpki/pki"
	"virtpki/templates"
)

// firstBoot is what one machine gets.
func (e *env) firstBoot(g *globals, o *cloudInitOptions, daemon libvirt.Daemon, name string) (templates.FirstBoot, error) {
	boot := templates.FirstBoot{
		Name: name, Program: o.binary, URL: o.url, SHA256: strings.ToLower(o.sha256), Packages: o.packages,
		Service: daemon.Service, Socket: daemon.TLSSocket, Sysconfdir: g.sysconfdir,
		Arguments: o.arguments(g, name),
		Network:   o.bundle == "" || o.url != "",
	}
	if boot.Program == "" {
		boot.Program = "virtpki"
	}
	switch {
	case o.request:
		err := e.bootRequest(g, o, &boot)
		return boot, err
	case o.name != "":
		client, err := o.ownClient(o.name, name)
		return boot, firstOf(err, o.locksOut(client))
	}
	b, err := e.loadBundle(g, filepath.Join(o.bundle, name))
	if err != nil {
		return boot, err
	}
	if b.client.cert != nil {
		err = o.locksOut(dnOf(b.client.cert))
	}
	if err == nil && b.server.cert.VerifyHostname(name) != nil {
		err = fmt.Errorf("%s does not name %s", b.server.certPath, name)
	}
	if err == nil {
		boot.Files, err = b.bootFiles()
	}
	return boot, err
}

// bootRequest has a machine ask the CA here: what it is to trust, and from when on.
func (e *env) bootRequest(g *globals, o *cloudInitOptions, boot *templates.FirstBoot) error {
	a, err := e.loadCA(g)
	if err != nil {
		return err
	}
	wait, err := pki.ParseValidity(o.waitClock)
	if err != nil {
		return usageError{err}
	}
	r := &templates.BootRequest{Via: o.via, NotBefore: a.ca.Certificate.NotBefore, Wait: wait}
	trust := pki.EncodeCertificates(a.bundle...)
	if a.crl != nil {
		crls, err := pki.ParseCRLs(a.crl)
		if err != nil {
			return fmt.Errorf("%s: %w", a.layout.Path(libvirt.CACRL), err)
		}
		trust = append(trust, pki.EncodeCRL(crls...)...)
		if made := crls[0].ThisUpdate; made.After(r.NotBefore) {
			r.NotBefore = made
		}
	}
	common := flagArgs("sysconfdir", defaultSysconfdir(), g.sysconfdir)
	r.Arguments = slices.Concat(common, flagArgs("san", "", o.sans...), flagArgs("key-type", string(pki.DefaultKeyType), o.keyType))
	r.Install = slices.Concat(common, flagArgs("client-key-mode", "0600", o.clientKeyMode))
	boot.Request, boot.Files = r, []templates.BootFile{{Name: "trust.pem", Text: string(trust)}}
	client, err := o.ownClient(organisation(a.ca.Certificate), boot.Name)
	return firstOf(err, o.locksOut(client))
}

// organisation is the O that a CA puts into what it signs; empty for none.
func organisation(ca *x509.Certificate) string {
	if len(ca.Subject.Organization) == 0 {
		return ""
	}
	return ca.Subject.Organization[0]
}

// locksOut is the error for a list that bootstrap would refuse when the machine
// boots, where nobody sees it.
func (o *cloudInitOptions) locksOut(client string) error {
	if o.force {
		return nil
	}
	return lockedOut(o.allow, client)
}

// ownClient is the DN of the client certificate that a machine makes or asks for.
func (o *cloudInitOptions) ownClient(organisation, name string) (string, error) {
	if o.client != "" {
		name = o.client
	}
	ca := &x509.Certificate{Subject: pkix.Name{Organization: []string{organisation}}}
	raw, err := leafSubject(ca, name)
	if err != nil {
		return "", asUsage(err)
	}
	return dnText(raw), nil
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
func (o *cloudInitOptions) arguments(g *globals, name string) []string {
	args := []string{"--no-reload", "--wait-clock=" + o.waitClock, "--hostname=" + name}
	add := func(flag, otherwise string, values ...string) {
		args = append(args, flagArgs(flag, otherwise, values...)...)
	}
	add("sysconfdir", defaultSysconfdir(), g.sysconfdir)
	if o.name != "" {
		add("ca", "", g.ca)
		add("name", "", o.name)
		add("client", "", o.client)
		add("san", "", o.sans...)
		add("key-type", string(pki.DefaultKeyType), o.keyType)
		add("validity", pki.FormatValidity(pki.DefaultLeafValidity), o.validity)
		add("for", "any", o.target)
	}
	add("client-key-mode", "0600", o.clientKeyMode)
	add("daemon", "libvirtd", o.daemon)
	add("allow-dn", "", o.allow...)
	if o.force {
		args = append(args, "--force")
	}
	return args
}

// bootFiles are the files of a bundle, encoded anew: nothing but PEM is carried.
func (b *hostBundle) bootFiles() ([]templates.BootFile, error) {
	flat := libvirt.Flat("")
	files := []templates.BootFile{{Name: flat.Path(libvirt.CACert), Text: string(pki.EncodeCertificates(b.a.bundle...))}}
	if b.a.crl != nil {
		crls, err := pki.ParseCRLs(b.a.crl)
		if err != nil {
			return nil, err
		}
		files = append(files, templates.BootFile{Name: flat.Path(libvirt.CACRL), Text: string(pki.EncodeCRL(crls...))})
	}
	for _, p := range []*pair{b.server, b.client} {
		if p.cert == nil {
			continue
		}
		key, err := pki.EncodeKey(p.key, nil)
		if err != nil {
			return nil, err
		}
		role := string(p.role)
		files = append(files,
			templates.BootFile{Name: flat.Path(libvirt.KeyFile(role)), Text: string(key)},
			templates.BootFile{Name: flat.Path(libvirt.CertFile(role)), Text: string(pki.EncodeCertificates(p.cert))})
	}
	return files, nil
}
