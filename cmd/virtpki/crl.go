package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/pki"
)

// crlOptions are the flags of every command that makes a CRL.
type crlOptions struct {
	reloadOptions
	validity string
}

func (o *crlOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.validity, "validity", pki.FormatValidity(pki.DefaultCRLValidity), "how long the CRL counts as fresh, a `duration`; libvirt itself does not look")
	o.reloadOptions.addFlags(cmd)
}

// crlPlan is crlOptions with everything checked.
type crlPlan struct {
	reloadOptions
	validity time.Duration
	out      string // a copy for other hosts
}

func (o *crlOptions) check() (crlPlan, error) {
	validity, err := pki.ParseValidity(o.validity)
	return crlPlan{reloadOptions: o.reloadOptions, validity: validity}, asUsage(err)
}

const crlHelp = `Make the CRL anew: the same entries, a number one higher, fresh dates. It is
installed where the daemon here reads one, and the daemon reads it again.

libvirt goes on with a CRL whose time has passed; other programs do not.`

func newCRL(e *env, g *globals) *cobra.Command {
	o := &crlOptions{}
	var out string
	cmd := &cobra.Command{
		Use:     "crl",
		Short:   "Refresh the CRL",
		Long:    help(crlHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki crl\n  virtpki crl --validity 90d --out cacrl.pem",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.check()
			if err != nil {
				return err
			}
			c.out = out
			none := func(*job, *authority) ([]x509.RevocationListEntry, error) { return nil, nil }
			return e.publishCRL(cmd.Context(), g, c, none, func() []condemned { return nil })
		},
	}
	o.addFlags(cmd)
	cmd.Flags().StringVarP(&out, "out", "o", "", "write a copy to `file`, for other hosts")
	cmd.MarkFlagFilename("out")
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	cmd.AddCommand(newCRLShow(e, g))
	return cmd
}

// publishCRL makes a CRL with more entries, installs it, and has the daemons
// here act on it. entries decides what is added, nil to refresh; out lists
// whom that concerns.
func (e *env) publishCRL(ctx context.Context, g *globals, c crlPlan,
	entries func(*job, *authority) ([]x509.RevocationListEntry, error), out func() []condemned) error {
	if err := e.checkClock(); err != nil {
		return err
	}
	keys := e.newKeyring(g)
	daemons, err := c.find(ctx, g)
	if err != nil {
		return err
	}
	var signer *authority
	j, err := e.carryOut(ctx, g, []string{g.caFolder(), g.system().Top()}, func(j *job) error {
		a, err := e.loadCA(g)
		if err != nil {
			return err
		}
		if err := firstOf(a.open(keys), a.loadCRL()); err != nil {
			return err
		}
		signer = a
		add, err := entries(j, a)
		if err != nil {
			return err
		}
		if len(add) == 0 && out() != nil {
			return nil // all of them are revoked already; what follows still counts
		}
		return e.planCRL(j, g, a, c, add, daemons)
	})
	if err != nil {
		return err
	}
	var enforced error
	if !g.dryRun {
		enforced = e.enforce(ctx, g, j, signer, c.reloadOptions, daemons, out())
	}
	return errors.Join(e.tell(g, j), enforced)
}

// planCRL signs the next CRL and plans it for each place that holds one.
func (e *env) planCRL(j *job, g *globals, a *authority, c crlPlan, add []x509.RevocationListEntry, daemons []libvirt.Running) error {
	crl, err := a.nextCRL(e.now(), add, c.validity)
	if err != nil {
		return err
	}
	j.did("CRL number %v: %s, fresh until %s", crl.Number, countOf(crl.Len(), "entry", "entries"), crl.NextUpdate.UTC().Format(dateForm))
	own := target{a.layout, owner()}
	if err := own.folders(&j.plan, a.layout.Path(libvirt.CACRL)); err != nil {
		return err
	}
	for _, path := range a.crlPlaces(g, c.out, daemons) {
		if err := a.planCRLAt(j, path, crl); err != nil {
			return err
		}
	}
	return nil
}

