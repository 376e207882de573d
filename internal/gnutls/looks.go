package gnutls

import (
	"bytes"
)

// LooksLike describes a file in which the wanted PEM block was not found: empty, DER,
// or the label of the block that is there.
func LooksLike(data []byte) string {
	switch {
	case len(data) == 0:
		return "it is empty"
	case len(bytes.TrimSpace(data)) == 0:
		return "it contains only white space"
	case bytes.Contains(data, []byte("BEGIN TRUSTED CERTIFICATE")):
		return "TRUSTED CERTIFICATE is OpenSSL's own form"
	case bytes.Contains(data, []byte(begin)):
		return "its first block is " + firstLabel(data)
	case data[0] == 0x30:
		return "it looks like DER, and only PEM is read"
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return "it looks like UTF-16 text"
	}
	return "it is not PEM"
}

func firstLabel(data []byte) string {
	_, after, _ := bytes.Cut(data, []byte(begin))
	label, _, _ := bytes.Cut(after, []byte(dashes))
	if i := bytes.IndexAny(label, "\r\n"); i >= 0 {
		label = label[:i]
	}
	return string(bytes.ToValidUTF8(label[:min(len(label), 40)], []byte("?")))
}
