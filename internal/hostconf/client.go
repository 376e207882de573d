package hostconf

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
)

// Clients holds the values that decide the entries of libvirt.conf, which virsh and every other
// client reads.
type Clients struct {
	Path    string
	Aliases []Alias
	Default string // where a client connects without a URI: a name, a host or a URI
}

// Settings returns the entries: the existing aliases, with the new ones.
func (c *Clients) Settings(t store.Tree) ([]libvirt.Setting, error) {
	file, err := conf.Read(c.Path, t.ReadFile)
	if err != nil {
		return nil, err
	}
	list := mergeAliases(file, c.Aliases)
	var settings []libvirt.Setting
	if len(c.Aliases) > 0 {
		settings = append(settings, libvirt.Setting{Name: "uri_aliases", Value: conf.ListValue(list)})
	}
	if c.Default != "" {
		uri, err := resolveAlias(c.Default, list)
		if err != nil {
			return nil, hint.Usage(err)
		}
		settings = append(settings, libvirt.Setting{Name: "uri_default", Value: conf.StringValue(uri)})
	}
	return settings, nil
}

// Plan plans the edit of libvirt.conf.
func (c *Clients) Plan(j *change.Job) error {
	settings, err := c.Settings(j.Plan.Tree())
	if err == nil {
		_, err = editConf(j, c.Path, settings)
	}
	return err
}

// Alias is a short name of a host.
type Alias struct{ name, uri string }

// aliasForm matches the aliases that libvirt accepts (libvirt, src/libvirt.c). libvirt ignores the
// whole list when one alias contains any other character.
var aliasForm = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// ParseAliases reads aliases as they are typed, NAME=HOST or NAME=URI.
func ParseAliases(args []string) ([]Alias, error) {
	var all []Alias
	for _, arg := range args {
		name, to, ok := strings.Cut(arg, "=")
		if !ok || !aliasForm.MatchString(name) {
			return nil, fmt.Errorf("bad alias %s (NAME=HOST or NAME=URI, the name of letters, digits, _ and -)", termtext.QuoteShort(arg))
		}
		uri, err := hostURI(to)
		if err != nil {
			return nil, err
		}
		for _, other := range all {
			if other.name == name {
				return nil, fmt.Errorf("alias %q is given twice", name)
			}
		}
		all = append(all, Alias{name, uri})
	}
	return all, nil
}

// hostURI returns the URI of a host's guests over TLS. It returns a URI unchanged.
func hostURI(to string) (string, error) {
	switch {
	case strings.ContainsAny(to, "\"\n") || to == "":
		return "", fmt.Errorf("bad URI %s", termtext.QuoteShort(to))
	case strings.Contains(to, ":/"):
		if parsed, err := url.Parse(to); err != nil || parsed.Scheme == "" {
			return "", fmt.Errorf("bad URI %s", termtext.QuoteShort(to))
		}
		return to, nil
	case net.ParseIP(to) != nil:
		if strings.Contains(to, ":") {
			to = "[" + to + "]"
		}
		return "qemu+tls://" + to + "/system", nil
	}
	return "qemu+tls://" + to + "/system", subject.CheckHost(to)
}

// mergeAliases puts new aliases into the existing list, in the place of aliases of the same name.
func mergeAliases(file *conf.File, aliases []Alias) []string {
	var list []string
	if v, ok := file.Lookup("uri_aliases"); ok {
		list = append(list, v.List()...)
	}
	for _, a := range aliases {
		entry, placed := a.name+"="+a.uri, false
		for i, have := range list {
			if name, _, _ := strings.Cut(have, "="); name == a.name {
				list[i], placed = entry, true
			}
		}
		if !placed {
			list = append(list, entry)
		}
	}
	return list
}

// resolveAlias returns the URI of an alias or of a host, or a URI unchanged.
func resolveAlias(text string, list []string) (string, error) {
	if uri := libvirt.FindAlias(list, text); uri != "" {
		return uri, nil
	}
	return hostURI(text)
}
