package certinfo

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Info holds the facts about a certificate that virtpki prints. Its JSON form is stable.
type Info struct {
	Roles       []string  `json:"roles"` // ca, server, client
	Name        string    `json:"name"`  // the CN
	DN          string    `json:"dn"`    // as libvirt prints and matches it
	Issuer      string    `json:"issuer"`
	DNS         []string  `json:"dns,omitempty"`
	IPs         []string  `json:"ips,omitempty"`
	Permitted   string    `json:"permitted,omitempty"`
	Serial      string    `json:"serial"`      // hexadecimal
	Fingerprint string    `json:"fingerprint"` // SHA-256 of the DER, hexadecimal
	KeyType     string    `json:"key_type"`
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	Ends        time.Time `json:"ends"`      // the earliest expiry in its chain, if that is known
	DaysLeft    int       `json:"days_left"` // rounded; negative once it has expired
	Expired     bool      `json:"expired"`
	Revoked     string    `json:"revoked,omitempty"` // the day, by the CA's CRL
	Path        string    `json:"path,omitempty"`
	RenewedBy   string    `json:"renewed_by,omitempty"` // ca, request, watch, link or nobody: package renewer
	Renewer     string    `json:"-"`                    // the same in words
	KeyIn       string    `json:"key_in,omitempty"`     // of this machine's CA, if its key is in a device: where

	due bool // less than a third of the lifetime remains
}

// Of returns the facts about a certificate at a given time; path is its file.
func Of(cert *x509.Certificate, path string, now time.Time) Info {
	sum := sha256.Sum256(cert.Raw)
	info := Info{
		Roles:       Roles(cert),
		Name:        cert.Subject.CommonName,
		DN:          subject.Of(cert),
		Issuer:      subject.IssuerOf(cert),
		DNS:         cert.DNSNames,
		Permitted:   pki.PermitOf(cert).String(),
		Serial:      store.SerialText(cert.SerialNumber),
		Fingerprint: hex.EncodeToString(sum[:]),
		KeyType:     CertKeyType(cert),
		NotBefore:   cert.NotBefore,
		NotAfter:    cert.NotAfter,
		Ends:        cert.NotAfter,
		DaysLeft:    int(math.Round(cert.NotAfter.Sub(now).Hours() / 24)),
		Expired:     !now.Before(cert.NotAfter),
		Path:        path,
		due:         !now.Before(pki.Window{}.CertificateOpens(cert)),
	}
	for _, ip := range cert.IPAddresses {
		info.IPs = append(info.IPs, ip.String())
	}
	return info
}

// Below returns the facts about the certificate under these CA certificates: it is valid no longer
// than they are.
func (i Info) Below(cas []*x509.Certificate, cert *x509.Certificate, now time.Time) Info {
	i.Ends = pki.Ends(cert, cas)
	i.DaysLeft = int(math.Round(i.Ends.Sub(now).Hours() / 24))
	return i
}

// Roles returns the roles of a certificate: ca, or server and client.
func Roles(cert *x509.Certificate) []string {
	if cert.IsCA {
		return []string{"ca"}
	}
	roles := []string{}
	for _, role := range pki.RolesOf(cert) {
		roles = append(roles, string(role))
	}
	return roles
}

// Revocable reports whether it is the certificate of a host or a client that has neither
// expired nor been revoked.
func (i Info) Revocable() bool {
	return !slices.Contains(i.Roles, "ca") && !i.Expired && i.Revoked == ""
}

// RoleText returns the roles with a plus sign between them.
func (i Info) RoleText() string { return strings.Join(i.Roles, "+") }

// Names returns the SANs with commas between them.
func (i Info) Names() string {
	return strings.Join(append(append([]string{}, i.DNS...), i.IPs...), ", ")
}

// Until returns the day on which the certificate expires and the time left, or that it is revoked.
func (i Info) Until() string {
	switch day := termtext.Day(i.NotAfter); {
	case i.Revoked != "":
		return "revoked " + i.Revoked
	case i.Expired:
		return fmt.Sprintf("%s (expired)", day)
	case i.Ends.Before(i.NotAfter):
		return fmt.Sprintf("%s (%d days, with its CA)", termtext.Day(i.Ends), i.DaysLeft)
	default:
		return fmt.Sprintf("%s (%d days)", day, i.DaysLeft)
	}
}

func (i Info) expiredText() string {
	if i.Expired {
		return ", expired"
	}
	return ""
}

// Fields returns all known facts, each with its name, and leaves out empty ones.
func (i Info) Fields() [][]string {
	rows := [][]string{
		{"role:", i.RoleText()},
		{"DN:", i.DN},
		{"issuer:", i.Issuer},
		{"SANs:", i.Names()},
		{"permitted:", i.Permitted},
		{"key:", i.KeyType},
		{"serial:", i.Serial},
		{"fingerprint:", "sha256:" + i.Fingerprint},
		{"from:", termtext.Instant(i.NotBefore)},
		{"until:", fmt.Sprintf("%s (%d days)", termtext.Instant(i.NotAfter), i.DaysLeft) + i.expiredText()},
		{"revoked:", i.Revoked},
		{"file:", i.Path},
	}
	kept := rows[:0]
	for _, row := range rows {
		if row[1] != "" {
			kept = append(kept, row)
		}
	}
	return kept
}
