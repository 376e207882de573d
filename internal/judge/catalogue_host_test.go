package judge

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestCatalogueOfPlaces requires an entry for each id in the sources of the stages places, conf and
// host, and fails on any other entry.
func TestCatalogueOfPlaces(t *testing.T) {
	said := idsInSource(t)
	explained := make(map[string]bool)
	for _, entry := range slices.Concat(placeEntries, confEntries, hostEntries) {
		if explained[entry.ID] {
			t.Errorf("%s is explained twice", entry.ID)
		}
		explained[entry.ID] = true
		if entry.Cause == "" || entry.Fix == "" || entry.Stage == "" {
			t.Errorf("%s: wants a stage, a cause and a fix", entry.ID)
		}
		if !said[entry.ID] {
			t.Errorf("%s is explained and never said", entry.ID)
		}
	}
	all := make(map[string]bool)
	for _, entry := range Catalogue() {
		if all[entry.ID] {
			t.Errorf("%s is explained by two stages", entry.ID)
		}
		all[entry.ID] = true
	}
	for id := range said {
		if !explained[id] {
			t.Errorf("%s is said and not explained", id)
		}
	}
}

var ourSource = regexp.MustCompile(`^(places|conf|host).*\.go$`)

// idsInSource finds the ids: the first argument of a say, the value of an ID field, and values that
// are assigned to an id. The package clock has findings of its own, and
// inspect those on a key in a device.
func idsInSource(t *testing.T) map[string]bool {
	t.Helper()
	ids := make(map[string]bool)
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	sources = slices.DeleteFunc(sources, func(name string) bool { return !ourSource.MatchString(name) })
	for _, name := range append(sources, "../clock/clock.go", "../inspect/devicekey.go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			collectID(n, ids)
			return true
		})
	}
	if len(ids) < 30 {
		t.Fatalf("found %d ids: the source is not read", len(ids))
	}
	return ids
}

func collectID(n ast.Node, ids map[string]bool) {
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			id, _ := strconv.Unquote(lit.Value)
			ids[id] = true
		}
	}
	switch n := n.(type) {
	case *ast.CallExpr:
		if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "say" && len(n.Args) > 0 {
			add(n.Args[0])
		}
		if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "say" && len(n.Args) > 0 {
			add(n.Args[0])
		}
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && key.Name == "ID" {
			add(n.Value)
		}
	case *ast.AssignStmt:
		for i, left := range n.Lhs {
			sel, isField := left.(*ast.SelectorExpr)
			name, isVar := left.(*ast.Ident)
			if len(n.Lhs) == len(n.Rhs) && (isField && sel.Sel.Name == "ID" || isVar && name.Name == "id") {
				add(n.Rhs[i])
			}
		}
	}
}
