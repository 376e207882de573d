package inspect

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/gnutls"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
)

// takenOut removes a CA that signed nothing here, or a CRL of such a CA, from its file: a daemon
// ends because of any faulty CA in its file, even an unused one.
func takenOut(x *fixer, t trouble) (string, bool) {
	ofCA := strings.HasPrefix(t.ID, "ca-") || slices.Contains([]string{"twin-cas", "weak-key", "ends-soon"}, t.ID) && t.Raw != nil
	ofCRL := t.ID == "crl-superseded" || t.ID == "crl-foreign"
	if !ofCA && !ofCRL || x.folder || strings.HasPrefix(t.ID, "ca-too-") {
		return "", false
	}
	data := x.read(t.File)
	b, ok := blockOf(t.Finding, data)
	if !ok || len(blocksOf(data)) == 1 || x.inUse(b, t.File) {
		return "", false
	}
	return x.takeOut(b, t.File), true
}

// inUse reports whether the CA of a block signed a certificate on this machine, or has its key
// here. It is false for an unreadable block: its CA is not known, and because of it the program
// cannot read the rest of the file.
func (x *fixer) inUse(b block, file string) bool {
	if b.cert == nil {
		return false
	}
	for _, leaf := range x.leaves(file) {
		if gnutls.Issued(leaf, b.cert) && !x.signedByTwin(leaf, b.cert, file) {
			return true
		}
	}
	return file == x.system.Path(libvirt.CACert) && x.keyOf(b.cert)
}

// signedByTwin reports whether the real signer of a certificate is another CA of the file, with the
// same name as ca.
func (x *fixer) signedByTwin(leaf, ca *gnutls.Certificate, file string) bool {
	check := func(by *gnutls.Certificate) bool {
		v := gnutls.ChainCheck{Trusted: []*gnutls.Certificate{by}, Now: leaf.NotBefore}
		return v.Verify([]*gnutls.Certificate{leaf})[gnutls.FaultSignature] == nil
	}
	return !check(ca) && slices.ContainsFunc(blocksOf(x.read(file)), func(b block) bool {
		return b.cert != nil && !bytes.Equal(b.raw, ca.Raw) && gnutls.Issued(leaf, b.cert) && check(b.cert)
	})
}

// issuerFirst moves the CA that signed a certificate to the place where the program looks for it:
// before the other CAs of its file, or from the certificate's own file to that of the CAs.
func issuerFirst(x *fixer, t trouble) (string, bool) {
	cas, from := x.caOf(t.File), t.File
	switch t.ID {
	case "issuer-too-late":
		cas = t.File
	case "issuer-in-cert-file":
	default:
		return "", false
	}
	for _, leaf := range x.leaves(cas) {
		b, ok := x.issuerOf(leaf, from)
		switch to := termtext.ShellWord(cas); {
		case !ok:
		case from != cas:
			return fmt.Sprintf("sed -n '%d,%dp' %s >>%s", b.first, b.last, termtext.ShellWord(from), to), true
		default:
			first := termtext.ShellWord(cas + ".new")
			return fmt.Sprintf("sed -n '%[1]d,%[2]dp' %[3]s >%[4]s && sed '%[1]d,%[2]dd' %[3]s >>%[4]s && mv %[4]s %[3]s", b.first, b.last, to, first), true
		}
	}
	return "", false
}

// issuerOf finds the CA of a file that issued a certificate.
func (x *fixer) issuerOf(leaf *gnutls.Certificate, file string) (block, bool) {
	for _, b := range blocksOf(x.read(file)) {
		if b.cert != nil && gnutls.Issued(leaf, b.cert) && !bytes.Equal(b.raw, leaf.Raw) {
			return b, true
		}
	}
	return block{}, false
}

// badIssuer is about certificates of a CA that may not sign, or that was made again with another
// key, while another CA signs here. The fix removes that CA from its file, since virtpki issues
// nothing beside it, and replaces its pairs by pairs of the CA that signs.
func badIssuer(x *fixer, t trouble) (string, bool) {
	cas := x.system.Path(libvirt.CACert)
	if !x.signs || t.ID != "issuer-not-ca" && t.ID != "issuer-usage" && !(t.ID == "issuer-other-key" && t.File == cas) {
		return "", false
	}
	out, issued := "", ""
	for _, role := range []judge.Role{judge.Server, judge.Client} {
		cert := x.system.Path(libvirt.CertFile(string(role)))
		leaf, err := gnutls.ReadCertificate(x.read(cert))
		if err != nil || t.pair != nil && t.pair.role != role || x.renewable(role, cert) || x.name(role) == "" {
			continue
		}
		if b, ok := x.issuerOf(leaf, cas); ok && out == "" && !x.keyOf(b.cert) {
			out = x.takeOut(b, cas) + " && "
		}
		issued += fmt.Sprintf(" && %svirtpki %sissue %s %s%s", x.aside(cert, x.system.Path(libvirt.KeyFile(string(role)))), x.flags, role, x.name(role), hereFlag(role))
	}
	return out + strings.TrimPrefix(issued, " && "), issued != ""
}

