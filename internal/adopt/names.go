package adopt

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// namesOf says how a program names the files of a key pair. A star stands for the same text in
// the key's name and the certificate's.
type namesOf struct {
	program   string
	key, cert string
	role      pki.Role // role that the names imply; empty for that of the certificate
}

// pairNames holds the names that programs use, the most specific first: a key belongs to the
// first row that names it.
var pairNames = []namesOf{
	{"cert-manager, Kubernetes", "tls.key", "tls.crt", ""},
	{"certbot", "privkey.pem", "fullchain.pem", ""},
	{"libvirt, certmonger for it", "serverkey.pem", "servercert.pem", pki.Server},
	{"libvirt, certmonger for it", "clientkey.pem", "clientcert.pem", pki.Client},
	{"QEMU, certmonger for it", "server-key.pem", "server-cert.pem", pki.Server},
	{"QEMU, certmonger for it", "client-key.pem", "client-cert.pem", pki.Client},
	{"Vault Agent, certmonger, step", "server.key", "server.crt", pki.Server},
	{"Vault Agent, certmonger, step", "client.key", "client.crt", pki.Client},
	{"Vault Agent, certmonger, step", "server.key", "server.pem", pki.Server},
	{"Vault Agent, certmonger, step", "client.key", "client.pem", pki.Client},
	{"Vault Agent", "key.pem", "cert.pem", ""},
	{"lego, Vault Agent, certmonger, step", "*.key", "*.crt", ""},
	{"certmonger", "*.key", "*.pem", ""},
	{"cfssl, mkcert", "*-key.pem", "*.pem", ""},
}

// caNames holds the names of files with CA certificates; a star stands for any text.
var caNames = []string{
	"ca.crt", "ca.pem", "cacert.pem", "ca-cert.pem", "chain.pem", "*.issuer.crt", "ca-chain.crt", "ca_chain.pem",
	"issuing_ca.crt", "issuing_ca.pem", "root_ca.crt", "intermediate_ca.crt",
}

// crlNames holds the names of files with CRLs.
var crlNames = []string{"crl.pem", "cacrl.pem", "ca-crl.pem", "ca.crl"}

// pairFiles holds the names of the files of a key pair.
type pairFiles struct {
	key, cert string
	role      pki.Role // empty for that of the certificate
}

// named holds the names of a directory's files that are read.
type named struct {
	pairs     []pairFiles
	cas, crls []string
}

// find selects, by their names, the keys, certificates, CA certificates and CRLs of a
// directory. It ignores other files.
func find(names []string) (named, error) {
	var n named
	names = slices.Sorted(slices.Values(names))
	alone := ""
	for _, name := range names {
		switch files, isKey := pairOf(name, names); {
		case matchesAny(name, caNames):
			n.cas = append(n.cas, name)
		case matchesAny(name, crlNames):
			n.crls = append(n.crls, name)
		case isKey && files.cert == "" && isNext(name, names):
		case isKey && files.cert == "":
			alone = name
		case isKey:
			n.pairs = append(n.pairs, files)
		}
	}
	if alone != "" {
		return n, fmt.Errorf("%s: there is no certificate beside this key under a known name (%s)", alone, termtext.Join(certNames(alone)))
	}
	if len(n.pairs) == 0 {
		return n, hint.With(errors.New("there is no private key under a known name (tls.key, serverkey.pem, NAME.key)"),
			"name the files: virtpki install --key KEY CERTIFICATE CA")
	}
	return n, nil
}

// pairOf returns the pair that a key belongs to, and reports whether it is a key. Without a
// certificate beside it, the pair has only the key.
func pairOf(key string, names []string) (files pairFiles, isKey bool) {
	files.key = key
	for _, row := range pairNames {
		stem, ok := match(row.key, key)
		if !ok || matchesAny(key, caKeys) {
			continue
		}
		isKey = true
		cert := strings.Replace(row.cert, "*", stem, 1)
		if slices.Contains(names, cert) && cert != key {
			files.cert, files.role = cert, row.role
			return files, true
		}
	}
	return files, isKey
}

// isNext reports whether a key waits for the next certificate of another key: certmonger makes it
// as KEY.MARKER.key, and renames it when the CA has signed, which can take days (its
// util_build_next_filename).
func isNext(key string, names []string) bool {
	before, ok := strings.CutSuffix(key, ".key")
	dot := strings.LastIndexByte(before, '.')
	if !ok || dot < 0 {
		return false
	}
	_, isKey := pairOf(before[:dot], names)
	return isKey && slices.Contains(names, before[:dot])
}

// caKeys holds names of CA keys, which are of no use to a host.
var caKeys = []string{"ca.key", "ca-key.pem", "cakey.pem", "root_ca.key", "intermediate_ca.key", "root_ca_key", "intermediate_ca_key"}

// certNames returns the possible names of a key's certificate.
func certNames(key string) []string {
	var certs []string
	for _, row := range pairNames {
		if stem, ok := match(row.key, key); ok {
			if cert := strings.Replace(row.cert, "*", stem, 1); !slices.Contains(certs, cert) {
				certs = append(certs, cert)
			}
		}
	}
	return certs
}

func matchesAny(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		_, ok := match(pattern, name)
		return ok
	})
}

// match compares a name with a pattern that may contain one star, and returns the text that the
// star stands for: at least one character.
func match(pattern, name string) (stem string, ok bool) {
	before, after, star := strings.Cut(pattern, "*")
	if !star {
		return "", name == pattern
	}
	if len(name) <= len(before)+len(after) || !strings.HasPrefix(name, before) || !strings.HasSuffix(name, after) {
		return "", false
	}
	return name[len(before) : len(name)-len(after)], true
}
