package survey

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits of an inventory in YAML: bytes, and groups inside groups.
const (
	maxYAML  = 16 << 20
	maxDepth = 64
)

// looksLikeYAML reports whether a list is an inventory in YAML: its first line that is not
// empty or a comment ends with a colon, or begins a document. A host's name never does.
func looksLikeYAML(text string) bool {
	for line := range strings.Lines(strings.TrimPrefix(text, "\xef\xbb\xbf")) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			return line == "---" || strings.HasSuffix(line, ":")
		}
	}
	return false
}

// yamlTargets reads an inventory: groups with hosts and children, each host with variables.
// It walks the nodes, so that hosts come in the order of the file.
func yamlTargets(text []byte) found {
	if len(text) > maxYAML {
		return found{err: fmt.Errorf("an inventory in YAML of more than %d bytes is not read", maxYAML)}
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return found{err: err}
	}
	var f found
	if len(document.Content) == 1 {
		f.groups(document.Content[0], 0)
	}
	return f
}

// groups reads a mapping of groups by their names.
func (f *found) groups(node *yaml.Node, depth int) {
	for name, group := range pairs(node) {
		f.group(name, group, depth)
	}
}

func (f *found) group(name string, group *yaml.Node, depth int) {
	if depth > maxDepth && f.err == nil {
		f.err = errors.New("its groups are nested too deeply")
	}
	if f.err != nil || isNull(group) {
		return
	}
	if group.Kind != yaml.MappingNode {
		f.err = fmt.Errorf("line %d: the group %q is not a mapping of hosts, children and vars", group.Line, name)
		return
	}
	for key, value := range pairs(group) {
		switch key {
		case "hosts":
			f.hosts(value)
		case "children":
			f.groups(value, depth+1)
		}
	}
}

func (f *found) hosts(node *yaml.Node) {
	for name, vars := range pairs(node) {
		names, err := expand(name)
		if err == nil && len(f.targets)+len(names) > maxTargets {
			err = fmt.Errorf("more than %d hosts", maxTargets)
		}
		if err != nil {
			f.err = fmt.Errorf("line %d: %w", node.Line, err)
			return
		}
		dial, local := "", false
		for key, value := range pairs(vars) {
			if key == "ansible_host" || key == "ansible_ssh_host" {
				dial = value.Value
			}
			local = local || key == "ansible_connection" && value.Value == "local"
		}
		for _, name := range withoutController(names, local) {
			f.targets = append(f.targets, Target{Name: name, Dial: dial})
		}
	}
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

// pairs yields the keys and values of a mapping, and nothing for another node. It does not
// follow aliases: one may expand to more than fits into memory.
func pairs(node *yaml.Node) func(func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		if node == nil || node.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			if !yield(node.Content[i].Value, node.Content[i+1]) {
				return
			}
		}
	}
}
