package main

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
	"virtpki/pki"
)

// allowList is who may connect: the patterns of the command line, and of a conf.
type allowList struct {
	patterns []string
	// open says why everybody with a certificate gets in whatever the patterns
	// are; empty when they count.
	open string
}

// loadAllowList adds the list of a conf, if one is named, to patterns.
func loadAllowList(patterns []string, confFile string) (*allowList, error) {
	list := &allowList{patterns: patterns}
	if confFile == "" {
		return list, nil
	}
	file, err := readConf(store.Tree{}, confFile)
	if err != nil {
		return nil, err
	}
	if v, ok := file.Lookup("tls_no_verify_certificate"); ok && v.Int() == 1 {
		list.open = "tls_no_verify_certificate is 1: the list is not looked at"
		return list, nil
	}
	value, ok := file.Lookup(libvirt.AllowedDNs)
	if !ok && len(patterns) == 0 {
		list.open = "there is no " + libvirt.AllowedDNs + ": every client certificate of the CA gets in"
		return list, nil
	}
	list.patterns = append(append([]string{}, patterns...), value.List()...)
	return list, nil
}

// readConf reads a daemon's conf as the daemon would.
func readConf(t store.Tree, path string) (*conf.File, error) {
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

// verdict is what one matcher says of one DN.
type verdict struct {
	Matcher string `json:"matcher"`
	Allowed bool   `json:"allowed"`
	Pattern string `json:"pattern,omitempty"` // the one that let it in
}

// verdictOf asks a compiled list.
func verdictOf(list *dn.List, name string) verdict {
	v := verdict{Matcher: list.Matcher().String()}
	var index int
	if index, v.Allowed = list.Match(name); v.Allowed {
		v.Pattern = list.Pattern(index)
	}
	return v
}

// checkPatterns says what keeps a pattern of --allow-dn from standing in the
// list. What lets in nobody, by both matchers, is refused unless forced.
func (o *configOptions) checkPatterns() error {
	for _, pattern := range o.allow {
		if strings.TrimSpace(pattern) == "" {
			return errors.New("an empty pattern lets nobody in")
		}
		if strings.IndexFunc(pattern, termtext.Hidden) >= 0 {
			return fmt.Errorf("pattern %s holds a character that cannot be printed", termtext.QuoteShort(pattern))
		}
		if _, err := conf.StringValue(pattern).Format(); err != nil {
			return fmt.Errorf("pattern %s: %w", termtext.QuoteShort(pattern), err)
		}
		if err := useless(pattern); err != nil && !o.force {
			return err
		}
	}
	return nil
}

// useless is the error for a pattern that can match no DN.
func useless(pattern string) error {
	for _, a := range dn.Lint([]string{pattern}) {
		if a.Severity != dn.Error {
			continue
		}
		err := fmt.Errorf("pattern %s: %s", termtext.QuoteShort(pattern), a.Reason)
		if a.Fix != "" {
			return hint.With(err, "write '%s', or insist with --force", a.Fix)
		}
		return err
	}
	return nil
}

// adviceOn words what is surprising about a list that is being made.
func adviceOn(allow []string) []string {
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

// allowIssued adds to a list the exact DN of every live client certificate that
// the CA has signed, or is about to.
func (e *env) allowIssued(patterns []string, a *authority) ([]string, error) {
	names, err := e.liveClients(a)
	if err != nil {
		return nil, err
	}
	allow := slices.Clone(patterns)
	for _, name := range names {
		if pattern := dn.Exact(name); !slices.Contains(allow, pattern) {
			allow = append(allow, pattern)
		}
	}
	if len(allow) == 0 {
		return nil, errors.New("no client certificate that the CA here has signed is live: the list would let nobody in")
	}
	return allow, nil
}

// liveClients are the DNs of the client certificates that the CA has signed, or
// is about to sign, and that are neither expired nor revoked, in alphabetical
// order.
func (e *env) liveClients(a *authority) ([]string, error) {
	revoked, err := a.revoked()
	if err != nil {
		return nil, err
	}
	certs, err := a.signed()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, cert := range certs {
		if cert.IsCA || !slices.Contains(pki.RolesOf(cert), pki.Client) || !e.here.Now().Before(cert.NotAfter) || revoked[cert.SerialNumber.String()] {
			continue
		}
		name, err := dn.FromRDNSequence(cert.RawSubject)
		if err != nil {
			return nil, fmt.Errorf("certificate %s: %w", store.SerialText(cert.SerialNumber), err)
		}
		if strings.ContainsFunc(name, termtext.Hidden) {
			return nil, hint.With(fmt.Errorf("certificate %s: its DN %q holds a character that cannot be printed", store.SerialText(cert.SerialNumber), name),
				"revoke it: virtpki revoke %s", store.SerialText(cert.SerialNumber))
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// revoked are the serials, in decimal, that the CA's CRL lists.
func (a *authority) revoked() (map[string]bool, error) {
	serials := make(map[string]bool)
	if a.crl == nil {
		return serials, nil
	}
	crls, err := pki.ParseCRLs(a.crl)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.layout.Path(libvirt.CACRL), err)
	}
	for _, crl := range crls {
		for entry := range crl.Entries() { // a flaw behind its serial does not undo a revocation
			serials[entry.SerialNumber.String()] = true
		}
	}
	return serials, nil
}

// lockedOut is the error for a list that the client of this machine does not pass, or of
// another one that is to have the list.
func lockedOut(allow []string, client string) error {
	if allow == nil || client == "" {
		return nil
	}
	if _, ok := dn.Compile(allow, dn.Glob).Match(client); ok {
		return nil
	}
	return hint.With(fmt.Errorf("the list would lock out the machine's own client, %q", client), "add --allow-dn '%s', or insist with --force", dn.Exact(client))
}
