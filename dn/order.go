package dn

// reversePieces turns the order of the RDNs around, not that inside of them.
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

// typeRank is the place that an attribute usually has in a subject, from the
// broadest to the most particular; 0 for those that stand anywhere.
func typeRank(typ string) int {
	switch typ {
	case "DC":
		return 1
	case "C":
		return 2
	case "ST":
		return 3
	case "L":
		return 4
	case "street", "postalCode":
		return 5
	case "O":
		return 6
	case "OU":
		return 7
	case "CN":
		return 8
	}
	return 0
}

// looksReversed reports whether the particular stands before the broad more
// often than the other way round.
func looksReversed(pieces []piece) bool {
	up, down := 0, 0
	last := 0
	for _, p := range pieces {
		rank := typeRank(p.typ)
		if rank == 0 || p.sep == '+' {
			continue
		}
		if last > 0 && rank > last {
			up++
		} else if last > 0 && rank < last {
			down++
		}
		last = rank
	}
	return down > up
}