// nextCRL signs the list that follows the current one. The numbers of a CA whose
// list is lost go on from the time: that is higher than any count.
func (a *authority) nextCRL(now time.Time, add []x509.RevocationListEntry, validity time.Duration) (*pki.CRL, error) {
	next := big.NewInt(now.Unix())
	if a.current != nil {
		next = pki.NextNumber(a.current)
	}
	return a.ca.CRL(pki.CRLRequest{Number: next, Base: a.current, Add: add, Now: now, Validity: validity})
}

// crlPlaces are the files that hold, or are to hold, the CA's CRL on this
// machine: the CA's own, the system's, that of each daemon, and a copy.
func (a *authority) crlPlaces(g *globals, out string, daemons []libvirt.Running) []string {
	places := []string{a.layout.Path(libvirt.CACRL)}
	add := func(path string) {
		if path != "" && !slices.Contains(places, path) {
			places = append(places, path)
		}
	}
	system := g.system()
	if certs, err := readCerts(system.Path(libvirt.CACert)); err == nil && slices.ContainsFunc(certs, a.ca.Certificate.Equal) {
		add(system.Path(libvirt.CACRL))
	}
	for _, d := range daemons {
		if d.Files.Custom && d.Files.CRL != "" {
			add(filepath.Join(d.Root, d.Files.CRL))
		}
	}
	add(out)
	return places
}

// crlMode is that of a CRL: it is public.
const crlMode fs.FileMode = 0o644

// planCRLAt plans one file with a CRL in it. Those of other CAs in the file
// stay; of each issuer there is one, because libvirt keeps one.
func (a *authority) planCRLAt(j *job, path string, crl *pki.CRL) error {
	crls := []*pki.CRL{crl}
	data, err := readIfThere(path)
	if err != nil {
		return err
	}
	if len(data) > 0 {
		there, err := pki.ParseCRLs(data)
		if err != nil && !errors.Is(err, pki.ErrNoCRL) {
			return fmt.Errorf("%s: %w", path, err)
		}
		crls = replaceCRL(there, crl)
	}
	if path == a.layout.Path(libvirt.CACRL) {
		return j.plan.File(path, pki.EncodeCRL(crls...), crlMode, owner())
	}
	return j.plan.Keep(path, pki.EncodeCRL(crls...), crlMode, owner())
}

// replaceCRL puts crl in the place of the one of the same issuer.
func replaceCRL(there []*pki.CRL, crl *pki.CRL) []*pki.CRL {
	var crls []*pki.CRL
	placed := false
	for _, c := range there {
		switch {
		case !bytes.Equal(c.RawIssuer, crl.RawIssuer):
			crls = append(crls, c)
		case !placed:
			crls, placed = append(crls, crl), true
		}
	}
	if !placed {
		crls = append(crls, crl)
	}
	return crls
}

// loadCRL finds the CA's own list in its file, none if there is no file: the
// newest that its key has signed.
func (a *authority) loadCRL() error {
	if a.crl == nil {
		return nil
	}
	crls, err := pki.ParseCRLs(a.crl)
	if err == nil {
		if a.current = newestOf(crls, a.ca.Certificate); a.current == nil {
			err = fmt.Errorf("no CRL that %s has signed", dnOf(a.ca.Certificate))
		}
	}
	if err != nil {
		return withHint(fmt.Errorf("%s: %w", a.layout.Path(libvirt.CACRL), err),
			"bring the CRL back from a backup; without it what it revoked is forgotten")
	}
	return nil
}

// newestOf is the newest list that a CA has signed.
func newestOf(crls []*pki.CRL, ca *x509.Certificate) *pki.CRL {
	var newest *pki.CRL
	for _, crl := range crls {
		if !bytes.Equal(crl.RawIssuer, ca.RawSubject) || crl.CheckSignatureFrom(ca) != nil {
			continue
		}
		if newest == nil || !crl.ThisUpdate.Before(newest.ThisUpdate) {
			newest = crl
		}
	}
	return newest
}

