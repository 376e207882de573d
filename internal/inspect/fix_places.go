package inspect

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"virtpki/internal/gnutls"
	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
)

// notADirectory moves a file aside that stands in the place of a directory, and makes the
// directory.
func notADirectory(x *fixer, t trouble) (string, bool) {
	if t.ID != "not-a-folder" {
		return "", false
	}
	mode := "0755"
	if t.File == filepath.Dir(x.caKey) {
		mode = "0700"
	}
	return fmt.Sprintf("%smkdir -m %s %s", x.aside(t.File), mode, termtext.ShellWord(t.File)), true
}

// noListThere is about anything in the place of the CRL that is not a CRL: a list made here loses
// nothing.
func noListThere(x *fixer, t trouble) (string, bool) {
	counts := x.signs && t.File == x.system.Path(libvirt.CACRL) && (t.ID == "not-a-file" || t.ID == "dangling")
	return x.aside(t.File) + "virtpki " + x.flags + "crl", counts
}

var numberedFile = regexp.MustCompile(`^(server|client)(cert|key)([0-3])\.pem$`)

// numbered moves a further pair aside, such as servercert0.pem and its key: libvirt reads it beside
// the plain pair, and works without it. If there is no plain pair, numbered makes it.
func numbered(x *fixer, t trouble) (string, bool) {
	m := numberedFile.FindStringSubmatch(filepath.Base(t.File))
	role := roleOf(t.File)
	cert, key := x.system.Path(libvirt.CertFile(string(role))), x.system.Path(libvirt.KeyFile(string(role)))
	if m == nil || t.Fix == "" || filepath.Dir(t.File) != filepath.Dir(cert) && filepath.Dir(t.File) != filepath.Dir(key) {
		return "", false
	}
	number := func(path string) string { return strings.TrimSuffix(path, ".pem") + m[3] + ".pem" }
	aside := x.aside(number(cert), number(key))
	if x.stands(cert) || !x.signs || x.name(role) == "" {
		return strings.TrimSuffix(aside, " && "), true
	}
	return fmt.Sprintf("%svirtpki %sissue %s %s%s", aside, x.flags, role, x.name(role), hereFlag(role)), true
}

// chained writes the certificates of a file in the order that QEMU needs, or appends the CA that
// QEMU misses from libvirt's CA file.
func chained(x *fixer, t trouble) (string, bool) {
	file := termtext.ShellWord(t.File)
	switch t.ID {
	case "chain-order":
		blocks := blocksOf(x.read(t.File))
		var certs []*gnutls.Certificate
		for _, b := range blocks {
			if b.cert == nil {
				return "", false
			}
			certs = append(certs, b.cert)
		}
		old := termtext.ShellWord(x.free(t.File))
		fix := fmt.Sprintf("cp -p %s %s && {", file, old)
		for _, cert := range gnutls.SortChain(certs) {
			for _, b := range blocks {
				if bytes.Equal(b.raw, cert.Raw) {
					fix += fmt.Sprintf(" sed -n '%d,%dp' %s;", b.first, b.last, old)
					break
				}
			}
		}
		return fix + " } >" + file, true
	case "root-missing":
		blocks := blocksOf(x.read(t.File))
		for _, b := range blocks {
			if b.cert == nil {
				continue
			}
			system := x.system.Path(libvirt.CACert)
			there := func(c block) bool { return c.cert != nil && bytes.Equal(c.cert.Subject, b.cert.Issuer) }
			if root, ok := x.issuerOf(b.cert, system); ok && system != t.File && !slices.ContainsFunc(blocks, there) {
				return fmt.Sprintf("sed -n '%d,%dp' %s >>%s", root.first, root.last, termtext.ShellWord(system), file), true
			}
		}
	}
	return "", false
}
