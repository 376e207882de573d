package pki_test

import (
	"crypto/x509"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"virtpki/pki"
)

// Templates that use time, memory or output without end.
var bombs = []struct{ name, text string }{
	{"empty loop", "{{ range 100000000000 }}{{ end }}"},
	{"loop in a loop", "{{ range 1000000 }}{{ range 1000000 }}{{ end }}{{ end }}"},
	{"loop in a branch", "{{ if true }}{{ else }}{{ end }}{{ with 1 }}{{ range 100000000000 }}{{ end }}{{ end }}"},
	{"loop that prints", "{{ range 100000000000 }}x{{ end }}"},
	{"loop of a list", "{{ range until 2000000000 }}{{ end }}"},
	{"loop of calls", "{{ range $i := until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"},
	{"recursion", `{{ define "x" }}{{ template "x" }}{{ end }}{{ template "x" }}`},
	{"branching recursion", `{{ define "x" }}{{ template "x" . }}{{ template "x" . }}{{ end }}{{ template "x" . }}`},
	{"repeat", `{{ repeat 2000000000 "x" }}`},
	{"repeat of repeat", `{{ $x := repeat 30000 "x" }}{{ repeat 30000 $x }}`},
	{"indent", `{{ indent 2000000000 "x" }}`},
	{"indent of lines", `{{ indent 100000 (repeat 10000 "x\n") }}`},
	{"doubled text", `{{ $x := "xxxxxxxx" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}`},
	{"doubled lists", `{{ $x := list "x" }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}{{ toJson $x }}`},
	{"doubled dicts", `{{ $x := dict "a" 1 }}{{ range 45 }}{{ $x = dict "a" $x "b" $x }}{{ end }}{{ $x }}`},
	{"a dict in itself", `{{ $x := dict }}{{ $_ := set $x "x" $x }}{{ toJson $x }}`},
	{"nested lists", `{{ $x := list }}{{ range 100000 }}{{ $x = list $x }}{{ end }}{{ toPrettyJson $x }}`},
	{"replaced text", `{{ $x := repeat 20000 "x" }}{{ replace "x" $x $x }}`},
	{"joined text", `{{ $x := repeat 20000 "x" }}{{ join $x (splitList "" $x) }}`},
	{"replaced by an expression", `{{ $x := repeat 20000 "x" }}{{ regexReplaceAll "x" $x (repeat 5000 "${0}${0}") }}`},
	{"matched by an expression", `{{ regexMatch (repeat 900 "(x*)*y?") (repeat 20000 "x") }}`},
	{"compared lists", `{{ uniq (until 100000) }}`},
	{"left out", `{{ without (until 10000) (until 10000) }}`},
	{"width", `{{ printf (repeat 2000 "%999999d") 1 }}`},
	{"width of an argument", `{{ printf "%*d%*d" 999999999 1 999999999 1 }}`},
	{"verbs", `{{ printf (repeat 5000 "%[1]s") (repeat 20000 "x") }}`},
	{"wrapped text", `{{ wrapWith 1 (repeat 30000 "y") (repeat 30000 "x ") }}`},
	{"many variables", strings.Repeat(`{{ $x := repeat 60000 "x" }}`, 2000)},
}

// Each ends with one error, within a second or two and in bounded memory.
func TestTemplateBombs(t *testing.T) {
	ca, key := newCA(t, pki.EC256), newKey(t, pki.EC256)
	for _, bomb := range bombs {
		t.Run(bomb.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			err := renderWith(ca, key.Public(), bomb.text)
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
			t.Logf("%v, %d MiB in all: %v", took, allocated, err)
			if err == nil || strings.Contains(err.Error(), "\n") || len(err.Error()) > 500 {
				t.Errorf("%.500v, want one line", err)
			}
			if took > 5*time.Second || allocated > 512 {
				t.Errorf("%v, %d MiB", took, allocated)
			}
		})
	}
}

// renderWith renders a text followed by the built-in template.
func renderWith(ca *pki.CA, pub any, text string) error {
	builtin, err := pki.DefaultTemplate("server")
	if err != nil {
		return err
	}
	template, err := pki.ParseTemplate([]byte(text + builtin))
	if err != nil {
		return err
	}
	r := leafRequest(pki.Server, pub)
	r.Template = template
	_, err = ca.Issue(r)
	return err
}

