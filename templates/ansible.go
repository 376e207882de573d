package templates

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"
)

//go:embed ansible
var ansibleFiles embed.FS

// Fleet is what the inventory of an Ansible project says.
type Fleet struct {
	// Hosts are the names of the machines that get certificates, as Ansible reaches
	// them and as their certificates name them.
	Hosts []string
	// CA is the name of the machine with the CA's key.
	CA string
	// Local says that CA is the machine on which Ansible runs.
	Local bool
	// CAFolder is the absolute path of the CA's folder on that machine. Empty: the
	// default of the role.
	CAFolder string
	// Copy is the absolute path of virtpki on the machine on which Ansible runs; it is
	// copied to the hosts. Empty: they have it.
	Copy string
}

// ProjectFile is one file of an Ansible project.
type ProjectFile struct {
	Name string // below the project's folder, with slashes
	Text []byte
	// Own is set for a file that people edit, which is all but the role: it must not be
	// written twice.
	Own bool
}

// Ansible is an Ansible project: a role that requests, signs and installs, the
// playbooks that use it, and an inventory. It needs ansible-core 2.14 or newer and
// nothing but ansible.builtin.
func Ansible(f Fleet) ([]ProjectFile, error) {
	if len(f.Hosts) == 0 || f.CA == "" {
		return nil, errors.New("an inventory needs hosts and a CA")
	}
	if err := printable(slices.Concat(f.Hosts, []string{f.CA, f.CAFolder, f.Copy})...); err != nil {
		return nil, err
	}
	var project []ProjectFile
	err := fs.WalkDir(ansibleFiles, "ansible", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		file, err := f.file(name)
		project = append(project, file)
		return err
	})
	return project, err
}

// writtenLine stands, after the line that begins a YAML document, in the files that a newer virtpki replaces.
const writtenLine = "# Written by: virtpki generate ansible\n"

// file is one of the embedded files; those that end in .tmpl are filled.
func (f Fleet) file(name string) (ProjectFile, error) {
	text, err := ansibleFiles.ReadFile(name)
	bare, filled := strings.CutSuffix(strings.TrimPrefix(name, "ansible/"), ".tmpl")
	file := ProjectFile{Name: bare, Text: text, Own: !strings.HasPrefix(bare, "roles/")}
	if !file.Own {
		file.Text = bytes.Replace(text, []byte("---\n"), []byte("---\n"+writtenLine), 1)
	}
	if err != nil || !filled {
		return file, err
	}
	parsed, err := template.New(name).Funcs(template.FuncMap{"yaml": yamlString}).Parse(string(text))
	if err != nil {
		return file, err
	}
	var b bytes.Buffer
	err = parsed.Execute(&b, f)
	file.Text = b.Bytes()
	return file, err
}

// NamesHost reports whether an inventory names a host. Ranges of hosts, hv[1:9], are not
// expanded: an inventory with one may name any.
func NamesHost(inventory []byte, host string) bool {
	var document yaml.Node
	if err := yaml.Unmarshal(inventory, &document); err != nil {
		return bytes.Contains(inventory, []byte(host))
	}
	return namesHost(&document, host)
}

func namesHost(node *yaml.Node, host string) bool {
	for i, child := range node.Content {
		isKey := node.Kind == yaml.MappingNode && i%2 == 0
		if isKey && (child.Value == host || strings.Contains(child.Value, "[")) || namesHost(child, host) {
			return true
		}
	}
	return false
}

// yamlString writes a string for YAML: names and paths as they are, all else quoted
// as in JSON, which YAML 1.2 contains. A word without a dot or a slash may mean
// something else to YAML (no, null, 12).
func yamlString(s string) string {
	bare := isPlain(s) && strings.ContainsAny(s, "./") && !strings.ContainsAny(s, ":@,=+") && (s[0] == '/' || s[0] >= 'a' && s[0] <= 'z')
	if bare || s == "localhost" {
		return s
	}
	quoted, _ := json.Marshal(s) // a string always can be
	return string(quoted)
}
