package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/internal/batch"
	"virtpki/internal/judge"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// fleetForm is one of the forms in which a fleet can be made.
type fleetForm struct {
	name  string
	flags []string
	out   string
	names func(t *testing.T, out string) []string // returns the names of the bundles in it
	open  func(t *testing.T, out, name string) bundleFiles
	shape libvirt.Layout
}

var fleetForms = []fleetForm{
	{"folders", nil, "out", folderNames, openFolder, libvirt.System("etc")},
	{"archives", []string{"--format", "tar", "--layout", "pkipath"}, "out", folderNames, openOwnTar, libvirt.Flat("")},
	{"one archive", []string{"--format", "tar"}, "all.tar", archivedNames, openArchived, libvirt.System("etc")},
}

// A fleet of 1,000 hosts is killed ten times at random moments, and then finished.
func TestFleetKilled(t *testing.T) {
	const hosts, kills = 1000, 10
	binary := buildStatic(t)
	for _, form := range fleetForms {
		t.Run(form.name, func(t *testing.T) {
			folder := scratch(t)
			list := writeHosts(t, folder, hosts)
			root, out := filepath.Join(folder, "root"), filepath.Join(folder, form.out)
			mustRun(t, binary, "ca", "init", "--root", root, "--name", "Example Org")
			command := append([]string{"issue", "host", "--hosts", list, "--out", out, "--root", root}, form.flags...)
			whole := timeFleet(t, binary, folder, command, out)
			killed, staged := 0, 0
			for killed < kills && killAfter(t, binary, command, whole/40+rand.N(whole/5)) {
				killed++
				if unfinishedFleet(root, out, "fleet") || unfinishedFleet(root, folder, form.out) {
					staged++
				}
				checkNothingTorn(t, form, root, out)
			}
			t.Logf("killed %d times, %d bundles there, %d times with some under construction", killed, len(form.names(t, out)), staged)
			if killed < kills/2 {
				t.Error("this machine is too fast for the test")
			}
			mustRun(t, binary, command...)
			checkFleet(t, form, root, out, hosts)
			if got := mustRun(t, binary, command...); !strings.HasPrefix(got, "nothing to do") {
				t.Errorf("run again: %s", got)
			}
			checkClean(t, folder)
		})
	}
}

// unfinishedFleet reports whether a killed run has left staged files in out.
func unfinishedFleet(root, out, name string) bool {
	return batch.Unfinished(store.Tree{}, out, name, libvirt.Records(root+"/etc/pki/CA"))
}

// timeFleet returns how long the command takes on this machine when it is not killed.
func timeFleet(t *testing.T, binary, folder string, command []string, out string) time.Duration {
	t.Helper()
	root := filepath.Join(folder, "timed")
	mustRun(t, binary, "ca", "init", "--root", root, "--name", "Timed")
	timed := slices.Clone(command)
	for i, arg := range timed {
		switch arg {
		case out:
			timed[i] = filepath.Join(root, filepath.Base(out))
		case filepath.Join(folder, "root"):
			timed[i] = root
		}
	}
	start := time.Now()
	mustRun(t, binary, timed...)
	took := time.Since(start)
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	return took
}

// needRoot skips a test that needs Linux and root.
func needRoot(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("this wants Linux and root")
	}
}

