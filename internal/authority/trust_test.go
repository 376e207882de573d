package authority

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/pki"
)

// Each policy decides what happens to an existing CA file. The new CA publishes an old and a new
// generation, and the new one signs.
func TestWhichCAsWin(t *testing.T) {
	old, fresh, other := newCA(t, "Old", 0).Certificate, newCA(t, "New", 0).Certificate, newCA(t, "Other", 0).Certificate
	type certs = []*x509.Certificate
	a := At(machine.New().Tree(), libvirt.Flat("/nowhere"), certs{fresh, old}, nil)
	for _, c := range []struct {
		name                string
		here                certs
		beside, given, qemu verdict
	}{
		{"no file", nil, write, write, write},
		{"the same", certs{fresh, old}, stay, stay, stay},
		{"the same in another order", certs{old, fresh}, stay, stay, stay},
		{"the same and another", certs{other, old, fresh}, stay, stay, stay},
		{"the one that signs alone", certs{fresh}, stay, replace, stay},
		{"the one that signs and another", certs{fresh, other}, stay, refuse, stay},
		{"the one that signed before", certs{old}, refuse, replace, leave},
		{"the one that signed before and another", certs{old, other}, refuse, refuse, leave},
		{"another", certs{other}, refuse, refuse, leave},
	} {
		at := a.standingOf(c.here)
		if got := [...]verdict{BesidePair[at], FromBundle[at], ForQEMU[at]}; got != [...]verdict{c.beside, c.given, c.qemu} {
			t.Errorf("%s: verdicts %v, want %v", c.name, got, [...]verdict{c.beside, c.given, c.qemu})
		}
	}
}

func TestPoliciesKnowEveryStanding(t *testing.T) {
	for name, policy := range map[string]TrustPolicy{"BesidePair": BesidePair, "FromBundle": FromBundle, "ForQEMU": ForQEMU} {
		if len(policy) != int(foreign)+1 {
			t.Errorf("%s has %d of %d standings", name, len(policy), int(foreign)+1)
		}
	}
}

func TestPlanTrust(t *testing.T) {
	ca, other := newCA(t, "Example", 0).Certificate, newCA(t, "Other", 0).Certificate
	for _, c := range []struct {
		name    string
		here    []*x509.Certificate
		changes int
		says    string
	}{
		{"no file", nil, 2, ""}, // with the directory
		{"the same", []*x509.Certificate{ca}, 0, ""},
		{"another", []*x509.Certificate{other}, 0, "trusts another CA: O=Other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := machine.New()
			m.Now = func() time.Time { return now }
			layout := libvirt.Flat(filepath.Join(t.TempDir(), "pki"))
			if c.here != nil {
				if err := os.Mkdir(layout.Base, 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(layout.Path(libvirt.CACert), pki.EncodeCertificates(c.here...), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			j := change.NewJob(m)
			err := At(m.Tree(), libvirt.Flat("/nowhere"), []*x509.Certificate{ca}, nil).Trust(j, keypair.Dest{Layout: layout})
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) || len(j.Plan.Changes()) != c.changes {
				t.Errorf("error %v, changes %v", err, j.Plan.Changes())
			}
		})
	}
}
