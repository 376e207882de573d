package inspect

import (
	"strings"

	"virtpki/internal/machine"
	"virtpki/internal/systemd"
)

// renewService is the unit that the timer starts.
const renewService = "virtpki-renew.service"

// viaOf returns the command by which the timer of a machine asks its CA: the value of renew's --via
// in the unit, as systemd would run it. It is empty if the unit does not name one.
func viaOf(m *machine.Machine) string {
	service, err := systemd.Look(m.Tree(), m.Root).Service(renewService)
	if err != nil {
		return ""
	}
	args, _ := service.Argv("virtpki")
	for i, arg := range args {
		if via, ok := strings.CutPrefix(arg.Text, "--via="); ok {
			return strings.TrimSpace(via)
		}
		if arg.Text == "--via" && i+1 < len(args) {
			return strings.TrimSpace(args[i+1].Text)
		}
	}
	return ""
}

// remark adds to the comment at the end of a command, so that the whole line can be typed.
func remark(comment, text string) string {
	if comment == "" {
		return " # " + text
	}
	return comment + "; " + text
}

// askCA returns the command that takes requests to the CA and prints the response, with flags for
// virtpki sign, and a comment on it. It is the timer's command, if there is one that takes these
// flags: a command that does more than run virtpki sign may ignore them.
func (x *fixer) askCA(flags string) (command, comment string) {
	simple := strings.Contains(x.via, "virtpki sign ") && !strings.ContainsAny(x.via, "|&;<>()#\n")
	if x.via != "" && (flags == "" || simple) {
		return x.via + flags, ""
	}
	return "ssh CA virtpki sign - --yes" + flags, whereCA
}
