package dn_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"virtpki/dn"
)

// newRand returns a source of random numbers and logs its seed; DN_SEED repeats a run.
func newRand(tb testing.TB) *rand.Rand {
	tb.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("DN_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			tb.Fatal(err)
		}
	}
	tb.Logf("DN_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, seed))
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// der encodes one value; long picks a longer form of the length than necessary.
func der(tag byte, content []byte, long int) []byte {
	n := len(content)
	out := []byte{tag}
	switch {
	case long > 0:
		size := binary.BigEndian.AppendUint64(nil, uint64(n))
		out = append(out, 0x80|byte(long))
		out = append(out, size[8-long:]...)
	case n < 128:
		out = append(out, byte(n))
	case n < 256:
		out = append(out, 0x81, byte(n))
	default:
		out = append(out, 0x82, byte(n>>8), byte(n))
	}
	return append(out, content...)
}

// knownOIDs are all OIDs in GnuTLS's table, and a few that it does not have.
var testOIDs = []string{
	"550406", "550408", "550407", "55040a", "55040b", "550403", "550409", "55040c", "55040d", "550405",
	"550414", "550404", "55042b", "55042c", "55042a", "550441", "55042e", "550411", "550429", "55040f",
	"0992268993f22c640119", "0992268993f22c640101", "2a864886f70d010901", "2a864886f71401048510",
	"2b06010505070805", "2b06010505070902", "2b06010505070903", "2b06010505070904", "2b06010505070905",
	"2b0601040182373c020101", "2b0601040182373c020102", "2b0601040182373c020103",
	"2a85036401", "2a85036403", "2a85036405", "2a85030381030101",
	"2a864886f70d010907", "2a864886f70d010914", "2a864886f70d010915", "2a864886f70d010904",
	"2a0304", "550461", "55042d", "2a864886f70d010902", "2b06010505070901", "883703", "55040381", "ff",
	"81ffffffffffffffff7f", "2a81ffffffffffffffff7f", "2a8180808080808080808000", "83ffffffffffffffff7f",
}

var stringTags = []byte{12, 12, 12, 12, 19, 19, 22, 18, 20, 28, 30, 4, 2, 5, 0x30, 0x2c, 0x8c, 0x1a}

var valueParts = []string{
	"a", "b", "Z", "0", "9", " ", "  ", ",", "+", "\"", "\\", "<", ">", ";", "=", "#", "*", "?", "[", "]", "/", "'",
	"\t", "\n", "\x01", "\x7f", "\x00", "é", "例", "🚀", "\xff", "\xc3", "\xed\xa0\x80", "@", "_", "\x00a", "\xd8\x3d\xde\x80",
}

func randomContent(r *rand.Rand) []byte {
	var out []byte
	n := r.IntN(6)
	if r.IntN(40) == 0 {
		n = 200
	}
	for range n {
		out = append(out, pick(r, valueParts)...)
	}
	return out
}

func randomLong(r *rand.Rand) int {
	if r.IntN(30) == 0 {
		return 3 + r.IntN(4)
	}
	return 0
}

func randomAttribute(tb testing.TB, r *rand.Rand) []byte {
	if r.IntN(100) == 0 {
		return der(0x30, nil, 0)
	}
	oid := []byte(unhex(tb, pick(r, testOIDs)))
	if r.IntN(20) == 0 {
		oid = make([]byte, 1+r.IntN(70))
		for i := range oid {
			oid[i] = byte(r.IntN(256))
		}
	}
	value := der(pick(r, stringTags), randomContent(r), randomLong(r))
	if r.IntN(60) == 0 {
		value = append([]byte{0x1f, pick(r, []byte{12, 19, 20, 22, 30, 99})}, value[1:]...)
	}
	return der(0x30, append(der(6, oid, randomLong(r)), value...), randomLong(r))
}

// randomSubject makes an RDNSequence: mostly sound, now and then with empty
// sets, long lengths, or a byte changed.
func randomSubject(tb testing.TB, r *rand.Rand) []byte {
	var body []byte
	for range 1 + r.IntN(4) {
		var set []byte
		n := 1
		if r.IntN(5) == 0 {
			n = r.IntN(4)
		}
		for range n {
			set = append(set, randomAttribute(tb, r)...)
		}
		body = append(body, der(0x31, set, randomLong(r))...)
	}
	name := der(0x30, body, randomLong(r))
	if r.IntN(10) == 0 {
		_, content, _ := split(tb, name) // the length of the whole stays: it belongs to the certificate
		if len(content) > 0 {
			content[r.IntN(len(content))] = byte(r.IntN(256))
		}
	}
	return name
}

// withSubject puts a subject into a certificate. The signature no longer fits, but GnuTLS does not
// check it when it loads a certificate.
func withSubject(tb testing.TB, cert, subject []byte) []byte {
	tb.Helper()
	_, tbs, _ := split(tb, cert)
	_, fields, after := split(tb, tbs)
	var body []byte
	for i := 0; len(fields) > 0; i++ {
		whole, _, rest := split(tb, fields)
		if i == 5 { // version, serial, algorithm, issuer, validity, subject
			whole = subject
		}
		body = append(body, whole...)
		fields = rest
	}
	return der(0x30, append(der(0x30, body, 0), after...), 0)
}

func split(tb testing.TB, b []byte) (whole, content, rest []byte) {
	tb.Helper()
	n, head := int(b[1]), 2
	if n >= 0x80 {
		size := n & 0x7f
		n, head = 0, 2+size
		for _, c := range b[2:head] {
			n = n<<8 | int(c)
		}
	}
	return b[:head+n], b[head : head+n], b[head+n:]
}

// rounds returns the number of random cases that a differential test tries.
func rounds(n int) int {
	if s := os.Getenv("DN_ROUNDS"); s != "" {
		if v, err := strconv.Atoi(s); err == nil {
			return v
		}
	}
	return n
}

func TestFromCertificateRandom(t *testing.T) {
	o, r := startOriginal(t), newRand(t)
	cert := certDER(t, dnCases(t)[0].Cert)
	printed, refused := 0, 0
	for range rounds(5000) {
		subject := randomSubject(t, r)
		der := withSubject(t, cert, subject)
		got, err := dn.FromCertificate(der)
		var refusal *dn.RefusedError
		if errors.As(err, &refusal) && refusal.Reason == dn.ReasonAbort {
			continue // the original's process would end
		}
		want, why := o.dn(der)
		if got != want || (err != nil) != (why != "") {
			t.Fatalf("subject %x:\ngot  %q, %v\nwant %q, %s", subject, got, err, want, why)
		}
		if err != nil {
			refused++
		} else {
			printed++
		}
	}
	if printed < 100 || refused < 50 {
		t.Errorf("%d subjects printed and %d refused: the mix proves little", printed, refused)
	}
}

var globParts = []string{"*", "*", "?", "a", "b", "ab", "é", "例", "[", "]", "\\", ",", "=", "CN=", "-"}
var globBad = []string{"\xff", "\xc3", "\xe4\xbe", "\xf0", "\xfc\x81", "\x80", "\xbf", "\xfe"}

func randomText(r *rand.Rand, parts, bad []string, badness, most int) string {
	var out []byte
	for range r.IntN(most) {
		if badness > 0 && r.IntN(badness) == 0 {
			out = append(out, pick(r, bad)...)
		} else {
			out = append(out, pick(r, parts)...)
		}
	}
	return string(out)
}

// fitting makes a text that has a chance to match the pattern.
func fitting(r *rand.Rand, pattern string, parts, bad []string, badness int) string {
	var out []byte
	for i := range len(pattern) {
		switch c := pattern[i]; {
		case c == '*':
			out = append(out, randomText(r, parts, bad, badness, 4)...)
		case c == '?':
			if badness > 0 && r.IntN(badness) == 0 {
				out = append(out, pick(r, bad)...)
			} else {
				out = append(out, pick(r, []string{"a", "b", "é", "例", "🚀", "?"})...)
			}
		case r.IntN(25) != 0:
			out = append(out, c)
		}
	}
	return string(out)
}

func TestMatchGlobRandom(t *testing.T) {
	o, r := startOriginal(t), newRand(t)
	matched, aborted := 0, 0
	for i := range rounds(40000) {
		badness := []int{0, 6, 2}[i%3]
		pattern := randomText(r, globParts, globBad, badness, 9)
		name := randomText(r, globParts, globBad, badness, 12)
		if r.IntN(4) > 0 {
			name = fitting(r, pattern, globParts, globBad, badness)
		}
		if undefined, aborts := dn.GlobUndefined(pattern, name); undefined {
			if aborts {
				aborted++
			}
			continue
		}
		got, want := dn.MatchGlob(pattern, name), o.glob(pattern, name)
		if got != want {
			t.Fatalf("MatchGlob(%q, %q) = %v, want %v", pattern, name, got, want)
		}
		if got {
			matched++
		}
	}
	t.Logf("%d pairs asked, %d matched, %d would abort", o.lines, matched, aborted)
	if matched < o.lines/20 || aborted == 0 {
		t.Errorf("%d of %d pairs match, %d abort: the mix proves little", matched, o.lines, aborted)
	}
}

var fnParts = []string{
	"*", "?", "a", "b", "c", "z", "é", "例", "Ā", "ā", "Ă", "ÿ", "þ", "[", "[", "]", "]", "!", "^", "-", "\\", "[:", ":]", "[=", "=]", "[.", ".]",
	"[:alpha:]", "[:punct:]", "[:upper:]", "[:zz:]", "[:digit:]", "[a-c]", "[!a]", "[é-ü]", "[þ-ā]", "[Ā-ā]", "[abc]", "=", ".", ":", ",", "1", "É", "ab",
}

func TestMatchFnmatchRandom(t *testing.T) {
	o, r := startOriginal(t), newRand(t)
	bad := append([]string{"\xf8\x88\x80\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80", "\xfd\xbf\xbf\xbf\xbf\xbf"}, globBad...)
	matched := 0
	for i := range rounds(60000) {
		badness := []int{0, 0, 4}[i%3]
		pattern := randomText(r, fnParts, bad, badness, 12)
		name := randomText(r, fnParts, bad, badness, 6)
		if r.IntN(4) > 0 {
			name = fitting(r, pattern, fnParts, bad, badness)
			if r.IntN(2) > 0 {
				name = withoutSets(r, pattern)
			}
		}
		got, _ := dn.MatchFnmatch(pattern, name)
		if want := o.fnmatch(pattern, name); got != want {
			t.Fatalf("MatchFnmatch(%q, %q) = %v, want %v", pattern, name, got, want)
		}
		if got {
			matched++
		}
	}
	t.Logf("%d pairs asked, %d matched", o.lines, matched)
	if matched < o.lines/30 {
		t.Errorf("%d of %d pairs match: the mix proves little", matched, o.lines)
	}
}

// withoutSets replaces each text that looks like a bracket expression by one character.
func withoutSets(r *rand.Rand, pattern string) string {
	var out []byte
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '[':
			if end := strings.IndexByte(pattern[i+1:], ']'); end >= 0 && r.IntN(10) > 0 {
				i += 1 + end
				out = append(out, pick(r, []string{"a", "b", "é", "É", "[", ":", "-", "]", "1", ",", "ü", "Ā", "ā"})...)
				continue
			}
			out = append(out, '[')
		case '*', '?':
			out = append(out, pick(r, []string{"a", "例", "ab"})...)
		case '\\':
		default:
			out = append(out, pattern[i])
		}
	}
	return string(out)
}
