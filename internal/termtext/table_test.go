package termtext

import "testing"

func TestTable(t *testing.T) {
	for _, test := range []struct {
		rows [][]string
		want Text
	}{
		{nil, ""},
		{[][]string{{"A", "LONG"}, {"one", "b"}}, "A    LONG\none  b\n"},
		{[][]string{{"a\nb", "x\ty"}, {"c", ""}}, Text(Line("a\nb")) + "  " + Text(Line("x\ty")) + "\n" + "c     \n"},
	} {
		if got := Table(test.rows); got != test.want {
			t.Errorf("%q: %q, want %q", test.rows, got, test.want)
		}
	}
}
