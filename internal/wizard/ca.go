package wizard

import (
	"context"
	"errors"

	"virtpki/internal/authority"
	"virtpki/internal/prompt"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// caTopic asks for the source of the CA, and for a new one's name.
type caTopic struct{ *wizard }

func (w caTopic) sourceQuestions() []question {
	return []question{
		{id: "ca", title: "CA", applies: w.wantsCA, ask: w.askSource, shown: func() string { return sources[w.source] }},
	}
}

func (w caTopic) questions() []question {
	return []question{
		{id: "folder", title: "the CA's directory", uses: []string{"ca"}, applies: w.isElsewhere, ask: w.askFolder, shown: func() string { return w.CADir }},
		{id: "name", title: "Organisation", applies: w.makes, ask: w.askName, shown: func() string { return w.name }},
		{id: "passphrase", title: "Passphrase", applies: w.choosesPassphrase, ask: w.askNewPassphrase, shown: func() string {
			if w.Passphrase == "" {
				return "none"
			}
			return "set"
		}},
		{id: "ca life", title: "CA lifetime", applies: w.makes, ask: w.askCALife, shown: func() string { return w.CALife }},
	}
}

// sources word the sources of the CA.
var sources = [...]string{
	caMake:      "make a new one here",
	caImport:    "take over one from another tool (certtool, openssl, easy-rsa...)",
	caElsewhere: "use one in another directory of this machine",
}

func (w caTopic) wantsCA() bool {
	return w.CADir == "" && w.ca == nil && w.keyless == nil && !w.keyAlone || w.isElsewhere()
}
func (w *Answers) makes() bool       { return w.ca == nil && (w.source == caMake || w.keyAlone) }
func (w *Answers) Imports() bool     { return w.ca == nil && w.source == caImport }
func (w *Answers) isElsewhere() bool { return w.source == caElsewhere }

func (w caTopic) choosesPassphrase() bool { return w.makes() && !w.Given }

func (w caTopic) askSource(ctx context.Context) error {
	w.CADir = ""
	w.Say("A CA signs the certificates of all hypervisors and of their clients. One CA is enough for all of them. There is none in %s yet.", w.CAPath())
	w.Say("If another host of yours has the CA already, leave: virtpki request host asks that CA for this host's certificates, and virtpki install installs them")
	choice, err := w.Select(ctx, "Which CA?", sources[:], w.source)
	if err != nil {
		return err
	}
	w.source, w.Imported = choice, nil
	return w.lookAtCA()
}

func (w caTopic) askFolder(ctx context.Context) error {
	w.Say("The directory must contain a CA as virtpki keeps it: cacert.pem, cacrl.pem, newcerts, private/cakey.pem.")
	before := w.CADir
	folder, err := w.Line(ctx, prompt.Question{Message: "Directory of the CA", Preset: before, Check: func(folder string) error {
		if w.CADir = folder; folder == "" {
			return errors.New("the directory is missing")
		}
		_, err := authority.Open(w.Machine)
		return err
	}})
	if err != nil {
		w.CADir = before
		return err
	}
	w.CADir = folder
	return w.lookAtCA()
}

func (w caTopic) askName(ctx context.Context) error {
	w.Say("The name of your organisation is in every certificate, and so in the DN that libvirtd compares when a client connects: O=NAME,CN=client.")
	name, err := w.Line(ctx, prompt.Question{Message: "Organisation", Preset: w.name, Check: func(name string) error {
		_, err := subject.ForCA(name)
		return err
	}})
	if err == nil {
		w.name = name
	}
	return err
}

// errNotTheSame is a passphrase that was typed in two ways.
var errNotTheSame = errors.New("the two passphrases differ")

func (w caTopic) askNewPassphrase(ctx context.Context) error {
	w.Say("A passphrase encrypts the CA's key on disk. Every command that signs then needs it, also the nightly renewal. It is neither displayed nor stored.")
	for {
		first, err := w.Password(ctx, "Passphrase for the CA's key (empty: none)")
		if err != nil || first == "" {
			if err == nil {
				w.Passphrase = ""
			}
			return err
		}
		second, err := w.Password(ctx, "The same again")
		switch {
		case errors.Is(err, prompt.ErrBack):
		case err != nil:
			return err
		case first == second:
			w.Passphrase = first
			return nil
		default:
			w.Wrong(errNotTheSame)
		}
	}
}

// checkLife is the check of a duration.
func checkLife(text string) error {
	_, err := pki.ParseValidity(text)
	return err
}

func (w caTopic) askCALife(ctx context.Context) error {
	w.Say("When the CA expires, all certificates that it signed stop working. Before that, 'virtpki ca rollover' changes to a new CA without an interruption.")
	life, err := w.Line(ctx, prompt.Question{Message: "Lifetime of the CA (such as 30d or 10y)", Preset: w.CALife, Check: checkLife})
	if err == nil {
		w.CALife = life
	}
	return err
}
