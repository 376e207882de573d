package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"virtpki/dn"
	"virtpki/internal/libvirt"
	"virtpki/internal/store"
	"virtpki/pki"
)

const caExportHelp = `Print what the CA here has signed and revoked in the form of OpenSSL's index.txt,
so that openssl ca or easy-rsa can go on from here. The certificate, the key
(PKCS#8), the records (newcerts/SERIAL.pem) and the CRL are in forms that they
read as they are.

Revocations of which there is no record are in it too, with the CA's end as
their date of expiry.`

func newCAExport(e *env, g *globals) *cobra.Command {
	var index bool
	cmd := &cobra.Command{
		Use:     "export --index",
		Short:   "Print the CA's records for other tools",
		Long:    help(caExportHelp, exitDone, exitError, exitUsage),
		Example: "  virtpki ca export --index >index.txt",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return e.caExport(g)
		},
	}
	cmd.Flags().BoolVar(&index, "index", false, "in the form of OpenSSL's index.txt")
	cmd.MarkFlagRequired("index")
	return cmd
}

func (e *env) caExport(g *globals) error {
	a, err := e.loadCA(g)
	if err != nil {
		return err
	}
	entries, err := a.index()
	if err != nil {
		return err
	}
	_, err = e.stdout.Write(pki.FormatIndex(entries, e.now()))
	return err
}

// index lists the records and the revocations without one, oldest first.
func (a *authority) index() ([]pki.IndexEntry, error) {
	certs, err := store.Records(libvirt.Records(a.folder))
	if err != nil {
		return nil, fmt.Errorf("reading the CA's records: %w", err)
	}
	if err := a.loadCRL(); err != nil {
		return nil, err
	}
	bySerial := make(map[string]*pki.IndexEntry)
	var entries []*pki.IndexEntry
	add := func(entry pki.IndexEntry) *pki.IndexEntry {
		bySerial[entry.Serial.String()] = &entry
		entries = append(entries, &entry)
		return &entry
	}
	for _, cert := range certs {
		add(pki.IndexEntry{Serial: cert.SerialNumber, NotAfter: cert.NotAfter, Subject: slashed(dnOf(cert))})
	}
	if a.current != nil {
		for revoked, err := range a.current.Entries() {
			if err != nil {
				return nil, err
			}
			entry := bySerial[revoked.SerialNumber.String()]
			if entry == nil {
				entry = add(pki.IndexEntry{Serial: revoked.SerialNumber, NotAfter: a.ca.Certificate.NotAfter, Subject: "/CN=unknown"})
			}
			entry.Revoked, entry.Reason = revoked.RevocationTime, pki.Reason(revoked.ReasonCode)
		}
	}
	return sorted(entries), nil
}

func sorted(entries []*pki.IndexEntry) []pki.IndexEntry {
	list := make([]pki.IndexEntry, len(entries))
	for i, entry := range entries {
		list[i] = *entry
	}
	slices.SortStableFunc(list, func(a, b pki.IndexEntry) int {
		return cmp.Or(a.NotAfter.Compare(b.NotAfter), a.Serial.Cmp(b.Serial))
	})
	return list
}

// opensslNames are the attribute types that OpenSSL calls otherwise.
var opensslNames = map[string]string{"EMAIL": "emailAddress", "surName": "SN", "givenName": "GN", "telephoneNumber": "telephoneNumber"}

// slashed is a DN in the form of OpenSSL's index: /C=GB/O=Example/CN=admin, with
// bytes that are not printable ASCII as \xNN.
func slashed(text string) string {
	name, err := dn.Parse(text)
	if err != nil {
		return "/CN=unknown"
	}
	var b strings.Builder
	for _, rdn := range name {
		for _, attribute := range rdn {
			typ := attribute.Type
			if other, ok := opensslNames[typ]; ok {
				typ = other
			}
			b.WriteString("/" + typ + "=")
			value := attribute.Value
			if attribute.DER != nil {
				value = string(attribute.DER)
			}
			writeASCII(&b, value)
		}
	}
	return b.String()
}

func writeASCII(b *strings.Builder, value string) {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' {
			fmt.Fprintf(b, `\x%02X`, c)
		} else {
			b.WriteByte(c)
		}
	}
}
