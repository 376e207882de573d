package wizard

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"virtpki/internal/authority"
	"virtpki/internal/libvirt"
	"virtpki/internal/prompt"
	"virtpki/internal/provision"
)

// clientTopic asks for those who are to connect.
type clientTopic struct{ *wizard }

func (w clientTopic) questions() []question {
	return []question{
		{id: "clients", title: "Clients", applies: w.CanSign, ask: w.askClients, shown: func() string { return orNone(strings.Join(w.Clients, ", ")) }},
		{id: "out", title: "Their bundles", uses: []string{"clients"}, applies: func() bool { return w.CanSign() && len(w.Clients) > 0 }, ask: w.askOut, shown: func() string { return w.Out }},
		{id: "open", title: "Passphrase", uses: []string{"ca", "folder"}, applies: w.opensCA, ask: w.askOpen, shown: func() string { return "given" }},
		{id: "life", title: "Certificates live", applies: w.signs, ask: w.askLife, shown: func() string { return w.Life }},
	}
}

func (w clientTopic) askClients(ctx context.Context) error {
	w.Say("Name the clients of this host. Each gets a bundle with its certificate, to carry to the client's machine. (This host gets a client certificate too, for itself and for migrations.)")
	text, err := w.Line(ctx, prompt.Question{Message: "Names, such as alice bob (empty: nobody yet)", Preset: strings.Join(w.Clients, " "), Optional: true, Check: func(text string) error {
		if len(listed(text)) == 0 {
			return nil
		}
		return w.doer.CheckClients(listed(text))
	}})
	if err == nil {
		w.Clients = listed(text)
	}
	return err
}

func (w clientTopic) askOut(ctx context.Context) error {
	w.Say("Each bundle is a subdirectory of this directory. It contains a private key: carry it over safely, then delete it here.")
	preset := w.Out
	if preset == "" {
		preset = "bundles"
	}
	out, err := w.Line(ctx, prompt.Question{Message: "Directory for the bundles", Preset: preset, Check: func(out string) error {
		if out == "" {
			return errors.New("the directory is missing")
		}
		for _, name := range w.Clients {
			if err := provision.RefuseFolder(filepath.Join(out, name)); err != nil {
				return err
			}
		}
		return nil
	}})
	if err == nil {
		w.Out = out
	}
	return err
}

// opensCA reports whether the CA that was found has to be opened.
func (w clientTopic) opensCA() bool {
	return w.ca != nil && w.signs() && w.wantsPassphrase(w.ca.Layout.Path(libvirt.CAKey))
}

func (w clientTopic) askOpen(ctx context.Context) error {
	key := w.ca.Layout.Path(libvirt.CAKey)
	passphrase, err := w.openWith(ctx, key, func(passphrase string) error {
		a, err := authority.Open(w.Machine)
		if err == nil {
			err = a.Unlock(w.doer.Keyring(passphrase))
		}
		return err
	})
	if err == nil {
		w.Passphrase = passphrase
	}
	return err
}

func (w clientTopic) askLife(ctx context.Context) error {
	w.Say("With automatic renewal a short lifetime is fine; one year leaves time to renew by hand.")
	life, err := w.Line(ctx, prompt.Question{Message: "Lifetime of the certificates (such as 30d or 1y)", Preset: w.Life, Check: checkLife})
	if err == nil {
		w.Life = life
	}
	return err
}
