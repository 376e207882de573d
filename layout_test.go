// Package virtpki_test checks the architecture of the module: which package imports which, that
// every package documents its purpose, and that an import alone runs no code.
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

type source struct {
	pkg  string // directory, slash-separated
	path string
	file *ast.File
}

// sources parses every Go file. It reads the files and does not ask the go command, whose results
// are cached: they would stay green after a bad import.
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

// All output for people goes through termtext, which removes everything that moves a cursor. fmt
// therefore writes only to buffers. Text that is written to stdout with io.WriteString is the
// contents of a file.
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

// Only commands print; the packages below them return their messages. machine.Machine.Warn is for
// messages that cannot wait. A panic (internal/program) has no caller to return to; the lab's own
// programs are commands too.
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

// calledName returns PACKAGE.NAME of a call.
func calledName(call *ast.CallExpr) string {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	return lastName(selector.X) + "." + selector.Sel.Name
}

// lastName returns the name at the end of a.b.c or a.b.c().
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

// The sizes up to which a function and a type can be read at a glance. Those of tests do not
// count.
const (
	maxParameters = 5
	maxMethods    = 40
)

func TestSizes(t *testing.T) {
	methods := make(map[string]int)
	for _, src := range sources(t) {
		if strings.HasSuffix(src.path, "_test.go") || strings.HasPrefix(src.pkg, "bench") {
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

// receiver returns the name of a method's type.
func receiver(expr ast.Expr) string {
	switch expr := expr.(type) {
	case *ast.StarExpr:
		return receiver(expr.X)
	case *ast.IndexExpr:
		return receiver(expr.X)
	}
	return lastName(expr)
}
