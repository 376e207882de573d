package termtext

import (
	"regexp"
	"strings"
	"sync"
)

// The colours of a terminal (ECMA-48, SGR), as every terminal has them.
const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
	reset  = "\x1b[0m"
)

// mark gives a colour to the first group of a matching line.
type mark struct {
	line   *regexp.Regexp
	colour string
}

// marks are tried in their order. They are compiled when they are needed, because most runs
// have no terminal.
var marks = sync.OnceValue(func() []mark {
	return []mark{
		{regexp.MustCompile(`^(ok)  `), green},
		{regexp.MustCompile(`^(NO)  `), red},
		{regexp.MustCompile(`^(fine)$`), green},
		{regexp.MustCompile(`^ *(error)  `), red},
		{regexp.MustCompile(`^ *(warning)  `), yellow},
		{regexp.MustCompile(`^ *(note)  `), bold},
		{regexp.MustCompile(`^[A-Za-z]+ files: +(ok)\b`), green},
		{regexp.MustCompile(`^[A-Za-z]+ files: .*(would not .*|but .*)$`), red},
		{regexp.MustCompile(`^ +(fix|do): `), bold},
		{regexp.MustCompile(`^\S.* [0-9-]{10}  -?[0-9]+d +(expired|revoked)\b`), red},
		{regexp.MustCompile(`^\S.* [0-9-]{10}  -?[0-9]+d +(due)\b`), yellow},
		{regexp.MustCompile(`^\S.* [0-9-]{10}  -?[0-9]+d +(ok)\b`), green},
		{regexp.MustCompile(`^virtpki: (error):`), red},
		{regexp.MustCompile(`^virtpki: (hint):`), bold},
	}
})

// Coloured returns text for a terminal that shows colours: words such as error, warning and ok
// at the beginning of a line get theirs. The text has to be safe already.
func Coloured(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = colouredLine(line)
	}
	return strings.Join(lines, "\n")
}

func colouredLine(line string) string {
	for _, m := range marks() {
		if at := m.line.FindStringSubmatchIndex(line); at != nil {
			return line[:at[2]] + m.colour + line[at[2]:at[3]] + reset + line[at[3]:]
		}
	}
	return line
}
