package templates

import (
	"strings"
	"testing"
)

// fleet returns a small, valid Fleet.
func fleet() Fleet {
	return Fleet{Hosts: []string{"hv1.lab.example"}, CA: "localhost", Local: true, Copy: "/usr/bin/virtpki"}
}

func TestAnsibleProject(t *testing.T) {
	project, err := Ansible(fleet())
	if err != nil {
		t.Fatal(err)
	}
	own := make(map[string]bool)
	for _, file := range project {
		own[file.Name] = file.Own
		if text := string(file.Text); !strings.HasSuffix(text, "\n") || strings.Contains(text, "{{yaml") || strings.Contains(text, "{{-") {
			t.Errorf("%s: got\n%s", file.Name, text)
		}
		if strings.HasSuffix(file.Name, ".yml") && !strings.HasPrefix(string(file.Text), "---\n") {
			t.Errorf("%s does not begin a YAML document", file.Name)
		}
	}
	for name, want := range map[string]bool{
		"inventory.yml": true, "ansible.cfg": true, "site.yml": true, "trust.yml": true, "revoke.yml": true,
		"roles/virtpki/tasks/main.yml": false, "roles/virtpki/defaults/main.yml": false,
	} {
		if got, there := own[name]; !there || got != want {
			t.Errorf("%s: there %v, people's own %v, want %v", name, there, got, want)
		}
	}
}

// A project with an issuer has the playbooks for it in place of the others, and the same role.
func TestAnsibleIssuer(t *testing.T) {
	plain, err := Ansible(fleet())
	if err != nil {
		t.Fatal(err)
	}
	f := Fleet{Hosts: []string{"hv1.lab.example"}, Issuer: "/etc/virtpki/issuer.yaml", IssuerFiles: []string{"/etc/virtpki/token"}}
	asked, err := Ansible(f)
	if err != nil {
		t.Fatal(err)
	}
	text := make(map[string]string)
	for _, file := range asked {
		if text[file.Name] != "" {
			t.Errorf("%s is there twice", file.Name)
		}
		text[file.Name] = string(file.Text)
	}
	for _, file := range plain {
		if got := text[file.Name]; got == "" || (got == string(file.Text)) != (!file.Own || file.Name == "ansible.cfg") {
			t.Errorf("%s is missing, or not the one for this kind of project", file.Name)
		}
	}
	if len(asked) != len(plain) || !strings.Contains(text["inventory.yml"], "\n      /etc/virtpki/token: /etc/virtpki/token\n") {
		t.Errorf("%d files, and the inventory\n%s", len(asked), text["inventory.yml"])
	}
	f.IssuerFiles[0] = "/a\nb"
	if _, err := Ansible(f); err == nil {
		t.Error("a line break in a path: got no error")
	}
}

func TestYAMLStrings(t *testing.T) {
	for in, want := range map[string]string{
		"hv1.lab.example": "hv1.lab.example", "/usr/bin/virtpki": "/usr/bin/virtpki", "localhost": "localhost",
		"": `""`, "no": `"no"`, "null": `"null"`, "1.5": `"1.5"`, "10.0.0.1": `"10.0.0.1"`, "-a.b": `"-a.b"`, ".5": `".5"`,
		"a: b": `"a: b"`, "a.b:": `"a.b:"`, "/a #b": `"/a #b"`, `/a"b`: `"/a\"b"`, `/a\b`: `"/a\\b"`, "/{{ x }}": `"/{{ x }}"`, "@a/b": `"@a/b"`,
	} {
		if got := yamlString(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestAnsibleRefusals(t *testing.T) {
	for name, set := range map[string]func(*Fleet){
		"no hosts":               func(f *Fleet) { f.Hosts = nil },
		"no CA":                  func(f *Fleet) { f.CA = "" },
		"a line break in a name": func(f *Fleet) { f.Hosts[0] = "a\nb" },
		"a line break in a path": func(f *Fleet) { f.Copy = "/a\nb" },
		"a line break in the CA": func(f *Fleet) { f.CAFolder = "/a\nb" },
	} {
		f := fleet()
		set(&f)
		if _, err := Ansible(f); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestNamesHost(t *testing.T) {
	for _, c := range []struct {
		inventory, host string
		want            bool
	}{
		{"virtpki:\n  hosts:\n    hv1.example:\n", "hv1.example", true},
		{"virtpki:\n  hosts:\n    hv1.example:\n", "hv2.example", false},
		{"virtpki:\n  hosts:\n    hv1.example:\n    # hv2.example:\n", "hv2.example", false},
		{"virtpki:\n  hosts:\n    hv1.example: {virtpki_san: [hv2.example]}\n", "hv2.example", false},
		{"all:\n  children:\n    virtpki:\n      hosts: {\"hv1\": }\n", "hv1", true},
		{"virtpki:\n  hosts:\n    hv[1:9].example:\n", "hv7.example", true},
		{"{hv1.example: [", "hv1.example", true},
		{"", "hv1.example", false},
	} {
		if got := NamesHost([]byte(c.inventory), c.host); got != c.want {
			t.Errorf("%q, %s: %v", c.inventory, c.host, got)
		}
	}
}
