package labscript

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// page plays a section of a page of the documentation. It runs the commands in its blocks of
// console text, each on the host that its prompt names, and compares their output with the
// lines below them. With UPDATE in the environment it writes the output into the page instead.
func (s *stage) page(ctx context.Context, ts *testscript.TestScript, neg bool, args []string) {
	const usage = "page FILE SECTION [N]"
	want(ts, usage, args, 2, neg)
	text, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	lines, blocks := readPage(string(text), args[1])
	if len(blocks) == 0 {
		ts.Fatalf("%s has no console block below the heading %q", args[0], args[1])
	}
	if len(args) > 2 {
		n, err := strconv.Atoi(args[2])
		if err != nil || n < 1 || n > len(blocks) {
			ts.Fatalf("%s: the section has blocks 1 to %d", usage, len(blocks))
		}
		blocks = blocks[n-1 : n]
	}
	for _, b := range slices.Backward(s.played(ctx, ts, blocks)) {
		lines = slices.Replace(lines, b.from, b.to, b.text()...)
	}
	if now := strings.Join(lines, "\n"); os.Getenv("UPDATE") != "" && now != string(text) {
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(now), 0o644))
	}
}

// played runs the commands of blocks, and returns the blocks with the new output.
func (s *stage) played(ctx context.Context, ts *testscript.TestScript, blocks []block) []block {
	var all []block
	for _, b := range blocks {
		now := block{from: b.from, to: b.to, status: b.status}
		for i, c := range b.calls {
			status := 0
			if i == len(b.calls)-1 {
				status = b.status
			}
			printed := s.call(ctx, ts, c, status)
			if missing := c.missing(printed); missing != "" && os.Getenv("UPDATE") == "" {
				ts.Fatalf("%s\nprints no such line, or not in that order:\n%s\nit prints:\n%s", c.prompt+c.command, missing, strings.Join(printed, "\n"))
			}
			if !slices.Contains(c.printed, gap) && len(c.printed) > 0 {
				c.printed = printed
			}
			now.calls = append(now.calls, c)
		}
		all = append(all, now)
	}
	return all
}

// call runs one command: as root with the prompt "NAME# ", as the user alice with "NAME$ ".
func (s *stage) call(ctx context.Context, ts *testscript.TestScript, c call, status int) []string {
	host, user := c.who()
	program := []string{host, "sh", "-c", "exec 2>&1; " + c.command}
	if user != "root" {
		program = []string{host, "runuser", "-l", user, "-c", "exec 2>&1; " + c.command}
	}
	got := 0
	var exit *exec.ExitError
	if err := s.run(ctx, ts, program); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != status {
		ts.Fatalf("%s: exit status %d, want %d", c.prompt+c.command, got, status)
	}
	return strings.Split(strings.TrimRight(ts.ReadFile("stdout"), "\n"), "\n")
}

// block is a block of console text: lines from to to of a page.
type block struct {
	from, to int // without the fences
	status   int // of the last command
	calls    []call
}

// call is a command of a block with its prompt, and the lines that it prints.
type call struct {
	prompt, command string
	printed         []string
}

// gap stands in a page for lines that are left out.
const gap = "..."

var (
	prompt = regexp.MustCompile(`^([a-z][a-z0-9]*[#$] )(.*)$`)
	opened = regexp.MustCompile("^```console(?: status=([0-9]+))?$")
)

// readPage returns the lines of a page, and the console blocks below one of its headings.
func readPage(text, section string) (lines []string, blocks []block) {
	lines = strings.Split(text, "\n")
	inside := false
	for i := 0; i < len(lines); i++ {
		if title, ok := strings.CutPrefix(strings.TrimLeft(lines[i], "#"), " "); ok && strings.HasPrefix(lines[i], "#") {
			inside = title == section
		}
		match := opened.FindStringSubmatch(lines[i])
		if !inside || match == nil {
			continue
		}
		b := block{from: i + 1}
		fmt.Sscan("0"+match[1], &b.status)
		for i++; i < len(lines) && lines[i] != "```"; i++ {
			b.add(lines[i])
		}
		b.to = i
		blocks = append(blocks, b)
	}
	return lines, blocks
}

// add adds a line: a command, the continuation of a command that ends with a backslash, or a
// line of output.
func (b *block) add(line string) {
	if match := prompt.FindStringSubmatch(line); match != nil {
		b.calls = append(b.calls, call{prompt: match[1], command: match[2]})
		return
	}
	if len(b.calls) == 0 {
		return
	}
	c := &b.calls[len(b.calls)-1]
	if strings.HasSuffix(c.command, `\`) {
		c.command += "\n" + line
		return
	}
	c.printed = append(c.printed, line)
}

// text returns the lines of a block.
func (b block) text() []string {
	var lines []string
	for _, c := range b.calls {
		lines = append(lines, strings.Split(c.prompt+c.command, "\n")...)
		lines = append(lines, c.printed...)
	}
	return lines
}

// who returns the host and the user that the prompt names.
func (c call) who() (host, user string) {
	if host, ok := strings.CutSuffix(c.prompt, "# "); ok {
		return host, "root"
	}
	return strings.TrimSuffix(c.prompt, "$ "), "alice"
}

// missing returns the first line of the page that a command has not printed, in the order of
// the page. Lines that differ in each run are compared in their form.
func (c call) missing(printed []string) string {
	at := 0
	for _, line := range c.printed {
		if strings.TrimSpace(line) == gap || line == "" {
			continue
		}
		found := slices.IndexFunc(printed[at:], func(p string) bool { return Form(p) == Form(line) })
		if found < 0 {
			return line
		}
		at += found + 1
	}
	return ""
}

// varying are the parts of a line that differ in each run, with their form.
var varying = []struct {
	match *regexp.Regexp
	form  string
}{
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "FINGERPRINT"},
	{regexp.MustCompile(`\b[0-9A-F]{24,40}\b`), "SERIAL"},
	{regexp.MustCompile(`\b[0-9A-F]{8}(?:\.\.\.|…)`), "SERIAL"},
	{regexp.MustCompile(`\bCA [0-9a-f]{8}\b`), "CA ID"},
	{regexp.MustCompile(`\b20[0-9]{2}-[0-9]{2}-[0-9]{2}\b`), "DATE"},
	{regexp.MustCompile(`\b[0-9]+ days\b`), "DAYS"},
	{regexp.MustCompile(`\b[0-9]{2}:[0-9]{2}(:[0-9]{2})?\b`), "TIME"},
	{regexp.MustCompile(`\bin [0-9]+\.[0-9] s\b`), "in SECONDS"},
	{regexp.MustCompile(`(from \S+:)[0-9]+\b`), "${1}PORT"},
	{regexp.MustCompile(` +`), " "},
}

// Form returns a line without the parts that differ in each run: serials, fingerprints, dates.
func Form(line string) string {
	for _, v := range varying {
		line = v.match.ReplaceAllString(line, v.form)
	}
	return strings.TrimSpace(line)
}