// notCopied are the findings of the CA's file and its CRL that a copy would have too.
var notCopied = []string{"ca-expired", "ca-future", "ca-too-many", "ca-ends-soon", "ends-soon", "twin-cas", "weak-key", "weak-signature", "crl-superseded", "unseen", "link"}

// fromCA copies the CA's file or its CRL again from the host with the CA's key. The file here stays
// until the copy is complete.
func fromCA(x *fixer, t trouble) (string, bool) {
	ca, crl := x.system.Path(libvirt.CACert), x.system.Path(libvirt.CACRL)
	file := t.File
	if t.ID == "crl-file-gone" {
		file = crl
	}
	switch {
	case x.signs || x.folder || !x.hasPair() || file != ca && file != crl || t.Stage == judge.Conf && x.stands(crl):
		return "", false
	case t.Fix != "" && t.Stage == judge.Places, slices.Contains(notCopied, t.ID), t.ID == "crl-foreign" && t.Level == judge.Note:
		return "", false
	}
	if !x.issuer.None() {
		return x.fromIssuer(file == crl), true
	}
	if x.via != "" && file == ca && x.provesNames() {
		return x.fromIssuer(false), true
	}
	there, make := libvirt.CA("/etc/pki/CA").Path(libvirt.CACert), ""
	if file == crl {
		there, make = libvirt.CA("/etc/pki/CA").Path(libvirt.CACRL), "virtpki crl -q && "
	}
	copied := termtext.ShellWord(file + ".new")
	return fmt.Sprintf("ssh CA '%scat %s' >%s && chmod 0644 %s && %smv %s %s%s", make, there, copied, copied, x.aside(file), copied, termtext.ShellWord(file), whereCA), true
}

// provesNames reports whether the key of this machine's certificate is here and can be read: the CA
// signs again for the host that has it.
func (x *fixer) provesNames() bool {
	key := x.system.Path(libvirt.KeyFile(string(x.certified())))
	return x.exists(key) && x.keyError(key) == nil
}

// certified returns a role for which this machine has a certificate.
func (x *fixer) certified() judge.Role {
	if x.exists(x.system.Path(libvirt.ServerCert)) {
		return judge.Server
	}
	return judge.Client
}

// fromIssuer installs the CRL or the CA certificates of this machine's issuer, or of its CA. Only a response with
// certificates brings CA certificates to a host that has none.
func (x *fixer) fromIssuer(crl bool) string {
	if crl {
		return x.issuerCRL(x.aside(x.system.Path(libvirt.CACRL)))
	}
	return x.aside(x.system.Path(libvirt.CACert)) + x.requestFromIssuer(x.certified(), " --same-key")
}

// caOfQEMU copies the CA's file of a directory of QEMU's from libvirt's own place, if a CA there
// signed the certificates of that directory.
func caOfQEMU(x *fixer, t trouble) (string, bool) {
	ca, system := libvirt.QEMUFolder(filepath.Dir(t.File)).Path(libvirt.CACert), x.system.Path(libvirt.CACert)
	gone := t.inTheWay() || slices.Contains([]string{"no-ca", "ca-not-pem", "ca-broken", "ca-too-large"}, t.ID)
	if x.uses[filepath.Dir(t.File)] == "" || t.File != ca || !gone {
		return "", false
	}
	for _, leaf := range x.leaves(ca) {
		if _, ok := x.issuerOf(leaf, system); ok {
			return fmt.Sprintf("%scp -p %s %s", x.aside(ca), termtext.ShellWord(system), termtext.ShellWord(ca)), true
		}
	}
	return "", false
}

// hasPair reports whether a certificate of this host is here: then a CA somewhere signs for it.
func (x *fixer) hasPair() bool {
	return x.exists(x.system.Path(libvirt.ServerCert)) || x.exists(x.system.Path(libvirt.ClientCert))
}
