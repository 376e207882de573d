// Package virtpki_test holds the module to its architecture: who may import
// whom, that every package says what it is for, and that nothing runs by being
// imported.
package virtpki_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mayImport lists which of the module's packages each may import. A package
// that is not in the table may import none and makes the test fail: a new one
// has to be thought about.
var mayImport = map[string][]string{
	"dn":                       {},
	"pki":                      {},
	"templates":                {"internal/termtext"},
	"internal/change":          {"pki", "internal/certinfo", "internal/hint", "internal/keypair", "internal/libvirt", "internal/machine", "internal/store", "internal/termtext"},
	"internal/allowlist":       {"dn", "pki", "internal/hint", "internal/judge", "internal/libvirt", "internal/libvirt/conf", "internal/store", "internal/termtext"},                                                                                                                                                                   // judge: settings that libvirt ignores
	"internal/authority":       {"dn", "pki", "internal/certinfo", "internal/change", "internal/grant", "internal/hint", "internal/inventory", "internal/judge", "internal/keypair", "internal/libvirt", "internal/libvirt/running", "internal/machine", "internal/store", "internal/subject", "internal/termtext"},                    // judge: libvirt has to start on its CA; running: where daemons read its CRL
	"internal/batch":           {"internal/safedir", "internal/store", "internal/termtext"},                                                                                                                                                                                                                                            // records have their names in store
	"internal/certinfo":        {"pki", "internal/store", "internal/subject", "internal/termtext"},                                                                                                                                                                                                                                     // store: how a serial is written
	"internal/connect":         {"dn", "pki", "internal/certinfo", "internal/hint", "internal/inspect", "internal/judge", "internal/keypair", "internal/libvirt", "internal/libvirt/rpc", "internal/libvirt/running", "internal/machine", "internal/reload", "internal/store", "internal/subject", "internal/termtext"},                // reload: what is served
	"internal/adopt":           {"pki", "internal/certinfo", "internal/change", "internal/enroll", "internal/gnutls", "internal/hint", "internal/keypair", "internal/machine", "internal/safedir", "internal/store", "internal/subject", "internal/termtext"},                                                                          // enroll: what was made elsewhere is judged and put in place as a response is
	"internal/enroll":          {"pki", "internal/authority", "internal/certinfo", "internal/change", "internal/hint", "internal/inventory", "internal/judge", "internal/keypair", "internal/libvirt", "internal/machine", "internal/provision", "internal/reload", "internal/store", "internal/subject", "internal/termtext"},         // authority: the CA that is trusted here; provision: QEMU's directories
	"internal/hostconf":        {"dn", "internal/allowlist", "internal/authority", "internal/change", "internal/hint", "internal/inventory", "internal/keypair", "internal/libvirt", "internal/libvirt/conf", "internal/machine", "internal/store", "internal/subject", "internal/termtext"},                                           // authority: clients whose certificate it signed; inventory: which daemon serves
	"internal/reload":          {"dn", "pki", "internal/change", "internal/hint", "internal/keypair", "internal/libvirt", "internal/libvirt/conf", "internal/libvirt/rpc", "internal/libvirt/running", "internal/machine", "internal/store", "internal/subject", "internal/termtext"},                                                  // change: it writes the previous files back, and tells of it
	"internal/renewal":         {"pki", "internal/authority", "internal/certinfo", "internal/change", "internal/enroll", "internal/hint", "internal/inventory", "internal/keypair", "internal/libvirt", "internal/machine", "internal/provision", "internal/reload", "internal/store", "internal/subject", "internal/termtext"},        // enroll: a CA elsewhere is asked; provision: QEMU's directories; reload: what is renewed is proven
	"internal/revocation":      {"pki", "internal/authority", "internal/certinfo", "internal/change", "internal/grant", "internal/hint", "internal/keypair", "internal/libvirt", "internal/libvirt/rpc", "internal/libvirt/running", "internal/machine", "internal/reload", "internal/store", "internal/subject", "internal/termtext"}, // reload: a list counts once a daemon has read it
	"internal/inspect":         {"dn", "pki", "internal/authority", "internal/inventory", "internal/judge", "internal/keypair", "internal/libvirt", "internal/libvirt/conf", "internal/libvirt/running", "internal/machine", "internal/store", "internal/subject", "internal/termtext"},                                                // authority: whether renew would keep the names of a certificate
	"internal/fleet":           {"pki", "internal/authority", "internal/batch", "internal/certinfo", "internal/change", "internal/grant", "internal/hint", "internal/keypair", "internal/libvirt", "internal/machine", "internal/program", "internal/store", "internal/subject", "internal/termtext"},                                  // program: a worker's panic ends in one line
	"internal/generate":        {"pki", "templates", "internal/allowlist", "internal/authority", "internal/change", "internal/hint", "internal/keypair", "internal/libvirt", "internal/machine", "internal/provision", "internal/store", "internal/subject", "internal/termtext"},                                                      // provision: the bundle that a first boot is given
	"internal/grant":           {"dn", "pki"},
	"internal/hint":            {},
	"internal/keypair":         {"pki", "internal/hint", "internal/libvirt", "internal/machine", "internal/store", "internal/subject"},
	"internal/machine":         {"pki", "internal/hint", "internal/libvirt", "internal/libvirt/conf", "internal/libvirt/running", "internal/store", "internal/subject", "internal/termtext"},                                                                        // pki: how a duration is written
	"internal/provision":       {"pki", "internal/authority", "internal/change", "internal/hint", "internal/hostconf", "internal/inventory", "internal/keypair", "internal/libvirt", "internal/machine", "internal/store", "internal/subject", "internal/termtext"}, // hostconf: a host is not ready without its configuration; inventory: which daemon that is
	"internal/program":         {"internal/hint", "internal/termtext"},                                                                                                                                                                                              // one line in place of a traceback, and its hint
	"internal/prompt":          {"internal/hint", "internal/program", "internal/termtext"},                                                                                                                                                                          // it knows no question
	"internal/safedir":         {"internal/termtext"},                                                                                                                                                                                                               // a hint is typed into a shell
	"internal/sign":            {"pki", "internal/authority", "internal/certinfo", "internal/change", "internal/grant", "internal/hint", "internal/libvirt", "internal/machine", "internal/store", "internal/subject", "internal/termtext"},
	"internal/store":           {"internal/safedir", "internal/termtext"},
	"internal/subject":         {"dn", "pki", "internal/grant", "internal/hint", "internal/termtext"},
	"internal/termtext":        {},
	"internal/wizard":          {"dn", "internal/allowlist", "internal/authority", "internal/change", "internal/generate", "internal/hint", "internal/hostconf", "internal/inventory", "internal/judge", "internal/keypair", "internal/libvirt", "internal/libvirt/running", "internal/machine", "internal/prompt", "internal/provision", "internal/reload", "internal/store", "internal/subject", "internal/termtext", "pki"}, // it reads, to check an answer as its flag would; what is done goes through its Doer
	"internal/gnutls":          {},                                                                                                                                                                                                                                                                                                                                                                                             // what others accept is known without knowing who asks
	"internal/libvirt/conf":    {},                                                                                                                                                                                                                                                                                                                                                                                             // a syntax, whatever the settings mean
	"internal/libvirt":         {"dn", "internal/libvirt/conf"},
	"internal/libvirt/rpc":     {"internal/libvirt"},                                                                                                                                          // sockets and processes have their names there
	"internal/libvirt/running": {"internal/libvirt", "internal/libvirt/conf", "internal/libvirt/rpc"},                                                                                         // a daemon is asked who it is
	"internal/systemd":         {"internal/store"},                                                                                                                                            // units are read in a tree, out of which no link leads
	"internal/inventory":       {"dn", "internal/hint", "internal/libvirt", "internal/libvirt/conf", "internal/libvirt/running", "internal/machine", "internal/systemd", "internal/termtext"}, // the machine is looked at with what is known of its programs
	"internal/judge":           {"dn", "internal/gnutls", "internal/libvirt", "internal/libvirt/conf", "internal/termtext"},
	"bench/fleet":              {},
	"internal/lab":             {},
	"internal/lab/labfiles":    {},
	"internal/lab/labpki":      {},
	"internal/lab/labscript":   {"internal/lab", "internal/lab/terminal"},
	"internal/lab/terminal":    {},
	"internal/lab/trace":       {},
	"internal/lab/tracee":      {"internal/lab/trace"},
	"internal/lab/vnctls":      {},
	"cmd/virtpki": {
		"dn",
		"internal/adopt",
		"internal/allowlist",
		"internal/authority",
		"internal/batch",
		"internal/certinfo",
		"internal/change",
		"internal/connect",
		"internal/enroll",
		"internal/fleet",
		"internal/generate",
		"internal/grant",
		"internal/hint",
		"internal/hostconf",
		"internal/inspect",
		"internal/inventory",
		"internal/judge",
		"internal/keypair",
		"internal/libvirt",
		"internal/libvirt/conf",
		"internal/libvirt/rpc",
		"internal/libvirt/running",
		"internal/machine",
		"internal/program",
		"internal/prompt",
		"internal/provision",
		"internal/reload",
		"internal/renewal",
		"internal/revocation",
		"internal/sign",
		"internal/store",
		"internal/subject",
		"internal/termtext",
		"internal/wizard",
		"pki",
		"templates",
	},
}

