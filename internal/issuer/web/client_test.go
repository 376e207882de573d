package web

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serve returns a client of a server with a certificate of its own, and a counter of its
// pauses.
func serve(t *testing.T, o Options, handler http.HandlerFunc) (*Client, *atomic.Int64) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	o.URL, o.Proxy = server.URL, NoProxy
	o.Trust = x509.NewCertPool()
	o.Trust.AddCert(server.Certificate())
	var waits atomic.Int64
	o.Sleep = func(context.Context, time.Duration) error { waits.Add(1); return nil }
	return New(o), &waits
}

func get(c *Client, path string) ([]byte, error) {
	return c.Do(context.Background(), Call{Method: http.MethodGet, Path: path})
}

func TestRetries(t *testing.T) {
	for _, test := range []struct {
		status, asked int
	}{
		{200, 1}, {201, 1}, {400, 1}, {401, 1}, {403, 1}, {404, 1}, {501, 1}, {429, 3}, {500, 3}, {502, 3}, {503, 3},
	} {
		var asked atomic.Int64
		c, _ := serve(t, Options{Attempts: 3}, func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			w.WriteHeader(test.status)
		})
		_, err := get(c, "/")
		if got := int(asked.Load()); got != test.asked {
			t.Errorf("%d: asked %d times, want %d", test.status, got, test.asked)
		}
		if want := test.status/100 != 2; (err != nil) != want {
			t.Errorf("%d: error %v", test.status, err)
		}
		if err != nil && Status(err) != test.status {
			t.Errorf("%d: status of %v is %d", test.status, err, Status(err))
		}
		if got, want := Unreachable(err), test.asked > 1; err != nil && got != want {
			t.Errorf("%d: unreachable is %v, want %v", test.status, got, want)
		}
	}
}

// A later attempt may succeed, and its body is made again.
func TestRetryGoesWell(t *testing.T) {
	var bodies []string
	c, waits := serve(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		if bodies = append(bodies, string(data)); len(bodies) < 3 {
			w.WriteHeader(503)
			return
		}
		io.WriteString(w, `{"a": 1}`)
	})
	n := 0
	var into struct{ A int }
	err := c.JSON(context.Background(), Call{Method: http.MethodPost, Path: "/", Body: func() (any, error) { n++; return n, nil }}, &into)
	if err != nil || into.A != 1 || strings.Join(bodies, "") != "123" || waits.Load() != 2 {
		t.Errorf("error %v, result %v, bodies %q, %d waits", err, into, bodies, waits.Load())
	}
}

