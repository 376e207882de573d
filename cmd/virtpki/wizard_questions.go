package main

import (
	"context"
	"errors"
	"fmt"

	"virtpki/internal/authority"
	"virtpki/internal/hostconf"
	"virtpki/internal/libvirt"
	"virtpki/internal/prompt"
	"virtpki/internal/subject"
	"virtpki/pki"
)

// questions are all there are, in their order. Which are put is decided while
// they are: see question.applies.
func questions() []question {
	var all []question
	for _, some := range [][]question{sourceQuestions, importQuestions, caQuestions, hostQuestions, clientQuestions, accessQuestions, lastQuestions} {
		all = append(all, some...)
	}
	return all
}

var sourceQuestions = []question{
	{id: "ca", title: "CA", applies: (*wizard).wantsCA, ask: (*wizard).askSource, shown: func(w *wizard) string { return sources[w.source] }},
}

var caQuestions = []question{
	{id: "folder", title: "the CA's folder", uses: []string{"ca"}, applies: (*wizard).isElsewhere, ask: (*wizard).askFolder, shown: func(w *wizard) string { return w.g.CADir }},
	{id: "name", title: "Organisation", applies: (*wizard).makes, ask: (*wizard).askName, shown: func(w *wizard) string { return w.name }},
	{id: "passphrase", title: "Passphrase", applies: (*wizard).choosesPassphrase, ask: (*wizard).askNewPassphrase, shown: func(w *wizard) string {
		if w.passphrase == "" {
			return "none"
		}
		return "set"
	}},
	{id: "ca life", title: "The CA lives", applies: (*wizard).makes, ask: (*wizard).askCALife, shown: func(w *wizard) string { return w.caLife }},
}

// sources word where the CA comes from.
var sources = [...]string{
	caMake:      "make a new one, here",
	caImport:    "take over one that another tool made (certtool, openssl, easy-rsa...)",
	caElsewhere: "use one in another folder of this machine",
}

func (w *wizard) wantsCA() bool {
	return w.g.CADir == "" && w.ca == nil && !w.keyAlone || w.isElsewhere()
}
func (w *wizard) makes() bool       { return w.ca == nil && (w.source == caMake || w.keyAlone) }
func (w *wizard) imports() bool     { return w.ca == nil && w.source == caImport }
func (w *wizard) isElsewhere() bool { return w.source == caElsewhere }

func (w *wizard) choosesPassphrase() bool { return w.makes() && w.g.passphraseFile == "" }

func (w *wizard) askSource(ctx context.Context) error {
	w.g.CADir = ""
	w.Say("A CA signs the certificates of all hypervisors and of whoever connects to them. One is enough for all. There is none in %s.", w.g.CAPath())
	w.Say("If another host of yours has it already, leave: virtpki request host asks it for this host's certificates, and virtpki install puts them here")
	choice, err := w.Select(ctx, "Which CA?", sources[:], w.source)
	if err != nil {
		return err
	}
	w.source, w.imported = choice, nil
	return w.lookAtCA()
}

func (w *wizard) askFolder(ctx context.Context) error {
	w.Say("The folder is one that virtpki keeps a CA in: cacert.pem, cacrl.pem, newcerts, private/cakey.pem.")
	before := w.g.CADir
	folder, err := w.Line(ctx, prompt.Question{Message: "Folder of the CA", Preset: before, Check: func(folder string) error {
		if w.g.CADir = folder; folder == "" {
			return errors.New("no folder is named")
		}
		_, err := authority.Open(w.g.Machine)
		return err
	}})
	if err != nil {
		w.g.CADir = before
		return err
	}
	w.g.CADir = folder
	return w.lookAtCA()
}

