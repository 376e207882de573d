package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

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
				args = []string{libvirt.CA(g.CAPath()).Path(libvirt.CACRL)}
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
		data, err := e.readInput(file, store.MaxPEM)
		if errors.Is(err, os.ErrNotExist) {
			err = hint.With(err, "libvirt goes on without a word when there is no CRL; make one: virtpki %scrl", g.Flags())
		}
		if err != nil {
			return err
		}
		crls, err := pki.ParseCRLs(data)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, crl := range crls {
			info, err := describeCRL(g.Machine, file, crl)
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

func describeCRL(m *machine.Machine, file string, crl *pki.CRL) (crlInfo, error) {
	info := crlInfo{File: file, Issuer: subject.Text(crl.RawIssuer), ThisUpdate: crl.ThisUpdate, NextUpdate: crl.NextUpdate, Entries: []crlRecord{}}
	info.Expired = !crl.NextUpdate.IsZero() && m.Now().After(crl.NextUpdate)
	if crl.Number != nil {
		info.Number = crl.Number.String()
	}
	folder := libvirt.Records(m.CAPath())
	for entry, err := range crl.Entries() {
		if err != nil {
			return info, err
		}
		record := crlRecord{Serial: store.SerialText(entry.SerialNumber), Revoked: entry.RevocationTime, Reason: pki.Reason(entry.ReasonCode).String()}
		if certs, err := keypair.ReadCerts(m.Tree(), store.RecordPath(folder, entry.SerialNumber)); err == nil {
			record.DN = subject.Of(certs[0])
		}
		info.Entries = append(info.Entries, record)
	}
	return info, nil
}

func (e *env) printCRL(info crlInfo) error {
	fresh := "fresh until " + termtext.Instant(info.NextUpdate)
	if info.Expired {
		fresh = "not fresh since " + termtext.Instant(info.NextUpdate) + " (libvirt does not look)"
	}
	termtext.Fprintf(e.stdout, "%s\n  of %s\n  number %s, made %s, %s, %s\n",
		filepath.Clean(info.File), info.Issuer, info.Number, termtext.Instant(info.ThisUpdate), fresh, termtext.Count(len(info.Entries), "entry", "entries"))
	if len(info.Entries) == 0 {
		return nil
	}
	rows := [][]string{{"SERIAL", "REVOKED", "REASON", "DN"}}
	for _, r := range info.Entries {
		rows = append(rows, []string{r.Serial, termtext.Day(r.Revoked), r.Reason, r.DN})
	}
	return e.printTable(rows)
}
