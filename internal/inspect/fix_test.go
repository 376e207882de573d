package inspect

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"virtpki/internal/gnutls"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
)

const (
	serverCert   = "/etc/pki/libvirt/servercert.pem"
	serverKey    = "/etc/pki/libvirt/private/serverkey.pem"
	clientCert   = "/etc/pki/libvirt/clientcert.pem"
	caCert       = "/etc/pki/CA/cacert.pem"
	caCRL        = "/etc/pki/CA/cacrl.pem"
	numberedCert = "/etc/pki/libvirt/servercert0.pem"
	numberedKey  = "/etc/pki/libvirt/private/serverkey0.pem"
	qemuCert     = "/etc/pki/qemu/server-cert.pem"
	qemuKey      = "/etc/pki/qemu/server-key.pem"
	qemuCA       = "/etc/pki/qemu/ca-cert.pem"
)

// machineOf describes a sound machine with its CA's key: the name of a new certificate is hv1, and
// these paths exist.
func machineOf(there ...string) *fixer {
	stands := func(path string) bool { return slices.Contains(there, path) }
	sound := func(string) error { return nil }
	return &fixer{system: libvirt.System("/etc"), caKey: "/etc/pki/CA/private/cakey.pem", signs: true, root: true,
		asked: map[string]string{}, uses: map[string]string{},
		caBroken: func() bool { return false }, exists: stands, stands: stands, certError: sound, keyError: sound,
		waits: func(judge.Role) bool { return false }, name: func(judge.Role) string { return "hv1" },
		renewable: func(judge.Role, string) bool { return true },
		read:      func(string) []byte { return nil }, leaves: func(string) []*gnutls.Certificate { return nil },
		caOf: func(string) string { return "" }, keyOf: func(*gnutls.Certificate) bool { return false },
		often: func(string) string { return renews{}.often(8*time.Hour, renewTimer, true) }, live: true,
		qemuConf: "/etc/libvirt/qemu.conf", serving: "/etc/libvirt/libvirtd.conf", unread: map[string][]string{}}
}

// Differences from that machine.
func noKey(x *fixer) { x.signs = false }
func byStep(x *fixer) {
	x.signs, x.issuer = false, machine.Issuer{Kind: "step", File: machine.IssuerFile}
}
func byVault(x *fixer)    { x.signs, x.issuer = false, machine.Issuer{Kind: "vault", File: "/mnt/i.yaml"} }
func byTimer(x *fixer)    { x.signs, x.via = false, "ssh -i /root/ca_key ca virtpki sign - --yes" }
func byScript(x *fixer)   { x.signs, x.via = false, "/usr/local/bin/ask-ca" }
func flags(x *fixer)      { x.flags = "--root /mnt " }
func folder(x *fixer)     { x.folder = true }
func user(x *fixer)       { x.root = false }
func brokenCA(x *fixer)   { x.caBroken = func() bool { return true } }
func waiting(x *fixer)    { x.waits = func(judge.Role) bool { return true } }
func nameless(x *fixer)   { x.name = func(judge.Role) string { return "" } }
func foreign(x *fixer)    { x.renewable = func(judge.Role, string) bool { return false } }
func unreadable(x *fixer) { x.certError = func(string) error { return errors.New("broken") } }
func noOwnKey(x *fixer)   { x.keyError = func(string) error { return errors.New("broken") } }
func vnc(x *fixer)        { x.uses["/etc/pki/qemu"] = "vnc" }
func wantsVNC(x *fixer)   { x.asked["/etc/pki/qemu/ca-cert.pem"] = "vnc" }
func ofUser(x *fixer)     { x.users = []string{"/home/alice/.pki/libvirt"} }
func hasPair(x *fixer)    { x.exists = func(path string) bool { return path == serverCert } }

// reads describes a machine with these files. The issuer of the first certificate of ours signed
// it.
func reads(files map[string]string) func(*fixer) {
	return func(x *fixer) {
		x.read = func(path string) []byte { return []byte(files[path]) }
		x.leaves = func(ca string) []*gnutls.Certificate {
			leaf, err := gnutls.ReadCertificate(x.read(serverCert))
			if err != nil {
				return nil
			}
			return []*gnutls.Certificate{leaf}
		}
		x.caOf = func(string) string { return caCert }
	}
}

