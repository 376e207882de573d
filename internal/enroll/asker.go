package enroll

import (
	"crypto"
	"crypto/x509"
	"fmt"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// Asker makes certificate requests, with the keys that they are for, in one place.
type Asker struct {
	Machine *machine.Machine
	Keys    *change.Keyring
	To      keypair.Dest

	KeyType      pki.KeyType     // of new keys
	KeyTypeGiven bool            // another type of a key that waits is an error
	Another      bool            // make new keys even if some are pending
	SameKey      bool            // request certificates for the live keys
	Beside       []*keypair.Pair // live pairs in other layouts of this machine, which prove its names too
}

// Plan plans the key of one identity, which waits beside the live one, and makes its
// request.
func (a *Asker) Plan(j *change.Job, id subject.Identity) (*pki.CSR, error) {
	live := keypair.New(j.Plan.Tree(), a.To.Layout, id.Role)
	if err := live.ReadKey(); err != nil {
		return nil, err
	}
	key, err := a.keyFor(live, id)
	if err != nil {
		return nil, err
	}
	if id.RawSubject == nil {
		if id.RawSubject, err = subject.ForLeaf(&x509.Certificate{}, id.Name); err != nil {
			return nil, err
		}
	}
	csr, err := pki.NewCSR(pki.CSRRequest{Role: id.Role, RawSubject: id.RawSubject, DNSNames: id.DNS, IPAddresses: id.IPs}, key)
	if err != nil {
		return nil, err
	}
	if err := a.prove(csr); err != nil || a.SameKey {
		return csr, err
	}
	p := &keypair.Pending{Role: id.Role, Key: key, CSR: csr}
	return csr, p.Plan(&j.Plan, a.To)
}

// keyFor returns the live key if SameKey is set, else the key that waits already, else a new
// one.
func (a *Asker) keyFor(live *keypair.Pair, id subject.Identity) (crypto.Signer, error) {
	if a.SameKey {
		if live.Key == nil {
			return nil, fmt.Errorf("there is no %s key for a request: %s", id.Role, live.KeyPath)
		}
		return live.Key, nil
	}
	if a.Another {
		return a.Keys.Key(id.Slot(), a.KeyType)
	}
	waits, err := keypair.LoadPending(a.To.Layout, live)
	if err != nil {
		return nil, err
	}
	if waits == nil {
		return a.Keys.Key(id.Slot(), a.KeyType)
	}
	if have, _ := pki.KeyTypeOf(waits.Key.Public()); a.KeyTypeGiven && have != a.KeyType {
		return nil, hint.With(fmt.Errorf("a key of another type is pending (%s): %s", have, waits.Path), "--new makes another key; the response to the earlier request is then useless")
	}
	return waits.Key, nil
}
