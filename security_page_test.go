package virtpki_test

import (
	"go/ast"
	"os"
	"regexp"
	"strings"
	"testing"
)

// heldBy finds the tests that docs/security.md names: functions, and scripts below testdata.
var heldBy = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z]+|(?:script|e2e|wizard)/[a-z-]+\\.txtar)`")

// A test that the security page names must exist: without it nothing checks the promise.
func TestSecurityPageNamesTestsThatExist(t *testing.T) {
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	functions := make(map[string]bool)
	for _, src := range sources(t) {
		for _, decl := range src.file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && strings.HasSuffix(src.path, "_test.go") {
				functions[fn.Name.Name] = true
			}
		}
	}
	named := heldBy.FindAllStringSubmatch(string(page), -1)
	if len(named) < 50 {
		t.Fatalf("found %d names: the page is not read as it is written", len(named))
	}
	for _, match := range named {
		if _, err := os.Stat("testdata/" + match[1]); err != nil && !functions[match[1]] {
			t.Errorf("docs/security.md names %s, which does not exist", match[1])
		}
	}
}