// A template cannot call functions that lead out of it, or that give another result the next time.
func TestTemplateKnowsNothingElse(t *testing.T) {
	for _, name := range []string{
		"env", "expandenv", "getHostByName", "now", "date", "ago", "toTime", "parseTime", "randInt", "randAlpha", "randBytes", "uuidv4", "shuffle",
		"genPrivateKey", "genCA", "genSelfSignedCert", "derivePassword", "bcrypt", "htpasswd", "encryptAES", "buildCustomCert",
	} {
		if _, err := pki.ParseTemplate([]byte("{{ " + name + " }}")); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("function %q not defined", name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A template sees the type of a key, but cannot reach the key itself: its methods could change the
// signed contents, or never end.
func TestTemplateHasNoKey(t *testing.T) {
	ca := newCA(t, pki.EC256)
	for _, keyType := range []pki.KeyType{pki.EC256, pki.RSA2048, pki.Ed25519} {
		key := newKey(t, keyType)
		goType := fmt.Sprintf("%T", key.Public())
		for text, want := range map[string]string{
			`{{ fail (typeOf .Insecure.CR.PublicKey) }}`:                                                                      goType,
			`{{ if typeIs "` + goType + `" .Insecure.CR.PublicKey }}{{ fail "it is" }}{{ end }}`:                              "it is",
			`{{ if typeIsLike "` + strings.TrimPrefix(goType, "*") + `" .Insecure.CR.PublicKey }}{{ fail "it is" }}{{ end }}`: "it is",
			`{{ $n := .Insecure.CR.PublicKey.N }}{{ $n.Exp $n $n nil }}`:                                                      "N",
			`{{ $_ := .Insecure.CR.PublicKey.N.SetInt64 3 }}`:                                                                 "N",
			`{{ .Insecure.CR.PublicKey.X }}`:                                                                                  "X",
		} {
			if err := renderWith(ca, key.Public(), text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: %v, want %s", keyType, text, err, want)
			}
		}
	}
}

// The budget suffices for a large certificate: a template that walks through a thousand names.
func TestTemplateOfManyNames(t *testing.T) {
	ca := newCA(t, pki.EC256)
	r := leafRequest(pki.Server, newKey(t, pki.EC256).Public())
	for i := range 1000 {
		r.DNSNames = append(r.DNSNames, fmt.Sprintf("host-%d.lab.example", i))
	}
	walked := `{{ $names := list }}{{ range .SANs }}{{ if ne (lower .Value) "" }}{{ $names = append $names .Value }}{{ end }}{{ end }}`
	r.Template = template(t, "server", `"subject": {{ toJson .Subject }}`, `"subject": {{ toJson .Subject }}, "policyIdentifiers": ["1.2.3.4"]`)
	for range 2 {
		cert, err := ca.Issue(r)
		if err != nil || len(cert.DNSNames) != len(r.DNSNames) {
			t.Fatal(err)
		}
		r.DNSNames = r.DNSNames[:200] // the list that is appended to is written down again each time
		r.Template = template(t, "server", "{\n", walked+"{\n")
	}
}

// FuzzTemplate renders every template that parses.
func FuzzTemplate(f *testing.F) {
	for _, bomb := range bombs {
		f.Add(bomb.text)
	}
	f.Add(strings.Repeat("{{if 1}}", 4000) + strings.Repeat("{{end}}", 4000))
	for _, text := range []string{`{{ .SANs | toJson }}`, `{{ define "a" }}{{ . }}{{ end }}{{ range .SANs }}{{ template "a" .Value }}{{ end }}`, `{{ dig "a" "b" 1 (dict) }}`} {
		f.Add(text)
	}
	ca, key := newCA(f, pki.EC256), newKey(f, pki.EC256)
	f.Fuzz(func(t *testing.T, text string) {
		began := time.Now()
		template, err := pki.ParseTemplate([]byte(text))
		if err != nil {
			return
		}
		r := leafRequest(pki.Server, key.Public())
		r.Template = template
		if cert, err := ca.Issue(r); err == nil && (cert.IsCA || len(cert.ExtKeyUsage) > 0 && cert.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth) {
			t.Errorf("made %+v", cert)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("took %v", took)
		}
	})
}
