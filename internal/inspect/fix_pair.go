package inspect

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
)

// missing reports whether a finding says that a file does not exist.
func (t trouble) missing() bool { return strings.HasPrefix(t.ID, "no-") }

// keptByRenewal reports whether renew would keep the fault: it keeps the names, the subject and the
// template of a certificate.
func (t trouble) keptByRenewal() bool {
	switch t.ID {
	case "name-missing", "validate-name", "cert-is-ca", "cert-constraints-broken":
		return true
	}
	return strings.HasPrefix(t.ID, "subject-") || strings.HasPrefix(t.ID, "cert-usage") || strings.HasPrefix(t.ID, "cert-purpose")
}

// pairOfQEMU is about a pair in a directory of QEMU's. renew makes another certificate of the same
// names. If that does not help, the fix moves the pair aside and fills the directory again.
func pairOfQEMU(x *fixer, t trouble) (string, bool) {
	use, layout := x.uses[filepath.Dir(t.File)], libvirt.QEMUFolder(filepath.Dir(t.File))
	if use == "" || t.ID != "name-missing" && !t.byNewCertificate() && !t.unreadable() {
		return "", false
	}
	role := roleOf(t.File)
	cert, key := layout.Path(libvirt.CertFile(string(role))), layout.Path(libvirt.KeyFile(string(role)))
	switch {
	case t.File != cert && t.File != key:
		return "", false
	case !x.signs && !x.issuer.None() && !x.beyondVault(t.Finding):
		return x.aside(cert, key) + "virtpki " + x.flags + "bootstrap " + x.issuer.Flag() + " --with " + use, true
	case !x.signs:
		return "virtpki bootstrap --with " + use, true
	case !t.keptByRenewal() && x.certError(cert) == nil && x.keyError(key) == nil && x.renewable(role, cert):
		return "virtpki renew --force", true
	}
	return x.aside(cert, key) + "virtpki " + x.flags + "bootstrap --with " + use, true
}

// byNewCertificate reports whether the judge proposes to issue the certificate again.
func (t trouble) byNewCertificate() bool {
	return strings.HasPrefix(t.Fix, "virtpki issue ") || t.Fix == "virtpki renew" || t.Fix == "virtpki renew --force" || strings.HasPrefix(t.ID, "weak-")
}

// inTheWay reports whether something is in the place of a certificate or key that renew
// does not replace.
func (t trouble) inTheWay() bool {
	return t.ID == "not-a-file" || t.ID == "too-large" || t.ID == "dangling"
}

// unreadable reports whether a finding says that a file's contents cannot be used.
func (t trouble) unreadable() bool {
	switch t.ID {
	case "cert-not-pem", "cert-broken", "cert-too-large", "key-broken", "half-pair":
		return true
	}
	return t.inTheWay()
}

// pairElsewhere is about a pair that belongs neither to the system nor to QEMU: a user's, or one at
// a daemon's own path, which renew knows.
func pairElsewhere(x *fixer, t trouble) (string, bool) {
	if t.pair != nil || x.folder || x.uses[filepath.Dir(t.File)] != "" || !strings.HasPrefix(t.Fix, "virtpki issue ") {
		return "", false
	}
	if slices.Contains(x.users, filepath.Dir(t.File)) {
		return remade{role: roleOf(t.File), name: x.name(roleOf(t.File))}.inWords(), true
	}
	return "virtpki renew --force", true
}

// oneMoreName renews the certificate with the additional name, if renew takes the names from the
// certificate.
func oneMoreName(x *fixer, t trouble) (string, bool) {
	named := slices.Contains([]string{"name-missing", "name-mismatch", "validate-name"}, t.ID)
	return t.Fix, t.pair != nil && named && t.pair.unreadable == nil && x.renewable(t.pair.role, t.pair.cert)
}

// notByNewCertificate is about this machine's pairs, if the judge does not propose a new
// certificate, or a new one would have the same fault.
func notByNewCertificate(_ *fixer, t trouble) (string, bool) {
	if t.pair == nil {
		return "", false
	}
	reissue := t.Level == judge.Error || t.Stage == judge.Own || t.byNewCertificate()
	return "", t.ID == "swapped" || t.ID == "validate-access" || t.ID == "key-unchecked" || t.ID == "signature-unchecked" || !reissue && !t.missing() && t.ID != "name-missing"
}

// otherHalfElsewhere is about a certificate or key with its other half in a wrong place.
func otherHalfElsewhere(x *fixer, t trouble) (string, bool) {
	if t.pair == nil || t.ID != "half-pair" {
		return "", false
	}
	move := x.fixWhere(func(f judge.Finding) bool {
		return f.ID == "misplaced" && strings.HasSuffix(f.Fix, " "+termtext.ShellWord(t.File))
	})
	return move, move != ""
}

