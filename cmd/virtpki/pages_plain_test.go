package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// plainSections lists the sections of pages with commands outside of console blocks, which no
// script plays from the page. Each has the scripts, from the root of the module, that run the same
// commands of virtpki with the same flags; or, after "no:", why no test runs them.
var plainSections = map[string]string{
	"README.md: Install":                                    "no: the tests install the packages that they have built (packaging/testdata)",
	"README.md: Three commands":                             "no: systemctl enables the package's timer, which the packages' tests do",
	"README.md: Development":                                "no: these two commands run the tests",
	"adopt.md: From certtool":                               "testdata/e2e/ca-import-certtool.txtar testdata/script/ca-import.txtar testdata/e2e/adopt-certtool.txtar testdata/script/renew.txtar testdata/script/revoke.txtar",
	"adopt.md: Once, by files":                              "testdata/script/install-given.txtar",
	"adopt.md: From a directory":                            "testdata/script/install-given.txtar testdata/e2e/install-given.txtar",
	"adopt.md: Whenever they change":                        "testdata/script/generate.txtar",
	"ansible.md: Five commands":                             "testdata/e2e/ansible.txtar",
	"ansible.md: See that it works":                         "testdata/e2e/ansible.txtar testdata/e2e/check-hosts.txtar",
	"ansible.md: A step-ca or a Vault signs":                "testdata/script/generate-ansible.txtar testdata/e2e/ansible-issuer.txtar",
	"ansible.md: Revocation":                                "testdata/e2e/ansible.txtar",
	"ansible.md: A new generation of the CA":                "testdata/e2e/ansible.txtar testdata/e2e/rollover.txtar",
	"clients.md: Windows":                                   "no: there is no Windows in the tests; its libvirt reads the same URI",
	"cloud-init.md: With a bundle":                          "testdata/e2e/cloud-init.txtar testdata/script/generate-cloud-init.txtar testdata/script/issue.txtar",
	"cloud-init.md: With keys that never leave the machine": "testdata/e2e/cloud-init-request.txtar testdata/script/generate-cloud-init.txtar",
	"cloud-init.md: With a CA of its own":                   "testdata/e2e/cloud-init-own-ca.txtar testdata/script/generate-cloud-init.txtar",
	"cloud-init.md: Images":                                 "testdata/script/bootstrap-bundle.txtar",
	"fedora.md: Set up":                                     "testdata/e2e/virtproxyd-systemd.txtar testdata/e2e/virtproxyd.txtar testdata/script/bootstrap.txtar",
	"fedora.md: SELinux":                                    "no: Debian has no SELinux by default",
	"fedora.md: From libvirtd to virtproxyd":                "testdata/e2e/virtproxyd.txtar testdata/script/config.txtar testdata/script/check-fixes-typed.txtar",
	"hacking.md: Tests":                                     "no: these commands run the tests",
	"hardware-keys.md: A PKCS#11 token":                     "no: it installs packages, which the hosts of testdata/e2e/pages-hardware.txtar have",
	"issuers.md: Set up the CA":                             "testdata/issuer/init.txtar",
	"monitoring.md: Let Prometheus read them":               "testdata/e2e/monitoring.txtar",
	"monitoring.md: Alert rules":                            "testdata/e2e/monitoring.txtar",
	"operations.md: A new generation of the CA":             "testdata/e2e/rollover.txtar testdata/script/rollover-cut-short.txtar",
	"operations.md: Renewal":                                "testdata/script/generate.txtar",
	"operations.md: Keys that never leave their host":       "testdata/script/request.txtar testdata/e2e/request.txtar",
	"operations.md: A fleet":                                "testdata/script/fleet.txtar",
	"troubleshooting.md: Troubleshooting, by symptom":       "testdata/e2e/symptoms.txtar testdata/script/check-looks.txtar",
	"tutorial.md: 1. The hypervisor":                        "testdata/wizard/plain.txtar testdata/script/generate.txtar testdata/e2e/wizard.txtar",
	"tutorial.md: 5. The second host":                       "testdata/script/renewer.txtar",
	"uninstall.md: Keep TLS, remove the program":            "no: systemctl, and the package manager, which the packages' tests run",
	"upgrade.md: A newer virtpki":                           "testdata/script/generate.txtar",
	"upgrade.md: A newer libvirt":                           "testdata/script/check-places.txtar",
}

