package allowlist

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"virtpki/dn"
	"virtpki/internal/hint"
	"virtpki/internal/libvirt"
	"virtpki/internal/libvirt/conf"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

// List says who may connect: the patterns of the command line and of a configuration file.
type List struct {
	Patterns []string
	// Open says why every client with a certificate is admitted regardless of the patterns;
	// empty if the patterns count.
	Open string
}

// Load adds the list of a configuration file, if one is named, to patterns.
func Load(patterns []string, confFile string) (*List, error) {
	list := &List{Patterns: patterns}
	if confFile == "" {
		return list, nil
	}
	file, err := ReadConf(store.Tree{}, confFile)
	if err != nil {
		return nil, err
	}
	if v, ok := file.Lookup("tls_no_verify_certificate"); ok && v.Int() == 1 {
		list.Open = "tls_no_verify_certificate is 1: the list is ignored"
		return list, nil
	}
	value, ok := file.Lookup(libvirt.AllowedDNs)
	if !ok && len(patterns) == 0 {
		list.Open = "there is no " + libvirt.AllowedDNs + ": every client certificate of the CA is admitted"
		return list, nil
	}
	list.Patterns = append(append([]string{}, patterns...), value.List()...)
	return list, nil
}

// ReadConf reads a daemon's configuration as the daemon would. It returns an error for a
// configuration with which the daemon would not start.
func ReadConf(t store.Tree, path string) (*conf.File, error) {
	data, err := t.ReadFile(path, conf.MaxSize)
	if err != nil {
		return nil, err
	}
	file, err := conf.Parse(data)
	if err == nil {
		err = file.CheckDaemon()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// Check returns an error for a pattern that cannot stand in the list. It refuses a pattern that
// admits nobody, by both matchers, unless forced.
func Check(patterns []string, forced bool) error {
	for _, pattern := range patterns {
		if strings.TrimSpace(pattern) == "" {
			return errors.New("an empty pattern admits nobody")
		}
		if strings.IndexFunc(pattern, termtext.Hidden) >= 0 {
			return fmt.Errorf("pattern %s contains a character that cannot be printed", termtext.QuoteShort(pattern))
		}
		if _, err := conf.StringValue(pattern).Format(); err != nil {
			return fmt.Errorf("pattern %s: %w", termtext.QuoteShort(pattern), err)
		}
		if err := useless(pattern); err != nil && !forced {
			return err
		}
	}
	return nil
}

// useless returns an error for a pattern that cannot match any DN.
func useless(pattern string) error {
	for _, a := range dn.Lint([]string{pattern}) {
		if a.Severity != dn.Error {
			continue
		}
		err := fmt.Errorf("pattern %s: %s", termtext.QuoteShort(pattern), a.Reason)
		if a.Fix != "" {
			return hint.With(err, "write '%s', or use --force", a.Fix)
		}
		return err
	}
	return nil
}

// Advice words the surprises of a list that is being made.
func Advice(allow []string) []string {
	var lines []string
	if allow == nil {
		return nil
	}
	for _, a := range dn.Lint(allow) {
		if a.Severity == dn.Warning {
			lines = append(lines, fmt.Sprintf("%s: %s", termtext.Quote(a.Pattern), a.Reason))
		}
	}
	return lines
}

// WithIssued adds the exact DN of each client to a list. Without any pattern and any client it
// returns an error: the list would admit nobody.
func WithIssued(patterns, clients []string) ([]string, error) {
	allow := slices.Clone(patterns)
	for _, name := range clients {
		if pattern := dn.Exact(name); !slices.Contains(allow, pattern) {
			allow = append(allow, pattern)
		}
	}
	if len(allow) == 0 {
		return nil, errors.New("the CA here has signed no client certificate that is still live: the list would admit nobody")
	}
	return allow, nil
}

// LockedOut returns an error for a list that does not admit the client of this machine, or of
// another one that is to have the list.
func LockedOut(allow []string, client string) error {
	if allow == nil || client == "" {
		return nil
	}
	if _, ok := dn.Compile(allow, dn.Glob).Match(client); ok {
		return nil
	}
	return hint.With(fmt.Errorf("the list would refuse this machine's own client, %q", client), "add --allow-dn '%s', or use --force", dn.Exact(client))
}
