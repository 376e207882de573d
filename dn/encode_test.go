package dn_test

import (
	"strings"
	"testing"

	"virtpki/dn"
)

func TestEncode(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"plain", "C=GB,O=Example,CN=admin", "C=GB,O=Example,CN=admin"},
		{"two units are two RDNs", "O=A,OU=one,OU=two,CN=c", "O=A,OU=one,OU=two,CN=c"},
		{"escapes", `O=Acme\, Inc.,CN=\ a\+b\"\\\<\>\;\ `, `O=Acme\, Inc.,CN=\ a\+b\"\\\<\>\;\ `},
		{"hash", `CN=\#1`, `CN=\#1`},
		{"multi-valued in DER order", "OU=bb+CN=a", "CN=a+OU=bb"},
		{"names in any case", "c=GB,cn=a", "C=GB,CN=a"},
		{"other spellings", "emailAddress=a@b,E=c@d,commonName=x,2.5.4.10=o,OID.2.5.4.11=u", "EMAIL=a@b,EMAIL=c@d,CN=x,O=o,OU=u"},
		{"DC and EMAIL are IA5String", "DC=com,EMAIL=root@example.com", "DC=com,EMAIL=root@example.com"},
		{"serialNumber is a PrintableString", "serialNumber=12-3", "serialNumber=12-3"},
		{"numeric", "INN=007", "INN=007"},
		{"unknown type in hex", "1.3.6.1.4.1.99999.1=#0C0568656c6c6f", "1.3.6.1.4.1.99999.1=#0c0568656c6c6f"},
		{"known type in hex", "CN=#0c0161", "CN=a"},
		{"nameless known type", "1.2.840.113549.1.9.20=Grüße", "1.2.840.113549.1.9.20=Grüße"},
		{"UTF-8", "CN=Jürgen 例 🚀", "CN=Jürgen 例 🚀"},
		{"a long value", "CN=" + strings.Repeat("x", 70000), "CN=" + strings.Repeat("x", 70000)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			der, err := dn.Encode(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := dn.FromRDNSequence(der)
			if err != nil || got != tt.want {
				t.Errorf("got %.200q, %v, want %.200q", got, err, tt.want)
			}
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", "empty"},
		{"empty value", "O=,CN=a", "O: empty value"},
		{"unknown name", "foo=bar", `unknown attribute type "foo"`},
		{"unknown OID with text", "1.2.3.4=x", "as #hex"},
		{"non-ASCII country", "C=é", "PrintableString cannot hold"},
		{"at sign in a PrintableString", "serialNumber=a@b", "'@'"},
		{"non-ASCII mail", "EMAIL=é@x", "IA5String cannot hold"},
		{"letters in a NumericString", "INN=12a", "NumericString"},
		{"invalid UTF-8", "CN=a\xff", "not valid UTF-8"},
		{"NUL", "CN=a\x00b", "NUL"},
		{"NUL by hex pair", `CN=a\00b`, "NUL"},
		{"space after the comma", "O=A, CN=b", "space before an attribute type"},
		{"bad hex", "CN=#1", `\#`},
		{"hex that is no DER", "CN=#0c05", "not one DER value"},
		{"no equals sign", "CN", `no "="`},
		{"trailing comma", "CN=a,", "nothing after"},
		{"trailing backslash", `CN=a\`, "backslash at the end"},
		{"needless backslash", `CN=\xyz`, "needs none"},
		{"bare quote", `CN="a"`, "needs a backslash"},
		{"slash form", "/C=GB/CN=a", "no attribute type before"},
		{"OID with a bad root", "3.1=#0500", "not an object identifier"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := dn.Encode(tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Encode(%q): %v, want an error with %q", tt.text, err, tt.want)
			}
		})
	}
}

func TestEscape(t *testing.T) {
	for _, value := range []string{"a", " a ", " ", "#a", `a,b+c"d\e<f>g;h=i`, "é\n\t", "a b"} {
		text := "CN=" + dn.Escape(value)
		name, err := dn.Parse(text)
		if err != nil || name[0][0].Value != value || name.String() != text {
			t.Errorf("Escape(%q) = %q, which parses as %v, %v", value, text, name, err)
		}
	}
}

// TestEncodeAgainstOriginal has GnuTLS itself print the encoded names.
func TestEncodeAgainstOriginal(t *testing.T) {
	o := startOriginal(t)
	cert := certDER(t, dnCases(t)[0].Cert)
	for _, text := range []string{
		"C=GB,ST=London,L=London,street=1 Main St,postalCode=AB1,O=Acme\\, Inc.,OU=one,OU=two,CN=Jürgen 例 🚀",
		"DC=com,DC=example,UID=u1,CN=c,EMAIL=a\\+b@example.com,serialNumber=12-3",
		"title=Dr.,givenName=A,surName=B,initials=AB,generationQualifier=III,pseudonym=p,name=n,dnQualifier=q",
		"businessCategory=b,description=d,telephoneNumber=+44,userPrincipalName=u@r,XmppAddr=a@b,INN=007,OGRN=1,SNILS=2,OGRNIP=3",
		"placeOfBirth=x,gender=F,countryOfCitizenship=GB,countryOfResidence=GB",
		"jurisdictionOfIncorporationCountryName=US,jurisdictionOfIncorporationStateOrProvinceName=CA,jurisdictionOfIncorporationLocalityName=SF",
		"1.2.840.113549.1.9.7=pw,1.2.840.113549.1.9.20=friend é,1.2.840.113549.1.9.21=id,1.2.840.113549.1.9.4=x",
		"1.3.6.1.4.1.99999.1=#0c0568656c6c6f,2.25.123456789=#0500,CN=\\#1",
	} {
		text = strings.ReplaceAll(text, "telephoneNumber=+", `telephoneNumber=\+`)
		der, err := dn.Encode(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got, refusal := o.dn(withSubject(t, cert, der)); got != text || refusal != "" {
			t.Errorf("GnuTLS prints %q (%s), want %q", got, refusal, text)
		}
	}
}