func (w *wizard) askName(ctx context.Context) error {
	w.Say("What is your organisation called? Its name stands in every certificate, and so in what is matched when somebody connects: O=NAME,CN=client.")
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
var errNotTheSame = errors.New("the two are not the same")

func (w *wizard) askNewPassphrase(ctx context.Context) error {
	w.Say("A passphrase encrypts the CA's key on disk. Every command that signs wants it then, also what renews by night. It is not shown, and nowhere written.")
	for {
		first, err := w.Password(ctx, "Passphrase for the CA's key (empty: none)")
		if err != nil || first == "" {
			if err == nil {
				w.passphrase = ""
			}
			return err
		}
		second, err := w.Password(ctx, "The same again")
		switch {
		case errors.Is(err, prompt.ErrBack):
		case err != nil:
			return err
		case first == second:
			w.passphrase = first
			return nil
		default:
			w.e.sayError(errNotTheSame)
		}
	}
}

// checkLife is the check of a duration.
func checkLife(text string) error {
	_, err := pki.ParseValidity(text)
	return err
}

func (w *wizard) askCALife(ctx context.Context) error {
	w.Say("When the CA ends, everything that it has signed ends with it. Before that, 'virtpki ca rollover' changes to the next without an interruption.")
	life, err := w.Line(ctx, prompt.Question{Message: "How long does the CA live? (30d, 10y)", Preset: w.caLife, Check: checkLife})
	if err == nil {
		w.caLife = life
	}
	return err
}

var lastQuestions = []question{
	{id: "renewal", title: "Renewal", applies: func(w *wizard) bool { return w.renewing == "" }, ask: (*wizard).askRenewal, shown: func(w *wizard) string { return renewals[w.renewal] }},
	{id: "binary", title: "virtpki is", uses: []string{"renewal"}, applies: (*wizard).wantsBinary, ask: (*wizard).askBinary, shown: func(w *wizard) string { return w.binary }},
	{id: "passphrase file", title: "File of the passphrase", uses: []string{"renewal", "passphrase", "ca"}, applies: (*wizard).wantsPassphraseFile, ask: (*wizard).askPassphraseFile, shown: func(w *wizard) string { return w.passphraseFile }},
	{id: "restart", title: "Restart", uses: []string{"daemon"}, applies: (*wizard).mayRestart, ask: (*wizard).askRestart, shown: func(w *wizard) string { return restarts[w.restart] }},
	{id: "command", title: "by the command", uses: []string{"restart"}, applies: (*wizard).wantsCommand, ask: (*wizard).askCommand, shown: func(w *wizard) string { return w.command }},
}

var renewals = [...]string{
	renewSystemd: "a systemd timer",
	renewCron:    "cron",
	renewNobody:  "nothing: I shall run 'virtpki renew' myself",
}

var restarts = [...]string{
	restartNot:     "no: I shall, later",
	restartSystemd: "yes, by systemd",
	restartCommand: "yes, by a command of mine",
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// renewalOf is what a timer or a cron job would be made of, with the answer of
// the question asked now.
func (w *wizard) renewalOf(binary string) error {
	before := w.binary
	w.binary = binary
	defer func() { w.binary = before }()
	_, _, err := w.renewalFiles(w.g)
	return err
}

func (w *wizard) askRenewal(ctx context.Context) error {
	w.Say("Certificates end. 'virtpki renew', run every night, renews what is due and has the daemon read it, and does nothing on all other nights. What is to run it?")
	preset := w.renewal
	if !w.renewalKnown {
		preset = w.likelyRenewal()
	}
	choice, err := w.Select(ctx, "What renews?", renewals[:], preset)
	if err == nil {
		w.renewal, w.renewalKnown = choice, true
	}
	return err
}

// likelyRenewal is what this system has.
func (w *wizard) likelyRenewal() int {
	if w.systemd || !existsFolder(w.cronFile()) {
		return renewSystemd
	}
	return renewCron
}

// wantsBinary reports whether this program is elsewhere on the machine in
// question, or where what runs renew would not find it.
func (w *wizard) wantsBinary() bool {
	if w.renewalOptions() == nil {
		return false
	}
	return !w.g.Live() || w.renewalOf("") != nil
}

func (w *wizard) askBinary(ctx context.Context) error {
	preset := w.binary
	if preset == "" {
		preset = "/usr/local/bin/virtpki"
	}
	binary, err := w.Line(ctx, prompt.Question{Message: "Path of virtpki on that machine", Preset: preset, Check: w.renewalOf})
	if err == nil {
		w.binary = binary
	}
	return err
}

// wantsPassphraseFile reports whether what runs renew has to open the CA's key.
func (w *wizard) wantsPassphraseFile() bool {
	encrypted := w.passphrase != "" || w.caKey == "encrypted" || w.imports() && w.imported != nil && w.imported.Encrypted()
	return encrypted && w.renewalOptions() != nil && w.g.passphraseFile == ""
}

func (w *wizard) askPassphraseFile(ctx context.Context) error {
	w.Say("What renews by night needs the passphrase of the CA's key, as the first line of a file that root alone can read. The file is not made here.")
	preset := w.passphraseFile
	if preset == "" {
		preset = "/root/virtpki.pass"
	}
	file, err := w.Line(ctx, prompt.Question{Message: "File for the passphrase", Preset: preset, Check: func(file string) error {
		g := w.g.clone()
		g.passphraseFile = file
		_, _, err := w.renewalFiles(g)
		return err
	}})
	if err == nil {
		w.passphraseFile = file
	}
	return err
}

// mayRestart reports whether there is a daemon here to restart.
func (w *wizard) mayRestart() bool {
	return w.g.Live() && (w.systemd || len(w.daemons) > 0)
}

func (w *wizard) askRestart(ctx context.Context) error {
	d, err := libvirt.FindDaemon(w.daemon)
	if err != nil {
		return err
	}
	verb := "Start"
	if w.runs(d) {
		verb = "Restart"
	}
	w.Say("%s reads its conf only when it starts. A restart ends the connections to it; guests run on.", d.Name)
	options, preset := restarts[:], w.restart
	if !w.systemd {
		options = []string{restarts[restartNot], restarts[restartCommand]}
		preset = min(preset, 1)
	}
	choice, err := w.Select(ctx, fmt.Sprintf("%s %s at the end?", verb, d.Name), options, preset)
	if err != nil {
		return err
	}
	if !w.systemd && choice == 1 {
		choice = restartCommand
	}
	w.restart = choice
	return nil
}

func (w *wizard) wantsCommand() bool { return w.mayRestart() && w.restart == restartCommand }

func (w *wizard) askCommand(ctx context.Context) error {
	command, err := w.Line(ctx, prompt.Question{Message: "Command that restarts it", Preset: w.command, Check: func(text string) error {
		if text == "" {
			return errors.New("no command is given")
		}
		return nil
	}})
	if err == nil {
		w.command = command
	}
	return err
}

// restartLine is the command that restarts the daemon at the end; empty when
// none does.
func (w *wizard) restartLine(d libvirt.Daemon) string {
	switch {
	case !w.mayRestart() || w.restart == restartNot:
		return ""
	case w.restart == restartSystemd:
		return hostconf.StartTLS(d)
	}
	return w.command
}
