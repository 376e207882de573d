package judge

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"strings"
	"time"

	"virtpki/internal/gnutls"
	"virtpki/internal/termtext"
)

// Machine holds the facts about a machine and a day that certificates are compared with.
type Machine struct {
	Now time.Time
	// Names are the names of the machine, Addresses those of its interfaces under which others can
	// reach it.
	Names     []string
	Addresses []net.IP
	// Due returns when a certificate is due for renewal.
	Due func(*x509.Certificate) time.Time
	// Renews is the interval at which a timer on this machine renews due certificates; zero if no
	// timer is known.
	Renews time.Duration
}

type hostJudge struct {
	Machine
	found []Finding
	raw   []byte // of the CA that is being checked, see [Finding]
}

func (j *hostJudge) say(f Finding, format string, args ...any) {
	f.Stage, f.Text, f.Raw = Host, fmt.Sprintf(format, args...), j.raw
	j.found = append(j.found, f)
}

// OnHost returns the faults of a set's files on this machine and this day that no daemon checks:
// names and addresses that a server's certificate lacks, certificates that expire soon, weak keys,
// two CAs of one name.
func OnHost(set Set, m Machine) []Finding {
	j := &hostJudge{Machine: m}
	if cert := firstCert(set.Cert.Data); cert != nil {
		if set.Role == Server {
			j.names(set.Cert)
		}
		j.ends(set.Cert.Path, cert, "virtpki renew", "")
		j.short(set.Cert.Path, cert)
		j.weak(set.Cert.Path, cert)
		j.purpose(set)
	}
	return j.found
}

// CRLTerm says when a CRL expires, and when a new one is due; zero if the CRL never expires.
type CRLTerm struct{ Until, Due time.Time }

// CAOnHost is [OnHost] for a CA file and the CRLs of a file.
func CAOnHost(ca, crl File, terms []CRLTerm, m Machine) []Finding {
	j := &hostJudge{Machine: m}
	seen := make(map[string]*x509.Certificate)
	for _, cert := range certsOf(ca.Data) {
		j.raw = cert.Raw
		j.ends(ca.Path, cert, "virtpki ca rollover start", " (CA "+commonName(cert)+")")
		j.weak(ca.Path, cert)
		if twin := seen[string(cert.RawSubject)]; twin != nil && !twin.Equal(cert) {
			j.say(Finding{ID: "twin-cas", Level: Warning, File: ca.Path}, "two CAs are called %s: GnuTLS keeps one CRL for each name, so the CRL of one hides the other's", commonName(cert))
		}
		seen[string(cert.RawSubject)] = cert
	}
	j.raw = nil
	for _, term := range terms {
		j.crlEnds(crl.Path, term)
	}
	return j.found
}

// CAKeyOnHost returns a finding if the key that signs on this machine does not belong to one of the
// CAs of a file. It does not judge a missing key, or one with a passphrase.
func CAKeyOnHost(ca, key File) []Finding {
	j := &hostJudge{}
	signs, err := gnutls.ReadPrivateKey(key.Data)
	certs, _ := Certificates(ca)
	if err != nil || len(certs) == 0 {
		return nil
	}
	for _, cert := range certs {
		if same, unknown := signs.Matches(cert.Key); same || unknown {
			return nil
		}
	}
	j.say(Finding{ID: "ca-key-mismatch", Level: Error, File: key.Path}, "is not the key of any CA in %s: nothing can be signed here", ca.Path)
	return j.found
}

// names compares a server's certificate with the names that peers may use for this machine.
func (j *hostJudge) names(cert File) {
	var missing []string
	why := ""
	for _, name := range j.Names {
		if ok, reason := HostName(cert, name); !ok {
			missing, why = append(missing, name), reason
		}
	}
	if len(missing) > 0 {
		j.say(Finding{ID: "name-missing", Level: Warning, File: cert.Path, Fix: "virtpki renew" + asSANs(missing)}, "it does not cover this machine's name %s: clients that connect by that name refuse it%s", strings.Join(missing, " and "), inBrackets(why))
	}
	missing = nil
	for _, ip := range j.Addresses {
		if ok, _ := HostName(cert, ip.String()); !ok {
			missing = append(missing, ip.String())
		}
	}
	if len(missing) > 0 {
		j.say(Finding{ID: "address-missing", Level: Warning, File: cert.Path, Fix: "virtpki renew"}, "it lacks this machine's address %s: clients that connect by address refuse it, and so do migrations to this host", strings.Join(missing, ", "))
	}
}

// asSANs returns names as options of a command.
func asSANs(names []string) string {
	text := ""
	for _, name := range names {
		text += " --san " + termtext.ShellWord(name)
	}
	return text
}

