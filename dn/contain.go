package dn

// covers reports whether outer matches every name that the pattern inner matches, both read as
// [Glob] reads them. A false result can be wrong only for patterns such as "*?" and "?*", which it
// compares as they stand after moving each "?" before the "*" beside it.
func covers(outer, inner string) bool {
	o, in := jokersFirst(outer), jokersFirst(inner)
	reach := make([]bool, len(in)+1) // reach[j]: outer so far covers in[:j]
	next := make([]bool, len(in)+1)
	reach[0] = true
	for _, c := range o {
		for j := range next {
			switch {
			case c == '*':
				next[j] = reach[j] || j > 0 && next[j-1]
			case j == 0:
				next[j] = false
			default:
				got := in[j-1]
				next[j] = reach[j-1] && got != '*' && (c == '?' || c == got)
			}
		}
		reach, next = next, reach
	}
	return reach[len(in)]
}

// jokersFirst writes a run of wildcards as its "?" and then one "*", if it has one.
func jokersFirst(pattern string) []rune {
	var out []rune
	star := false
	for _, r := range pattern {
		if r == '*' {
			star = true
			continue
		}
		if star && r != '?' {
			out, star = append(out, '*'), false
		}
		out = append(out, r)
	}
	if star {
		out = append(out, '*')
	}
	return out
}
