package batch

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"virtpki/internal/safedir"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

// journal holds a CA's notes about a fleet that is not finished: where its bundles are staged,
// and which records belong to which bundle. It lies among the records, where nobody else can
// write. So the CA does not depend on the directory that gets the bundles: a run resumes only
// with the bundles that the journal names, and removes only records that the journal names.
//
// A line is added, and reaches the disk, before any record that it names.
type journal struct {
	records *safedir.Dir
	name    string // of its file
	file    *os.File
	staging string // name of the staging directory
	entries []entry
	serials map[string]bool // of all entries that a killed run has left
}

// entry is a bundle that was about to appear, with the serials of its certificates.
type entry struct {
	bundle  string
	serials []string
}

const (
	journalPrefix = ".virtpki-fleet-"
	journalFirst  = "virtpki fleet 1" // the form of the file
)

// journalName returns the name of the journal for a fleet in a directory: each fleet has one.
func journalName(out, fleet string) (string, error) {
	path, err := filepath.Abs(out)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	sum := sha256.Sum256([]byte(path + "\x00" + fleet))
	return journalPrefix + hex.EncodeToString(sum[:12]), nil
}

// newJournal begins a journal on disk, with a new and unpredictable name for the staging
// directory.
func newJournal(records *safedir.Dir, name string) (*journal, error) {
	j := &journal{records: records, name: name, staging: ".virtpki-" + strings.ToLower(rand.Text()) + safedir.TempSuffix}
	var err error
	if j.file, err = records.Create(name); err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(j.file, "%s\nstaging %s\n", journalFirst, j.staging)
	if err = errors.Join(err, j.file.Sync()); err != nil {
		return nil, errors.Join(err, j.end())
	}
	return j, nil
}

// openJournal reads the journal of a killed run; nil if there is none. It removes a journal
// that does not name a staging directory yet: nothing was staged.
func openJournal(records *safedir.Dir, name string) (*journal, error) {
	file, err := records.Open(name, os.O_RDWR|os.O_APPEND)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	j := &journal{records: records, name: name, file: file}
	data, err := safedir.ReadOpen(file, store.MaxPEM)
	if err == nil {
		err = j.parse(data)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if j.staging == "" {
		return nil, j.end()
	}
	return j, nil
}

// parse reads the lines. A line that a power cut has torn is the last one, and its records do
// not exist yet: parse ignores it.
func (j *journal) parse(data []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(data[:bytes.LastIndexByte(data, '\n')+1]))
	for n := 1; lines.Scan(); n++ {
		words := strings.Fields(lines.Text())
		switch {
		case n == 1 && lines.Text() == journalFirst:
		case n == 2 && len(words) == 2 && words[0] == "staging" && safedir.Unfinished(words[1]):
			j.staging = words[1]
		case n > 2 && len(words) > 1:
			e, err := parseEntry(lines.Text())
			if err != nil {
				return j.corrupt(n)
			}
			j.take(e)
		default:
			return j.corrupt(n)
		}
	}
	return lines.Err()
}

func (j *journal) corrupt(line int) error {
	path := j.file.Name()
	return safedir.Refuse(path, fmt.Sprintf("is damaged in line %d", line), "remove it, and the next run makes the bundles of the interrupted run again: rm "+termtext.ShellWord(path))
}

// parseEntry reads serials and, after them, the quoted name of a bundle.
func parseEntry(line string) (entry, error) {
	serials, quoted, _ := strings.Cut(line, ` "`)
	name, err := strconv.Unquote(`"` + quoted)
	if err == nil && !isName(name) {
		err = fs.ErrInvalid
	}
	return entry{name, strings.Fields(serials)}, err
}

// isName reports whether an entry of a directory can have this name.
func isName(name string) bool {
	return filepath.IsLocal(name) && name != "." && !strings.ContainsAny(name, "/\x00")
}

// take adds an entry that was read.
func (j *journal) take(e entry) {
	if j.serials == nil {
		j.serials = make(map[string]bool)
	}
	for _, serial := range e.serials {
		j.serials[serial] = true
	}
	j.entries = append(j.entries, e)
}

// latest returns the last entry of each bundle.
func (j *journal) latest() []entry {
	var all []entry
	seen := make(map[string]bool)
	for _, e := range slices.Backward(j.entries) {
		if !seen[e.bundle] {
			all = append(all, e)
		}
		seen[e.bundle] = true
	}
	return all
}

// add adds bundles that are about to appear. The lines reach the disk with the sync of the
// records' file system, which comes before the first record.
func (j *journal) add(batch []Made) error {
	var text bytes.Buffer
	for _, m := range batch {
		e := entry{bundle: m.Name}
		for _, r := range m.Records {
			e.serials = append(e.serials, store.SerialText(r.Serial))
		}
		fmt.Fprintf(&text, "%s %q\n", strings.Join(e.serials, " "), e.bundle)
		j.entries = append(j.entries, e)
	}
	if _, err := j.file.Write(text.Bytes()); err != nil {
		return err
	}
	return settleData(int(j.file.Fd()))
}

// end removes the journal: there is nothing left to resume.
func (j *journal) end() error { return errors.Join(j.file.Close(), j.records.RemoveIfThere(j.name)) }