func inBrackets(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

// ends checks how long a certificate remains valid. Another check reports an expired certificate.
func (j *hostJudge) ends(path string, cert *x509.Certificate, fix, of string) {
	if j.Now.After(cert.NotAfter) || j.Now.Before(j.Due(cert)) || j.Now.Before(cert.NotBefore) {
		return
	}
	left := cert.NotAfter.Sub(j.Now)
	j.say(Finding{ID: "ends-soon", Level: urgency(left), File: path, Fix: fix}, "it expires %s, on %s%s", span(left), day(cert.NotAfter), of)
}

// usualTimer is the interval of a timer with its default settings.
const usualTimer = 24 * time.Hour

// short reports a certificate that may expire between two runs of the timer: the time from its due
// date to its expiry is shorter than the interval of the timer.
func (j *hostJudge) short(path string, cert *x509.Certificate) {
	every, level, timer := j.Renews, Warning, "the timer here"
	if every == 0 {
		every, level, timer = usualTimer, Note, "a daily timer"
	}
	window := cert.NotAfter.Sub(j.Due(cert))
	if window >= every || j.Now.After(cert.NotAfter) {
		return
	}
	j.say(Finding{ID: "short-life", Level: level, File: path}, "it is due %s before it expires, and %s runs every %s: it may expire between two runs", hours(window), timer, hours(every))
}

// hours formats a duration of a few days at most.
func hours(d time.Duration) string {
	if d < 2*time.Hour {
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	}
	return fmt.Sprintf("%d hours", int(d.Hours()))
}

// urgency returns the level of a coming expiry: in the last third of the lifetime it is a note.
func urgency(left time.Duration) Level {
	const oneDay = 24 * time.Hour
	switch {
	case left <= oneDay:
		return Error
	case left <= 7*oneDay:
		return Warning
	}
	return Note
}

// span words the remaining time, in days, or in hours if it is short.
func span(left time.Duration) string {
	hours := int(left.Hours())
	switch {
	case hours < 1:
		return "within the hour"
	case hours == 1:
		return "in 1 hour"
	case hours < 48:
		return fmt.Sprintf("in %d hours", hours)
	}
	return fmt.Sprintf("in %d days", hours/24)
}

// purpose requires that the certificate is valid only for its role.
func (j *hostJudge) purpose(set Set) {
	if BindsRole(set.Cert) {
		return
	}
	harm := "anyone with its key can also connect as a client"
	if set.Role == Client {
		harm = "anyone with its key can also pose as a server"
	}
	j.say(Finding{ID: "purpose-not-critical", Level: Warning, File: set.Cert.Path, Fix: "virtpki renew --force"}, "it has no critical extended key usage, and libvirt only warns of one that is not critical: %s", harm)
}

// BindsRole reports whether the extended key usage of a file's first certificate is critical, so
// that every program refuses the certificate in another role than its own.
func BindsRole(cert File) bool {
	c, err := gnutls.ReadCertificate(cert.Data)
	if err != nil {
		return false
	}
	oids, critical, _ := c.Purposes()
	return critical && len(oids) > 0
}

func (j *hostJudge) crlEnds(path string, term CRLTerm) {
	until := day(term.Until)
	switch {
	case term.Until.IsZero() || j.Now.Before(term.Due) || j.Now.After(term.Until):
	default:
		j.say(Finding{ID: "crl-due", Level: Note, File: path, Fix: "virtpki crl"}, "a new CRL is due by %s; libvirt ignores that date", until)
	}
}

// weak checks the strength of a key and of a signature. Other checks report the keys and signatures
// that GnuTLS refuses.
func (j *hostJudge) weak(path string, cert *x509.Certificate) {
	if text, _ := WeakKey(cert.PublicKey); text != "" {
		j.say(Finding{ID: "weak-key", Level: Warning, File: path}, "%s", text)
	}
	if text := WeakSignature(cert.SignatureAlgorithm); text != "" && string(cert.RawIssuer) != string(cert.RawSubject) {
		j.say(Finding{ID: "weak-signature", Level: Warning, File: path}, "%s", text)
	}
}

// smallestRSA is the smallest RSA key that GnuTLS accepts by its own defaults, in bits.
const smallestRSA = 1024

// WeakKey describes the weakness of a key; the text is empty if there is none. refused reports
// whether GnuTLS with its own defaults refuses everything signed by the key.
func WeakKey(pub any) (text string, refused bool) {
	switch key := pub.(type) {
	case *rsa.PublicKey:
		switch bits := key.N.BitLen(); {
		case bits < smallestRSA:
			return fmt.Sprintf("an RSA key of %d bits: GnuTLS refuses it", bits), true
		case bits < 2048:
			return fmt.Sprintf("an RSA key of %d bits: GnuTLS accepts it by default, the policies of distributions do not", bits), false
		}
	case *ecdsa.PublicKey:
		if bits := key.Curve.Params().BitSize; bits < 256 {
			return fmt.Sprintf("a key on a curve of %d bits, which TLS no longer uses", bits), false
		}
	}
	return "", false
}

// WeakSignature describes the weakness of a signature; the text is empty if there is none.
func WeakSignature(algorithm x509.SignatureAlgorithm) string {
	switch algorithm {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1, x509.MD5WithRSA, x509.MD2WithRSA:
		return fmt.Sprintf("signed with %s, which GnuTLS has refused since 3.6", algorithm)
	}
	return ""
}

func commonName(cert *x509.Certificate) string {
	if cert.Subject.CommonName != "" {
		return fmt.Sprintf("%q", cert.Subject.CommonName)
	}
	return fmt.Sprintf("%q", cert.Subject.String())
}

// firstCert returns the certificate of a leaf's file that counts; nil if Go cannot read it.
func firstCert(data []byte) *x509.Certificate {
	certs := certsOf(data)
	if len(certs) == 0 {
		return nil
	}
	return certs[0]
}

// certsOf reads the certificates of a PEM file that Go can read.
func certsOf(data []byte) []*x509.Certificate {
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" && block.Type != "X509 CERTIFICATE" {
			continue
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			certs = append(certs, cert)
		}
	}
	return certs
}