const crlShowHelp = `Show revocation lists: issuer, number, dates, and each entry with its reason, and
with its DN where the CA here has a record of it. Without a file, the CA's own.`

func newCRLShow(e *env, g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "show [FILE...]",
		Short:   "Show what a CRL revokes",
		Long:    help(crlShowHelp, exitDone, exitError, exitUsage),
		Example: "  virtpki crl show\n  virtpki crl show --json /etc/pki/CA/cacrl.pem",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{libvirt.CA(g.caFolder()).Path(libvirt.CACRL)}
			}
			return e.crlShow(g, args)
		},
	}
}

// crlInfo is what crl show tells of a list; its JSON form is stable.
type crlInfo struct {
	File       string      `json:"file"`
	Issuer     string      `json:"issuer"`
	Number     string      `json:"number,omitempty"`
	ThisUpdate time.Time   `json:"this_update"`
	NextUpdate time.Time   `json:"next_update"`
	Expired    bool        `json:"expired"`
	Entries    []crlRecord `json:"entries"`
}

// crlRecord is one entry of a list.
type crlRecord struct {
	Serial  string    `json:"serial"`
	Revoked time.Time `json:"revoked"`
	Reason  string    `json:"reason"`
	DN      string    `json:"dn,omitempty"`
}

func (e *env) crlShow(g *globals, files []string) error {
	var infos []crlInfo
	for _, file := range files {
		data, err := e.readInput(file)
		if errors.Is(err, os.ErrNotExist) {
			err = withHint(err, "libvirt goes on without a word when there is no CRL; make one: virtpki crl")
		}
		if err != nil {
			return err
		}
		crls, err := pki.ParseCRLs(data)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, crl := range crls {
			info, err := e.describeCRL(g, file, crl)
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			infos = append(infos, info)
		}
	}
	if g.json {
		return e.printJSON(infos)
	}
	for _, info := range infos {
		if err := e.printCRL(info); err != nil {
			return err
		}
	}
	return nil
}

func (e *env) describeCRL(g *globals, file string, crl *pki.CRL) (crlInfo, error) {
	info := crlInfo{File: file, Issuer: dnText(crl.RawIssuer), ThisUpdate: crl.ThisUpdate, NextUpdate: crl.NextUpdate, Entries: []crlRecord{}}
	info.Expired = !crl.NextUpdate.IsZero() && e.now().After(crl.NextUpdate)
	if crl.Number != nil {
		info.Number = crl.Number.String()
	}
	folder := libvirt.Records(g.caFolder())
	for entry, err := range crl.Entries() {
		if err != nil {
			return info, err
		}
		record := crlRecord{Serial: store.SerialText(entry.SerialNumber), Revoked: entry.RevocationTime, Reason: pki.Reason(entry.ReasonCode).String()}
		if certs, err := readCerts(store.RecordPath(folder, entry.SerialNumber)); err == nil {
			record.DN = dnOf(certs[0])
		}
		info.Entries = append(info.Entries, record)
	}
	return info, nil
}

func (e *env) printCRL(info crlInfo) error {
	fresh := "fresh until " + info.NextUpdate.UTC().Format(time.RFC3339)
	if info.Expired {
		fresh = "not fresh since " + info.NextUpdate.UTC().Format(time.RFC3339) + " (libvirt does not look)"
	}
	fmt.Fprintf(e.stdout, "%s\n  of %s\n  number %s, made %s, %s, %s\n",
		filepath.Clean(info.File), info.Issuer, info.Number, info.ThisUpdate.UTC().Format(time.RFC3339), fresh, countOf(len(info.Entries), "entry", "entries"))
	if len(info.Entries) == 0 {
		return nil
	}
	rows := [][]string{{"SERIAL", "REVOKED", "REASON", "DN"}}
	for _, r := range info.Entries {
		rows = append(rows, []string{r.Serial, r.Revoked.UTC().Format(dateForm), r.Reason, r.DN})
	}
	return e.printTable(rows)
}
