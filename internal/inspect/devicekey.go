package inspect

import (
	"fmt"
	"os"

	"virtpki/internal/cakey"
	"virtpki/internal/hint"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/pki"
)

// deviceKey returns the key in a device that the file of the CA's key names; nil if the file holds the
// key itself.
func (c *inspector) deviceKey() (*cakey.Named, error) {
	return cakey.Look(c.files.read(libvirt.CA(c.m.CAPath()).Path(libvirt.CAKey)).Data)
}

// inDevice adds the findings on a CA's key that is in a device. check opens no device: it needs no
// PIN, and a token that is busy does not hold it up.
func (c *inspector) inDevice(found []judge.Finding) []judge.Finding {
	path := libvirt.CA(c.m.CAPath()).Path(libvirt.CAKey)
	key, err := c.deviceKey()
	if err != nil {
		return append(found, judge.Finding{ID: "ca-key-form", Level: judge.Error, Stage: judge.Host, File: path,
			Text: fmt.Sprintf("it does not name the key and its device: %v; nothing can be signed here", err)})
	}
	if key == nil {
		return found
	}
	if c.m.Live() && os.Geteuid() == 0 {
		if err := key.Reachable(c.r.TPM); err != nil {
			fix, _ := hint.Of(err)
			found = append(found, judge.Finding{ID: "ca-key-reach", Level: judge.Warning, Stage: judge.Host, File: path, Fix: fix,
				Text: fmt.Sprintf("the CA's key cannot be used here: %v", err)})
		}
	}
	return append(found, judge.Finding{ID: "ca-key-device", Level: judge.Note, Stage: judge.Host, File: path,
		Text: fmt.Sprintf("the CA's key is %s: check does not open it, and a backup of this directory does not contain it", key)})
}

// openName rewords the findings on a file that names a key in a device, and that others can read:
// they read where the key is, and not the key.
func (c *inspector) openName() {
	if key, err := c.deviceKey(); err != nil || key == nil {
		return
	}
	path := libvirt.CA(c.m.CAPath()).Path(libvirt.CAKey)
	for _, area := range c.gathered.areas {
		for i, f := range area.Found {
			if f.ID == "key-open" && f.File == path {
				area.Found[i].ID, area.Found[i].Level = "mode", judge.Note
				area.Found[i].Text = "others can read this file, which names the CA's key; the key itself does not leave its device"
			}
		}
	}
}

// otherTPMKey returns a finding if the key of a TPM does not belong to one of the CAs of a file. The
// file of a key in a token does not hold the public key.
func (c *inspector) otherTPMKey(cas, path string) []judge.Finding {
	key, err := c.deviceKey()
	if err != nil || key == nil || key.Public == nil {
		return nil
	}
	certs, err := pki.ParseCertificates(c.files.read(cas).Data)
	if err != nil || len(certs) == 0 {
		return nil
	}
	for _, cert := range certs {
		if pki.SameKey(key.Public, cert.PublicKey) {
			return nil
		}
	}
	return []judge.Finding{{ID: "ca-key-mismatch", Level: judge.Error, Stage: judge.Host, File: path,
		Text: fmt.Sprintf("is not the key of any CA in %s: nothing can be signed here", cas)}}
}