func TestHostileResponses(t *testing.T) {
	forever := make(chan struct{})
	t.Cleanup(func() { close(forever) })
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			for line := strings.Repeat("x", 1<<16); ; {
				if _, err := io.WriteString(w, line); err != nil {
					return
				}
			}
		}, "longer than 1048576 bytes"},
		{"silent", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-forever:
			case <-r.Context().Done():
			}
		}, "no response within 300ms"},
		{"stuck", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "{")
			w.(http.Flusher).Flush()
			select {
			case <-forever:
			case <-r.Context().Done():
			}
		}, "ended early: no response within 300ms"},
		{"cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "{")
		}, "ended early: unexpected EOF"},
		{"long header", func(w http.ResponseWriter, _ *http.Request) {
			for i := range 100 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 10_000))
			}
		}, "header"},
		{"to plain HTTP", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, "it redirects to another type of address"},
		{"to a login page", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/login", http.StatusFound)
		}, "it redirects to another type of address"},
		{"in a circle", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
		}, "it redirects more than 3 times"},
		{"a long error", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"errors": ["%s"]}`, strings.Repeat("long ", 1000))
		}, `"long long .*..."`},
		{"an error of HTML", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(400)
			io.WriteString(w, "<html>")
		}, "it responds 400 to /$"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, _ := serve(t, Options{Attempts: 1, Timeout: 300 * time.Millisecond}, test.handler)
			start := time.Now()
			_, err := get(c, "/")
			text := fmt.Sprint(err)
			want, ends := strings.CutSuffix(test.want, "$")
			before, after, _ := strings.Cut(want, ".*")
			if err == nil || !strings.Contains(text, before) || !strings.Contains(text, after) || ends && !strings.HasSuffix(text, want) {
				t.Errorf("error %q, want %q", text, test.want)
			}
			if len(text) > 500 {
				t.Errorf("the error has %d bytes", len(text))
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// A server that speaks HTTP/2 too is asked by HTTP/1.1, whether the program has HTTP/2 or not.
func TestOldProtocolOfANewServer(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	trust := x509.NewCertPool()
	trust.AddCert(server.Certificate())
	got, err := get(New(Options{URL: server.URL, Trust: trust, Proxy: NoProxy}), "/")
	if err != nil || string(got) != "HTTP/1.1" {
		t.Errorf("protocol %q, error %v", got, err)
	}
}

// A redirect from a standby node is followed with the same request.
func TestRedirectOfAStandby(t *testing.T) {
	c, _ := serve(t, Options{Attempts: 1}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/active", http.StatusTemporaryRedirect)
			return
		}
		data, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.Header.Get("X-Vault-Token"), data)
	})
	call := Call{Method: http.MethodPost, Path: "/", Header: http.Header{"X-Vault-Token": {"t"}}, Body: func() (any, error) { return 7, nil }}
	got, err := c.Do(context.Background(), call)
	if err != nil || string(got) != "POST t 7" {
		t.Errorf("got %q, error %v", got, err)
	}
}

// A redirect to another host gets no token, although the CA that verifies the service has signed
// that host's certificate too. A host that the options name gets it.
func TestRedirectToAnotherHost(t *testing.T) {
	var got []string
	other := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Header.Get("X-Vault-Token")+string(body))
	}))
	other.StartTLS()
	t.Cleanup(other.Close)
	address := strings.TrimPrefix(other.URL, "https://")
	named := strings.Replace(address, "127.0.0.1", "localhost", 1)
	for _, test := range []struct {
		to        string
		redirects []string
		want      string
	}{
		{address, nil, "it redirects to another host: \"" + address + "\""},
		{address, []string{"127.0.0.1", "example.com:443"}, "it redirects to another host"},
		{address, []string{"vault-2.example.com", address}, ""},
		{strings.Replace(named, "localhost", "ex\u0130t.test", 1), []string{strings.Replace(named, "localhost", "exit.test", 1)}, "it redirects to another host"},
		{named, []string{strings.ToUpper(named)}, "not localhost"}, // followed: its certificate is for other names
	} {
		got = nil
		var asked atomic.Int64
		c, _ := serve(t, Options{Attempts: 3, Redirects: test.redirects}, func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			http.Redirect(w, r, "https://"+test.to+"/v1/x", http.StatusTemporaryRedirect)
		})
		call := Call{Method: http.MethodPost, Path: "/v1/x", Header: http.Header{"X-Vault-Token": {"t"}}, Body: func() (any, error) { return 7, nil }}
		_, err := c.Do(context.Background(), call)
		if asked.Load() != 1 || (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("to %s, allowed %q: error %v, asked %d times", test.to, test.redirects, err, asked.Load())
		}
		if want := test.want == ""; (len(got) == 1 && got[0] == "t7") != want {
			t.Errorf("to %s, allowed %q: the other host got %q", test.to, test.redirects, got)
		}
	}
}

// An untrusted server is asked once, and receives nothing.
func TestUnknownServer(t *testing.T) {
	var asked atomic.Int64
	c, waits := serve(t, Options{Attempts: 3}, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	other := New(Options{URL: c.o.URL, Proxy: NoProxy, Trust: x509.NewCertPool(), Sleep: c.o.Sleep})
	_, err := get(other, "/")
	if !errors.As(err, new(x509.UnknownAuthorityError)) || asked.Load() != 0 || waits.Load() != 0 || Unreachable(err) {
		t.Errorf("error %v, asked %d times, waited %d times", err, asked.Load(), waits.Load())
	}
}

// Nobody listens: each attempt is made, and the error is short.
func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	waits := 0
	c := New(Options{URL: "https://" + listener.Addr().String(), Proxy: NoProxy, Attempts: 3, Sleep: func(context.Context, time.Duration) error { waits++; return nil }})
	_, err = get(c, "/")
	if err == nil || !strings.HasSuffix(err.Error(), "connection refused") || waits != 2 || !Unreachable(err) {
		t.Errorf("error %v after %d waits", err, waits)
	}
}

// An interrupted run ends at once, however long the remaining pauses are.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c, _ := serve(t, Options{}, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(503)
		cancel()
	})
	c.o.Sleep = sleep
	if _, err := c.Do(ctx, Call{Method: http.MethodGet, Path: "/"}); err == nil {
		t.Error("no error")
	}
}

func TestProxy(t *testing.T) {
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.Host)
		w.WriteHeader(http.StatusForbidden)
	}))
	defer proxy.Close()
	c := New(Options{URL: "https://ca.example.com", Proxy: proxy.URL, Attempts: 1})
	if _, err := get(c, "/"); err == nil || len(asked) != 1 || asked[0] != "CONNECT ca.example.com:443" {
		t.Errorf("error %v, the proxy was asked %q", err, asked)
	}
}

func TestPause(t *testing.T) {
	for attempt, longest := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 6: maxPause, 20: maxPause} {
		for range 100 {
			if got := pause(attempt, errors.New("x")); got < 0 || got > longest {
				t.Fatalf("attempt %d: %v, more than %v", attempt, got, longest)
			}
		}
	}
	asked := &StatusError{after: retryAfter(http.Header{"Retry-After": {"7"}})}
	if got := pause(1, asked); got < 7*time.Second || got > 8*time.Second {
		t.Errorf("Retry-After 7: %v", got)
	}
	for _, text := range []string{"", "-1", "Wed, 21 Oct 2027 07:28:00 GMT", "x"} {
		if got := retryAfter(http.Header{"Retry-After": {text}}); got != 0 {
			t.Errorf("Retry-After %q: %v", text, got)
		}
	}
	if got := retryAfter(http.Header{"Retry-After": {"1000000000"}}); got != maxPause {
		t.Errorf("a long Retry-After: %v", got)
	}
}

func TestCheckURL(t *testing.T) {
	for _, good := range []string{"https://ca.example.com", "https://ca:9000/", "https://[fd00::1]:9000", "https://ca/prefix"} {
		if err := CheckURL(good, "https"); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "ca.example.com", "http://ca", "https://", "https://user:secret@ca", "https://ca/?a=b", "https://ca/#a", "https:ca", "https://ca\n", "file:///etc"} {
		err := CheckURL(bad, "https")
		if err == nil {
			t.Errorf("%q is taken", bad)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error holds the password: %v", bad, err)
		}
	}
}

// A proxy or a server of another kind may send the request back in its error, and errors go to
// logs.
func TestErrorsDoNotEchoSecrets(t *testing.T) {
	const token, secretID = "hvs.CAESIJ-example_token", "6f1d2c3b-0000-4444-8888-example"
	for _, kind := range []string{"text/plain", "application/json"} {
		c, _ := serve(t, Options{Attempts: 1}, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			said := fmt.Sprintf("permission denied for libvirt-server: %s token=%[1]s %s %s", r.Header.Get("X-Vault-Token"), body, strings.Repeat("x ", 60))
			if kind != "text/plain" {
				said = fmt.Sprintf(`{"errors": [%q]}`, said)
			}
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(400)
			io.WriteString(w, said)
		})
		body := func() (any, error) { return map[string]string{"secret_id": secretID}, nil }
		_, err := c.Do(context.Background(), Call{Method: http.MethodPost, Path: "/v1/x", Header: http.Header{"X-Vault-Token": {token}}, Body: body})
		text := fmt.Sprint(err)
		if strings.Contains(text, token[:12]) || strings.Contains(text, secretID[:12]) || !strings.Contains(text, "permission denied for libvirt-server: ***") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
