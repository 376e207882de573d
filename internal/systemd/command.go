package systemd

import (
	"strings"
)

// Arg is one argument of a command line.
type Arg struct {
	Text string
	File string // the file it comes from, as the machine sees it
}

// command is an ExecStart= before variables are put in.
type command struct {
	words   []string
	file    string
	literal bool // ":" before the program: no variables
}

// parseCommands reads the value of an ExecStart= (systemd, src/core/load-fragment.c,
// config_parse_exec): one command, or several with a semicolon between them.
func parseCommands(value, unit, file string) ([]command, error) {
	var all []command
	for strings.Trim(value, whitespace) != "" {
		c := command{file: file}
		var err error
		if value, err = c.read(value, unit); err != nil {
			return all, err
		}
		if len(c.words) > 0 {
			all = append(all, c)
		}
	}
	return all, nil
}

// read takes the words of one command, and returns the text after its semicolon.
func (c *command) read(value, unit string) (rest string, err error) {
	o := splitting{unescape: true}
	rest = strings.TrimLeft(value, whitespace)
	for rest != "" {
		if after, ok := semicolon(rest); ok {
			return after, nil
		}
		if after, ok := semicolon(strings.TrimPrefix(rest, `\`)); ok {
			c.words, rest = append(c.words, ";"), after
			continue
		}
		word, after, ok, err := o.next(rest)
		if err != nil || !ok {
			return "", err
		}
		if len(c.words) == 0 {
			word = c.prefixes(word)
		}
		word, _ = expandSpecifiers(word, unit)
		c.words, rest = append(c.words, word), after
	}
	return "", nil
}

// semicolon reports whether s begins with a semicolon that stands alone, and returns the text
// after it.
func semicolon(s string) (rest string, ok bool) {
	after, ok := strings.CutPrefix(s, ";")
	if !ok || after != "" && !isBlank(after[0]) {
		return "", false
	}
	return strings.TrimLeft(after, whitespace), true
}

// prefixes removes the characters before the program that change how systemd runs it.
func (c *command) prefixes(program string) string {
	bare := strings.TrimLeft(program, "@-:+!|")
	c.literal = strings.Contains(program[:len(program)-len(bare)], ":")
	return bare
}

// argv puts the variables in (systemd, src/basic/env-util.c, replace_env_argv). $NAME as a
// whole word becomes as many words as its value has, ${NAME} anywhere becomes the value, $$ is
// a dollar; a variable that is not set is empty. ok is false if a word is too long for Linux, or
// the command line for what is left.
func (c *command) argv(env environment, left *int) (args []Arg, ok bool) {
	for _, word := range c.words {
		if *left -= len(word) + 1; *left < 0 || len(word) > maxArg {
			return nil, false
		}
		switch {
		case c.literal:
			args = append(args, Arg{word, c.file})
		case len(word) > 0 && word[0] == '$' && !strings.HasPrefix(word, "${") && !strings.HasPrefix(word, "$$"):
			v := env[word[1:]]
			if *left -= len(v.text); *left < 0 {
				return nil, false
			}
			parts, _ := splitting{relaxed: true}.split(v.text)
			for _, part := range parts {
				args = append(args, Arg{part, v.file})
			}
		default:
			arg := env.braced(word, c.file, *left)
			if *left -= len(arg.Text); *left < 0 {
				return nil, false
			}
			args = append(args, arg)
		}
	}
	return args, true
}

// environment holds variables with the file that each comes from.
type environment map[string]setting

type setting struct{ text, file string }

// braced replaces ${NAME} and $$ in a word. A brace that does not end stays, and so does a
// beginning like ${NAME:-default}, which is not for command lines. It stops once the text is longer
// than most.
func (env environment) braced(word, file string, most int) Arg {
	var b strings.Builder
	for {
		if b.Len() > most {
			return Arg{b.String(), file}
		}
		before, after, ok := strings.Cut(word, "$")
		b.WriteString(before)
		name, rest, ends := strings.Cut(strings.TrimPrefix(after, "{"), "}")
		switch {
		case !ok:
			return Arg{b.String(), file}
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			word = after[1:]
		case strings.HasPrefix(after, "{") && ends && strings.Contains(name, ":"):
			colon := strings.Index(after, ":") + 1
			b.WriteString("$" + after[:colon])
			word = after[colon:]
		case strings.HasPrefix(after, "{") && ends:
			if v, set := env[name]; set {
				b.WriteString(v.text)
				file = v.file
			}
			word = rest
		default:
			b.WriteByte('$')
			word = after
		}
	}
}
