package pki_test

import (
	"crypto/x509"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"virtpki/pki"
)

var crlSizes = []int{1_000, 100_000, 1_000_000}

// manyEntries returns n entries like those of a CA of this package: with serials of 128 bits, and
// mostly with a reason. They are the same at every call.
func manyEntries(n int) []x509.RevocationListEntry {
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]x509.RevocationListEntry, n)
	for i := range all {
		serial := new(big.Int).SetUint64(random.Uint64())
		all[i].SerialNumber = serial.Lsh(serial, 64).SetBit(serial, 127, 1).Add(serial, big.NewInt(int64(i)))
		all[i].RevocationTime = now.Add(-time.Duration(i) * time.Minute)
		all[i].ReasonCode = i % 6
	}
	return all
}

// BenchmarkCRL builds a list of new entries, appends one entry to a list in a file, and reads the
// file and every entry in it: each from and to PEM. It runs the same with crypto/x509 beside it,
// for comparison. The peak is that of the process during the operation, including the entries to be
// built.
func BenchmarkCRL(b *testing.B) {
	ca := newCA(b, pki.EC256)
	for _, n := range crlSizes {
		file := filepath.Join(b.TempDir(), "crl.pem")
		saveCRL(b, file, pki.EncodeCRL(sign(b, ca, pki.CRLRequest{Add: manyEntries(n)})))
		for _, op := range []struct {
			name string
			run  func(*testing.B, *pki.CA, string, []x509.RevocationListEntry)
			add  int
		}{
			{"build/virtpki", benchBuild, n}, {"build/x509", benchBuildX509, n},
			{"append/virtpki", benchAppend, 0}, {"append/x509", benchAppendX509, 0},
			{"read/virtpki", benchRead, 0}, {"read/x509", benchReadX509, 0},
			{"find/virtpki", benchFind, 0},
		} {
			b.Run(fmt.Sprintf("%s/%d", op.name, n), func(b *testing.B) {
				add := manyEntries(op.add)
				b.ReportAllocs()
				resetPeak()
				for b.Loop() {
					op.run(b, ca, file, add)
				}
				reportPeak(b, file)
			})
		}
	}
}

func saveCRL(b *testing.B, file string, data []byte) {
	b.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		b.Fatal(err)
	}
}

func loadCRL(b *testing.B, file string) *pki.CRL {
	b.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	crls, err := pki.ParseCRLs(data)
	if err != nil {
		b.Fatal(err)
	}
	return crls[0]
}

func benchBuild(b *testing.B, ca *pki.CA, _ string, add []x509.RevocationListEntry) {
	pki.EncodeCRL(sign(b, ca, pki.CRLRequest{Add: add}))
}

func benchAppend(b *testing.B, ca *pki.CA, file string, _ []x509.RevocationListEntry) {
	crl := sign(b, ca, pki.CRLRequest{Base: loadCRL(b, file), Add: []x509.RevocationListEntry{entry(1, 1)}})
	saveCRL(b, file+".new", pki.EncodeCRL(crl))
}

func benchRead(b *testing.B, _ *pki.CA, file string, _ []x509.RevocationListEntry) {
	for _, err := range loadCRL(b, file).Entries() {
		if err != nil {
			b.Fatal(err)
		}
	}
}

func benchFind(b *testing.B, _ *pki.CA, file string, _ []x509.RevocationListEntry) {
	if _, found := loadCRL(b, file).Find(big.NewInt(1)); found {
		b.Fatal("found a serial that is not there")
	}
}

func signX509(b *testing.B, ca *pki.CA, entries []x509.RevocationListEntry) []byte {
	b.Helper()
	raw, err := x509.CreateRevocationList(nil, &x509.RevocationList{
		Number: big.NewInt(2), RevokedCertificateEntries: entries, ThisUpdate: now, NextUpdate: now.Add(pki.DefaultCRLValidity),
	}, ca.Certificate, ca.Signer)
	if err != nil {
		b.Fatal(err)
	}
	return pki.EncodeCRL(&pki.CRL{Raw: raw})
}

func loadX509(b *testing.B, file string) *x509.RevocationList {
	b.Helper()
	list, err := x509.ParseRevocationList(loadCRL(b, file).Raw)
	if err != nil {
		b.Fatal(err)
	}
	return list
}

func benchBuildX509(b *testing.B, ca *pki.CA, _ string, add []x509.RevocationListEntry) {
	signX509(b, ca, add)
}

func benchAppendX509(b *testing.B, ca *pki.CA, file string, _ []x509.RevocationListEntry) {
	saveCRL(b, file+".new", signX509(b, ca, append(loadX509(b, file).RevokedCertificateEntries, entry(1, 1))))
}

func benchReadX509(b *testing.B, _ *pki.CA, file string, _ []x509.RevocationListEntry) {
	loadX509(b, file)
}

// BenchmarkCRLFolder appends one entry to cacrl.pem in the directory that CRL_FOLDER names, with
// the cacert.pem and private/cakey.pem there. bench/crl.sh times the same work as a whole process.
func BenchmarkCRLFolder(b *testing.B) {
	dir := os.Getenv("CRL_FOLDER")
	if dir == "" {
		b.Skip("CRL_FOLDER names no folder")
	}
	ca := loadCA(b, dir)
	for b.Loop() {
		base := loadCRL(b, filepath.Join(dir, "cacrl.pem"))
		crl := sign(b, ca, pki.CRLRequest{Base: base, Add: []x509.RevocationListEntry{entry(1, 1)}, Now: time.Now()})
		saveCRL(b, filepath.Join(dir, "new.pem"), pki.EncodeCRL(crl))
	}
}

func loadCA(b *testing.B, dir string) *pki.CA {
	b.Helper()
	certPEM, err := os.ReadFile(filepath.Join(dir, "cacert.pem"))
	if err != nil {
		b.Fatal(err)
	}
	keyPEM, err := os.ReadFile(filepath.Join(dir, "private/cakey.pem"))
	if err != nil {
		b.Fatal(err)
	}
	certs, err := pki.ParseCertificates(certPEM)
	if err != nil {
		b.Fatal(err)
	}
	key, err := pki.ParseKey(keyPEM, nil)
	if err != nil {
		b.Fatal(err)
	}
	return &pki.CA{Certificate: certs[0], Signer: key}
}

// resetPeak makes Linux forget the highest resident size of this process (proc(5), clear_refs). On
// other systems the benchmark does not report a peak.
func resetPeak() {
	debug.FreeOSMemory()
	os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// reportPeak reports the highest resident size, in MB and as a multiple of file.
func reportPeak(b *testing.B, file string) {
	status, err := os.ReadFile("/proc/self/status")
	info, statErr := os.Stat(file)
	_, after, found := strings.Cut(string(status), "VmHWM:")
	if err != nil || statErr != nil || !found {
		return
	}
	var kB float64
	fmt.Sscan(after, &kB)
	b.ReportMetric(kB/1024, "peak-MB")
	b.ReportMetric(kB*1024/float64(info.Size()), "peak/file")
}
