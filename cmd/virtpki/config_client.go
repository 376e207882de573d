package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
)

// configClientOptions are the flags of config client.
type configClientOptions struct {
	defaultURI string
	user       bool
	apply      bool
}

const configClientHelp = `Print the entries of libvirt.conf by which virsh and every other client reach a
host by a short name: with hail=hv1.example in it, virsh -c hail connects to
qemu+tls://hv1.example/system. After the = may stand a host or a whole URI.

--default is where a client goes that is told nothing: one of the names, a host,
or a URI. Aliases that are there already stay, unless they have the same name.

--apply edits the conf in place, /etc/libvirt/libvirt.conf, or with --user that in
~/.config/libvirt; clients read it each time. The old file is kept beside it, see
'virtpki config --help'.`

func newConfigClient(e *env, g *globals) *cobra.Command {
	o := &configClientOptions{}
	cmd := &cobra.Command{
		Use:     "client [NAME=HOST|URI]...",
		Short:   "The entries of libvirt.conf for short names of hosts",
		Long:    help(configClientHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki config client hail=hv1.example sleet=hv2.example --default hail --apply\n  virtpki config client 'mine=qemu+tls://hv1.example/system?pkipath=/home/alice/alice' --user --apply",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.configClient(cmd.Context(), g, o, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.defaultURI, "default", "", "`where` a client goes that is told nothing: a name, a host or a URI")
	flags.BoolVar(&o.user, "user", false, "the conf in ~/.config/libvirt")
	flags.BoolVar(&o.apply, "apply", false, "edit the conf in place")
	g.addDryRun(cmd)
	return cmd
}

// alias is a short name of a host.
type alias struct{ name, uri string }

// aliasForm is what libvirt lets into an alias (libvirt, src/libvirt.c); it ignores
// the whole list when there is anything else in one.
var aliasForm = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

func parseAliases(args []string) ([]alias, error) {
	var all []alias
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
		all = append(all, alias{name, uri})
	}
	return all, nil
}

// hostURI is the URI of a host's guests over TLS; a URI stays what it is.
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

func (e *env) configClient(ctx context.Context, g *globals, o *configClientOptions, args []string) error {
	aliases, err := parseAliases(args)
	if err != nil {
		return hint.Usage(err)
	}
	if len(args) == 0 && o.defaultURI == "" {
		return hint.Usagef("nothing to say: give NAME=HOST, or --default")
	}
	path, err := g.ClientConfPath(o.user)
	if err != nil {
		return err
	}
	if !o.apply {
		settings, err := o.settings(g.Tree(), path, aliases)
		if err != nil {
			return err
		}
		return e.printSettings(g, settings)
	}
	return e.change(ctx, g, []string{filepath.Dir(path)}, func(j *change.Job) error {
		settings, err := o.settings(g.Tree(), path, aliases)
		if err != nil {
			return err
		}
		_, err = editConf(j, path, settings)
		return err
	})
}

// settings are the entries: the aliases that are there, with the new ones.
func (o *configClientOptions) settings(t store.Tree, path string, aliases []alias) ([]libvirt.Setting, error) {
	file, err := conf.Read(path, t.ReadFile)
	if err != nil {
		return nil, err
	}
	list := mergeAliases(file, aliases)
	var settings []libvirt.Setting
	if len(aliases) > 0 {
		settings = append(settings, libvirt.Setting{Name: "uri_aliases", Value: conf.ListValue(list)})
	}
	if o.defaultURI != "" {
		uri, err := resolveAlias(o.defaultURI, list)
		if err != nil {
			return nil, hint.Usage(err)
		}
		settings = append(settings, libvirt.Setting{Name: "uri_default", Value: conf.StringValue(uri)})
	}
	return settings, nil
}

// mergeAliases puts new aliases into the list that is there, in the place of those of
// the same name.
func mergeAliases(file *conf.File, aliases []alias) []string {
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

// resolveAlias gives the URI of an alias, of a host, or the URI itself.
func resolveAlias(text string, list []string) (string, error) {
	if uri := libvirt.FindAlias(list, text); uri != "" {
		return uri, nil
	}
	return hostURI(text)
}