// testImports are allowed to the tests of a package on top.
var testImports = map[string][]string{
	"internal/batch":           {"internal/lab/labfiles"},
	"internal/store":           {"internal/lab/labfiles"},
	"cmd/virtpki":              {"internal/lab", "internal/lab/labscript", "internal/lab/terminal", "internal/lab/trace"},
	"internal/gnutls":          {"dn"},
	"internal/libvirt/rpc":     {"internal/lab/labpki"},
	"internal/libvirt/running": {"internal/lab", "internal/lab/labpki"},
	"internal/judge":           {"internal/lab", "pki"},
	"internal/sign":            {"dn"},
}

// onlyIn lists libraries that stay behind a package or a file, or two of them.
var onlyIn = map[string]string{
	"github.com/AlecAivazis/survey/v2":          "internal/prompt/survey.go",
	"github.com/AlecAivazis/survey/v2/core":     "internal/prompt/survey.go",
	"github.com/AlecAivazis/survey/v2/terminal": "internal/prompt/survey.go",
	"github.com/creack/pty":                     "internal/lab/terminal",
	"github.com/hinshun/vt10x":                  "internal/lab/terminal",
	"github.com/spf13/cobra":                    "cmd/virtpki",
	"github.com/spf13/pflag":                    "cmd/virtpki",
	"golang.org/x/term":                         "cmd/virtpki internal/program internal/prompt",
	"go.step.sm/crypto/keyutil":                 "pki",
	"go.step.sm/crypto/pemutil":                 "pki",
	"go.yaml.in/yaml/v3":                        "templates",
	"go.step.sm/crypto/x509util":                "pki",
}

