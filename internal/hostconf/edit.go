package hostconf

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

// editConf plans settings into a configuration file, and reports whether anything differs.
func editConf(j *change.Job, path string, settings []libvirt.Setting) (edited bool, err error) {
	file, err := conf.Read(path, j.Plan.Tree().ReadFile)
	if err != nil {
		return false, err
	}
	old := file.Bytes()
	noteDuplicates(j, path, file)
	if edited, err = edit(file, settings); err != nil || !edited {
		return false, err
	}
	return true, planConf(j, path, old, file.Bytes())
}

// edit sets the entries that differ, and reports whether any did.
func edit(file *conf.File, settings []libvirt.Setting) (edited bool, err error) {
	for _, s := range settings {
		if have, ok := file.Lookup(s.Name); ok && have.Equal(s.Value) {
			continue
		}
		if err := file.Set(s.Name, s.Value); err != nil {
			return edited, fmt.Errorf("setting %s: %w", s.Name, err)
		}
		edited = true
	}
	return edited, nil
}

// confMode is the mode of a new configuration file. An existing file keeps its mode.
const confMode fs.FileMode = 0o644

// planConf plans the new configuration file, and the old one beside it.
func planConf(j *change.Job, path string, old, edited []byte) error {
	if err := j.Plan.Parents(filepath.Dir(path), 0o755, machine.Owner()); err != nil {
		return err
	}
	if old != nil {
		if err := keepOld(&j.Plan, path, old); err != nil {
			return err
		}
	}
	return j.Plan.Keep(path, edited, confMode, machine.Owner())
}

// keepOld plans a copy of a configuration file. The copy .old is the file as it was before
// virtpki's first edit, or somebody's own copy, and is never replaced. Before each later edit
// keepOld copies the file under a name of virtpki's own.
func keepOld(plan *store.Plan, path string, old []byte) error {
	first, err := machine.ReadIfThere(plan.Tree(), path+".old")
	if err != nil || bytes.Equal(first, old) && first != nil {
		return err
	}
	if first == nil {
		return plan.KeepLike(path+".old", path, old)
	}
	mode, err := machine.ModeOf(plan.Tree(), path)
	if err != nil {
		return err
	}
	copied := append([]byte("# "+filepath.Base(path)+" before the last edit. "+change.WrittenBy+"config\n"), old...)
	err = plan.Output(store.Output{Path: path + ".virtpki-old", Data: copied, Mode: mode, Owner: machine.Owner(), Ours: change.WrittenText})
	if errors.Is(err, store.ErrNotOurs) {
		return hint.With(err, "move it away: mv %s.virtpki-old %[1]s.kept", termtext.ShellWord(path))
	}
	return err
}
