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

// Fleet describes the inventory of an Ansible project.
type Fleet struct {
	// Hosts are the names of the machines that get certificates. Ansible reaches them by these
	// names, and their certificates contain them.
	Hosts []string
	// CA is the name of the machine with the CA's key.
	CA string
	// Local says that CA is the machine on which Ansible runs.
	Local bool
	// CAFolder is the absolute path of the CA's directory on that machine. Empty: the default of
	// the role.
	CAFolder string
	// Copy is the absolute path of virtpki on the machine on which Ansible runs, to copy it to the
	// hosts. Empty: the hosts have it already.
	Copy string
	// Issuer is the absolute path of an issuer's file on the machine on which Ansible runs. The
	// hosts then ask that issuer, and there is no machine with the CA's key. Empty: none.
	Issuer string
	// IssuerFiles are the absolute paths of the files that it names, on that machine and on the
	// hosts.
	IssuerFiles []string
}

// ProjectFile is one file of an Ansible project.
type ProjectFile struct {
	Name string // below the project's directory, with slashes
	Text []byte
	// Own is set for files that people edit, which are all files except those of the role. Such a
	// file must not be overwritten.
	Own bool
}

// Ansible returns an Ansible project: a role that requests, signs and installs, the playbooks that
// use it, and an inventory; with an issuer the playbooks and the inventory for it. The project needs ansible-core 2.14 or newer and only the collection
// ansible.builtin.
func Ansible(f Fleet) ([]ProjectFile, error) {
	if len(f.Hosts) == 0 || f.CA == "" && f.Issuer == "" {
		return nil, errors.New("an inventory needs hosts and a CA")
	}
	if err := printable(slices.Concat(f.Hosts, f.IssuerFiles, []string{f.CA, f.CAFolder, f.Copy, f.Issuer})...); err != nil {
		return nil, err
	}
	var project []ProjectFile
	err := fs.WalkDir(ansibleFiles, "ansible", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !f.wants(name) {
			return err
		}
		file, err := f.file(name)
		project = append(project, file)
		return err
	})
	return project, err
}

// forIssuer is the directory of the files that people edit, for a project with an issuer. The role
// serves both kinds of project.
const forIssuer = "ansible/issuer/"

// wants reports whether an embedded file belongs to the project.
func (f Fleet) wants(name string) bool {
	rest, special := strings.CutPrefix(name, forIssuer)
	if f.Issuer == "" || special {
		return special == (f.Issuer != "")
	}
	_, err := ansibleFiles.ReadFile(forIssuer + strings.TrimPrefix(rest, "ansible/"))
	return err != nil // there is no other one for an issuer
}

// writtenLine marks the files that a newer virtpki replaces. It follows the line that begins a
// YAML document.
const writtenLine = "# Written by: virtpki generate ansible\n"

// file returns one of the embedded files. It fills those that end in .tmpl.
func (f Fleet) file(name string) (ProjectFile, error) {
	text, err := ansibleFiles.ReadFile(name)
	bare, filled := strings.CutSuffix(strings.TrimPrefix(strings.TrimPrefix(name, forIssuer), "ansible/"), ".tmpl")
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

// NamesHost reports whether an inventory names a host. It does not expand ranges of hosts such as
// hv[1:9]: an inventory with a range may name any host.
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

// yamlString writes a string for YAML. It leaves names and paths as they are, and quotes all else
// as in JSON, which YAML 1.2 contains. A word without a dot or a slash is quoted too, since it may
// mean something else to YAML (no, null, 12).
func yamlString(s string) string {
	bare := isPlain(s) && strings.ContainsAny(s, "./") && !strings.ContainsAny(s, ":@,=+") && (s[0] == '/' || s[0] >= 'a' && s[0] <= 'z')
	if bare || s == "localhost" {
		return s
	}
	quoted, _ := json.Marshal(s) // a string can always be encoded
	return string(quoted)
}