type source struct {
	pkg  string // folder, slash-separated
	path string
	file *ast.File
}

// sources parses every Go file. The files are read, not asked of the go
// command: its answers are cached and would stay green after a bad import.
func sources(t *testing.T) []source {
	var all []source
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if entry != nil && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".") && name != ".") {
				return filepath.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		all = append(all, source{path.Dir(filepath.ToSlash(name)), name, file})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("found %d Go files: the walk does not see the module", len(all))
	}
	return all
}

func TestImports(t *testing.T) {
	for _, src := range sources(t) {
		if src.pkg == "." {
			continue
		}
		allowed, known := mayImport[src.pkg]
		if !known {
			t.Errorf("%s: package %s is not in the table of this test", src.path, src.pkg)
		}
		isTest := strings.HasSuffix(src.path, "_test.go")
		for _, spec := range src.file.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			own, inside := strings.CutPrefix(imported, "virtpki/")
			switch {
			case inside && own == src.pkg && isTest: // an external test package
			case inside && slices.Contains(allowed, own):
			case inside && isTest && slices.Contains(testImports[src.pkg], own):
			case inside:
				t.Errorf("%s: %s may not import %s", src.path, src.pkg, own)
			case onlyIn[imported] != "" && !slices.ContainsFunc(strings.Fields(onlyIn[imported]), func(place string) bool { return place == src.pkg || place == src.path }):
				t.Errorf("%s: %s belongs in %s alone", src.path, imported, onlyIn[imported])
			case src.pkg == "dn" && strings.Contains(strings.Split(imported, "/")[0], "."):
				t.Errorf("%s: dn is standard library only, not %s", src.path, imported)
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	documented := make(map[string]bool)
	for _, src := range sources(t) {
		documented[src.pkg] = documented[src.pkg] || src.file.Doc != nil
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no comment", pkg)
		}
	}
}

func TestNoInit(t *testing.T) {
	for _, src := range sources(t) {
		for _, decl := range src.file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: has an init function", src.path)
			}
		}
	}
}

