package main

import (
	"time"

	"github.com/spf13/cobra"

	"virtpki/internal/authority"
	"virtpki/internal/certinfo"
	"virtpki/internal/change"
	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

const caShowHelp = `Show the CA here: what it is, until when, what it has signed and revoked, and
whether its key is on this machine. Where cacert.pem holds several CAs, each is
shown; the first is the one that signs.`

func newCAShow(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "Show the CA",
		Long:    help(caShowHelp, exitDone, exitError, exitUsage),
		Example: "  virtpki ca show\n  virtpki ca show --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return e.caShow(g)
		},
	}
}

// caInfo is what ca show tells; its JSON form is stable.
type caInfo struct {
	Folder       string          `json:"folder"`
	Certificates []certinfo.Info `json:"certificates"`
	Signer       string          `json:"signer"` // fingerprint of the one that signs
	Key          string          `json:"key"`    // plain, encrypted, absent
	Signed       int             `json:"signed"`
	Live         int             `json:"live"` // neither expired nor revoked
	Expired      int             `json:"expired"`
	Revoked      int             `json:"revoked"`
	CRL          *caCRL          `json:"crl,omitempty"`
}

// caCRL is what ca show tells of the CA's own list; crl show tells the entries.
type caCRL struct {
	Number     string    `json:"number,omitempty"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	Entries    int       `json:"entries"`
}

func describeCACRL(crl *pki.CRL) *caCRL {
	info := &caCRL{ThisUpdate: crl.ThisUpdate, NextUpdate: crl.NextUpdate, Entries: crl.Len()}
	if crl.Number != nil {
		info.Number = crl.Number.String()
	}
	return info
}

func (e *env) caShow(g *globals) error {
	a, err := authority.Open(g.Machine)
	if err != nil {
		return err
	}
	info, err := e.describeCA(a)
	if err != nil {
		return err
	}
	if g.json {
		return e.printJSON(info)
	}
	for _, c := range info.Certificates {
		if err := e.printTable(c.Fields()); err != nil {
			return err
		}
	}
	termtext.Fprintf(e.stdout, "\nits key:  %s (%s)\n", info.Key, a.Layout.Path(libvirt.CAKey))
	termtext.Fprintf(e.stdout, "signed:   %s: %d live, %d revoked, %d expired\n", termtext.Count(info.Signed, "certificate", "certificates"), info.Live, info.Revoked, info.Expired)
	if info.CRL == nil {
		termtext.Fprintf(e.stdout, "CRL:      none\n")
		return nil
	}
	termtext.Fprintf(e.stdout, "CRL:      number %s, %s, fresh until %s\n", info.CRL.Number, termtext.Count(info.CRL.Entries, "entry", "entries"), termtext.Day(info.CRL.NextUpdate))
	return nil
}

func (e *env) describeCA(a *authority.Authority) (*caInfo, error) {
	info := &caInfo{Folder: a.Folder, Signer: libvirt.Fingerprint(a.CA.Certificate), Key: change.KeyState(a.Tree, a.Layout.Path(libvirt.CAKey))}
	for _, cert := range a.Certificates {
		info.Certificates = append(info.Certificates, certinfo.Of(cert, a.Layout.Path(libvirt.CACert), e.here.Now()))
	}
	if err := a.LoadCRL(); err != nil {
		return nil, err
	}
	if a.Current != nil {
		info.CRL = describeCACRL(a.Current)
	}
	certs, err := a.Signed()
	if err != nil {
		e.warn("%v", err)
	}
	revoked, err := a.Revoked()
	for _, cert := range certs {
		info.Signed++
		switch {
		case revoked.Has(cert):
			info.Revoked++
		case !e.here.Now().Before(cert.NotAfter):
			info.Expired++
		default:
			info.Live++
		}
	}
	return info, err
}
