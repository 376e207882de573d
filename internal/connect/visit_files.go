package connect

import (
	"crypto/x509"
	"fmt"
	"os"
	"slices"

	"virtpki/internal/certinfo"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/starttls"
	"virtpki/internal/termtext"
)

// findFiles returns the files that a client of the service reads here: those of QEMU's use, if
// this machine has them, else those of libvirt's clients. A pkipath may have the names of
// either.
func (c visit) findFiles(pkipath string) (libvirt.ClientFiles, error) {
	if pkipath != "" {
		if files := libvirt.QEMUClientFiles(pkipath, c.isThere); c.isThere(files.CA) {
			return files, nil
		}
		return libvirt.PKIPathFiles(pkipath, c.isThere), nil
	}
	if c.service.use != "" && os.Geteuid() == 0 {
		folder, err := c.useFolder()
		if err != nil {
			return libvirt.ClientFiles{}, err
		}
		if files := libvirt.QEMUClientFiles(folder, c.isThere); c.isThere(files.CA) {
			return files, nil
		}
	}
	return c.find(), nil
}

// useFolder returns the directory that QEMU reads here for the service's use.
func (c visit) useFolder() (string, error) {
	use, err := libvirt.FindQEMUUse(c.service.use)
	if err != nil {
		return "", err
	}
	conf, err := c.m.QEMUConf()
	if err != nil {
		return "", err
	}
	folder := use.FolderIn(conf, c.m.Sysconfdir, func(path string) bool { return c.isThere(c.m.Path(path)) })
	return c.m.Path(folder), nil
}

// ownFindings keeps the findings of a client's own files that count for the service.
// virt-viewer and SPICE's viewers load their files without checking them; QEMU checks its own.
func (s *service) ownFindings(findings []judge.Finding) []judge.Finding {
	if s.use == "" {
		return judge.WithoutSanity(findings)
	}
	return findings
}

// spiceDistrust adds the objections to a certificate that SPICE's viewers have by rules of
// their own.
func (c visit) spiceDistrust(leaf *x509.Certificate) {
	if c.distrust.certificate == nil && !starttls.SpicePurpose(leaf) {
		c.distrust.certificate = &Reason{Sure: true, Text: "the server's certificate: its extended key usage does not allow a server",
			Fix: "on the server: virtpki request server NAME, then virtpki sign and virtpki install"}
	}
	if starttls.SpiceName(leaf, c.uri.Host) {
		return
	}
	names := certinfo.Of(leaf, "", leaf.NotAfter).Names()
	c.distrust.name = &Reason{Sure: true,
		Text: fmt.Sprintf("the server's certificate: does not cover the name %q as SPICE viewers compare it; it names %s", c.uri.Host, termtext.Quote(names)),
		Fix: "connect by a name that is in it (SPICE does not accept an IPv6 address), or give the viewer its subject (host-subject in a .vv file); or on the server: virtpki request server NAME --san " +
			termtext.ShellWord(c.uri.Host) + ", then virtpki sign and virtpki install"}
}

// inSession changes the findings of QEMU as a client to those of the service's. gtk-vnc relies
// on GnuTLS alone, as QEMU does, but reads a CRL, which QEMU as a client does not. SPICE's
// viewers do not read one either, and have rules of their own for names.
func (c visit) inSession(served judge.Set, findings []judge.Finding) []judge.Finding {
	switch c.service.scheme {
	case "vnc":
		served.Product = "libvirt"
		findings = append(findings, slices.DeleteFunc(judge.InSession(served, judge.Peer{}, libvirt.Release{}, c.m.Now()), func(f judge.Finding) bool { return f.ID != revoked })...)
	case "spice":
		findings = slices.DeleteFunc(findings, func(f judge.Finding) bool { return f.ID == nameMismatch })
	}
	return findings
}

const revoked = "cert-revoked"

// withoutNames removes the findings about names.
func withoutNames(findings []judge.Finding) []judge.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f judge.Finding) bool { return f.ID == nameMismatch })
}
