package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"virtpki/internal/change"
	"virtpki/internal/grant"
	"virtpki/internal/hint"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/prompt"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// errNoCA says that there is no CA where one was looked for.
var errNoCA = errors.New("no CA")

// errKeyAlone says that there is the key of a CA that has signed nothing yet, not
// even its own certificate: a run was cut short.
var errKeyAlone = errors.New("there is a CA's key and nothing else")

// authority is a CA as it was found on disk, or is about to be written.
type authority struct {
	tree       store.Tree          // in which its files lie
	generation                     // the one that signs
	others     []*generation       // in a rollover, the other one
	retired    []*x509.Certificate // CAs of generations that were dropped; see loadCRL
	past       *grant.History      // see shutOuts
	recalled   []*pki.CRL          // the lists of all generations; see loadCRL
	rollover   *rollover           // nil outside of one
	folder     string
	layout     libvirt.Layout
	bundle     []*x509.Certificate // all of cacert.pem
	crl        []byte              // cacrl.pem as it is; nil when there is none
	lists      []*pki.CRL          // all of cacrl.pem; see loadCRL
	pending    []*x509.Certificate // records that are planned, not written yet
	copy       store.Output        // of the CRL, where the user wants one
}

// maxSecret is more than any passphrase needs, in bytes.
const maxSecret = 64 << 10

// loadCA reads the CA's certificate and CRL. Without either certificate or key
// the error is errNoCA; a file that libvirt would not start on is an error too.
func loadCA(m *machine.Machine) (*authority, error) {
	a, data, err := readCA(m)
	if err != nil {
		return nil, err
	}
	if err := judge.CheckCAs(data, m.Now()); err != nil {
		return nil, hint.With(fmt.Errorf("%s: %w", a.layout.Path(libvirt.CACert), err), "a CA at its end is changed by: virtpki %sca rollover start", m.Flags())
	}
	return a, nil
}

// readCA is loadCA for a CA that may have expired. data is its file.
func readCA(m *machine.Machine) (a *authority, data []byte, err error) {
	a = &authority{folder: m.CAPath(), tree: m.Tree()}
	a.layout = libvirt.CA(a.folder)
	path := a.layout.Path(libvirt.CACert)
	if data, err = machine.ReadIfThere(m.Tree(), path); err != nil {
		return nil, nil, err
	}
	if data == nil {
		return nil, nil, a.absent(m)
	}
	if a.bundle, err = pki.ParseCertificates(data); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	if a.crl, err = machine.ReadIfThere(m.Tree(), a.layout.Path(libvirt.CACRL)); err != nil {
		return nil, nil, err
	}
	return a, data, a.loadRollover(m.Now())
}

// absent is the error for a CA without a certificate.
func (a *authority) absent(m *machine.Machine) error {
	if key := a.layout.Path(libvirt.CAKey); m.Tree().Exists(key) {
		records, err := m.Tree().Records(libvirt.Records(a.folder))
		if err == nil && len(records) == 0 && !m.Tree().Exists(a.layout.Path(libvirt.CACRL)) {
			return hint.With(fmt.Errorf("%s: %w", key, errKeyAlone), "a run was cut short: virtpki bootstrap takes the key; ca init wants it moved away")
		}
		return hint.With(fmt.Errorf("%s: the key of a CA whose certificate %s is missing", key, a.layout.Path(libvirt.CACert)),
			"copy it back: each host and each bundle of this CA has it")
	}
	err := fmt.Errorf("%w in %s", errNoCA, a.folder)
	for _, role := range []pki.Role{pki.Server, pki.Client} {
		if m.Tree().Exists(m.System().Path(libvirt.PendingFile(string(role)))) {
			return hint.With(err, "a request waits here for its answer, which brings the CA: virtpki %sinstall FILE", m.Flags())
		}
	}
	return hint.With(err, "make one: virtpki %sca init --name \"Example Org\"", m.Flags())
}

// noteTwins warns of CAs that share a DN.
func (a *authority) noteTwins(j *change.Job) {
	seen := make(map[string]bool)
	for _, cert := range a.bundle {
		if name := string(cert.RawSubject); seen[name] {
			j.Note("%s: two CAs are called %s, and libvirt keeps one CRL for each name", a.layout.Path(libvirt.CACert), subject.Of(cert))
		} else {
			seen[name] = true
		}
	}
}

// open reads the keys of the CA's generations, and finds the certificate of the
// bundle that each belongs to.
func (a *authority) open(keys *change.Keyring) error {
	if a.ca.Signer != nil {
		return nil
	}
	path := a.layout.Path(libvirt.CAKey)
	first, err := a.openOne(keys, path)
	if errors.Is(err, fs.ErrNotExist) && !a.tree.Exists(path) {
		return hint.With(fmt.Errorf("the CA's key is not here (%s)", path), "issue on the CA's own machine, or name its folder with --ca")
	}
	if err != nil {
		return err
	}
	second, err := a.openOne(keys, a.layout.Path(libvirt.CANextKey))
	if errors.Is(err, errNoGeneration) {
		second, err = nil, nil // of a start or an abort that was cut short
	}
	if err != nil && (!errors.Is(err, fs.ErrNotExist) || a.tree.Exists(a.layout.Path(libvirt.CANextKey))) {
		return err
	}
	a.arrange(first, second)
	return nil
}

// errNoGeneration says that no certificate belongs to a CA's key.
var errNoGeneration = errors.New("not the key of any CA")

// openOne reads a key and finds its certificate.
func (a *authority) openOne(keys *change.Keyring, path string) (*generation, error) {
	signer, err := keys.OpenCA(path)
	if err != nil {
		return nil, err
	}
	for _, cert := range a.bundle {
		if pki.KeyMatches(cert, signer) {
			return &generation{ca: pki.CA{Certificate: cert, Signer: signer}}, nil
		}
	}
	return nil, fmt.Errorf("%s: %w in %s", path, errNoGeneration, a.layout.Path(libvirt.CACert))
}

// secret reads a passphrase: the first line of a file, else from the terminal.
func (e *env) secret(file, question string) ([]byte, error) {
	if file == "" {
		secret, err := await(e, func() ([]byte, error) { return e.askSecret(question) })
		if errors.Is(err, prompt.ErrNoTerminal) {
			return nil, hint.With(pki.ErrKeyEncrypted, "give the passphrase with --passphrase-file")
		}
		return secret, err
	}
	data, err := e.readStream(file, maxSecret)
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return nil, fmt.Errorf("%s: the first line, which should be the passphrase, is empty", file)
	}
	return line, nil
}

// signed reads the records of what the CA's generations have signed, and adds
// those that are planned.
func (a *authority) signed() ([]*x509.Certificate, error) {
	certs, err := a.recorded()
	return append(certs, a.pending...), err
}

// recorded reads the records of what the CA's generations have signed. Those of one that
// was dropped stay on disk, and are nobody's any more.
func (a *authority) recorded() ([]*x509.Certificate, error) {
	certs, err := a.tree.Records(libvirt.Records(a.folder))
	if err != nil {
		err = fmt.Errorf("reading the CA's records: %w", err)
	}
	return a.ofBundle(certs), err
}

// ofBundle leaves out what no generation has signed that is still trusted.
func (a *authority) ofBundle(certs []*x509.Certificate) []*x509.Certificate {
	issuers := make(map[string]bool)
	for _, ca := range a.bundle {
		issuers[string(ca.RawSubject)] = true
	}
	return slices.DeleteFunc(certs, func(cert *x509.Certificate) bool { return !issuers[string(cert.RawIssuer)] })
}
