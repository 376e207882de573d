package adopt

import (
	"fmt"
	"strings"
	"testing"
)

// A key is written as KEY+CERTIFICATE, with the role that the names imply.
func TestFind(t *testing.T) {
	for _, c := range []struct{ program, names, want, wrong string }{
		{"cert-manager", "tls.crt tls.key ca.crt", "tls.key+tls.crt | ca.crt |", ""},
		{"cert-manager, more outputs", "tls.crt tls.key ca.crt tls-combined.pem key.der", "tls.key+tls.crt | ca.crt |", ""},
		{"certmonger for libvirt", "servercert.pem serverkey.pem cacert.pem", "serverkey.pem+servercert.pem server | cacert.pem |", ""},
		{"libvirt's flat directory", "cacert.pem cacrl.pem clientcert.pem clientkey.pem", "clientkey.pem+clientcert.pem client | cacert.pem | cacrl.pem", ""},
		{"both roles", "server.crt server.key client.crt client.key ca.crt crl.pem", "client.key+client.crt client server.key+server.crt server | ca.crt | crl.pem", ""},
		{"certmonger", "hv1.key hv1.pem ca.crt", "hv1.key+hv1.pem | ca.crt |", ""},
		{"certmonger, a next key", "server.crt server.key server.key.hc7IRAEc.key ca.crt", "server.key+server.crt server | ca.crt |", ""},
		{"certmonger, a next key for libvirt", "servercert.pem serverkey.pem serverkey.pem.hc7IRAEc.key", "serverkey.pem+servercert.pem server | |", ""},
		{"a next key of no key", "server.crt server.key.hc7IRAEc.key", "", "server.key.hc7IRAEc.key: there is no certificate beside this key"},
		{"a next key of a key alone", "server.key server.key.hc7IRAEc.key", "", "server.key: there is no certificate beside this key"},
		{"lego", "hv1.example.org.crt hv1.example.org.issuer.crt hv1.example.org.json hv1.example.org.key", "hv1.example.org.key+hv1.example.org.crt | hv1.example.org.issuer.crt |", ""},
		{"Vault Agent", "cert.pem key.pem ca.pem", "key.pem+cert.pem | ca.pem |", ""},
		{"Vault Agent, the chain", "app.crt app.key ca_chain.pem", "app.key+app.crt | ca_chain.pem |", ""},
		{"step", "svc.crt svc.key root_ca.crt intermediate_ca.crt", "svc.key+svc.crt | intermediate_ca.crt root_ca.crt |", ""},
		{"certbot", "cert.pem chain.pem fullchain.pem privkey.pem README", "privkey.pem+fullchain.pem | chain.pem |", ""},
		{"QEMU", "ca-cert.pem ca-crl.pem server-cert.pem server-key.pem", "server-key.pem+server-cert.pem server | ca-cert.pem | ca-crl.pem", ""},
		{"mkcert", "hv1.pem hv1-key.pem", "hv1-key.pem+hv1.pem | |", ""},
		{"a CA's own key", "ca.key ca.crt tls.key tls.crt", "tls.key+tls.crt | ca.crt |", ""},
		{"two pairs", "a.crt a.key b.crt b.key", "a.key+a.crt b.key+b.crt | |", ""},
		{"nothing", "", "", "no private key under a known name"},
		{"certificates alone", "tls.crt ca.crt", "", "no private key under a known name"},
		{"a key alone", "tls.key ca.crt", "", "tls.key: there is no certificate beside this key under a known name (tls.crt, tls.pem)"},
		{"no stem", ".key .crt", "", "no private key under a known name"},
	} {
		t.Run(c.program, func(t *testing.T) {
			n, err := find(strings.Fields(c.names))
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Fatalf("error %v, want %q", err, c.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var pairs []string
			for _, p := range n.pairs {
				pairs = append(pairs, strings.TrimSpace(fmt.Sprintf("%s+%s %s", p.key, p.cert, p.role)))
			}
			got := strings.Join(pairs, " ") + " | " + strings.Join(n.cas, " ") + " | " + strings.Join(n.crls, " ")
			if got = strings.Join(strings.Fields(got), " "); got != c.want {
				t.Errorf("%s: %q, want %q", c.names, got, c.want)
			}
		})
	}
}

// A key belongs to one row, even if its name would fit others.
func TestPairNamesAreReachable(t *testing.T) {
	for _, row := range pairNames {
		key, cert := strings.Replace(row.key, "*", "x", 1), strings.Replace(row.cert, "*", "x", 1)
		n, err := find([]string{key, cert})
		if err != nil || len(n.pairs) != 1 || n.pairs[0] != (pairFiles{key, cert, row.role}) {
			t.Errorf("%s: %s and %s: %+v, %v", row.program, key, cert, n.pairs, err)
		}
	}
}
