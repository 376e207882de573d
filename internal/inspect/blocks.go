package inspect

import (
	"bytes"
	"fmt"
	"strings"

	"virtpki/internal/gnutls"
	"virtpki/internal/judge"
	"virtpki/internal/termtext"
)

// block is a PEM block of a file of CAs or CRLs.
type block struct {
	first, last int    // its lines, counted from 1
	raw         []byte // its DER form; nil where GnuTLS cannot read it
	cert        *gnutls.Certificate
}

// blocksOf finds the certificates and CRLs of a file with their lines. A block without an end
// extends to the next one.
func blocksOf(data []byte) []block {
	var blocks []block
	lines := bytes.SplitAfter(data, []byte("\n"))
	open := false
	for i, line := range lines {
		switch label := strings.TrimSpace(string(line)); {
		case strings.HasPrefix(label, "-----BEGIN ") && (strings.HasSuffix(label, "CERTIFICATE-----") || strings.HasSuffix(label, "X509 CRL-----")):
			blocks, open = append(blocks, block{first: i + 1, last: i + 1}), true
		case open:
			blocks[len(blocks)-1].last = i + 1
			open = !strings.HasPrefix(label, "-----END ")
		}
	}
	for i := range blocks {
		blocks[i].read(bytes.Join(lines[blocks[i].first-1:blocks[i].last], nil))
	}
	return blocks
}

// read reads the text of a block, as GnuTLS does.
func (b *block) read(text []byte) {
	if cert, err := gnutls.ReadCertificate(text); err == nil {
		b.raw, b.cert = cert.Raw, cert
	} else if crls, err := gnutls.ReadCRLs(text); err == nil {
		b.raw = crls[0].Raw
	}
}

// blockOf returns the block of a file that a finding concerns: the block with its bytes, or the
// first one that cannot be read.
func blockOf(f judge.Finding, data []byte) (block, bool) {
	for _, b := range blocksOf(data) {
		if f.ID == "ca-broken" && b.raw == nil || f.Raw != nil && bytes.Equal(f.Raw, b.raw) {
			return b, true
		}
	}
	return block{}, false
}

// takeOut returns the command that removes a block from a file, and keeps a copy of the file.
func (x *fixer) takeOut(b block, path string) string {
	word := termtext.ShellWord(path)
	return fmt.Sprintf("cp -p %s %s && sed -i '%d,%dd' %s", word, termtext.ShellWord(x.free(path)), b.first, b.last, word)
}