func found(fs ...judge.Finding) func(*fixer) {
	return func(x *fixer) { x.areas = append(x.areas, Area{Found: fs}) }
}

const elsewhere = " # CA is the host with the CA's key"

type as = []func(*fixer)

func finding(id string, level judge.Level, stage judge.Stage, file, fix string) judge.Finding {
	return judge.Finding{ID: id, Level: level, Stage: stage, File: file, Fix: fix}
}

// TestFix checks the rule that counts for each finding, and its fix; every rule counts for some
// finding.
func TestFix(t *testing.T) {
	expired := finding("cert-expired", judge.Error, judge.Own, serverCert, "virtpki renew")
	halfPair := finding("half-pair", judge.Error, judge.Places, serverKey, "virtpki renew")
	noPair := finding("no-server-pair", judge.Error, judge.Places, serverCert, "")
	name := finding("name-missing", judge.Warning, judge.Host, serverCert, "virtpki renew --san hv1")
	isCA := finding("cert-is-ca", judge.Error, judge.Own, serverCert, "virtpki issue server")
	noCA := finding("no-ca", judge.Error, judge.Places, caCert, "judge's own")
	broken := finding("crl-broken", judge.Error, judge.Own, caCRL, "virtpki crl")
	lost := finding("no-crl", judge.Warning, judge.Places, caCRL, "virtpki crl")
	elsewhereFinding := finding("setting-elsewhere", judge.Warning, judge.Conf, "/etc/libvirt/qemu.conf", "judge's own")
	elsewhereFinding.Text = "line 1: tls_port: libvirt ignores it here"
	ours, leaf := issued(t)
	other, _ := issued(t)
	met := make(map[string]bool)
	for _, test := range []struct {
		finding judge.Finding
		here    as
		rule    string
		fix     string
	}{
		{finding("issuer-missing", judge.Error, judge.Own, serverCert, "virtpki renew"), as{brokenCA}, "the CA first", "first restore the CA's certificate, or its key (/etc/pki/CA/private/cakey.pem)"},
		{finding("issuer-missing", judge.Note, judge.Own, serverCert, "x"), as{brokenCA}, "a renewal", "virtpki renew --force"},
		{finding("crl-foreign", judge.Error, judge.Own, caCRL, "virtpki crl"), as{brokenCA}, "the CA first", "first restore the CA's certificate, or its key (/etc/pki/CA/private/cakey.pem)"},

		{noCA, as{waiting, noKey}, "no CA", "it comes with the response to the pending request (virtpki install)"},
		{noCA, as{noKey}, "no CA", "copy it here from the CA's host; if there is none yet, virtpki bootstrap makes everything"},
		{noCA, nil, "no CA", "copy it back from any host or bundle of this CA; its key is still here"},
		{noCA, as{folder}, "no CA", "copy the CA's certificate into this directory; it is /etc/pki/CA/cacert.pem on the CA's host"},
		{finding("no-ca", judge.Error, judge.Places, "/etc/pki/qemu/ca-cert.pem", ""), as{wantsVNC, flags}, "no CA", "virtpki --root /mnt bootstrap --with vnc"},
		{finding("no-ca", judge.Error, judge.Places, "/srv/ca.pem", "judge's own"), nil, "no CA", "judge's own"},

		{finding("dangling", judge.Error, judge.Places, caCert, ""), nil, "no CA", "move what is there aside, and copy it back from any host or bundle of this CA; its key is still here"},
		{finding("not-a-file", judge.Error, judge.Places, caCert, ""), as{noKey}, "no CA", "move what is there aside, and copy it here from the CA's host; if there is none yet, virtpki bootstrap makes everything"},
		{finding("no-ca", judge.Error, judge.Places, qemuCA, ""), as{vnc, reads(map[string]string{serverCert: leaf, caCert: ours})}, "the CA of a directory of QEMU's", "cp -p /etc/pki/CA/cacert.pem /etc/pki/qemu/ca-cert.pem"},
		{finding("not-a-file", judge.Error, judge.Places, qemuCA, ""), as{vnc, noKey, reads(map[string]string{serverCert: leaf, caCert: ours}), taken(qemuCA)}, "the CA of a directory of QEMU's", "mv /etc/pki/qemu/ca-cert.pem /etc/pki/qemu/ca-cert.pem.old && cp -p /etc/pki/CA/cacert.pem /etc/pki/qemu/ca-cert.pem"},
		{finding("ca-broken", judge.Error, judge.Own, qemuCA, "judge's own"), as{vnc, reads(map[string]string{serverCert: leaf, caCert: other})}, "", "judge's own"},
		{finding("not-a-file", judge.Error, judge.Places, "/srv/cacert.pem", ""), as{folder}, "no file in a folder", "move what is there aside, and copy the CA's certificate into this directory; it is /etc/pki/CA/cacert.pem on the CA's host"},
		{finding("dangling", judge.Warning, judge.Places, "/srv/cacrl.pem", ""), as{folder}, "no file in a folder", "move what is there aside, and copy the CRL from where the CA's key is; virtpki crl makes it there"},
		{finding("too-large", judge.Error, judge.Places, "/srv/clientkey.pem", ""), as{folder}, "no file in a folder", "mv /srv /srv.old && virtpki issue client hv1 --layout pkipath --out /srv.new && mv /srv.new/hv1 /srv"},
		{finding("ca-key-mismatch", judge.Error, judge.Host, caCert, ""), nil, "the CA's key is another's", "copy the CA's certificate back from any host or bundle of this CA; if the key was replaced, restore the key from a backup"},
		{finding("not-readable", judge.Error, judge.Places, clientCert, "chmod"), as{user}, "a pair of one's own", "put your own certificate and key into ~/.pki/libvirt (virtpki issue client --out, on the CA's host, makes them), or ask root to fix this"},
		{finding("not-readable", judge.Note, judge.Places, clientCert, "chmod"), nil, "not by a new certificate", "chmod"},
		{finding("not-readable", judge.Note, judge.Places, serverCert, "chmod"), as{user}, "not by a new certificate", "chmod"},
		{halfPair, as{folder, noKey}, "half a pair in a folder", "where the CA's key is: virtpki issue server hv1 --out DIR --layout pkipath"},
		{halfPair, as{folder, nameless}, "half a pair in a folder", "where the CA's key is: virtpki issue server NAME --out DIR --layout pkipath"},

		{finding("name-missing", judge.Warning, judge.Host, qemuCert, ""), as{vnc}, "a pair of QEMU's", "mv /etc/pki/qemu/server-key.pem /etc/pki/qemu/server-key.pem.old && virtpki bootstrap --with vnc"},
		{finding("name-missing", judge.Warning, judge.Host, qemuCert, ""), as{vnc, noKey}, "a pair of QEMU's", "where the CA's key is: virtpki issue host hv1 --with vnc --out DIR, and copy it here"},

		{lost, nil, "no CRL", "virtpki crl"},
		{lost, as{found(finding("crl-name", judge.Warning, judge.Places, "/etc/pki/CA/crl.pem", "mv crl.pem cacrl.pem"))}, "no CRL", "mv crl.pem cacrl.pem"},
		{lost, as{noKey}, "no CRL", "copy it from where the CA's key is; virtpki crl makes it there"},
		{finding("no-crl", judge.Warning, judge.Places, "/srv/crl.pem", "judge's own"), as{taken(caCRL)}, "", "judge's own"},
		{finding("crl-foreign", judge.Warning, judge.Own, caCRL, "virtpki crl"), as{taken()}, "the CRL is broken", "restore it from a backup; virtpki crl makes a new one without the earlier revocations"},
		{broken, as{taken(caCRL), flags}, "the CRL is broken", "restore it from a backup; mv /etc/pki/CA/cacrl.pem /etc/pki/CA/cacrl.pem.old && virtpki --root /mnt crl makes a new one without the earlier revocations"},
		{broken, as{noKey}, "", "copy it from where the CA's key is; virtpki crl makes it there"},
		{finding("crl-expired", judge.Warning, judge.Own, caCRL, "virtpki crl"), nil, "", "virtpki crl"},

		{about(finding("ca-not-ca", judge.Error, judge.Own, caCert, ""), other), as{reads(map[string]string{caCert: ours + other})}, "a CA or CRL that nothing here needs", "cp -p /etc/pki/CA/cacert.pem /etc/pki/CA/cacert.pem.old && sed -i '" + lines(ours, other) + "d' /etc/pki/CA/cacert.pem"},
		{about(finding("ca-not-ca", judge.Error, judge.Own, caCert, "judge's own"), ours), as{reads(map[string]string{caCert: ours + other, serverCert: leaf})}, "", "judge's own"},
		{about(finding("ca-expired", judge.Error, judge.Own, caCert, "judge's own"), ours), as{reads(map[string]string{caCert: ours})}, "", "judge's own"},
		{finding("ca-broken", judge.Error, judge.Own, caCert, ""), as{reads(map[string]string{caCert: ours + "-----BEGIN CERTIFICATE-----\nAA"})}, "a CA or CRL that nothing here needs", "cp -p /etc/pki/CA/cacert.pem /etc/pki/CA/cacert.pem.old && sed -i '" + lines(ours, "-----BEGIN CERTIFICATE-----\nAA\n") + "d' /etc/pki/CA/cacert.pem"},
		{finding("issuer-too-late", judge.Error, judge.Own, caCert, ""), as{reads(map[string]string{caCert: other + ours, serverCert: leaf})}, "the issuer first", "sed -n '" + lines(other, ours) + "p' /etc/pki/CA/cacert.pem >/etc/pki/CA/cacert.pem.new && sed '" + lines(other, ours) + "d' /etc/pki/CA/cacert.pem >>/etc/pki/CA/cacert.pem.new && mv /etc/pki/CA/cacert.pem.new /etc/pki/CA/cacert.pem"},
		{finding("issuer-in-cert-file", judge.Error, judge.Own, serverCert, ""), as{reads(map[string]string{caCert: other, serverCert: leaf + ours})}, "the issuer first", "sed -n '" + lines(leaf, ours) + "p' /etc/pki/libvirt/servercert.pem >>/etc/pki/CA/cacert.pem"},
		{finding("issuer-usage", judge.Error, judge.Own, serverCert, ""), as{foreign, reads(map[string]string{caCert: ours + other, serverCert: leaf})}, "an issuer that cannot be", "cp -p /etc/pki/CA/cacert.pem /etc/pki/CA/cacert.pem.old && sed -i '" + lines("", ours) + "d' /etc/pki/CA/cacert.pem && virtpki issue server hv1"},
		{finding("crl-broken", judge.Error, judge.Own, caCRL, ""), as{noKey, hasPair, flags}, "from the CA's host", "ssh CA 'virtpki crl -q && cat /etc/pki/CA/cacrl.pem' >/etc/pki/CA/cacrl.pem.new && chmod 0644 /etc/pki/CA/cacrl.pem.new && mv /etc/pki/CA/cacrl.pem.new /etc/pki/CA/cacrl.pem" + elsewhere},
		{finding("no-ca", judge.Error, judge.Places, caCert, ""), as{noKey, hasPair}, "from the CA's host", "ssh CA 'cat /etc/pki/CA/cacert.pem' >/etc/pki/CA/cacert.pem.new && chmod 0644 /etc/pki/CA/cacert.pem.new && mv /etc/pki/CA/cacert.pem.new /etc/pki/CA/cacert.pem" + elsewhere},
		{finding("not-a-folder", judge.Error, judge.Places, "/etc/pki/CA/private", ""), as{taken("/etc/pki/CA/private")}, "no directory", "mv /etc/pki/CA/private /etc/pki/CA/private.old && mkdir -m 0700 /etc/pki/CA/private"},
		{finding("not-a-file", judge.Error, judge.Places, caCRL, ""), as{taken(caCRL), flags}, "no list in the CRL's place", "mv /etc/pki/CA/cacrl.pem /etc/pki/CA/cacrl.pem.old && virtpki --root /mnt crl"},
		{finding("key-missing", judge.Error, judge.Own, numberedKey, "virtpki issue server NAME"), as{taken(numberedCert, serverCert)}, "a further pair", "mv /etc/pki/libvirt/servercert0.pem /etc/pki/libvirt/servercert0.pem.old"},
		{finding("key-missing", judge.Error, judge.Own, numberedKey, "virtpki issue server NAME"), as{taken(numberedCert)}, "a further pair", "mv /etc/pki/libvirt/servercert0.pem /etc/pki/libvirt/servercert0.pem.old && virtpki issue server hv1"},
		{finding("chain-order", judge.Error, judge.Own, qemuCert, ""), as{vnc, reads(map[string]string{qemuCert: leaf + other + ours})}, "a chain of QEMU's", "cp -p /etc/pki/qemu/server-cert.pem /etc/pki/qemu/server-cert.pem.old && { sed -n '" + lines("", leaf) + "p' /etc/pki/qemu/server-cert.pem.old; sed -n '" + lines(leaf+other, ours) + "p' /etc/pki/qemu/server-cert.pem.old; } >/etc/pki/qemu/server-cert.pem"},
		{elsewhereFinding, as{reads(map[string]string{"/etc/libvirt/qemu.conf": "tls_port = \"1\"\n"})}, "a setting of another file", "{ echo; sed -n '1p' /etc/libvirt/qemu.conf; } >>/etc/libvirt/libvirtd.conf && sed -i '1s/^/#/' /etc/libvirt/qemu.conf"},
		{elsewhereFinding, as{reads(map[string]string{"/etc/libvirt/qemu.conf": "tls_port = \"1\"\n", "/etc/libvirt/libvirtd.conf": "tls_port = \"2\"\n"})}, "a setting of another file", "sed -i '1s/^/#/' /etc/libvirt/qemu.conf"},
		{finding("short-life", judge.Warning, judge.Host, serverCert, ""), nil, "the timer", "sed -i 's/^OnCalendar=.*/OnCalendar=hourly/' /etc/systemd/system/virtpki-renew.timer && systemctl daemon-reload"},
		{finding("cert-expired", judge.Error, judge.Own, qemuCert, "virtpki issue server NAME"), as{vnc}, "a pair of QEMU's", "virtpki renew --force"},
		{finding("cert-expired", judge.Error, judge.Own, "/srv/tls/cert.pem", "virtpki issue server NAME"), as{flags}, "a pair elsewhere", "virtpki --root /mnt renew --force"},
		{finding("cert-expired", judge.Error, judge.Own, "/home/alice/.pki/libvirt/clientcert.pem", "virtpki issue client NAME"), as{ofUser}, "a pair elsewhere", "where the CA's key is: virtpki issue client hv1 --out DIR --layout pkipath"},

		{finding("mode", judge.Warning, judge.Places, serverKey, "chmod 0600 KEY"), nil, "not by a new certificate", "chmod 0600 KEY"},
		{finding("validate-access", judge.Error, judge.Own, serverKey, "chmod"), nil, "not by a new certificate", "chmod"},
		{finding("key-unchecked", judge.Error, judge.Own, serverKey, "see"), nil, "not by a new certificate", "see"},

		{halfPair, as{found(finding("misplaced", judge.Warning, judge.Places, "/etc/pki/serverkey.pem", "mv /etc/pki/serverkey.pem "+serverKey))}, "the other half lies elsewhere", "mv /etc/pki/serverkey.pem " + serverKey},

		{expired, as{noKey, unreadable, taken(serverCert)}, "a new pair by request", "mv /etc/pki/libvirt/servercert.pem /etc/pki/libvirt/servercert.pem.old && virtpki request server hv1 --same-key | ssh CA virtpki sign - --yes | virtpki install -" + elsewhere},
		{expired, as{noKey, unreadable, noOwnKey, taken(serverCert, serverKey)}, "a new pair by request", "mv /etc/pki/libvirt/servercert.pem /etc/pki/libvirt/servercert.pem.old && mv /etc/pki/libvirt/private/serverkey.pem /etc/pki/libvirt/private/serverkey.pem.old && virtpki request server hv1 | ssh CA virtpki sign - --yes --replace hv1 | virtpki install -" + elsewhere},
		{noPair, as{noKey, unreadable, noOwnKey}, "a new pair by request", "virtpki request server hv1 | ssh CA virtpki sign - --yes | virtpki install -" + elsewhere},
		{noPair, as{noKey, unreadable, waiting, flags}, "a new pair by request", "virtpki --root /mnt request server | ssh CA virtpki sign - --yes | virtpki --root /mnt install -" + elsewhere + "; the key of this request is pending here"},
		{noPair, as{noKey, unreadable, nameless}, "a new pair by request", "request a certificate with this host's name (virtpki request server), sign it where the CA's key is (virtpki sign), and install the response (virtpki install)"},
		{expired, as{noKey, unreadable, waiting, taken(serverCert)}, "a new pair by request", "mv /etc/pki/libvirt/servercert.pem /etc/pki/libvirt/servercert.pem.old && virtpki request server hv1 --same-key | ssh CA virtpki sign - --yes | virtpki install -" + elsewhere},
		{name, nil, "one more name", "virtpki renew --san hv1"},
		{name, as{noKey, flags}, "one more name", "virtpki --root /mnt renew --san hv1 --via 'ssh CA virtpki sign - --yes'" + elsewhere},
		{finding("name-mismatch", judge.Error, judge.Session, serverCert, "virtpki renew --san virt"), nil, "one more name", "virtpki renew --san virt"},
		{finding("validate-name", judge.Error, judge.Host, serverCert, "virtpki renew --san hv1"), nil, "one more name", "virtpki renew --san hv1"},
		{name, as{foreign}, "a new pair", "virtpki issue server hv1"},
		{isCA, as{noKey}, "a new pair by request", "virtpki request server hv1 | ssh CA virtpki sign - --yes | virtpki install -" + elsewhere},

		{noPair, as{unreadable}, "a new pair", "virtpki issue server hv1"},
		{noPair, as{unreadable, nameless}, "a new pair", "make a certificate and key with this host's name (virtpki issue server)"},
		{isCA, as{taken(serverCert, serverCert+".old")}, "a new pair", "mv /etc/pki/libvirt/servercert.pem /etc/pki/libvirt/servercert.pem.old2 && virtpki issue server hv1"},
		{isCA, as{nameless}, "a new pair", "move /etc/pki/libvirt/servercert.pem and /etc/pki/libvirt/private/serverkey.pem aside, and make a certificate and key with this host's name (virtpki issue server)"},
		{expired, as{foreign}, "a new pair", "virtpki issue server hv1"},
		{expired, as{unreadable}, "a new pair", "virtpki issue server hv1"},

		{finding("ends-soon", judge.Warning, judge.Host, serverCert, "virtpki renew"), as{flags}, "the renewal that the judge names", "virtpki --root /mnt renew"},
		{expired, nil, "a renewal", "virtpki renew --force"},
		{expired, as{noKey}, "a renewal", "virtpki renew --force --via 'ssh CA virtpki sign - --yes'" + elsewhere},
		{finding("half-pair", judge.Error, judge.Places, serverKey, ""), as{noKey}, "a renewal", "virtpki renew --force --via 'ssh CA virtpki sign - --yes --replace hv1'" + elsewhere + "; the CA's administrator must allow the new key"},
		{expired, as{byTimer}, "a renewal", "virtpki renew --force --via 'ssh -i /root/ca_key ca virtpki sign - --yes'"},
		{expired, as{byScript}, "a renewal", "virtpki renew --force --via /usr/local/bin/ask-ca"},
		{finding("half-pair", judge.Error, judge.Places, serverKey, ""), as{byTimer}, "a renewal", "virtpki renew --force --via 'ssh -i /root/ca_key ca virtpki sign - --yes --replace hv1' # the CA's administrator must allow the new key"},
		{finding("half-pair", judge.Error, judge.Places, serverKey, ""), as{byScript}, "a renewal", "virtpki renew --force --via 'ssh CA virtpki sign - --yes --replace hv1'" + elsewhere + "; the CA's administrator must allow the new key"},
		{finding("cert-revoked", judge.Error, judge.Session, serverCert, "virtpki renew"), as{byTimer}, "a renewal", "virtpki renew --force --via 'ssh -i /root/ca_key ca virtpki sign - --yes --after-revocation' # the CA's administrator must admit this host again"},
		{expired, as{byTimer, unreadable, taken(serverCert)}, "a new pair by request", "mv /etc/pki/libvirt/servercert.pem /etc/pki/libvirt/servercert.pem.old && virtpki request server hv1 --same-key | ssh -i /root/ca_key ca virtpki sign - --yes | virtpki install -"},
		{noPair, as{byTimer, unreadable, waiting}, "a new pair by request", "virtpki request server | ssh -i /root/ca_key ca virtpki sign - --yes | virtpki install - # the key of this request is pending here"},
		{finding("no-ca", judge.Error, judge.Places, caCert, ""), as{byTimer, hasPair}, "from the CA's host", "ssh CA 'cat /etc/pki/CA/cacert.pem' >/etc/pki/CA/cacert.pem.new && chmod 0644 /etc/pki/CA/cacert.pem.new && mv /etc/pki/CA/cacert.pem.new /etc/pki/CA/cacert.pem" + elsewhere},
		{finding("no-ca", judge.Error, judge.Places, caCert, ""), as{byTimer, taken(serverCert, serverKey)}, "from the CA's host", "virtpki request server hv1 --same-key | ssh -i /root/ca_key ca virtpki sign - --yes | virtpki install -"},
		{expired, as{byStep}, "a renewal", "virtpki renew --force --issuer /etc/virtpki/issuer.yaml"},
		{expired, as{byVault, flags}, "a renewal", "virtpki --root /mnt renew --force --issuer /mnt/i.yaml"},
		{name, as{byStep}, "one more name", "virtpki renew --san hv1 --issuer /etc/virtpki/issuer.yaml"},
		{finding("key-broken", judge.Error, judge.Own, serverKey, ""), as{noKey, keyless(serverKey)}, "a renewal", "mv " + serverKey + " " + serverKey + ".old && virtpki renew --force --via 'ssh CA virtpki sign - --yes --replace hv1'" + elsewhere + "; the CA's administrator must allow the new key"},
		{finding("cert-expired", judge.Error, judge.Own, clientCert, ""), as{noKey, keyless(serverKey)}, "a renewal", "mv " + serverKey + " " + serverKey + ".old && virtpki renew --force --via 'ssh CA virtpki sign - --yes --replace hv1'" + elsewhere + "; the CA's administrator must allow the new key"},
		{finding("key-encrypted", judge.Error, judge.Own, serverKey, ""), as{byStep, keyless(serverKey)}, "a renewal", "mv " + serverKey + " " + serverKey + ".old && virtpki renew --force --issuer /etc/virtpki/issuer.yaml"},
		{finding("key-broken", judge.Error, judge.Own, serverKey, ""), as{keyless(serverKey)}, "a renewal", "virtpki renew --force"},
		{finding("key-broken", judge.Error, judge.Own, qemuKey, ""), as{byVault, vnc, keyless(qemuKey)}, "a pair of QEMU's", "mv " + qemuKey + " " + qemuKey + ".old && virtpki bootstrap --issuer /mnt/i.yaml --with vnc"},
		{finding("half-pair", judge.Error, judge.Places, serverKey, ""), as{byStep}, "a renewal", "virtpki renew --force --issuer /etc/virtpki/issuer.yaml"},
		{finding("cert-revoked", judge.Error, judge.Session, serverCert, "virtpki renew"), as{byStep}, "a renewal", "virtpki renew --force --issuer /etc/virtpki/issuer.yaml"},
		{expired, as{byStep, unreadable, taken(serverCert)}, "a new pair by request", "mv /etc/pki/libvirt/servercert.pem /etc/pki/libvirt/servercert.pem.old && virtpki request server hv1 --same-key | virtpki issuer step | virtpki install -"},
		{noPair, as{byVault, flags, unreadable, noOwnKey}, "a new pair by request", "virtpki --root /mnt request server hv1 | virtpki issuer vault --config /mnt/i.yaml | virtpki --root /mnt install -"},
		{finding("crl-broken", judge.Error, judge.Own, caCRL, ""), as{byStep, hasPair}, "from the CA's host", "virtpki issuer step </etc/pki/CA/cacert.pem | virtpki install -"},
		{finding("no-ca", judge.Error, judge.Places, caCert, ""), as{byStep, hasPair}, "from the CA's host", "virtpki request server hv1 --same-key | virtpki issuer step | virtpki install -"},
		{finding("cert-revoked", judge.Error, judge.Session, serverCert, "virtpki renew"), as{noKey}, "a renewal", "virtpki renew --force --via 'ssh CA virtpki sign - --yes --after-revocation'" + elsewhere + "; the CA's administrator must admit this host again"},
		{finding("cert-revoked", judge.Error, judge.Session, "/home/alice/clientcert.pem", "virtpki renew"), as{folder, noKey}, "", "where the CA's key is: virtpki issue client hv1 --out DIR --layout pkipath, to admit its owner again"},
		{finding("cert-expired", judge.Error, judge.Own, "/home/alice/clientcert.pem", "virtpki renew"), as{folder, noKey}, "", "where the CA's key is: virtpki issue client hv1 --out DIR --layout pkipath"},
		{finding("cert-expired", judge.Error, judge.Own, "/home/alice/clientcert.pem", "virtpki renew"), as{folder, nameless}, "", "where the CA's key is: virtpki issue client NAME --out DIR --layout pkipath"},
		{finding("cert-expired", judge.Error, judge.Own, "/home/alice/clientcert.pem", "virtpki renew"), as{folder, flags}, "", "mv /home/alice /home/alice.old && virtpki --root /mnt issue client hv1 --layout pkipath --out /home/alice.new && mv /home/alice.new/hv1 /home/alice"},
		{finding("cert-expired", judge.Error, judge.Own, "b/hv1/clientcert.pem", "virtpki renew"), as{folder, taken("b/hv1.old")}, "", "mv b/hv1 b/hv1.old2 && virtpki issue client hv1 --layout pkipath --out b"},
		{finding("cert-expired", judge.Error, judge.Own, "clientcert.pem", "virtpki renew"), as{folder}, "", "where the CA's key is: virtpki issue client hv1 --out DIR --layout pkipath"},
		{finding("cert-revoked", judge.Error, judge.Session, "hv1/clientcert.pem", "virtpki renew"), as{folder}, "", "mv hv1 hv1.old && virtpki issue client hv1 --layout pkipath --out . # to admit its owner again"},

		{finding("ca-ends-soon", judge.Warning, judge.Host, caCert, "virtpki ca rollover start"), as{noKey}, "", "where the CA's key is: virtpki ca rollover start; then copy the new CA file here, before the old CA expires"},
		{finding("setting-elsewhere", judge.Warning, judge.Conf, "/etc/libvirt/libvirtd.conf", "virtpki config libvirtd --apply"), as{noKey, flags}, "", "virtpki --root /mnt config libvirtd --apply"},
		{finding("no-ca-qemu", judge.Error, judge.Places, "/etc/pki/qemu/ca-cert.pem", "virtpki bootstrap --with qemu"), as{noKey, nameless}, "", "where the CA's key is: virtpki issue host NAME --with qemu --out DIR, and copy it here"},
	} {
		x := machineOf(qemuKey)
		for _, differs := range test.here {
			differs(x)
		}
		met[test.rule] = true
		if rule, _ := x.ruleFor(test.finding); rule != test.rule {
			t.Errorf("%s of %s: rule %q, want %q", test.finding.ID, test.finding.File, rule, test.rule)
		}
		if fix := x.fix(test.finding); fix != test.fix {
			t.Errorf("%s of %s, %s:\n %s, want\n %s", test.finding.ID, test.finding.File, test.rule, fix, test.fix)
		}
	}
	for _, r := range rules {
		if !met[r.name] {
			t.Errorf("no case is fixed by %q", r.name)
		}
	}
}

