package termtext

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Table aligns rows, the first of which may be a heading.
func Table(rows [][]string) Text {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = Line(cell)
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	table.Flush() // a Builder accepts everything
	return Text(b.String())
}
