package allowlist

import (
	"encoding/hex"
	"fmt"
	"strings"

	"virtpki/dn"
	"virtpki/pki"
)

// Names returns the DN of every certificate in a file's contents, as libvirt compares it
// with a list. Certificates that Go's parser would refuse work too.
func Names(file string, data []byte) ([]Name, error) {
	var names []Name
	for der := range pki.CertificateBlocks(data) {
		n := Name{File: file, Index: len(names) + 1}
		var err error
		if n.Raw, err = dn.FromCertificate(der); err != nil {
			n.Refused = err.Error()
		}
		n.DN = strings.ToValidUTF8(n.Raw, "\uFFFD")
		if n.DN != n.Raw {
			n.DNHex = hex.EncodeToString([]byte(n.Raw))
		}
		names = append(names, n)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: %w", file, pki.ErrNoCertificate)
	}
	return names, nil
}
