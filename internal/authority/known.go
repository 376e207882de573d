package authority

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"

	"virtpki/internal/certinfo"
	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/termtext"
)

// Known returns each certificate of a machine once: first those that are installed for the system
// and for the user, then those that the CA signed, by expiry. The error names files that could not
// be read; the other certificates are returned all the same.
func Known(m *machine.Machine) (certinfo.List, error) {
	infos := certinfo.List{}
	seen := make(map[string]bool)
	revokedOn, err0 := RevokedOn(m)
	installed, err1 := Installed(m)
	cas := casOf(installed)
	add := func(p change.Placed) {
		info := certinfo.Of(p.Cert, p.Path, m.Now()).Below(cas, p.Cert, m.Now())
		info.Revoked = revokedOn(p.Cert)
		if !seen[info.Fingerprint] {
			seen[info.Fingerprint] = true
			infos = append(infos, info)
		}
	}
	for _, p := range installed {
		add(p)
	}
	fromInstalled := len(infos)
	recorded, err2 := Records(m)
	for _, p := range recorded {
		add(p)
	}
	others := infos[fromInstalled:]
	sort.SliceStable(others, func(i, j int) bool {
		a, b := &others[i], &others[j]
		return cmp.Or(a.NotAfter.Compare(b.NotAfter), cmp.Compare(a.DN, b.DN)) < 0
	})
	markKey(m, infos)
	return infos, errors.Join(err0, err1, err2)
}

// markKey says of the CA of a machine where its key is, if that is a device.
func markKey(m *machine.Machine, infos certinfo.List) {
	a, _, err := Read(m)
	if err != nil {
		return // the caller reports a CA that cannot be read
	}
	for i := range infos {
		if infos[i].Fingerprint == libvirt.Fingerprint(a.CA.Certificate) {
			infos[i].KeyIn = keyIn(a)
		}
	}
}

// casOf returns the CAs among certificates.
func casOf(all []change.Placed) (cas []*x509.Certificate) {
	for _, p := range all {
		if p.Cert.IsCA {
			cas = append(cas, p.Cert)
		}
	}
	return cas
}

// FindAll returns [Find] of each.
func FindAll(m *machine.Machine, what []string) (certinfo.Full, error) {
	var infos certinfo.Full
	for _, name := range what {
		found, err := Find(m, name)
		if err != nil {
			return nil, err
		}
		infos = append(infos, found...)
	}
	return infos, nil
}

// Find looks certificates up by the argument that a user types. If it is a file, Find returns the
// certificates in it, else those known on the machine with that CN or serial. A directory of that
// name, where bundles lie, is not a file.
func Find(m *machine.Machine, what string) ([]certinfo.Info, error) {
	if strings.Contains(what, "/") || m.Tree().Exists(what) && !isDirectory(what) {
		return inFile(m, what)
	}
	all, err := Known(m)
	var found []certinfo.Info
	for _, info := range all {
		if info.Name == what || strings.EqualFold(info.Serial, what) {
			found = append(found, info)
		}
	}
	if len(found) == 0 {
		return nil, errors.Join(fmt.Errorf("no certificate named %s here, and no such file", termtext.QuoteShort(what)), err)
	}
	return found, nil
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func inFile(m *machine.Machine, path string) ([]certinfo.Info, error) {
	certs, err := keypair.ReadCerts(store.Tree{}, path)
	infos := make([]certinfo.Info, len(certs))
	for i, cert := range certs {
		infos[i] = certinfo.Of(cert, path, m.Now())
	}
	return infos, err
}
