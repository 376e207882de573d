package adopt

import (
	"errors"
	"slices"
)

// Any reports whether there are keys to look for.
func (s Source) Any() bool { return len(s.Keys)+len(s.Dirs) > 0 }

// FindsCerts reports whether all certificates are found in directories, so that none has to be
// named.
func (s Source) FindsCerts() bool { return len(s.Keys) == 0 && len(s.Dirs) > 0 }

// CheckUse returns an error for wrong flags and file arguments of install.
func (w Watching) CheckUse(files []string, watch, dryRun bool) error {
	switch {
	case slices.Contains(slices.Concat(w.Source.Keys, w.Dirs, w.Source.CRLs, w.Hostnames), ""):
		return errors.New("one of --key, --from, --crl and --hostname is empty")
	case !w.Any() && (watch || len(w.Source.CRLs)+len(w.Hostnames) > 0):
		return errors.New("--crl, --hostname and --watch need --key or --from")
	case watch && dryRun:
		return errors.New("--watch and --dry-run exclude each other")
	case w.Metrics != "" && !watch:
		return errors.New("--metrics needs --watch")
	case w.FindsCerts() && len(files) > 0:
		return errors.New("--from finds the certificates by itself: give files with --key")
	}
	return nil
}
