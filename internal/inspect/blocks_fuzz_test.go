package inspect

import (
	"bytes"
	"slices"
	"testing"
)

// FuzzBlocks checks that the blocks of a file stand one after the other, and that the lines of one
// can be taken out (as takeOut has sed do) without a change of the others.
func FuzzBlocks(f *testing.F) {
	const begin, end = "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n"
	for _, seed := range []string{"", begin + "AAAA\n" + end, begin + begin + end, "text\n" + begin + "MAA=\r\n" + end + "-----BEGIN X509 CRL-----\n", begin + end + end} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := bytes.SplitAfter(data, []byte("\n"))
		blocks := blocksOf(data)
		last := 0
		for _, b := range blocks {
			if b.first <= last || b.last < b.first || b.last > len(lines) {
				t.Fatalf("%q: a block of lines %d to %d, after one that ends with line %d of %d", data, b.first, b.last, last, len(lines))
			}
			last = b.last
		}
		for i, b := range blocks {
			left := blocksOf(bytes.Join(slices.Delete(slices.Clone(lines), b.first-1, b.last), nil))
			if len(left) != len(blocks)-1 {
				t.Fatalf("%q: %d blocks without lines %d to %d of %d blocks", data, len(left), b.first, b.last, len(blocks))
			}
			for n, other := range slices.Delete(slices.Clone(blocks), i, i+1) {
				if !bytes.Equal(left[n].raw, other.raw) {
					t.Errorf("%q: block %d is another without lines %d to %d", data, n, b.first, b.last)
				}
			}
		}
	})
}
