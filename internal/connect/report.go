package connect

import "virtpki/internal/certinfo"

// Step is one thing that a client does; its JSON form is stable.
type Step struct {
	Name string `json:"name"` // files, name, tcp, protocol, tls, certificate, hostname, confirmation, demand, authentication, open, answer, served
	OK   bool   `json:"ok"`
	Side string `json:"side,omitempty"` // the side that refuses: client, network, server
	Text string `json:"text"`
	Fix  string `json:"fix,omitempty"`
	// Likely lists possible reasons for a refusal, the likeliest first, if the client does not
	// get to know the reason.
	Likely []Reason `json:"likely,omitempty"`
}

// Reason is why a server may have refused.
type Reason struct {
	Sure bool   `json:"sure"` // seen, not guessed
	Text string `json:"text"`
	Fix  string `json:"fix,omitempty"`
}

// Report holds the result of a connection; its JSON form is stable.
type Report struct {
	URI     string          `json:"uri"`
	Address string          `json:"address"`
	Opens   string          `json:"opens"`
	Rules   string          `json:"rules"` // of this release, or "any"
	OK      bool            `json:"ok"`
	Verdict string          `json:"verdict"` // one of [Verdicts]
	Client  *certinfo.Info  `json:"client,omitempty"`
	TLS     *Session        `json:"tls,omitempty"`
	Chain   []certinfo.Info `json:"chain,omitempty"` // as served, the leaf first
	Server  *Server         `json:"server,omitempty"`
	Steps   []Step          `json:"steps"`
	// Demands says whether the server demands a client certificate: "yes" or "no", empty if
	// unknown.
	Demands string `json:"demands_client_certificate,omitempty"`
}

// finished completes a report after the last step.
func (r *Report) finished() *Report {
	if r.OK = r.Verdict == ""; r.OK {
		r.Verdict = "fine"
	}
	return r
}

// Last returns the step at which the report ends: the one that failed, if one did.
func (r *Report) Last() Step { return r.Steps[len(r.Steps)-1] }

// Session holds the parameters on which TLS agreed.
type Session struct {
	Version string `json:"version"`
	Cipher  string `json:"cipher"`
}

// Server holds the daemon's description of itself.
type Server struct {
	Hostname string `json:"hostname"`
	Libvirt  string `json:"libvirt"`
}
