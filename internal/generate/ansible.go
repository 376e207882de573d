package generate

import (
	"bytes"
	"path/filepath"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/templates"
)

// Project is an Ansible project for a fleet, in its directory.
type Project struct {
	folder string
	files  []templates.ProjectFile
}

// NewProject returns the project of a fleet.
func NewProject(folder string, fleet templates.Fleet) (*Project, error) {
	files, err := templates.Ansible(fleet)
	return &Project{folder, files}, hint.Usage(err)
}

// Plan plans the project's files. What people edit is written once.
func (p *Project) Plan(j *change.Job, force bool) error {
	for _, file := range p.kept() {
		j.Note("%s is yours by now: left as it is", file)
	}
	return Plan(j, p.toWrite(), force, "then: cd "+p.folder+" && ansible-playbook site.yml --check")
}

// toWrite are the files that are to be written: what people edit is left alone where it is
// there.
func (p *Project) toWrite() []File {
	var files []File
	for _, file := range p.files {
		if path := p.path(file); !file.Own || !store.Exists(path) {
			files = append(files, File{Name: file.Name, Text: string(file.Text), Path: path, Mode: fileMode})
		}
	}
	return files
}

// kept are the files of people's own in which something else stands by now.
func (p *Project) kept() []string {
	var paths []string
	for _, file := range p.files {
		if !file.Own {
			continue
		}
		path := p.path(file)
		if there, err := machine.ReadIfThere(store.Tree{}, path); err == nil && there != nil && !bytes.Equal(there, file.Text) {
			paths = append(paths, path)
		}
	}
	return paths
}

func (p *Project) path(file templates.ProjectFile) string {
	return filepath.Join(p.folder, filepath.FromSlash(file.Name))
}
