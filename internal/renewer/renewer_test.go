package renewer

import "testing"

func TestWho(t *testing.T) {
	const timer = "virtpki-renew.timer"
	for _, c := range []struct {
		name string
		f    facts
		by   By
		text string
	}{
		{"nothing runs", facts{keyHere: true, signed: true}, Nobody, "nobody (virtpki generate systemd)"},
		{"the CA's host", facts{keyHere: true, signed: true, schedule: timer}, CA, "this CA (virtpki-renew.timer)"},
		{"the CA's host, watched besides", facts{keyHere: true, signed: true, schedule: timer, watched: true}, CA, "this CA (virtpki-renew.timer)"},
		{"another CA's on the CA's host", facts{keyHere: true, schedule: timer}, Nobody, "nobody: another CA has signed it"},
		{"another CA's, watched", facts{keyHere: true, schedule: timer, watched: true}, Watch, "a watched directory (virtpki-watch.service)"},
		{"watched, no CA's key", facts{signed: true, watched: true}, Watch, "a watched directory (virtpki-watch.service)"},
		{"by request", facts{signed: true, schedule: timer, via: true}, Request, "a request (virtpki-renew.timer)"},
		{"requests for nobody", facts{signed: true, schedule: timer}, Nobody, "nobody: the requests do not reach the CA (virtpki renew --via)"},
		{"by an issuer", facts{signed: true, schedule: timer, via: true, issuer: true}, Request, "an issuer (virtpki-renew.timer)"},
		{"behind a link", facts{link: true, keyHere: true, signed: true, schedule: timer}, Link, "another program (it made the link)"},
		{"an own path", facts{own: true, trusts: true, keyHere: true, signed: true, schedule: timer}, CA, "this CA (virtpki-renew.timer)"},
		{"an own path, watched", facts{own: true, signed: true, watched: true}, Nobody, "nobody (virtpki generate systemd)"},
		{"an own path with another CA file", facts{own: true, keyHere: true, signed: true, schedule: timer}, Nobody, "nobody: its program does not trust the CA that signs here"},
		{"an own path, by request", facts{own: true, trusts: true, signed: true, schedule: timer, via: true}, Request, "a request (virtpki-renew.timer)"},
		{"an own path with another CA file, by request", facts{own: true, signed: true, schedule: timer, via: true}, Nobody, "nobody: its program does not trust the CA that signs here"},
		{"nothing runs, an issuer signs", facts{signed: true, flag: " --issuer /i"}, Nobody, "nobody (virtpki generate systemd --issuer /i)"},
		{"requests for nobody, an issuer signs", facts{signed: true, schedule: timer, flag: " --issuer /i"}, Nobody, "nobody: the requests do not reach the CA (virtpki renew --issuer /i)"},
	} {
		if by, text := c.f.who(); by != c.by || text != c.text {
			t.Errorf("%s: %s, %q, want %s, %q", c.name, by, text, c.by, c.text)
		}
	}
}

func TestBrief(t *testing.T) {
	for text, want := range map[string]string{
		"this CA (virtpki-renew.timer)": "this CA", "nobody: another CA has signed it": "nobody", "nobody (virtpki generate systemd)": "nobody",
	} {
		if got := (Pair{Text: text}).Brief(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestRunsVia(t *testing.T) {
	for text, want := range map[string]bool{
		"ExecStart=/usr/bin/virtpki renew --quiet --via 'ssh ca virtpki sign - --yes'\n": true,
		"ExecStart=/usr/bin/virtpki renew --quiet\n":                                     false,
		"# virtpki renew --via x\nExecStart=/usr/bin/virtpki renew --quiet\n":            false,
		"ExecStart=/usr/bin/virtpki renew --quiet --issuer=/etc/virtpki/issuer.yaml\n":   true,
		"7 4 * * * root /usr/bin/virtpki renew --quiet '--via=ssh ca'\n":                 true,
		"": false,
	} {
		if got := runs(text, "--via") || runs(text, "--issuer"); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
