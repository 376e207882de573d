package survey

import (
	"slices"
	"strings"
	"testing"
)

const ini = `# hypervisors
mail.example.com
[hypervisors]
hv[08:10].lab.example ansible_user=root
hv1 ansible_host=10.77.0.1 ansible_port=22  # by address
fd09::7
HV1
; another comment
[racks:children]
hypervisors
[hypervisors:vars]
ansible_user=root
[more]
r[a:c]x[1:5:2] ansible_ssh_host="10.0.0.1"
`

const inventory = `---
all:
  vars: {ansible_user: root}
  hosts:
    mail.example.com:
  children:
    hypervisors:
      hosts:
        hv[1:2].lab.example:
        hv3:
          ansible_host: 10.77.0.3
      children:
        racks:
          hosts:
            hv3:
            hv4:
    empty:
`

func text(targets []Target) string {
	var all []string
	for _, t := range targets {
		name := t.Name
		if t.Dial != "" {
			name += "=" + t.Dial
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

func TestParseTargets(t *testing.T) {
	for name, c := range map[string]struct{ list, want string }{
		"a list of issue's":           {"# all\nhv1.lab.example hv1 10.77.0.1\n\n hv2.lab.example\r\n", "hv1.lab.example hv2.lab.example"},
		"an inventory in INI":         {ini, "mail.example.com hv08.lab.example hv09.lab.example hv10.lab.example hv1=10.77.0.1 fd09::7 rax1=10.0.0.1 rax3=10.0.0.1 rax5=10.0.0.1 rbx1=10.0.0.1 rbx3=10.0.0.1 rbx5=10.0.0.1 rcx1=10.0.0.1 rcx3=10.0.0.1 rcx5=10.0.0.1"},
		"an inventory in YAML":        {inventory, "mail.example.com hv1.lab.example hv2.lab.example hv3=10.77.0.3 hv4"},
		"an address that comes later": {"hv1\nhv1 ansible_host=10.0.0.1\n", "hv1=10.0.0.1"},
		"the controller, in YAML":     {"all:\n  hosts:\n    hv1:\n      ansible_connection: local\n    localhost:\n      ansible_connection: local\n", "hv1"},
		"the controller, in INI":      {"hv1\nlocalhost ansible_connection=local\n", "hv1"},
		"this machine by that name":   {"localhost\nhv1 ansible_connection=local\n", "localhost hv1"},
		"an address in brackets":      {"[fd09::7]\n[fd09::8] x\n", "fd09::7 fd09::8"},
	} {
		targets, err := ParseTargets("hosts", []byte(c.list))
		if err != nil || text(targets) != c.want {
			t.Errorf("%s: %s, %v\nwant %s", name, text(targets), err, c.want)
		}
	}
}

func TestParseTargetsRefuses(t *testing.T) {
	deep := "all:\n"
	for i := range 80 {
		deep += strings.Repeat(" ", 2*i+1) + "children:\n" + strings.Repeat(" ", 2*i+2) + "g:\n"
	}
	for name, c := range map[string]struct{ list, want string }{
		"nothing":                    {"# none\n", "hosts names no host"},
		"groups alone":               {"[a]\n[b:vars]\nx=1\n", "hosts names no host"},
		"a NUL":                      {"hv1\x00\n", "line 1: has a NUL byte"},
		"a range of nothing":         {"hv[9:1]\n", "is empty or too long"},
		"a range without end":        {"hv[1:999999999]\n", "is empty or too long"},
		"many ranges":                {"hv[1:9999][1:9999][1:9999]\n", "stands for more than"},
		"brackets alone":             {"[]\n", `"[]" names no host`},
		"a YAML host without a name": {"all:\n  hosts:\n    \"\": {}\n", "names no host"},
		"a mixed range":              {"hv[1:z]\n", "neither of numbers nor of letters"},
		"no range":                   {"hv[x]\n", "no range that Ansible knows"},
		"a huge number":              {"hv[1:99999999999999999999]\n", "neither of numbers nor of letters"},
		"broken YAML":                {"all:\n\t- x: [\n", "yaml"},
		"a group that is a list":     {"all:\n  - hv1\n", `the group "all" is not a mapping`},
		"deep YAML":                  {deep, "nested too deeply"},
		"YAML without hosts":         {"all:\n  vars:\n    a: 1\n", "hosts names no host"},
	} {
		if targets, err := ParseTargets("hosts", []byte(c.list)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s, %v, want %q", name, text(targets), err, c.want)
		}
	}
}

// A few bytes that stand for a million long names would fill the memory.
func TestLongNamesAreNotExpanded(t *testing.T) {
	for name, text := range map[string]string{
		"INI":    strings.Repeat("x", 600) + "[1:3]\n",
		"digits": "[" + strings.Repeat("0", 600) + ":5]\n",
		"YAML":   "all:\n  hosts:\n    ? \"" + strings.Repeat("[1:1]", 200) + "\"\n    :\n",
	} {
		targets, err := ParseTargets("list", []byte(text))
		if err == nil || !strings.Contains(err.Error(), "is longer than 512 bytes") {
			t.Errorf("%s: %d targets, %.100v", name, len(targets), err)
		}
	}
}

func FuzzParseTargets(f *testing.F) {
	f.Add([]byte(ini))
	f.Add([]byte(inventory))
	f.Add([]byte("["))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("all:\n  hosts: &h\n    hv[1:3]:\n  children: {g: {hosts: *h}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		targets, err := ParseTargets("hosts", data)
		if err == nil && (len(targets) == 0 || len(targets) > maxTargets) {
			t.Errorf("%d targets", len(targets))
		}
		if slices.ContainsFunc(targets, func(t Target) bool { return t.Name == "" }) {
			t.Errorf("a host without a name: %v", targets)
		}
	})
}
