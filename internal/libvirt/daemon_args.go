package libvirt

import "strings"

// The command line of libvirtd and virtproxyd is read by getopt_long (libvirt,
// src/remote/remote_daemon.c): short options may be joined, "-dlf FILE", and long ones
// shortened, "--conf=FILE".
var (
	longOptions  = []string{"verbose", "daemon", "listen", "config", "timeout", "pid-file", "version", "help"}
	valueOptions = map[string]bool{"config": true, "timeout": true, "pid-file": true}
	shortOptions = map[byte]string{'v': "verbose", 'd': "daemon", 'l': "listen", 'f': "config", 't': "timeout", 'p': "pid-file", 'V': "version", 'h': "help"}
)

// ConfigOption returns the file of the last --config among the arguments of a daemon, the
// program's name first. It is empty if they have no --config.
func ConfigOption(args []string) string { return daemonOptions(args)["config"] }

// ListenOption reports whether --listen is among the arguments of a daemon, the
// program's name first.
func ListenOption(args []string) bool {
	_, ok := daemonOptions(args)["listen"]
	return ok
}

// daemonOptions reads a command line, the program's name first, into the long names
// of the options and their values.
func daemonOptions(args []string) map[string]string {
	options := make(map[string]string)
	for i := 1; i < len(args); i++ {
		if args[i] == "--" {
			break
		}
		wants := ""
		if long, ok := strings.CutPrefix(args[i], "--"); ok {
			wants = longOption(options, long)
		} else if short, ok := strings.CutPrefix(args[i], "-"); ok {
			wants = shortOption(options, short)
		}
		if wants != "" && i+1 < len(args) {
			i++
			options[wants] = args[i]
		}
	}
	return options
}

// longOption reads "name", "name=value" or the beginning of a name. It returns the option if
// its value is the next argument.
func longOption(options map[string]string, arg string) (wants string) {
	given, value, has := strings.Cut(arg, "=")
	var found []string
	for _, name := range longOptions {
		if name == given {
			found = []string{name}
			break
		}
		if strings.HasPrefix(name, given) {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		return ""
	}
	options[found[0]] = value
	if valueOptions[found[0]] && !has {
		return found[0]
	}
	return ""
}

// shortOption reads the letters of one argument. The text after a letter that wants a value is
// the value.
func shortOption(options map[string]string, letters string) (wants string) {
	for i := range len(letters) {
		name := shortOptions[letters[i]]
		if valueOptions[name] {
			if i+1 == len(letters) {
				return name
			}
			options[name] = letters[i+1:]
			return ""
		}
		options[name] = ""
	}
	return ""
}