// The disk becomes full in the middle of a run. The run must end with one clear line and leave
// only whole files. With more room the same command must finish the work.
func TestFleetDiskFull(t *testing.T) {
	needRoot(t)
	binary, folder := buildStatic(t), t.TempDir()
	disk := filepath.Join(folder, "disk")
	mount := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("mount", append(args, "-t", "tmpfs", "tmpfs", disk)...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	mount("-o", "size=3m")
	t.Cleanup(func() { exec.Command("umount", "-l", disk).Run() })
	for _, form := range fleetForms {
		root, out := filepath.Join(disk, form.name), filepath.Join(disk, form.name+"-"+form.out)
		mustRun(t, binary, "ca", "init", "--root", root, "--name", "Example Org")
		command := append([]string{"issue", "host", "--hosts", writeHosts(t, folder, 300), "--out", out, "--root", root}, form.flags...)
		mount("-o", "remount,size=3m")
		text, err := exec.Command(binary, command...).CombinedOutput()
		if err == nil || !strings.Contains(string(text), "no space left on device") || strings.Count(string(text), "\n") > 2 {
			t.Errorf("%s: %v\n%s", form.name, err, text)
		}
		checkNothingTorn(t, form, root, out)
		mount("-o", "remount,size=64m")
		mustRun(t, binary, command...)
		checkFleet(t, form, root, out, 300)
		checkClean(t, disk)
		if err := errors.Join(os.RemoveAll(root), os.RemoveAll(out)); err != nil {
			t.Fatal(err)
		}
	}
}

func writeHosts(t *testing.T, folder string, n int) string {
	t.Helper()
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "hv%d.lab.example 10.1.%d.%d\n", i, i/250, i%250)
	}
	path := filepath.Join(folder, "hosts")
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustRun(t *testing.T, binary string, args ...string) string {
	t.Helper()
	out, err := exec.Command(binary, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("virtpki %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// killAfter runs a command and kills it after some time. It returns false if the command had
// already ended.
func killAfter(t *testing.T, binary string, args []string, after time.Duration) bool {
	t.Helper()
	cmd := exec.Command(binary, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	cmd.Process.Kill()
	err := cmd.Wait()
	if err != nil && cmd.ProcessState.Exited() {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return err != nil
}

// checkNothingTorn checks that all records and bundles with their final names are whole.
func checkNothingTorn(t *testing.T, form fleetForm, root, out string) {
	t.Helper()
	records := recordedSerials(t, root)
	names := form.names(t, out)
	if len(names) > 20 {
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		names = names[:20]
	}
	for _, name := range names {
		for _, cert := range checkBundle(t, form, form.open(t, out, name)) {
			if !records[store.SerialText(cert.SerialNumber)] {
				t.Errorf("%s is handed out without a record", subject.Of(cert))
			}
		}
	}
}

func recordedSerials(t *testing.T, root string) map[string]bool {
	t.Helper()
	certs, err := (store.Tree{}).Records(libvirt.Records(root + "/etc/pki/CA"))
	if err != nil {
		t.Fatal(err)
	}
	serials := make(map[string]bool)
	for _, cert := range certs {
		serials[store.SerialText(cert.SerialNumber)] = true
	}
	return serials
}

// checkBundle checks that both key pairs are whole, and that the CA certificate lies beside them.
func checkBundle(t *testing.T, form fleetForm, files bundleFiles) []*x509.Certificate {
	t.Helper()
	var certs []*x509.Certificate
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		cert, err := readPair(files, form.shape, role)
		if err != nil {
			t.Fatal(err)
		}
		certs = append(certs, cert)
	}
	return certs
}

// readPair reads a certificate and requires its key beside it.
func readPair(files bundleFiles, layout libvirt.Layout, role pki.Role) (*x509.Certificate, error) {
	certData, err1 := files(layout.Path(libvirt.CertFile(string(role))))
	keyData, err2 := files(layout.Path(libvirt.KeyFile(string(role))))
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	certs, err1 := pki.ParseCertificates(certData)
	key, err2 := pki.ParseKey(keyData, nil)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if !pki.KeyMatches(certs[0], key) {
		return nil, errors.New("its key belongs to another certificate")
	}
	return certs[0], nil
}

// checkFleet checks that there is each host exactly once, that each certificate is valid and
// recorded, and that other records do not exist.
func checkFleet(t *testing.T, form fleetForm, root, out string, hosts int) {
	t.Helper()
	names := form.names(t, out)
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) != hosts || len(names) != hosts {
		t.Errorf("%d bundles of %d hosts, want %d", len(names), len(slices.Compact(sorted)), hosts)
	}
	ca, err := keypair.ReadCerts(store.Tree{}, root+"/etc/pki/CA/cacert.pem")
	if err != nil {
		t.Fatal(err)
	}
	records := recordedSerials(t, root)
	open := form.open
	if form.out != "out" { // read once, not once for each host
		open = cachedArchive(t, out)
	}
	for n, name := range names {
		judgeBundle(t, form, open(t, out, name), n)
		for i, cert := range checkBundle(t, form, open(t, out, name)) {
			host := strings.TrimSuffix(name, ".tar")
			if err := verifyLeaf(cert, ca[0], host, i == 0); err != nil {
				t.Errorf("%s: %v", host, err)
			}
			serial := store.SerialText(cert.SerialNumber)
			if !records[serial] {
				t.Errorf("%s %s has no record, or has one with another", host, serial)
			}
			delete(records, serial)
		}
	}
	if len(records) > 0 {
		t.Errorf("%d records of certificates that nobody has", len(records))
	}
}

// judgeBundle checks with the judge that a release accepts the files of a host.
func judgeBundle(t *testing.T, form fleetForm, files bundleFiles, n int) {
	t.Helper()
	releases := []string{"libvirt-7.0", "libvirt-9.0", "libvirt-11.3", "libvirt-12.8"}
	release, err := libvirt.ParseRelease(releases[n%len(releases)])
	if err != nil {
		t.Fatal(err)
	}
	file := func(f libvirt.File) judge.File {
		path := form.shape.Path(f)
		data, err := files(path)
		return judge.File{Path: path, Data: data, Err: err}
	}
	for _, role := range []judge.Role{judge.Server, judge.Client} {
		set := judge.Set{Role: role, Product: "libvirt", CA: file(libvirt.CACert), CRL: file(libvirt.CACRL),
			Cert: file(libvirt.CertFile(string(role))), Key: file(libvirt.KeyFile(string(role)))}
		for _, finding := range judge.OwnFiles(set, release, time.Now()) {
			t.Errorf("%s %s: %s", releases[n%len(releases)], role, finding.Text)
		}
	}
}

func cachedArchive(t *testing.T, out string) func(*testing.T, string, string) bundleFiles {
	t.Helper()
	all := make(map[string]bundleFiles)
	hosts := make(map[string][]tarFile)
	for _, f := range untar(t, out) {
		host, _, _ := strings.Cut(f.name, "/")
		hosts[host] = append(hosts[host], f)
	}
	for host, files := range hosts {
		all[host] = archiveFiles(files, host)
	}
	return func(_ *testing.T, _, name string) bundleFiles { return all[name] }
}

func verifyLeaf(cert, ca *x509.Certificate, host string, server bool) error {
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	opts := x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if server {
		opts.DNSName, opts.KeyUsages = host, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	if cert.Subject.CommonName != host {
		return fmt.Errorf("it is that of %s", subject.Of(cert))
	}
	_, err := cert.Verify(opts)
	return err
}
