package labscript

import (
	"context"
	"os"
	"os/exec"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"virtpki/internal/lab/terminal"
)

// The size of the terminal of a picture.
const (
	pictureColumns = 112
	pictureRows    = 60
)

// picture runs command lines at a terminal of a host, one after the other, and compares the
// picture of all their screens with FILE: the colours, and the text but for the parts that
// differ in each run. With UPDATE in the environment it writes the file instead.
func (s *stage) picture(_ context.Context, ts *testscript.TestScript, neg bool, args []string) {
	want(ts, "picture FILE NAME COMMANDLINE…", args, 3, neg)
	file, h := ts.MkAbs(args[0]), s.hostNamed(ts, args[1])
	var lines [][]terminal.Run
	for i, command := range args[2:] {
		if i > 0 {
			lines = append(lines, nil)
		}
		lines = append(lines, []terminal.Run{{Text: "# ", Colour: terminal.Plain}, {Text: command, Colour: terminal.Bold}})
		line := h.Args("env", "TERM=xterm-256color", "sh", "-c", command)
		t, err := terminal.Start(exec.Command(line[0], line[1:]...), pictureColumns, pictureRows)
		ts.Check(err)
		_, err = t.Wait()
		lines = append(lines, t.Runs()...)
		t.Close()
		ts.Check(err)
	}
	made := terminal.SVG(lines, pictureColumns)
	if os.Getenv("UPDATE") != "" {
		ts.Check(os.WriteFile(file, []byte(made), 0o644))
		return
	}
	kept, err := os.ReadFile(file)
	ts.Check(err)
	if got, want := formOf(made), formOf(string(kept)); got != want {
		ts.Fatalf("%s is not the picture that is made now (UPDATE=1 writes it):\n%s\nkept:\n%s", args[0], got, want)
	}
}

// formOf returns each line of a text in its form.
func formOf(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = Form(line)
	}
	return strings.Join(lines, "\n")
}
