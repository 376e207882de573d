package termtext

import "testing"

func TestColoured(t *testing.T) {
	for text, want := range map[string]string{
		"":                                            "",
		"ok  files  trusts":                           "\x1b[32mok\x1b[0m  files  trusts",
		"NO  tcp  refused\nfine\n":                    "\x1b[31mNO\x1b[0m  tcp  refused\n\x1b[32mfine\x1b[0m\n",
		"  error    a file":                           "  \x1b[31merror\x1b[0m    a file",
		"  warning  line 4: error  x":                 "  \x1b[33mwarning\x1b[0m  line 4: error  x",
		"server files: ok, it starts":                 "server files: \x1b[32mok\x1b[0m, it starts",
		"CA files:     would not start":               "CA files:     \x1b[31mwould not start\x1b[0m",
		"virtpki: error: no CA":                       "virtpki: \x1b[31merror\x1b[0m: no CA",
		"virtpki: hint: ok  then":                     "virtpki: \x1b[1mhint\x1b[0m: ok  then",
		"         fix: virtpki renew":                 "         \x1b[1mfix\x1b[0m: virtpki renew",
		"hv1  server  2027-11-26  365d  ok       hv1": "hv1  server  2027-11-26  365d  \x1b[32mok\x1b[0m       hv1",
		"bob  client  2027-11-26  -3d   expired":      "bob  client  2027-11-26  -3d   \x1b[31mexpired\x1b[0m",
		"the certificate is ok  now":                  "the certificate is ok  now",
		`{"error":  "ok"}`:                            `{"error":  "ok"}`,
	} {
		if got := Coloured(text); got != want {
			t.Errorf("Coloured(%q) = %q, want %q", text, got, want)
		}
	}
}
