package connect

import (
	"cmp"
	"crypto/x509"
	"path/filepath"
	"strings"

	"virtpki/internal/inspect"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/pki"
)

// folderOf returns the directory for ?pkipath= that the client's files are in; empty if they are in
// another place.
func folderOf(c *connection) string { return cmp.Or(c.asFolder, c.uri.PKIPath, c.pkipath) }

// pairFolder returns the directory of a client's certificate and key, if both have the names that
// they have in a directory for ?pkipath=; otherwise it returns "".
func pairFolder(cert, key string) string {
	folder := filepath.Dir(cert)
	flat := libvirt.Flat(folder)
	if filepath.Clean(cert) == flat.Path(libvirt.ClientCert) && filepath.Clean(key) == flat.Path(libvirt.ClientKey) {
		return folder
	}
	return ""
}

// fixNoPair returns the fix for a client without a certificate.
func fixNoPair(c *connection) string {
	if folder := folderOf(c); folder != "" {
		return inspect.ClientFolder(c.m, folder, nil, false) + "; or name a certificate with --as CERT,KEY"
	}
	return "install a client certificate (virtpki issue client NAME --here), or name one with --as CERT,KEY"
}

// fixOf returns the judge's fix for a finding about the client. A new pair goes into the directory
// that the client reads.
func fixOf(c *connection, f judge.Finding) string {
	folder := folderOf(c)
	if folder == "" || !strings.HasPrefix(f.Fix, "virtpki issue client ") || filepath.Dir(f.File) != filepath.Clean(folder) {
		return f.Fix
	}
	var held *x509.Certificate
	if certs, err := pki.ParseCertificates(c.set.Cert.Data); err == nil {
		held = certs[0]
	}
	return inspect.ClientFolder(c.m, folder, held, f.ID == "cert-revoked")
}
