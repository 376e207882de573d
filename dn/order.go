package dn

import "cmp"

// reversePieces reverses the order of the RDNs, but not the order inside them.
func reversePieces(pieces []piece) []piece {
	var out []piece
	for end := len(pieces); end > 0; {
		start := end - 1
		for start > 0 && pieces[start].sep == '+' {
			start--
		}
		at := len(out)
		out = append(out, pieces[start:end]...)
		out[at].sep = ','
		end = start
	}
	if len(out) > 0 {
		out[0].sep = 0
	}
	return out
}

// typeRank is the place that an attribute usually has in a subject, from the broadest to the most
// particular. Attributes that may stand anywhere do not have one.
var typeRank = map[string]int{"DC": 1, "C": 2, "ST": 3, "L": 4, "street": 5, "postalCode": 5, "O": 6, "OU": 7, "CN": 8}

// looksReversed reports whether a particular attribute stands before a broader one more often than
// after it.
func looksReversed(pieces []piece) bool {
	forward, last := 0, 0
	for _, p := range pieces {
		rank := typeRank[p.typ]
		if rank == 0 || p.sep == '+' {
			continue
		}
		if last > 0 {
			forward += cmp.Compare(rank, last)
		}
		last = rank
	}
	return forward < 0
}
