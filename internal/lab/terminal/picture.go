package terminal

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/hinshun/vt10x"
)

// Run is a part of a line with one colour: a number of ECMA-48 (1 red, 2 green, 3 yellow), or
// Plain or Bold.
type Run struct {
	Text   string
	Colour int
}

// The looks of a run that are not a colour.
const (
	Plain = -1
	Bold  = -2
)

// boldMode is the bit of vt10x.Glyph.Mode that stands for bold; vt10x does not export it.
const boldMode = 1 << 2

// Runs returns the lines of the screen with their colours, without the empty ones at its end.
func (t *Terminal) Runs() [][]Run {
	lines := strings.Split(strings.TrimRight(t.Screen(), "\n"), "\n")
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([][]Run, len(lines))
	for y, line := range lines {
		for x, char := range []rune(line) {
			look := look(t.screen.Cell(x, y))
			if n := len(all[y]); n > 0 && all[y][n-1].Colour == look {
				all[y][n-1].Text += string(char)
				continue
			}
			all[y] = append(all[y], Run{string(char), look})
		}
	}
	return all
}

func look(cell vt10x.Glyph) int {
	switch {
	case cell.FG < 16:
		return int(cell.FG) % 8
	case cell.Mode&boldMode != 0:
		return Bold
	}
	return Plain
}

// The measures of a picture in pixels, and its colours.
const (
	charWidth  = 8
	lineHeight = 18
	margin     = 14
	style      = `text{font:13.2px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;fill:#d8dee9;white-space:pre}` +
		`.c1{fill:#ff7b72}.c2{fill:#7ee787}.c3{fill:#f2cc60}.b{font-weight:bold;fill:#ffffff}`
)

// SVG draws lines as a picture of a terminal of so many columns.
func SVG(lines [][]Run, columns int) string {
	var b strings.Builder
	width, height := columns*charWidth+2*margin, len(lines)*lineHeight+2*margin
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n<style>%s</style>\n", width, height, width, height, style)
	fmt.Fprintf(&b, "<rect width=\"100%%\" height=\"100%%\" rx=\"8\" fill=\"#0d1117\"/>\n")
	for y, line := range lines {
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" xml:space=\"preserve\">", margin, margin+(y+1)*lineHeight-5)
		for _, run := range line {
			writeRun(&b, run)
		}
		b.WriteString("</text>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func writeRun(b *strings.Builder, run Run) {
	var text strings.Builder
	xml.EscapeText(&text, []byte(run.Text))
	switch run.Colour {
	case Plain:
		b.WriteString(text.String())
	case Bold:
		fmt.Fprintf(b, "<tspan class=\"b\">%s</tspan>", text.String())
	default:
		fmt.Fprintf(b, "<tspan class=\"c%d\">%s</tspan>", run.Colour, text.String())
	}
}