// newPairByRequest makes a pair with a key that stays here, while the CA's key is on another
// machine. An unreadable certificate is moved aside first. The key beside it stays, and proves that
// this host owns the name.
func newPairByRequest(x *fixer, t trouble) (string, bool) {
	if t.pair == nil || x.signs || t.pair.unreadable == nil && !t.keptByRenewal() {
		return "", false
	}
	p, ours := t.pair, "virtpki "+x.flags
	if !x.issuer.None() {
		return x.pairFromIssuer(p)
	}
	if p.unreadable != nil && !x.exists(p.cert) && x.waits(p.role) {
		sign, comment := x.askCA("")
		return fmt.Sprintf("%srequest %s | %s | %sinstall -%s", ours, p.role, sign, ours, remark(comment, "the key of this request is pending here")), true
	}
	name, request := x.name(p.role), fmt.Sprintf("%srequest %s", ours, p.role)
	if name == "" {
		return fmt.Sprintf("%srequest a certificate with this host's name (%s), sign it where the CA's key is (virtpki sign), and install the response (virtpki install)", x.asideInWords(p), request), true
	}
	aside, flags, replace := x.forRequest(p, name)
	sign, comment := x.askCA(replace)
	return fmt.Sprintf("%s%s %s%s | %s | %sinstall -%s", aside, request, name, flags, sign, ours, comment), true
}

// pairFromIssuer makes a pair that this machine's issuer signs. A key that waits here is used.
func (x *fixer) pairFromIssuer(p *ownPair) (string, bool) {
	aside, flags, _ := x.forRequest(p, "")
	return aside + x.requestFromIssuer(p.role, flags), true
}

// requestFromIssuer returns the command that has the issuer, or the CA that the timer asks, sign a
// request, with flags of the request.
func (x *fixer) requestFromIssuer(role judge.Role, flags string) string {
	filter := x.via
	if !x.issuer.None() {
		filter = x.issuer.Filter()
	}
	return fmt.Sprintf("virtpki %srequest %s %s%s | %s | virtpki %sinstall -", x.flags, role, cmp.Or(x.name(role), "NAME"), flags, filter, x.flags)
}

// forRequest returns the command that moves files aside for a request, the request's flags, and
// those of the command that signs it. Without the previous key, the CA's administrator has to
// confirm the owner of the name.
func (x *fixer) forRequest(p *ownPair, name string) (aside, flags, replace string) {
	if p.unreadable == nil {
		return "", "", ""
	}
	if x.keyError(p.key) == nil {
		return x.aside(p.cert), " --same-key", ""
	}
	if aside = x.aside(p.cert, p.key); aside != "" {
		replace = replaceThere(name)
	}
	return aside, "", replace
}

// asideInWords is aside in words, for a certificate that cannot be read.
func (x *fixer) asideInWords(p *ownPair) string {
	if p.unreadable == nil || !x.stands(p.cert) {
		return ""
	}
	return fmt.Sprintf("move %s aside, ", p.cert)
}

// hereFlag makes issue install a pair on this machine: a client's pair could belong to somebody
// else.
func hereFlag(role judge.Role) string {
	if role == judge.Client {
		return " --here"
	}
	return ""
}

// newPair makes a pair here if renew cannot: renew needs a certificate, and keeps its names. It
// moves existing files aside first.
func newPair(x *fixer, t trouble) (string, bool) {
	if t.pair == nil || !t.missing() && t.pair.unreadable == nil && !t.keptByRenewal() && x.renewable(t.pair.role, t.pair.cert) {
		return "", false
	}
	p := t.pair
	issue, name := fmt.Sprintf("virtpki %sissue %s", x.flags, p.role), x.name(p.role)
	here := hereFlag(p.role)
	switch {
	case name == "" && t.missing():
		return fmt.Sprintf("make a certificate and key with this host's name (%s)", issue+here), true
	case name == "":
		return fmt.Sprintf("move %s and %s aside, and make a certificate and key with this host's name (%s)", p.cert, p.key, issue+here), true
	case t.missing():
		return fmt.Sprintf("virtpki issue %s %s%s", p.role, name, here), true
	}
	return fmt.Sprintf("%s%s %s%s", x.aside(p.cert, p.key), issue, name, here), true
}

func judgesRenewal(_ *fixer, t trouble) (string, bool) {
	return t.Fix, t.pair != nil && t.Level != judge.Error && t.Fix == "virtpki renew"
}

func renewal(_ *fixer, t trouble) (string, bool) {
	return "virtpki renew --force", t.pair != nil
}