// keyless puts a key here that virtpki cannot read.
func keyless(key string) func(*fixer) {
	return func(x *fixer) {
		taken(key)(x)
		x.keyError = func(path string) error {
			if path == key {
				return errors.New("broken")
			}
			return nil
		}
	}
}

// taken makes these paths exist.
func taken(paths ...string) func(*fixer) {
	return func(x *fixer) {
		stands := func(path string) bool { return slices.Contains(paths, path) }
		x.stands, x.exists = stands, stands
	}
}

// issued makes a CA and a certificate of it, in PEM form.
func issued(t *testing.T) (ca, leaf string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: serial.String()}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	sign := func(template *x509.Certificate) string {
		der, err := x509.CreateCertificate(rand.Reader, template, root, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	return sign(root), sign(&x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "hv1"}, NotAfter: root.NotAfter})
}

// about makes a finding refer to a certificate in PEM form.
func about(f judge.Finding, cert string) judge.Finding {
	block, _ := pem.Decode([]byte(cert))
	f.Raw = block.Bytes
	return f
}

// lines returns the line numbers of a block after other blocks, in the form for sed.
func lines(before, block string) string {
	first := 1 + strings.Count(before, "\n")
	return fmt.Sprintf("%d,%d", first, first-1+strings.Count(block, "\n"))
}
