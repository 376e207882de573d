package generate

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
)

// File is a file that is printed or written; its JSON form is stable.
type File struct {
	Name string      `json:"name"`
	Text string      `json:"text"`
	Path string      `json:"-"` // where it is written
	Mode fs.FileMode `json:"-"`
}

// fileMode is the mode of units and crontabs. cron ignores a file that others may write to.
const fileMode fs.FileMode = 0o644

// Plan plans files; force replaces existing files that virtpki did not write. A unit that a package
// has installed with the same text is not written. step is the one that remains before the files
// take effect; it is empty if there is none.
func Plan(j *change.Job, files []File, force bool, step string) error {
	before := len(j.Plan.Changes())
	var packaged []File
	for _, file := range files {
		same, err := isPackaged(j.Plan.Tree(), file)
		if err != nil {
			return err
		}
		if same {
			packaged = append(packaged, file)
			continue
		}
		if err := j.Plan.Parents(filepath.Dir(file.Path), 0o755, machine.Owner()); err != nil {
			return err
		}
		o := store.Output{Path: file.Path, Data: []byte(file.Text), Mode: file.Mode, Ours: change.WrittenText, Force: force}
		if err := change.PlanOutput(&j.Plan, o, "--out"); err != nil {
			return err
		}
	}
	planStep(j, files, packaged, step, len(j.Plan.Changes()) > before)
	return nil
}

// Absolute makes a path absolute unless it is empty: the program that reads the file starts in
// another directory.
func Absolute(path *string) error {
	if *path == "" {
		return nil
	}
	absolute, err := filepath.Abs(*path)
	*path = absolute
	return err
}

// flagArgs returns the values of a flag that differ from its default. Each value follows its flag
// after "=", so that no value is read as a flag.
func flagArgs(flag, otherwise string, values ...string) (args []string) {
	for _, value := range values {
		if value != otherwise {
			args = append(args, "--"+flag+"="+value)
		}
	}
	return args
}

// checkHosts returns an error if a name of a machine is invalid.
func checkHosts(names []string) error {
	for i, name := range names {
		if err := subject.CheckHost(name); err != nil {
			return err
		}
		same := func(before string) bool { return strings.EqualFold(before, name) }
		if slices.ContainsFunc(names[:i], same) {
			return hint.Usagef("name %s is given twice", termtext.QuoteShort(name))
		}
	}
	return nil
}