// TestPagesPlain checks that a test runs each command of a page, or that the table tells why not.
func TestPagesPlain(t *testing.T) {
	found := make(map[string]bool)
	for name, text := range docPages(t) {
		for title, lines := range plainCommands(text) {
			key := filepath.Base(name) + ": " + title
			found[key] = true
			tells, known := plainSections[key]
			if !known {
				t.Errorf("%q runs commands outside of console blocks and is not in the table:\n%s", key, strings.Join(lines, "\n"))
			}
			if !strings.HasPrefix(tells, "no: ") {
				checkPlain(t, key, strings.Fields(tells), lines)
			}
		}
	}
	for key := range plainSections {
		if !found[key] {
			t.Errorf("%q is in the table and does not run commands any more", key)
		}
	}
}

// checkPlain checks that a line of the scripts runs each command, with all of its flags.
func checkPlain(t *testing.T, key string, scripts, lines []string) {
	t.Helper()
	var run []string
	for _, script := range scripts {
		data, err := os.ReadFile("../../" + script)
		if err != nil {
			t.Fatal(err)
		}
		run = append(run, strings.Split(strings.ReplaceAll(string(data), "\\\n", " "), "\n")...)
	}
	for _, line := range lines {
		wanted := essence(line)
		if wanted != nil && !slices.ContainsFunc(run, func(have string) bool { return hasAll(have, wanted) }) {
			t.Errorf("%q: no line of %v has %v, as\n%s", key, scripts, wanted, line)
		}
	}
}

// essence returns the words of a command of virtpki that a script has to have: the names of the
// command, and the flags; --out only says where. It returns nil for another program.
func essence(line string) []string {
	words := strings.Fields(shell.ReplaceAllString(line, " "))
	if len(words) == 0 || words[0] != "virtpki" {
		return nil
	}
	root, wanted := newRoot(newEnv()), []string{"virtpki"}
	for _, word := range words[1:] {
		name, _, _ := strings.Cut(word, "=")
		if child := childNamed(root, name); child != nil {
			root, wanted = child, append(wanted, name)
		} else if strings.HasPrefix(name, "-") && name != "-" && name != "--out" {
			wanted = append(wanted, name)
		}
	}
	return wanted
}

func hasAll(line string, words []string) bool {
	for _, word := range words {
		if !regexp.MustCompile(`(^|[\s'"/])` + regexp.QuoteMeta(word) + `($|[\s'"=;,])`).MatchString(line) {
			return false
		}
	}
	return true
}

var (
	heading = regexp.MustCompile(`^#+ +(.*)$`)
	typed   = regexp.MustCompile(`^(?:    )?(?:[a-z0-9]*[#$] +)?((?:virtpki|virsh|virt-install|systemctl|restorecon|firewall-cmd|promtool|ansible-playbook|dnf|apt|make|go|cd|cp|scp|install|chmod|openssl|certtool|ssh-keygen) .*)$`)
)

// plainCommands returns the command lines of a page that are in a block without being in one of
// console text, by their section.
func plainCommands(text string) map[string][]string {
	all := make(map[string][]string)
	section, fence := "", ""
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "```") && fence == "":
			fence = line
		case strings.HasPrefix(line, "```"):
			fence = ""
		case fence == "" && heading.MatchString(line):
			section = heading.FindStringSubmatch(line)[1]
		case strings.HasPrefix(fence, "```console"):
		case fence != "" || strings.HasPrefix(line, "    "):
			if match := typed.FindStringSubmatch(line); match != nil {
				all[section] = append(all[section], match[1])
			}
		}
	}
	return all
}
