// Package labvault is a Vault for tests: a server that responds as the documentation of the PKI
// engine and of AppRole says, and as a Vault does that is sealed, broken, slow or in the hands
// of somebody else.
//
// The mount decides how it behaves ([Mounts]); the role decides the content of its certificates
// ([Roles]). It shares no code with the program, and keeps nothing but serials.
package labvault

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The secrets that this Vault knows, and the namespace of the mount "team".
const (
	Token     = "hvs.lab-token"
	RoleID    = "lab-role-id"
	SecretID  = "lab-secret-id"
	Namespace = "lab/team"
)

// Server is a running Vault.
type Server struct {
	URL  string // of a server that listens: see Start
	Cert []byte // of the CA that has signed the server's own, in PEM

	mounts map[string]*engine
	mu     sync.Mutex
	asked  int
}

// New returns a Vault that does not listen yet, and the certificate for its server: it is for
// localhost and for the names.
func New(names ...string) (*Server, tls.Certificate, error) {
	s := &Server{mounts: make(map[string]*engine)}
	for name := range Mounts {
		e, err := newEngine(name)
		if err != nil {
			return nil, tls.Certificate{}, err
		}
		s.mounts[name] = e
	}
	tlsCA, err := newEngine("the CA of Vault's own certificate")
	if err != nil {
		return nil, tls.Certificate{}, err
	}
	s.Cert = encode(tlsCA.root.Raw)
	pair, err := tlsCA.serverPair(append(names, "localhost"))
	return s, pair, err
}

// Start runs a Vault until the test ends.
func Start(t *testing.T) *Server {
	t.Helper()
	s, pair, err := New()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(s)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	s.URL = server.URL
	return s
}

// Mounts says how the PKI engine at each mount behaves.
var Mounts = map[string]string{
	"pki":       "as it should",
	"team":      "as it should, in the namespace " + Namespace,
	"root":      "as it should, and signs with its root",
	"revoking":  "as it should, and its CRL follows late",
	"standby":   "redirects to pki by another name of this host, as the standby node of a cluster does",
	"sealed":    "Vault is sealed",
	"broken":    "500",
	"flaky":     "503 to every first request for a path",
	"slow":      "does not answer",
	"truncated": "JSON that ends in the middle",
	"html":      "a login page, with status 200",
	"huge":      "a response without an end",
	"otherkey":  "a certificate for another key",
	"otherca":   "a certificate that its chain has not signed",
	"ca":        "a CA's certificate in place of a host's",
	"keys":      "a private key in its response",
	"badcrl":    "a CRL that is none",
	"badlist":   "a list of certificates that leads out of the engine",
	"longlist":  "a list with a serial of a megabyte",
	"mixed":     "for each serial the certificate with another one, and a list with one that is gone",
	"strange":   "a chain that begins with another CA each time",
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	if path == "auth/approle/login" {
		s.login(w, r)
		return
	}
	mount, rest, _ := strings.Cut(path, "/")
	e := s.mounts[mount]
	if e == nil || mount == "team" && r.Header.Get("X-Vault-Namespace") != Namespace {
		forbid(w, r)
		return
	}
	if s.fail(w, r, mount, rest) {
		return
	}
	switch {
	case rest == "ca_chain":
		w.Write(e.chainPEM())
	case rest == "crl/pem":
		w.Write(e.crlPEM())
	case strings.HasPrefix(rest, "cert/"):
		e.kept(w, strings.TrimPrefix(rest, "cert/"))
	case r.Header.Get("X-Vault-Token") != Token:
		forbid(w, r)
	case strings.HasPrefix(rest, "sign/"):
		e.sign(w, r, strings.TrimPrefix(rest, "sign/"))
	case rest == "certs" && (r.Method == "LIST" || r.URL.Query().Get("list") == "true"):
		e.list(w)
	case rest == "revoke":
		e.revoke(w, r)
	default:
		refuse(w, http.StatusNotFound, "unsupported path")
	}
}

// forbid is Vault's answer about a path that the token's policy does not name, whether there is
// one or not: as Vault 1.21 words it for no token, a wrong one and a good one.
func forbid(w http.ResponseWriter, r *http.Request) {
	text := "1 error occurred:\n\t* permission denied\n\n"
	switch r.Header.Get("X-Vault-Token") {
	case "":
		text = "permission denied"
	case Token:
	default:
		text = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"
	}
	refuse(w, http.StatusForbidden, text)
}

// fail responds as a Vault that does not work.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, mount, rest string) bool {
	s.asked++
	switch {
	case mount == "standby":
		_, port, _ := net.SplitHostPort(r.Host)
		http.Redirect(w, r, "https://localhost:"+port+"/v1/pki/"+rest, http.StatusTemporaryRedirect)
	case mount == "sealed":
		refuse(w, http.StatusServiceUnavailable, "Vault is sealed")
	case mount == "broken":
		refuse(w, http.StatusInternalServerError, "1 error occurred:\n\t* internal error\n\n")
	case mount == "flaky" && s.asked%2 == 1:
		w.Header().Set("Retry-After", "0")
		refuse(w, http.StatusServiceUnavailable, "node not active but active cluster node not found")
	case mount == "slow":
		s.mu.Unlock()               // others are answered
		io.Copy(io.Discard, r.Body) // only then the server hears that the client has gone
		<-r.Context().Done()
		s.mu.Lock()
	case mount == "truncated":
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"request_id":"1","data":{"certificate":"-----BEGIN CERT`)
	case mount == "html":
		io.WriteString(w, "<html>Sign in</html>")
	case mount == "huge":
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"data":{"certificate":"`)
		for line := strings.Repeat("A", 1<<16); ; {
			if _, err := io.WriteString(w, line); err != nil {
				break
			}
		}
	case mount == "badcrl" && rest == "crl/pem":
		io.WriteString(w, "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n")
	default:
		return false
	}
	return true
}

// login is the login of AppRole.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	var body struct {
		RoleID   string `json:"role_id"`
		SecretID string `json:"secret_id"`
	}
	if json.NewDecoder(r.Body).Decode(&body) != nil || body.RoleID != RoleID || body.SecretID != SecretID {
		refuse(w, http.StatusBadRequest, "invalid role or secret ID")
		return
	}
	answer(w, map[string]any{"auth": map[string]any{"client_token": Token, "lease_duration": 300}})
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"errors": []string{text}})
}

func answer(w http.ResponseWriter, data any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(data)
}

func encode(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// revoke takes a serial in Vault's notation.
func (e *engine) revoke(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Serial string `json:"serial_number"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	serial, ok := new(big.Int).SetString(strings.ReplaceAll(body.Serial, ":", ""), 16)
	if !ok || e.signed[serial.String()] == nil {
		refuse(w, http.StatusBadRequest, fmt.Sprintf("certificate with serial %s not found.", body.Serial))
		return
	}
	already := slices.ContainsFunc(e.revoked, func(entry x509.RevocationListEntry) bool { return entry.SerialNumber.Cmp(serial) == 0 })
	if already { // with a warning, not an error
		answer(w, map[string]any{"data": map[string]any{"state": "revoked"}, "warnings": []string{"certificate already revoked"}})
		return
	}
	e.revoked = append(e.revoked, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: time.Now()})
	answer(w, map[string]any{"data": map[string]any{"revocation_time": time.Now().Unix(), "state": "revoked"}})
}
