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
