package pkcs11

import (
	"bytes"
	"encoding/pem"
	"io"
	"strings"
	"testing"
)

// FuzzReply takes replies apart in every way that the package does: no input makes it
// panic, or return more than there was.
func FuzzReply(f *testing.F) {
	f.Add(frame(1, callGetSlotList, new(writer).putByte(1).put32(2).put64(1).put64(2)))
	f.Add(frame(1, callGetTokenInfo, tokenInfo("lab", 4)))
	f.Add(frame(1, callError, new(writer).put64(0xa0)))
	f.Add(frame(1, callSign, new(writer).putByte(1).putBytes(make([]byte, 64))))
	point := new(writer).put32(3)
	point.put32(attrKeyType).putByte(1).put32(8).put64(typeEC)
	point.put32(attrECParams).putByte(1).put32(10).putBytes(curves()[0].params)
	point.put32(attrECPoint).putByte(0)
	f.Add(frame(1, callGetAttributeValue, point))
	f.Fuzz(func(t *testing.T, data []byte) {
		reply, err := readReply(bytes.NewReader(data), 1)
		if err != nil {
			return
		}
		for _, id := range []uint32{callGetSlotList, callGetAttributeValue, callSign, callGetTokenInfo} {
			r, err := openReply(reply, id)
			if err != nil {
				continue
			}
			again := func() *reader { c := *r; return &c }
			if got := again().ulongs(maxSlots); len(got)*8 > len(data) {
				t.Errorf("%d numbers out of %d bytes", len(got), len(data))
			}
			if got := again().byteArray(); len(got) > len(data) {
				t.Errorf("%d bytes out of %d", len(got), len(data))
			}
			v := again().attributes([]uint32{attrKeyType, attrModulus, attrPublicExponent, attrECParams, attrECPoint})
			publicKey(v)
			text := again()
			text.bytes()
			text.u64()
		}
	})
}

// FuzzURI checks that a URI that is accepted survives its own text and its PEM block.
func FuzzURI(f *testing.F) {
	for _, seed := range []string{
		"pkcs11:", "pkcs11:token=a;object=b?module-path=/m.so&pin-source=file:/p", "pkcs11:id=%00%FF;type=private",
		"pkcs11:token=a?x-virtpki-command=ssh%20hsm", "pkcs11:slot-id=1;;serial=%C3%A9", "pkcs11:token=%zz", "pkcs11:token=a;token=b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseURI(text)
		if err != nil {
			if strings.Contains(text, "pin-value=") && strings.Contains(err.Error(), "pin-value=") {
				t.Errorf("the error holds the PIN: %v", err)
			}
			return
		}
		if u.String() != text || strings.ContainsFunc(text, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
			t.Errorf("%q became %q", text, u)
		}
		data, err := EncodePEM(u)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(data)
		again, err := ParsePEM(block)
		if err != nil || again.String() != text {
			t.Errorf("%q is %q after its block: %v", text, again, err)
		}
	})
}

func TestParseURI(t *testing.T) {
	u, err := ParseURI("pkcs11:token=My%20Token;object=ca;id=%01%FF;type=private?module-path=/m.so&pin-source=file:/p&x-other=1")
	if err != nil {
		t.Fatal(err)
	}
	if u.Token != "My Token" || u.Object != "ca" || !bytes.Equal(u.ID, []byte{1, 0xff}) || u.ModulePath != "/m.so" || u.PINSource != "file:/p" {
		t.Errorf("%+v", u)
	}
	if got := u.Place(); got != "pkcs11:token=My%20Token;object=ca;id=%01%FF" {
		t.Errorf("place %q", got)
	}
	if got := u.tokenURI(); got != "pkcs11:token=My%20Token" {
		t.Errorf("token %q", got)
	}
	for text, want := range map[string]string{
		"pkcs11:object=a":                "pkcs11:object=a;type=private",
		"pkcs11:object=a?pin-source=/p":  "pkcs11:object=a;type=private?pin-source=/p",
		"pkcs11:type=private;object=a?x": "",
		"pkcs11:type=private;object=a":   "pkcs11:type=private;object=a",
	} {
		if given, err := ParseURI(text); err != nil {
			if want != "" {
				t.Errorf("%s: %v", text, err)
			}
		} else if private, err := given.Private(); err != nil || private.String() != want {
			t.Errorf("%s: %v, %v", text, private, err)
		}
	}
	command := "ssh -p 22 hsm 'p11-kit remote /m.so?a=b&c;d+e'"
	u, err = u.WithCommand("first")
	if err == nil {
		u, err = u.WithCommand(command)
	}
	if err != nil || u.Command != command || u.PINSource != "file:/p" {
		t.Errorf("%+v, %v", u, err)
	}
	for text, want := range map[string]string{
		"http://x":                                     "does not begin",
		"pkcs11:token=a b":                             "percent-encoded",
		"pkcs11:token=a\x1b[31m":                       "percent-encoded",
		"pkcs11:token":                                 "not NAME=VALUE",
		"pkcs11:token=%4":                              "not NAME=VALUE",
		"pkcs11:token=a;token=b":                       "twice",
		"pkcs11:x-vendor=1":                            "not known",
		"pkcs11:type=cert;object=a":                    "not a private key",
		"pkcs11:slot-id=x":                             "not a number",
		"pkcs11:object=a?module-name=soft":             "not supported",
		"pkcs11:object=a?pin-value=1234":               "contains a PIN",
		"pkcs11:object=" + strings.Repeat("a", maxURI): "longer",
	} {
		_, err := ParseURI(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "1234") {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}

// Invalid public keys are refused before anything is verified with them.
func TestPublicKey(t *testing.T) {
	number := func(n uint64) []byte { return new(writer).put64(n).data }
	for name, v := range map[string]values{
		"no type":               {},
		"another type":          {attrKeyType: number(1)},
		"an even modulus":       {attrKeyType: number(typeRSA), attrModulus: append(bytes.Repeat([]byte{1}, 255), 2), attrPublicExponent: {1, 0, 1}},
		"a short modulus":       {attrKeyType: number(typeRSA), attrModulus: []byte{3}, attrPublicExponent: {1, 0, 1}},
		"exponent 1":            {attrKeyType: number(typeRSA), attrModulus: bytes.Repeat([]byte{0x81}, 256), attrPublicExponent: {1}},
		"a huge exponent":       {attrKeyType: number(typeRSA), attrModulus: bytes.Repeat([]byte{0x81}, 256), attrPublicExponent: bytes.Repeat([]byte{0x81}, 256)},
		"a point off the curve": {attrKeyType: number(typeEC), attrECParams: curves()[0].params, attrECPoint: append([]byte{4}, make([]byte, 64)...)},
		"another curve":         {attrKeyType: number(typeEC), attrECParams: []byte{6, 1, 1}, attrECPoint: []byte{4}},
	} {
		if key, err := publicKey(v); err == nil {
			t.Errorf("%s: %v", name, key)
		}
	}
}

// A reader that ends returns zero values and keeps its error.
func TestReaderEnds(t *testing.T) {
	r := &reader{data: []byte{0, 0, 0, 9, 1}}
	if r.bytes() != nil || r.u64() != 0 || r.byte() != 0 || r.err != errMalformed {
		t.Errorf("%v", r.err)
	}
	if _, err := readReply(bytes.NewReader(nil), 1); err != io.EOF {
		t.Errorf("%v", err)
	}
}
