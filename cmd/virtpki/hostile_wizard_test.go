package main

import (
	"regexp"
	"strings"
	"testing"

	"virtpki/internal/lab/terminal"
)

// The interactive setup runs on a machine on which all names are hostile. Its questions must print
// no character that moves the cursor, neither as plain lines nor as survey's lists. The movements
// that survey makes itself do not count.
func TestQuestionsMoveNoCursor(t *testing.T) {
	own := regexp.MustCompile(`\x1b(\[[0-9;?]*[A-Za-z]|[78=>])|\r`)
	for _, test := range []struct {
		name  string
		flags []string
		how   terminal.Reading
		asks  *regexp.Regexp
	}{
		{"lines", []string{"--accessible"}, terminal.Lines, regexp.MustCompile(`: $`)},
		{"lists", nil, terminal.Keys, regexp.MustCompile(`\?`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newHostileWorld(t)
			cmd := virtpki(t, append([]string{"wizard", "--dry-run", "--root", w.root}, test.flags...)...)
			cmd.Env = append(cmd.Env, "HOST="+strings.ReplaceAll(hostileText, "\n", ""))
			at, err := terminal.Start(cmd, 200, 50)
			if err != nil {
				t.Fatal(err)
			}
			defer at.Close()
			asked := 0
			for ; asked < 40 && at.Expect(test.asks, test.how) == nil; asked++ {
				if err := at.Type("\r"); err != nil {
					t.Fatal(err)
				}
			}
			t.Log(at.Screen())
			said := strings.ReplaceAll(at.Output(), "\r\n", "\n")
			if test.how == terminal.Keys {
				said = own.ReplaceAllString(said, "")
			}
			if wrong := wrongIn(said); wrong != "" || asked == 0 {
				t.Errorf("%d questions: %s", asked, wrong)
			}
		})
	}
}
