package wizard

import (
	"context"
	"errors"
	"fmt"

	"virtpki/internal/libvirt"
	"virtpki/internal/prompt"
)

// lastTopic asks about the end of the run, and about renewal.
type lastTopic struct{ *wizard }

func (w lastTopic) questions() []question {
	return []question{
		{id: "renewal", title: "Renewal", applies: func() bool { return w.renewing == "" }, ask: w.askRenewal, shown: func() string { return renewals[w.RenewBy] }},
		{id: "binary", title: "virtpki is", uses: []string{"renewal"}, applies: w.wantsBinary, ask: w.askBinary, shown: func() string { return w.Binary }},
		{id: "passphrase file", title: "File of the passphrase", uses: []string{"renewal", "passphrase", "ca"}, applies: w.wantsPassphraseFile, ask: w.askPassphraseFile, shown: func() string { return w.PassphraseFile }},
		{id: "restart", title: "Restart", uses: []string{"daemon"}, applies: w.mayRestart, ask: w.askRestart, shown: func() string { return restarts[w.restart] }},
		{id: "command", title: "Restart command", uses: []string{"restart"}, applies: w.wantsCommand, ask: w.askCommand, shown: func() string { return w.command }},
	}
}

var renewals = [...]string{
	RenewSystemd: "a systemd timer",
	RenewCron:    "cron",
	RenewNobody:  "nothing: I run 'virtpki renew' myself",
}

var restarts = [...]string{
	restartNot:     "no, I will do it later",
	restartSystemd: "yes, with systemctl",
	restartCommand: "yes, with my own command",
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// renewalOf checks whether a timer or a cron job can be made with this answer to the current
// question.
func (w lastTopic) renewalOf(binary string) error {
	with := *w.Answers
	with.Binary = binary
	return w.doer.CheckRenewal(&with)
}

func (w lastTopic) askRenewal(ctx context.Context) error {
	w.Say("Certificates expire. 'virtpki renew', run every night, renews those that are due and makes the daemon reload. If nothing is due, it changes nothing. Choose how it runs.")
	preset := w.RenewBy
	if !w.renewalKnown {
		preset = w.likelyRenewal()
	}
	choice, err := w.Select(ctx, "What runs the renewal?", renewals[:], int(preset))
	if err == nil {
		w.RenewBy, w.renewalKnown = Renewer(choice), true
	}
	return err
}

// likelyRenewal returns the one of the renewers that this system has.
func (w lastTopic) likelyRenewal() Renewer {
	if w.systemd || !existsFolder(w.cronFile()) {
		return RenewSystemd
	}
	return RenewCron
}

// wantsBinary reports whether this program is elsewhere on the machine in question, or where a
// timer or a cron job would not find it.
func (w lastTopic) wantsBinary() bool {
	if !w.MakesRenewal() {
		return false
	}
	return !w.Live() || w.renewalOf("") != nil
}

func (w lastTopic) askBinary(ctx context.Context) error {
	preset := w.Binary
	if preset == "" {
		preset = "/usr/local/bin/virtpki"
	}
	binary, err := w.Line(ctx, prompt.Question{Message: "Path of virtpki on that machine", Preset: preset, Check: w.renewalOf})
	if err == nil {
		w.Binary = binary
	}
	return err
}

// wantsPassphraseFile reports whether the timer or the cron job has to open the CA's key.
func (w lastTopic) wantsPassphraseFile() bool {
	encrypted := w.Passphrase != "" || w.caKey == "encrypted" || w.Imports() && w.Imported != nil && w.Imported.Encrypted()
	return encrypted && w.MakesRenewal() && !w.Given
}

func (w lastTopic) askPassphraseFile(ctx context.Context) error {
	w.Say("The nightly renewal needs the passphrase of the CA's key, as the first line of a file that only root can read. The wizard does not make that file.")
	preset := w.PassphraseFile
	if preset == "" {
		preset = "/root/virtpki.pass"
	}
	file, err := w.Line(ctx, prompt.Question{Message: "File for the passphrase", Preset: preset, Check: func(file string) error {
		with := *w.Answers
		with.PassphraseFile = file
		return w.doer.CheckRenewal(&with)
	}})
	if err == nil {
		w.PassphraseFile = file
	}
	return err
}

// mayRestart reports whether there is a daemon here to restart.
func (w *Answers) mayRestart() bool {
	return w.Live() && (w.systemd || len(w.daemons) > 0)
}

func (w lastTopic) askRestart(ctx context.Context) error {
	d, err := libvirt.FindDaemon(w.Daemon)
	if err != nil {
		return err
	}
	verb := "Start"
	if w.Runs(d.Name) {
		verb = "Restart"
	}
	w.Say("%s reads its configuration file only when it starts. A restart ends the connections to it; guests keep running.", d.Name)
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

func (w lastTopic) wantsCommand() bool { return w.mayRestart() && w.restart == restartCommand }

func (w lastTopic) askCommand(ctx context.Context) error {
	command, err := w.Line(ctx, prompt.Question{Message: "Command that restarts it", Preset: w.command, Check: func(text string) error {
		if text == "" {
			return errors.New("the command is missing")
		}
		return nil
	}})
	if err == nil {
		w.command = command
	}
	return err
}

// RestartLine returns the command that restarts the daemon at the end; empty for none.
func (w *Answers) RestartLine() string {
	d, err := libvirt.FindDaemon(w.Daemon)
	switch {
	case err != nil:
		return ""
	case !w.mayRestart() || w.restart == restartNot:
		return ""
	case w.restart == restartSystemd:
		return d.StartTLS()
	}
	return w.command
}
