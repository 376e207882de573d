package judge

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"io/fs"
	"strings"
	"time"
)

// Faults of the files as such: forms, encodings, missing files.

func missing(path string) File {
	return File{Path: path, Err: &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}}
}

// file may damage the text, or leave it out.
func (g *generator) file(path string, text []byte) File {
	if g.chance(g.odd / 3) {
		return missing(path)
	}
	if g.strange() {
		text = g.reform(text)
	}
	return File{Path: path, Data: text}
}

func (g *generator) reform(text []byte) []byte {
	reforms := []func([]byte) []byte{
		func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) },
		func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) },
		func(b []byte) []byte { return append([]byte("Subject: x\nsome text -- here\n\n"), b...) },
		func(b []byte) []byte { return bytes.TrimRight(b, "\n") },
		func(b []byte) []byte { return b[:len(b)*g.IntN(100)/100] },
		func([]byte) []byte { return []byte{} },
		func([]byte) []byte { return []byte("garbage\n") },
		func(b []byte) []byte { block, _ := pem.Decode(b); return block.Bytes },
		func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte(" CERTIFICATE"), []byte(" TRUSTED CERTIFICATE"))
		},
		func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(" CERTIFICATE"), []byte(" X509 CERTIFICATE")) },
		func(b []byte) []byte { return bytes.Replace(b, []byte("END"), []byte("END OF"), 1) },
		func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("A"), []byte("A \t")) },
		func(b []byte) []byte { return bytes.Replace(b, []byte("M"), []byte("M!"), 1) },
		func(b []byte) []byte { return append(b, bytes.Repeat([]byte("\n"), 65537-min(65537, len(b)))...) },
		func(b []byte) []byte { return append(b, bytes.Repeat([]byte("\n"), 65536-min(65536, len(b)))...) },
		func(b []byte) []byte { return append([]byte("x\x00y\n"), b...) },
		func(b []byte) []byte { return append(append(b, 0), b...) },
		func(b []byte) []byte { return append(pemBlock("CERTIFICATE REQUEST", []byte{0x30, 0}), b...) },
		func(b []byte) []byte { return append(b, pemBlock("CERTIFICATE", []byte{0x30, 3, 2, 1, 1})...) },
		func(b []byte) []byte { return append(b, b...) },
		func(b []byte) []byte { return bytes.Replace(b, []byte("-----\n"), []byte("------\n"), 1) },
		func(b []byte) []byte { c := bytes.Clone(b); c[g.IntN(len(c))] ^= 1 << g.IntN(8); return c },
		func(b []byte) []byte { return append(b, "trailing text\n"...) },
	}
	return pick(g, reforms...)(bytes.Clone(text))
}

// encryptedKey was made by certtool from an EC key with the passphrase "x".
const encryptedKey = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIIBADBbBgkqhkiG9w0BBQ0wTjAtBgkqhkiG9w0BBQwwIAQNMxFIhTR/5o8nEfbi
lgIDCSfAMAoGCCqGSIb3DQIJMB0GCWCGSAFlAwQBAgQQ3Gc3RJqlHa8gmKk649F1
/gSBoCDL1N/bVv/93K1ZceP7nKAz23vdDv27HIH8NIPEsozKnqRE6q35lQI0S5Qg
703PBcpjOwLL/wQ4LGB6kBZcfEvo1wYyVnexmRgl2KH03Em3VYZKhV2js6whMBS8
nenqV9NmEdBAxKmiJMrxNxJmOzTUdKKpjex6BWhdvjHY9+5gaZCnJSD3UrZm1jew
8vo/irDrTImGccT1PnAAAct34Qc=
-----END ENCRYPTED PRIVATE KEY-----
`

func (g *generator) keyText(key testKey) []byte {
	if g.chance(g.odd / 4) {
		return []byte(encryptedKey)
	}
	if key.pss {
		if g.chance(0.5) {
			return pemBlock("RSA PRIVATE KEY", pkcs1Of(key))
		}
		return pssKeyText(key)
	}
	switch {
	case strings.HasPrefix(key.name, "rsa") && g.chance(0.3):
		return pemBlock("RSA PRIVATE KEY", pkcs1Of(key))
	case strings.HasPrefix(key.name, "p") && g.chance(0.3):
		return sec1Of(key, g.chance(0.5))
	}
	return pemBlock("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key.signer)))
}

func (g *generator) crlFile(t trust, leaf identity) File {
	if g.chance(0.4) {
		return missing("cacrl.pem")
	}
	var text []byte
	for range 1 + g.IntN(5)/4 {
		c := crlSpec{issuer: t.issuer.spec.subject, this: g.now.Add(-time.Duration(g.IntN(48)) * time.Hour), next: g.now.Add(24 * time.Hour), spoil: g.chance(0.1)}
		if g.chance(0.1) {
			c.next = g.now.Add(-time.Minute)
		}
		if g.chance(0.05) {
			c.next = time.Time{}
		}
		for range g.IntN(4) {
			c.serials = append(c.serials, g.serial())
		}
		if g.chance(0.1) {
			c.serials = append(c.serials, leaf.spec.serial)
		}
		if g.chance(0.1) {
			c.issuer = name("CN=nobody")
		}
		text = append(text, pemBlock("X509 CRL", c.sign(t.issuer.key))...)
	}
	return g.file("cacrl.pem", text)
}

// describe prints a set so that people can examine a disagreement.
func describe(s Set) string {
	var b strings.Builder
	for _, f := range []File{s.CA, s.CRL, s.Cert, s.Key} {
		b.WriteString(f.Path + ":\n")
		if f.Err != nil {
			b.WriteString(f.Err.Error() + "\n")
		} else if bytes.ContainsAny(f.Data, "\x00") || len(f.Data) > 20000 {
			b.WriteString(hex.EncodeToString(f.Data[:min(400, len(f.Data))]) + "\n")
		} else {
			b.Write(f.Data)
		}
	}
	return b.String()
}
