package dn_test

import (
	"errors"
	"testing"

	"virtpki/dn"
)

func TestFromCertificateRefuses(t *testing.T) {
	cert := certDER(t, dnCases(t)[0].Cert)
	for name, der := range map[string][]byte{
		"nothing": nil, "text": []byte("-----BEGIN"), "cut off": cert[:40], "a set": {0x31, 0}, "an empty sequence": {0x30, 0},
	} {
		if got, err := dn.FromCertificate(der); !errors.Is(err, dn.ErrNotCertificate) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestFromCertificateVersion1(t *testing.T) {
	_, tbs, _ := split(t, certDER(t, dnCases(t)[0].Cert))
	_, fields, after := split(t, tbs)
	_, _, rest := split(t, fields) // version 1 has no version field
	v1 := der(0x30, append(der(0x30, rest, 0), after...), 0)
	if got, err := dn.FromCertificate(v1); got != "CN=client1" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestRefusalReasons(t *testing.T) {
	tests := []struct {
		name, subject string
		reason        dn.Reason
		typ           string
	}{
		{"empty", "3000", dn.ReasonEmpty, ""},
		{"empty CN", "300b3109300706035504030c00", dn.ReasonEmptyValue, "CN"},
		{"no attribute", "30023100", dn.ReasonAbort, ""},
		{"NUL in an OCTET STRING", "30163114301206092a864886f70d01091504050061626364", dn.ReasonNUL, "1.2.840.113549.1.9.21"},
		{"OID with a leading 0x80", "300c310a300806028001" + "0c026162", dn.ReasonOID, ""},
		{"indefinite length", "3080310a300806035504030c01610000", dn.ReasonEncoding, ""},
		{"data after the end", "300c310a300806035504030c016100", dn.ReasonEncoding, ""},
		{"RDN that is a SEQUENCE", "300c300a300806035504030c0161", dn.ReasonEncoding, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := dn.FromRDNSequence([]byte(unhex(t, tt.subject)))
			var refused *dn.RefusedError
			if !errors.As(err, &refused) || refused.Reason != tt.reason || refused.Type != tt.typ || got != "" {
				t.Errorf("got %q, %v, want %q", got, err, tt.reason)
			}
		})
	}
}

func TestDialects(t *testing.T) {
	tests := []struct{ name, subject, gnutls36, gnutls37, gnutls38 string }{
		{"empty O", "3017310930070603550" + "40a0c00310a300806035504030c0163", "O=#0c00,CN=c", "", ""},
		{"empty serialNumber", "30173109300706035504051300310a300806035504030c0163", "serialNumber=#1300,CN=c", "serialNumber=#1300,CN=c", "serialNumber=,CN=c"},
		{"empty C of a wrong type", "300b3109300706035504060c00", "C=#0c00", "C=#0c00", "C=#0c00"},
		{"plain", "300c310a300806035504030c0163", "CN=c", "CN=c", "CN=c"},
	}
	for _, tt := range tests {
		subject := []byte(unhex(t, tt.subject))
		for i, want := range []string{tt.gnutls36, tt.gnutls37, tt.gnutls38} {
			d := []dn.Dialect{dn.GnuTLS36, dn.GnuTLS37, dn.GnuTLS38}[i]
			got, err := d.FromRDNSequence(subject)
			if got != want || (err != nil) != (want == "") {
				t.Errorf("%s, dialect %d: got %q, %v, want %q", tt.name, d, got, err, want)
			}
		}
	}
}
