package pki_test

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/pki"
)

// tool runs a program in dir and returns its output.
func tool(t *testing.T, dir string, command ...string) string {
	t.Helper()
	if _, err := exec.LookPath(command[0]); err != nil {
		t.Skipf("%s is not installed", command[0])
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
	return string(out)
}

func write(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// caFolder returns a directory with cacert.pem and cakey.pem, and the CA in it. The CA is valid by
// the real clock, because certtool uses that.
func caFolder(t *testing.T, keyType pki.KeyType) (string, *pki.CA) {
	t.Helper()
	signer, err := pki.GenerateKey(keyType)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := pki.NewCA(pki.CARequest{RawSubject: subject("Test CA"), Signer: signer, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	key, err := pki.EncodeKey(signer, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "cacert.pem", pki.EncodeCertificates(ca.Certificate))
	write(t, dir, "cakey.pem", key)
	return dir, ca
}

// everyReason returns an entry for each reason, with serials and times at the limits.
func everyReason() []x509.RevocationListEntry {
	var all []x509.RevocationListEntry
	for i, reason := range pki.Reasons() {
		e := entry(int64(i)*50+1, reason) // 1, 51, … 0xc9, …: short ones and with the high bit set
		e.RevocationTime = now.AddDate(-i, 0, 0)
		all = append(all, e)
	}
	long := entry(0, pki.ReasonSuperseded)
	long.SerialNumber, _ = new(big.Int).SetString("ff00112233445566778899aabbccddeeff001122", 16)
	late := entry(0x7fff, pki.ReasonUnspecified)
	late.RevocationTime = now.AddDate(30, 0, 0) // beyond 2049
	return append(all, long, late)
}

// How the tools print a time.
const (
	opensslTime  = "Jan _2 15:04:05 2006 GMT"
	certtoolTime = "Mon Jan 02 15:04:05 UTC 2006"
)

// toolTypes are the key types that every tool is tested with.
var toolTypes = []pki.KeyType{pki.EC256, pki.EC384, pki.Ed25519, pki.RSA2048}

func TestOpenSSLReadsTheCRL(t *testing.T) {
	for _, keyType := range toolTypes {
		dir, ca := caFolder(t, keyType)
		crl := signInTwoSteps(t, ca)
		write(t, dir, "crl.pem", pki.EncodeCRL(crl))
		text := tool(t, dir, "openssl", "crl", "-in", "crl.pem", "-verify", "-CAfile", "cacert.pem", "-noout", "-text", "-crlnumber")
		for _, want := range []string{
			"verify OK", "Version 2", "crlNumber=0x07", "Issuer: CN = Test CA",
			"Last Update: " + crl.ThisUpdate.Format(opensslTime), "Next Update: " + crl.ThisUpdate.Add(30*pki.Day).Format(opensslTime),
			strings.ToUpper(colons(ca.Certificate.SubjectKeyId)),
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", keyType, want, text)
			}
		}
		if got, want := opensslEntries(text), wantEntries(crl, opensslReasons, opensslTime); !slices.Equal(got, want) {
			t.Errorf("%s: openssl reads\n%q, want\n%q", keyType, got, want)
		}
	}
}

func TestCerttoolReadsTheCRL(t *testing.T) {
	for _, keyType := range toolTypes {
		dir, ca := caFolder(t, keyType)
		crl := signInTwoSteps(t, ca)
		write(t, dir, "crl.pem", pki.EncodeCRL(crl))
		text := tool(t, dir, "certtool", "--crl-info", "--infile", "crl.pem")
		for _, want := range []string{
			"Version: 2", "CRL Number (not critical): 07", "Issuer: CN=Test CA", "Revoked certificates (11)",
			"Issued: " + crl.ThisUpdate.Format(certtoolTime), "Next at: " + crl.ThisUpdate.Add(30*pki.Day).Format(certtoolTime), fmt.Sprintf("%x", ca.Certificate.SubjectKeyId),
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", keyType, want, text)
			}
		}
		if got, want := certtoolEntries(text), wantEntries(crl, nil, certtoolTime); !slices.Equal(got, want) {
			t.Errorf("%s: certtool reads\n%q, want\n%q", keyType, got, want)
		}
		verdict := tool(t, dir, "certtool", "--verify-crl", "--load-ca-certificate", "cacert.pem", "--infile", "crl.pem")
		if !strings.Contains(verdict, "Verification output: Verified") {
			t.Errorf("%s: %s", keyType, verdict)
		}
	}
}

// signInTwoSteps makes a list by appending to another, number 7.
func signInTwoSteps(t *testing.T, ca *pki.CA) *pki.CRL {
	t.Helper()
	all := everyReason()
	base := sign(t, ca, pki.CRLRequest{Number: big.NewInt(6), Add: all[:4]})
	return sign(t, ca, pki.CRLRequest{Base: base, Add: all[4:], Now: time.Now()})
}

// opensslReasons are the words of openssl crl -text (crypto/x509/v3_enum.c).
var opensslReasons = map[pki.Reason]string{
	pki.ReasonKeyCompromise: "Key Compromise", pki.ReasonCACompromise: "CA Compromise", pki.ReasonAffiliationChanged: "Affiliation Changed",
	pki.ReasonSuperseded: "Superseded", pki.ReasonCessationOfOperation: "Cessation Of Operation", pki.ReasonCertificateHold: "Certificate Hold",
	pki.ReasonPrivilegeWithdrawn: "Privilege Withdrawn", pki.ReasonAACompromise: "AA Compromise",
}

// wantEntries spells entries as "serial date reason"; without words for the
// reasons, as "serial date".
func wantEntries(crl *pki.CRL, reasons map[pki.Reason]string, layout string) []string {
	var all []string
	for e := range crl.Entries() {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", hexBytes(e.SerialNumber), e.RevocationTime.Format(layout), reasons[pki.Reason(e.ReasonCode)])))
	}
	return all
}

// hexBytes prints whole bytes in lower case.
func hexBytes(n *big.Int) string { return fmt.Sprintf("%x", n.Bytes()) }

func colons(data []byte) string {
	return strings.ReplaceAll(fmt.Sprintf("% x", data), " ", ":")
}

var (
	opensslEntry  = regexp.MustCompile(`Serial Number: ([0-9A-F]+)\n\s+Revocation Date: (.*)\n(?:\s+CRL entry extensions:\n\s+X509v3 CRL Reason Code: \n\s+(.*)\n)?`)
	certtoolEntry = regexp.MustCompile(`Serial Number \(hex\): ([0-9a-f]+)\n\s+Revoked at: (.*)\n`)
)

func opensslEntries(text string) []string {
	var all []string
	for _, m := range opensslEntry.FindAllStringSubmatch(text, -1) {
		all = append(all, strings.TrimSpace(strings.ToLower(m[1])+" "+m[2]+" "+m[3]))
	}
	return all
}

func certtoolEntries(text string) []string {
	var all []string
	for _, m := range certtoolEntry.FindAllStringSubmatch(text, -1) {
		serial, _ := new(big.Int).SetString(m[1], 16)
		all = append(all, hexBytes(serial)+" "+m[2])
	}
	return all
}

const opensslConf = `[ca]
default_ca = x
[x]
database = index.txt
certificate = cacert.pem
private_key = cakey.pem
default_md = default
default_crl_days = 30
crlnumber = crlnumber
crl_extensions = e
[y]
database = index.txt
certificate = cacert.pem
private_key = cakey.pem
default_md = sha256
default_crl_days = 30
[e]
authorityKeyIdentifier = keyid:always,issuer:always
`

const opensslIndex = "R\t280101000000Z\t260102030405Z,keyCompromise\t01\tunknown\t/CN=a\n" +
	"V\t280101000000Z\t\t02\tunknown\t/CN=valid\n" +
	"R\t250101000000Z\t240102030405Z\tFF00112233445566778899AABBCCDDEEFF001122\tunknown\t/CN=expired\n" +
	"R\t280101000000Z\t260102030406Z,CACompromise\tFE\tunknown\t/CN=b\n" +
	"R\t280101000000Z\t260102030407Z,keyTime,20251231000000Z\t0FAB\tunknown\t/CN=c\n" +
	"R\t280101000000Z\t260102030408Z,holdInstruction,holdInstructionReject\t0FAC\tunknown\t/CN=d\n" +
	"R\t20600101000000Z\t260102030409Z,superseded\t0FAD\tunknown\t/CN=e\n"

// plainIndex does not have reasons: without them and without extensions openssl makes a list of
// version 1.
const plainIndex = "R\t280101000000Z\t260102030405Z\t01\tunknown\t/CN=a\nR\t280101000000Z\t260102030406Z\t02\tunknown\t/CN=b\n"

// The list of an OpenSSL CA is read as openssl reads it and taken over completely. openssl and
// certtool can read the result.
func TestOpenSSLsCRLIsTakenOver(t *testing.T) {
	tests := []struct {
		section, index string
		version, n     int
		next           int64
	}{
		{"x", opensslIndex, 2, 6, 0x2b},
		{"x", "", 2, 0, 0x2b},
		{"y", opensslIndex, 2, 6, 1},
		{"y", plainIndex, 1, 2, 1},
		{"y", "", 1, 0, 1},
	}
	for _, test := range tests {
		dir, ca := caFolder(t, pki.EC256)
		write(t, dir, "conf", []byte(opensslConf))
		write(t, dir, "index.txt", []byte(test.index))
		write(t, dir, "crlnumber", []byte("2A\n"))
		tool(t, dir, "openssl", "ca", "-config", "conf", "-name", test.section, "-gencrl", "-out", "old.pem")
		old := readCRL(t, dir, "old.pem")
		if err := old.CheckSignatureFrom(ca.Certificate); err != nil {
			t.Error(err)
		}
		if old.Len() != test.n || old.Version != test.version || pki.NextNumber(old).Int64() != test.next {
			t.Errorf("%+v: %d entries, version %d, next number %v", test, old.Len(), old.Version, pki.NextNumber(old))
		}
		takenOver(t, dir, ca, old)
	}
}

func readCRL(t *testing.T, dir, name string) *pki.CRL {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	crls, err := pki.ParseCRLs(data)
	if err != nil || len(crls) != 1 {
		t.Fatalf("%s: %d lists, %v, want one", name, len(crls), err)
	}
	return crls[0]
}

func takenOver(t *testing.T, dir string, ca *pki.CA, old *pki.CRL) {
	t.Helper()
	crl := sign(t, ca, pki.CRLRequest{Base: old, Add: []x509.RevocationListEntry{entry(0x7777, pki.ReasonSuperseded)}, Now: time.Now()})
	if got, want := raws(t, crl), raws(t, old); !slices.EqualFunc(got[:len(got)-1], want, bytes.Equal) {
		t.Errorf("entries\n%x, want\n%x and one more", got, want)
	}
	write(t, dir, "new.pem", pki.EncodeCRL(crl))
	before := opensslEntries(tool(t, dir, "openssl", "crl", "-in", "old.pem", "-noout", "-text"))
	after := opensslEntries(tool(t, dir, "openssl", "crl", "-in", "new.pem", "-noout", "-text", "-verify", "-CAfile", "cacert.pem"))
	if len(after) != crl.Len() || !slices.Equal(after[:len(after)-1], before) || !strings.HasPrefix(after[len(after)-1], "7777 ") {
		t.Errorf("openssl reads\n%q, and before\n%q", after, before)
	}
	info := tool(t, dir, "certtool", "--crl-info", "--infile", "new.pem")
	if got := len(certtoolEntries(info)); got != crl.Len() {
		t.Errorf("certtool reads %d entries, want %d:\n%s", got, crl.Len(), info)
	}
}

// The same for the list of a certtool CA.
func TestCerttoolsCRLIsTakenOver(t *testing.T) {
	dir, ca := caFolder(t, pki.RSA2048)
	var revoked []byte
	for range 3 {
		cert, err := ca.Issue(request(t, pki.Client, pki.EC256))
		if err != nil {
			t.Fatal(err)
		}
		revoked = append(revoked, pki.EncodeCertificates(cert)...)
	}
	write(t, dir, "revoked.pem", revoked)
	write(t, dir, "template", []byte("crl_next_update = 30\ncrl_number = 41\n"))
	tool(t, dir, "certtool", "--generate-crl", "--load-ca-privkey", "cakey.pem", "--load-ca-certificate", "cacert.pem",
		"--load-certificate", "revoked.pem", "--template", "template", "--outfile", "old.pem")
	old := readCRL(t, dir, "old.pem")
	if old.Len() != 3 {
		t.Errorf("%d entries, want 3", old.Len())
	}
	if err := old.CheckSignatureFrom(ca.Certificate); err != nil {
		t.Error(err)
	}
	if next := pki.NextNumber(old); next.Int64() != 42 {
		t.Errorf("next number %v, want 42", next)
	}
	takenOver(t, dir, ca, old)
}
