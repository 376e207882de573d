package wizard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"virtpki/internal/authority"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/prompt"
	"virtpki/internal/store"
	"virtpki/pki"
)

// importTopic asks for a CA that another tool made.
type importTopic struct{ *wizard }

func (w importTopic) questions() []question {
	return []question{
		{id: "lost key", title: "the CA's key", uses: []string{"ca"}, applies: w.lacksKey, ask: w.askLostKey, shown: func() string { return orElsewhere(w.Imports(), w.Files.Key) }},
		{id: "cert", title: "CA to take over", uses: []string{"ca"}, applies: w.importsWhole, ask: w.askCert, shown: func() string { return w.Files.Cert }},
		{id: "key", title: "its key", uses: []string{"ca", "cert"}, applies: w.importsWhole, ask: w.askKey, shown: func() string { return w.Files.Key }},
		{id: "key passphrase", title: "its passphrase", uses: []string{"ca", "cert", "key", "lost key"}, applies: w.importsEncrypted, ask: w.askImportPassphrase, shown: func() string { return "given" }},
		{id: "crl", title: "its CRL", uses: []string{"ca", "cert", "key"}, applies: w.importsWhole, ask: w.askCRL, shown: func() string { return orNone(w.Files.CRL) }},
		{id: "issued", title: "its records", uses: []string{"ca", "cert", "key", "lost key"}, applies: w.Imports, ask: w.askIssued, shown: func() string { return orNone(w.Files.Issued) }},
	}
}

func orElsewhere(here bool, file string) string {
	if here {
		return file
	}
	return "on another machine"
}

// lacksKey reports whether there is a CA without its key where virtpki looks for it.
func (w importTopic) lacksKey() bool { return w.keyless != nil }

// importsWhole reports whether a CA is taken over of which nothing is in its place.
func (w importTopic) importsWhole() bool { return w.Imports() && w.keyless == nil }

// askLostKey asks for the key of a CA that was found without one. After libvirt's own page, it
// lies in the directory in which certtool ran.
func (w importTopic) askLostKey(ctx context.Context) error {
	layout := w.keyless.Layout
	w.Say("The CA's certificate is here, but its key is not in %s. If the key is on another machine, leave this empty: virtpki then signs nothing here.", layout.Path(libvirt.CAKey))
	files := authority.ImportFiles{Cert: layout.Path(libvirt.CACert)}
	key, err := w.Line(ctx, prompt.Question{Message: "Where is its key? (empty: on another machine)", Preset: w.Files.Key, Optional: true, Check: func(file string) error {
		if files.Key = file; file == "" {
			return nil
		}
		return w.tryImport(files, "")
	}})
	if err != nil {
		return err
	}
	w.ca, w.caKey, w.source, w.Files, w.Passphrase = w.keyless, "absent", caMake, authority.ImportFiles{}, ""
	if key != "" { // it is taken over in place, with the certificates that it has signed
		w.ca, w.caKey, w.source, w.Files = nil, "", caImport, files
	}
	return nil
}

func (w importTopic) askCert(ctx context.Context) error {
	w.Say("The CA's own files stay as they are. virtpki copies them to %s; from then on sign and revoke only with virtpki.", w.CAPath())
	cert, err := w.Line(ctx, prompt.Question{Message: "File with the CA's certificate", Preset: w.Files.Cert, Check: func(file string) error {
		if _, err := keypair.ReadCerts(w.Tree(), file); err != nil {
			return err
		}
		return authority.RefuseExisting(w.Machine)
	}})
	if err == nil {
		w.Files = authority.ImportFiles{Cert: cert, Key: w.Files.Key}
	}
	return err
}

func (w importTopic) askKey(ctx context.Context) error {
	key, err := w.Line(ctx, prompt.Question{Message: "File with its key", Preset: w.Files.Key, Check: func(file string) error {
		return w.tryImport(authority.ImportFiles{Cert: w.Files.Cert, Key: file}, "")
	}})
	if err == nil {
		w.Files, w.Passphrase = authority.ImportFiles{Cert: w.Files.Cert, Key: key}, ""
	}
	return err
}

// importsEncrypted reports whether the key to be taken over wants a passphrase.
func (w importTopic) importsEncrypted() bool { return w.Imports() && w.wantsPassphrase(w.Files.Key) }

func (w importTopic) askImportPassphrase(ctx context.Context) error {
	passphrase, err := w.openWith(ctx, w.Files.Key, func(passphrase string) error { return w.tryImport(w.Files, passphrase) })
	if err == nil {
		w.Passphrase = passphrase
	}
	return err
}

// tryImport reads the files of an import. A key that wants a passphrase and was given none
// counts as right so far.
func (w importTopic) tryImport(o authority.ImportFiles, passphrase string) error {
	in, err := authority.ReadImport(w.Machine, o, w.doer.Keyring(passphrase))
	if passphrase == "" && errors.Is(err, pki.ErrKeyEncrypted) && !w.Given {
		return nil
	}
	if err == nil {
		w.Imported = in
	}
	return err
}

// wantsPassphrase reports whether a key has a passphrase that is not at hand.
func (w *wizard) wantsPassphrase(key string) bool {
	data, err := w.Tree().ReadFile(key, store.MaxPEM)
	return err == nil && pki.Encrypted(data) && !w.Given
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

func (w importTopic) askCRL(ctx context.Context) error {
	w.Say("Its revocations stay in force if you name its CRL, or its index with the next question.")
	o := w.Files
	_, err := w.Line(ctx, prompt.Question{Message: "File with its CRL (empty: none)", Preset: o.CRL, Optional: true, Check: func(file string) error {
		o.CRL, o.Issued = file, ""
		return w.tryImport(o, w.Passphrase)
	}})
	if err == nil {
		o.Issued, w.Files = w.Files.Issued, o
	}
	return err
}

func (w importTopic) askIssued(ctx context.Context) error {
	w.Say("Its certificates can be revoked by name, and their clients admitted, if virtpki knows them.")
	o := w.Files
	_, err := w.Line(ctx, prompt.Question{Message: "Directory of the certificates that it signed, or its index.txt (empty: none)", Preset: o.Issued, Optional: true, Check: func(path string) error {
		o.Issued = path
		return w.tryImport(o, w.Passphrase)
	}})
	if err == nil {
		w.Files = o
	}
	return err
}

// existsFolder reports whether the directory of a file is there.
func existsFolder(file string) bool {
	info, err := os.Stat(filepath.Dir(file))
	return err == nil && info.IsDir()
}
