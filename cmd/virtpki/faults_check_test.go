package main

import (
	"crypto/x509"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/pki"
)

// isLeaving reports whether a path is a file under construction, in a directory under
// construction, a lock, or the journal of a fleet.
func isLeaving(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if unfinished, _ := filepath.Match(".virtpki-*.tmp", part); unfinished {
			return true
		}
	}
	return filepath.Base(path) == ".virtpki.lock" || strings.HasPrefix(filepath.Base(path), ".virtpki-fleet-")
}

// checkClean checks that no file is under construction, and that no lock is left.
func checkClean(t *testing.T, root string) {
	t.Helper()
	for path := range snap(t, root) {
		if isLeaving(path) {
			t.Errorf("left behind: %s", path)
		}
	}
}

// checkKeys checks that every file that looks like a private key, or names one in a token, is
// readable only by its owner, by any name. A key must also be whole unless the file is under
// construction. now is the snapshot of root.
func checkKeys(t *testing.T, root string, now snapshot) {
	t.Helper()
	for path, text := range now {
		named := strings.Contains(text, "-----BEGIN PKCS#11 PROVIDER URI-----")
		if !strings.Contains(text, "-----BEGIN PRIV") && !named {
			if strings.HasSuffix(path, "key.pem") && !isLeaving(path) && !strings.HasPrefix(text, "L") { // a link's target has a path of its own
				t.Errorf("%s holds no key", path)
			}
			continue
		}
		if !strings.HasPrefix(text, "-rw------- ") && !forQEMU(filepath.Join(root, path)) {
			t.Errorf("%s holds a key and has the mode %.10s", path, text)
		}
		whole := !named && !strings.HasSuffix(path, ".tar") && !strings.HasSuffix(path, ".yaml") && !isLeaving(path)
		if _, err := pki.ParseKey([]byte(text), nil); err != nil && whole {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// forQEMU reports whether a file is readable only by root and by the group of prepareQEMU.
func forQEMU(path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		return false
	}
	return info.Sys().(*syscall.Stat_t).Gid == 64055
}

// checkPairs checks each key pair of a layout: key and certificate match, the key was written
// first, and the CA has a record of the certificate.
func checkPairs(t *testing.T, layout libvirt.Layout, caFolder string) {
	t.Helper()
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		p, err := keypair.Load(store.Tree{}, layout, role)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if p.Cert == nil {
			continue
		}
		if p.Key == nil {
			t.Errorf("%s is there, and its key is not", p.CertPath)
		}
		record, err := keypair.ReadCerts(store.Tree{}, store.RecordPath(libvirt.Records(caFolder), p.Cert.SerialNumber))
		if err != nil || !record[0].Equal(p.Cert) {
			t.Errorf("the CA has no record of %s: %v", p.CertPath, err)
		}
	}
}

// checkCA checks that the files of a CA are whole, and that its key was written first.
func checkCA(t *testing.T, folder string) *x509.Certificate {
	t.Helper()
	layout := libvirt.CA(folder)
	certs, err := keypair.ReadCerts(store.Tree{}, layout.Path(libvirt.CACert))
	if os.IsNotExist(err) {
		for _, file := range []libvirt.File{libvirt.CACRL, libvirt.CACert} {
			if store.Exists(layout.Path(file)) {
				t.Errorf("%s is there before the CA's certificate", layout.Path(file))
			}
		}
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(layout.Path(libvirt.CAKey))
	if err != nil {
		t.Errorf("the CA's certificate is there, and its key is not: %v", err)
		return certs[0]
	}
	if key, err := pki.ParseKey(data, nil); err != nil || !pki.KeyMatches(certs[0], key) {
		t.Errorf("the CA's certificate does not match its key: %v", err)
	}
	if _, err := (store.Tree{}).Records(libvirt.Records(folder)); err != nil {
		t.Errorf("records: %v", err)
	}
	return certs[0]
}

// readCRL returns the CRL at path, or nil when there is none. An existing CRL must be whole and
// signed by the CA.
func readCRL(t *testing.T, path string, ca *x509.Certificate) *pki.CRL {
	t.Helper()
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	crls, err := pki.ParseCRLs(data)
	if err != nil || len(crls) != 1 {
		t.Errorf("%s: %d lists, %v", path, len(crls), err)
		return nil
	}
	if err := crls[0].CheckSignatureFrom(ca); err != nil {
		t.Errorf("%s: %v", path, err)
	}
	return crls[0]
}

// checkCRL checks that a CRL does not go back: its number is at least the previous one, and it
// revokes each of these serials.
func checkCRL(t *testing.T, path string, ca *x509.Certificate, least *big.Int, revoked ...*big.Int) {
	t.Helper()
	crl := readCRL(t, path, ca)
	if crl == nil {
		t.Errorf("%s: no CRL", path)
		return
	}
	if crl.Number.Cmp(least) < 0 {
		t.Errorf("%s has the number %v, after %v", path, crl.Number, least)
	}
	for _, serial := range revoked {
		if _, ok := crl.Find(serial); !ok {
			t.Errorf("%s does not revoke %X any more", path, serial)
		}
	}
}

// checkOpenSSL verifies every tenth root with openssl.
func checkOpenSSL(t *testing.T, at scene, certs ...string) {
	t.Helper()
	if at.number%10 != 0 {
		return
	}
	ca, crl := at.root+"/etc/pki/CA/cacert.pem", at.root+"/etc/pki/CA/cacrl.pem"
	if !store.Exists(ca) {
		return
	}
	ask := func(args ...string) {
		if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
			t.Errorf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	if store.Exists(crl) {
		ask("crl", "-in", crl, "-CAfile", ca, "-verify", "-noout")
	}
	for _, cert := range certs {
		if store.Exists(at.root + cert) {
			ask("verify", "-x509_strict", "-CAfile", ca, at.root+cert)
		}
	}
}

// serialOf returns the serial of the certificate in a file.
func serialOf(t *testing.T, path string) *big.Int {
	t.Helper()
	certs, err := keypair.ReadCerts(store.Tree{}, path)
	if err != nil {
		t.Fatal(err)
	}
	return certs[0].SerialNumber
}
