package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"virtpki/internal/authority"
	"virtpki/internal/keypair"
	"virtpki/internal/prompt"
	"virtpki/internal/store"
	"virtpki/pki"
)

var importQuestions = []question{
	{id: "cert", title: "CA to take over", uses: []string{"ca"}, applies: (*wizard).imports, ask: (*wizard).askCert, shown: func(w *wizard) string { return w.imp.cert }},
	{id: "key", title: "its key", uses: []string{"ca", "cert"}, applies: (*wizard).imports, ask: (*wizard).askKey, shown: func(w *wizard) string { return w.imp.key }},
	{id: "key passphrase", title: "its passphrase", uses: []string{"ca", "cert", "key"}, applies: (*wizard).importsEncrypted, ask: (*wizard).askImportPassphrase, shown: func(*wizard) string { return "given" }},
	{id: "crl", title: "its CRL", uses: []string{"ca", "cert", "key"}, applies: (*wizard).imports, ask: (*wizard).askCRL, shown: func(w *wizard) string { return orNone(w.imp.crl) }},
	{id: "issued", title: "its records", uses: []string{"ca", "cert", "key"}, applies: (*wizard).imports, ask: (*wizard).askIssued, shown: func(w *wizard) string { return orNone(w.imp.issued) }},
}

func (w *wizard) askCert(ctx context.Context) error {
	w.Say("The CA's own files stay as they are: what is in them is copied to %s, and from then on virtpki alone signs and revokes.", w.g.CAPath())
	cert, err := w.Line(ctx, prompt.Question{Message: "File with the CA's certificate", Preset: w.imp.cert, Check: func(file string) error {
		if _, err := keypair.ReadCerts(w.g.Tree(), file); err != nil {
			return err
		}
		return authority.RefuseExisting(w.g.Machine)
	}})
	if err == nil {
		w.imp = importOptions{cert: cert, key: w.imp.key}
	}
	return err
}

func (w *wizard) askKey(ctx context.Context) error {
	key, err := w.Line(ctx, prompt.Question{Message: "File with its key", Preset: w.imp.key, Check: func(file string) error {
		return w.tryImport(importOptions{cert: w.imp.cert, key: file}, "")
	}})
	if err == nil {
		w.imp, w.passphrase = importOptions{cert: w.imp.cert, key: key}, ""
	}
	return err
}

// importsEncrypted reports whether the key to be taken over wants a passphrase.
func (w *wizard) importsEncrypted() bool { return w.imports() && w.wantsPassphrase(w.imp.key) }

func (w *wizard) askImportPassphrase(ctx context.Context) error {
	passphrase, err := w.openWith(ctx, w.imp.key, func(passphrase string) error { return w.tryImport(w.imp, passphrase) })
	if err == nil {
		w.passphrase = passphrase
	}
	return err
}

// tryImport reads what an import would. A key that wants a passphrase and was
// given none is right so far.
func (w *wizard) tryImport(o importOptions, passphrase string) error {
	in, err := w.readImport(o, passphrase)
	if passphrase == "" && errors.Is(err, pki.ErrKeyEncrypted) && w.g.passphraseFile == "" {
		return nil
	}
	if err == nil {
		w.imported = in
	}
	return err
}

// readImport is that of ca import, with a passphrase that is known.
func (w *wizard) readImport(o importOptions, passphrase string) (*authority.Import, error) {
	g := w.g.clone()
	if passphrase != "" {
		g.passphrase = []byte(passphrase)
	}
	silent := *w.e
	silent.askSecret = func(string) ([]byte, error) { return nil, prompt.ErrNoTerminal }
	return authority.ReadImport(g.Machine, o.request(), silent.newKeyring(g))
}

// wantsPassphrase reports whether a key has a passphrase that is not at hand.
func (w *wizard) wantsPassphrase(key string) bool {
	data, err := w.g.Tree().ReadFile(key, store.MaxPEM)
	return err == nil && pki.Encrypted(data) && w.g.passphraseFile == ""
}

// openWith asks for the passphrase of a key until it opens it.
func (w *wizard) openWith(ctx context.Context, key string, check func(string) error) (string, error) {
	return prompt.UntilRight(w.Dialog, func(passphrase string) error {
		if passphrase == "" {
			return fmt.Errorf("%s: %w", key, pki.ErrKeyEncrypted)
		}
		return check(passphrase)
	}, func() (string, error) { return w.Password(ctx, "Passphrase of the CA's key") })
}

func (w *wizard) askCRL(ctx context.Context) error {
	w.Say("What it has revoked stays revoked if you name its CRL, or its index with the next question.")
	o := w.imp
	_, err := w.Line(ctx, prompt.Question{Message: "File with its CRL (empty: none)", Preset: o.crl, Optional: true, Check: func(file string) error {
		o.crl, o.issued = file, ""
		return w.tryImport(o, w.passphrase)
	}})
	if err == nil {
		o.issued, w.imp = w.imp.issued, o
	}
	return err
}

func (w *wizard) askIssued(ctx context.Context) error {
	w.Say("What it has signed can be revoked by name, and named among those who may connect, if its certificates are known.")
	o := w.imp
	_, err := w.Line(ctx, prompt.Question{Message: "Folder of what it signed, or its index.txt (empty: none)", Preset: o.issued, Optional: true, Check: func(path string) error {
		o.issued = path
		return w.tryImport(o, w.passphrase)
	}})
	if err == nil {
		w.imp = o
	}
	return err
}

// existsFolder reports whether the folder of a file is there.
func existsFolder(file string) bool {
	info, err := os.Stat(filepath.Dir(file))
	return err == nil && info.IsDir()
}
