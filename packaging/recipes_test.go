package packaging_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// recipes checks the recipes for Homebrew, Arch and Nix: each builds the source of this version,
// and the one for Nix knows the modules.
func recipes(t *testing.T, made string) {
	version := strings.TrimSpace(read(t, "../internal/program", "VERSION"))
	sum := sha256.Sum256([]byte(read(t, made, "virtpki-"+version+".tar.gz")))
	source := hex.EncodeToString(sum[:])
	for name, wanted := range map[string][]string{
		"virtpki.rb":  {"/virtpki-" + version + ".tar.gz\"\n", "sha256 \"" + source + "\"\n"},
		"PKGBUILD":    {"\npkgver=" + version + "\n", "\nsha256sums=('" + source + "')\n"},
		"virtpki.nix": {"version = \"" + version + "\";\n", "sha256 = \"" + source + "\";\n", "vendorHash = \"" + vendorHash(t) + "\";\n"},
	} {
		text := read(t, made, name)
		for _, want := range wanted {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks the line %s", name, want)
			}
		}
		if strings.Contains(text, "@") && name != "PKGBUILD" || strings.Contains(text, "@VERSION@") {
			t.Errorf("%s has a placeholder that dist.sh does not fill in", name)
		}
	}
	readers := [][]string{{"bash", "-n", filepath.Join(made, "PKGBUILD")}}
	if all { // make dist-check installs them
		expression := "import " + absolute(t, "testdata/eval.nix") + " " + filepath.Join(made, "virtpki.nix")
		readers = append(readers, []string{"ruby", "-c", filepath.Join(made, "virtpki.rb")}, []string{"nix-instantiate", "--eval", "--strict", "--expr", expression})
	}
	for _, reader := range readers {
		if out, err := exec.Command(reader[0], reader[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", strings.Join(reader, " "), err, out)
		}
	}
}

// vendorHash returns the hash by which Nix knows the modules: of the directory that "go mod
// vendor" makes, as a Nix archive.
func vendorHash(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "vendor")
	cmd := exec.Command("go", "mod", "vendor", "-o", dir)
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go mod vendor: %v\n%s", err, out)
	}
	sum := sha256.New()
	writeNAR(t, sum, dir)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum.Sum(nil))
}

// writeNAR writes a directory of plain files as a Nix archive. Its format is in "The Purely
// Functional Software Deployment Model" (E. Dolstra, 2006), figure 5.2.
func writeNAR(t *testing.T, w io.Writer, dir string) {
	narStrings(w, "nix-archive-1")
	writeNode(t, w, dir)
}

func writeNode(t *testing.T, w io.Writer, path string) {
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().IsRegular() {
		data, err := os.ReadFile(path)
		if err != nil || info.Mode()&0o111 != 0 {
			t.Fatalf("%s: a plain file is expected: %v %v", path, info.Mode(), err)
		}
		narStrings(w, "(", "type", "regular", "contents", string(data), ")")
		return
	}
	entries, err := os.ReadDir(path) // sorted by name, as the format demands
	if err != nil {
		t.Fatal(err)
	}
	narStrings(w, "(", "type", "directory")
	for _, entry := range entries {
		narStrings(w, "entry", "(", "name", entry.Name(), "node")
		writeNode(t, w, filepath.Join(path, entry.Name()))
		narStrings(w, ")")
	}
	narStrings(w, ")")
}

// narStrings writes strings: the length as 64 bits, the text, zeros up to a multiple of eight.
func narStrings(w io.Writer, all ...string) {
	for _, s := range all {
		binary.Write(w, binary.LittleEndian, uint64(len(s)))
		fmt.Fprint(w, s, strings.Repeat("\x00", (8-len(s)%8)%8))
	}
}