// People are told things by termtext, which lets nothing through that moves a
// cursor: fmt writes to no stream but a buffer. What is written to stdout with
// io.WriteString is the contents of a file.
func TestPrintsAreSafe(t *testing.T) {
	streams := []string{"stdout", "stderr", "Stdout", "Stderr", "results"}
	for _, src := range sources(t) {
		if src.pkg != "cmd/virtpki" || strings.HasSuffix(src.path, "_test.go") {
			continue
		}
		ast.Inspect(src.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			name := calledName(call)
			if strings.HasPrefix(name, "fmt.Print") || strings.HasPrefix(name, "fmt.Fprint") && slices.Contains(streams, lastName(call.Args[0])) {
				t.Errorf("%s: %s prints past termtext", src.path, name)
			}
			return true
		})
	}
}

// The commands print, and no package below them: what a run has to say it returns, and
// machine.Machine.Warn is for what cannot wait. A panic (internal/program) has nobody to
// return to; the lab's own programs are commands too.
func TestOnlyCommandsPrint(t *testing.T) {
	for _, src := range sources(t) {
		if src.file.Name.Name == "main" || src.pkg == "internal/program" || strings.HasSuffix(src.path, "_test.go") {
			continue
		}
		ast.Inspect(src.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if strings.HasPrefix(calledName(n), "fmt.Print") || strings.HasPrefix(calledName(n), "log.") {
					t.Errorf("%s: %s prints", src.path, calledName(n))
				}
			case *ast.SelectorExpr:
				if name := lastName(n.X) + "." + n.Sel.Name; name == "os.Stdout" || name == "os.Stderr" {
					t.Errorf("%s: uses %s", src.path, name)
				}
			}
			return true
		})
	}
}

// calledName is PACKAGE.NAME of a call.
func calledName(call *ast.CallExpr) string {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	return lastName(selector.X) + "." + selector.Sel.Name
}

// lastName is the name at the end of a.b.c or a.b.c().
func lastName(expr ast.Expr) string {
	switch expr := expr.(type) {
	case *ast.Ident:
		return expr.Name
	case *ast.SelectorExpr:
		return expr.Sel.Name
	case *ast.CallExpr:
		return lastName(expr.Fun)
	}
	return ""
}

// The sizes up to which a function and a type are read at a glance. Those of tests and of
// the lab do not count.
const (
	maxParameters = 5
	maxMethods    = 40
)

func TestSizes(t *testing.T) {
	methods := make(map[string]int)
	for _, src := range sources(t) {
		if strings.HasSuffix(src.path, "_test.go") || strings.HasPrefix(src.pkg, "internal/lab") || strings.HasPrefix(src.pkg, "bench") {
			continue
		}
		ast.Inspect(src.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv != nil {
					methods[src.pkg+"."+receiver(n.Recv.List[0].Type)]++
				}
				if got := n.Type.Params.NumFields(); got > maxParameters {
					t.Errorf("%s: %s has %d parameters, more than %d", src.path, n.Name.Name, got, maxParameters)
				}
			case *ast.StructType:
				for _, field := range n.Fields.List {
					if sel, ok := field.Type.(*ast.SelectorExpr); ok && lastName(sel.X)+"."+sel.Sel.Name == "context.Context" {
						t.Errorf("%s: a struct holds a context, which belongs to a call", src.path)
					}
				}
			}
			return true
		})
	}
	for name, n := range methods {
		if n > maxMethods {
			t.Errorf("%s has %d methods, more than %d", name, n, maxMethods)
		}
	}
}

// receiver is the name of a method's type.
func receiver(expr ast.Expr) string {
	switch expr := expr.(type) {
	case *ast.StarExpr:
		return receiver(expr.X)
	case *ast.IndexExpr:
		return receiver(expr.X)
	}
	return lastName(expr)
}
