package gnutls

import (
	"bytes"
	"errors"
)

// GnuTLS looks for PEM blocks in its own way (lib/x509_b64.c). The label is a prefix, so that
// CERTIFICATE REQUEST counts as CERTIFICATE. Text before, a byte order mark and missing
// newlines do not matter. The first END line ends a block, with any label. encoding/pem would
// find other blocks.

var (
	// ErrNoBlock says that the file has no PEM block of the wanted kind.
	ErrNoBlock  = errors.New("no PEM block")
	errBadBlock = errors.New("a PEM block that cannot be decoded")
)

const (
	labelCert     = "CERTIFICATE"
	labelX509Cert = "X509 CERTIFICATE"
	labelCRL      = "X509 CRL"
	dashes        = "-----"
	begin         = "-----BEGIN "
	end           = "-----END "
)

// decodeBlock decodes the first block with a label that begins with label.
func decodeBlock(data []byte, label string) ([]byte, error) {
	at := bytes.Index(data, []byte(begin+label))
	if at < 0 {
		return nil, ErrNoBlock
	}
	data = data[at:]
	if len(data) < 4+len(end) {
		return nil, errBadBlock
	}
	header := bytes.Index(data[1:], []byte(dashes))
	if header < 0 {
		return nil, errBadBlock
	}
	body := data[1+header+len(dashes):]
	footer := bytes.Index(body, []byte(end))
	if footer < 4 {
		return nil, errBadBlock
	}
	return decodeBase64(body[:footer])
}

// decodeBase64 stops at a dash and passes over white space, as GnuTLS and nettle do.
func decodeBase64(text []byte) ([]byte, error) {
	out := make([]byte, 0, len(text)*3/4)
	word, bits, padding := uint32(0), 0, 0
	for _, c := range text {
		if c == '-' {
			break
		}
		if isBase64Space(c) {
			continue
		}
		if c == '=' {
			if bits == 0 || padding > 2 || word&(1<<bits-1) != 0 {
				return nil, errBadBlock
			}
			padding, bits = padding+1, bits-2
			continue
		}
		v, ok := base64Value(c)
		if !ok || padding > 0 {
			return nil, errBadBlock
		}
		word, bits = word<<6|v, bits+6
		if bits >= 8 {
			bits -= 8
			out = append(out, byte(word>>bits))
		}
	}
	if bits != 0 || len(out) == 0 {
		return nil, errBadBlock
	}
	return out, nil
}

func isBase64Space(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func base64Value(c byte) (uint32, bool) {
	switch {
	case 'A' <= c && c <= 'Z':
		return uint32(c - 'A'), true
	case 'a' <= c && c <= 'z':
		return uint32(c-'a') + 26, true
	case '0' <= c && c <= '9':
		return uint32(c-'0') + 52, true
	case c == '+':
		return 62, true
	case c == '/':
		return 63, true
	}
	return 0, false
}

// nextCert finds where the next certificate block begins: the first CERTIFICATE,
// and an X509 CERTIFICATE only where there is none.
func nextCert(data []byte) int {
	if at := bytes.Index(data, []byte(begin+labelCert)); at >= 0 {
		return at
	}
	return bytes.Index(data, []byte(begin+labelX509Cert))
}

// ReadCertificate reads the first certificate of a PEM file as gnutls_x509_crt_import
// does. Without one the error is [ErrNoBlock].
func ReadCertificate(data []byte) (*Certificate, error) {
	der, err := decodeBlock(data, labelCert)
	if err != nil {
		var other error
		if der, other = decodeBlock(data, labelX509Cert); other != nil {
			return nil, worstBlock(err, other)
		}
	}
	return parseCertificate(der)
}

// worstBlock prefers the word of a block that is there.
func worstBlock(first, second error) error {
	if errors.Is(first, ErrNoBlock) {
		return second
	}
	return first
}

// ReadCertificates reads the certificate blocks of a file, at most limit of them (0 is all). It
// stops at the first that cannot be read, and returns the certificates before it with the
// error.
func ReadCertificates(data []byte, limit int) ([]*Certificate, error) {
	at := nextCert(data)
	if at < 0 {
		return nil, ErrNoBlock
	}
	var certs []*Certificate
	for at >= 0 && (limit == 0 || len(certs) < limit) {
		data = data[at:]
		cert, err := ReadCertificate(data)
		if err != nil {
			return certs, err
		}
		certs = append(certs, cert)
		data = data[1:]
		at = nextCert(data)
	}
	return certs, nil
}

// UntilNUL returns the data up to its first zero byte, which is where a text ends for
// C: libvirt hands GnuTLS strlen bytes of a file.
func UntilNUL(data []byte) []byte {
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return data[:i]
	}
	return data
}
