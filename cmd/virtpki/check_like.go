package main

import (
	"fmt"
	"slices"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/inspect"
	"virtpki/internal/judge"
	"virtpki/internal/termtext"
)

// likeValidate is the program whose demands --like takes over.
const likeValidate = "virt-pki-validate"

// validateScopes are its names of the roles.
var validateScopes = map[judge.Role]string{judge.Trust: "TRUST", judge.Server: "SERVER", judge.Client: "CLIENT"}

// tellValidation prints the lines as the program does, and exits 1 where it should.
func (e *env) tellValidation(g *globals, o *checkOptions, v *inspect.Validation) error {
	switch {
	case g.json:
		if err := e.printCheckJSON(o, v.Report); err != nil {
			return err
		}
	case !g.quiet:
		for _, line := range v.Lines {
			e.printValidation(line)
		}
	}
	if slices.ContainsFunc(v.Lines, func(line judge.Line) bool { return len(line.Found) > 0 }) {
		return hint.ErrFailed
	}
	return nil
}

func (e *env) printValidation(line judge.Line) {
	result := "PASS"
	var why []string
	for _, f := range line.Found {
		text := fmt.Sprintf("%s: %s", f.File, f.Text)
		if f.Fix != "" {
			text += "; run: " + f.Fix
		}
		why = append(why, text)
	}
	if len(why) > 0 {
		result = "FAIL (" + strings.Join(why, "; ") + ")"
	}
	termtext.Fprintf(e.stdout, "%6s: Checking %-40s: %s\n", validateScopes[line.Role], line.What, termtext.Quote(result))
}
