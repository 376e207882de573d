package systemd

import (
	"path/filepath"
	"slices"
	"strings"
)

// Service holds the commands that systemd would run for a service unit.
type Service struct {
	Name string
	// Wants lists the units that are started with the service: Wants=, Requires= and so on, and
	// the sockets of Sockets=.
	Wants []string

	commands []command
	env      environment
}

// Service reads a service unit and its drop-ins. If the unit does not exist, the error is
// fs.ErrNotExist. A masked unit has no commands.
func (m Machine) Service(name string) (*Service, error) {
	lines, err := m.lines(name)
	if err != nil {
		return nil, err
	}
	return m.service(name, lines)
}

// Read is [Machine.Service] for a unit that has this text and no drop-ins. It reads as much of
// the text as it can. A unit with too many environment files, or too large ones, has no commands.
func (m Machine) Read(name string, text []byte) *Service {
	var lines []line
	assignments, _ := parseUnit(text)
	for _, a := range assignments {
		lines = append(lines, line{a, ""})
	}
	s, err := m.service(name, lines)
	if err != nil {
		return &Service{Name: name}
	}
	return s
}

func (m Machine) service(name string, lines []line) (*Service, error) {
	r := &serviceReader{machine: m, Service: Service{Name: name, env: make(environment)}}
	for _, l := range lines {
		r.read(l)
	}
	return &r.Service, r.finish()
}

// Argv returns the command line with which a service starts the program, an absolute path or
// not, from the program's own name on. That includes a program that another one starts, as env
// and chroot do. ok is false if no command of the service names it, or if Linux would refuse a
// command line before it as too long.
func (s *Service) Argv(program string) (args []Arg, ok bool) {
	left := maxArgs // for all commands: what they expand to takes time
	for _, c := range s.commands {
		args, ok := c.argv(s.env, &left)
		if !ok {
			return nil, false
		}
		for i, arg := range args {
			if filepath.Base(arg.Text) == program {
				return args[i:], true
			}
		}
	}
	return nil, false
}

// serviceReader gathers the settings from the lines of a unit.
type serviceReader struct {
	Service
	machine Machine
	files   []string // of EnvironmentFile=, with their minus
	unset   []string // of UnsetEnvironment=
	broken  *string  // the file of which no more is read
}

// read takes one line. An empty value takes back the values before it.
func (r *serviceReader) read(l line) {
	if r.broken != nil && l.file == *r.broken {
		return
	}
	switch l.section + " " + l.key {
	case "Unit Wants", "Unit Requires", "Unit Requisite", "Unit BindsTo", "Unit Upholds", "Service Sockets":
		names, _ := splitting{relaxed: true}.split(l.value)
		for _, name := range names {
			name, _ = expandSpecifiers(name, r.Name)
			r.Wants = append(r.Wants, name)
		}
	case "Service Environment":
		r.environment(l)
	case "Service EnvironmentFile":
		r.environmentFile(l)
	case "Service UnsetEnvironment":
		names, _ := splitting{unescape: true}.split(l.value)
		r.unset = append(r.unset, names...)
		if l.value == "" {
			r.unset = nil
		}
	case "Service ExecStart":
		r.execStart(l)
	}
}

// execStart takes commands. If one cannot be read, the reading of its file ends, as in systemd.
func (r *serviceReader) execStart(l line) {
	if l.value == "" {
		r.commands = nil
		return
	}
	commands, err := parseCommands(l.value, r.Name, l.file)
	r.commands = append(r.commands, commands...)
	if err != nil {
		r.broken = &l.file
	}
}

// environment takes assignments up to the first that cannot be read.
func (r *serviceReader) environment(l line) {
	if l.value == "" {
		r.env = make(environment)
	}
	words, _ := splitting{unescape: true}.split(l.value)
	for _, word := range words {
		word, _ = expandSpecifiers(word, r.Name)
		r.env.set(word, l.file)
	}
}

// set takes NAME=VALUE, if it is one.
func (env environment) set(assignment, file string) {
	if name, value, ok := strings.Cut(assignment, "="); ok && validName(name) {
		env[name] = setting{value, file}
	}
}

func (r *serviceReader) environmentFile(l line) {
	if l.value == "" {
		r.files = nil
		return
	}
	path, _ := expandSpecifiers(l.value, r.Name)
	if filepath.IsAbs(strings.TrimPrefix(path, "-")) {
		r.files = append(r.files, path)
	}
}

// finish reads the environment files, which count more than Environment= from any place in the
// unit; and takes away the variables that the unit unsets.
func (r *serviceReader) finish() error {
	var q quota
	for _, pattern := range r.files {
		paths := r.machine.glob(strings.TrimPrefix(pattern, "-"))
		if err := q.take(0); err != nil {
			return err
		}
		for _, path := range paths {
			data, err := r.machine.Tree.ReadFile(r.machine.seen(path), maxUnit)
			if err := q.take(len(data)); err != nil {
				return err
			}
			if err != nil {
				continue
			}
			variables, _ := parseEnvFile(data)
			for _, v := range variables {
				r.env.set(v.name+"="+v.value, path)
			}
		}
	}
	for _, unset := range r.unset {
		name, value, exact := strings.Cut(unset, "=")
		if v, ok := r.env[name]; ok && (!exact || v.text == value) {
			delete(r.env, name)
		}
	}
	return nil
}

// glob returns the paths that a pattern stands for, sorted; a pattern counts in the last
// part of the path.
func (m Machine) glob(pattern string) []string {
	folder, base := filepath.Split(filepath.Clean(pattern))
	if !strings.ContainsAny(base, `*?[`) {
		return []string{filepath.Clean(pattern)}
	}
	entries, _ := m.Tree.ReadDir(m.seen(folder))
	var paths []string
	for _, entry := range entries {
		if ok, err := filepath.Match(base, entry.Name()); ok && err == nil && (!strings.HasPrefix(entry.Name(), ".") || base[0] == '.') {
			paths = append(paths, filepath.Join(folder, entry.Name()))
		}
	}
	slices.Sort(paths)
	return paths
}
