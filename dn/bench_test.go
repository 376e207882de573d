package dn_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"virtpki/dn"
)

// Each benchmark reports the original's time on the same input beside ours, in ns per call, if a C
// compiler and the libraries are installed.

func BenchmarkFromCertificate(b *testing.B) {
	o := startOriginal(b)
	for _, c := range dnCases(b) {
		switch c.Name {
		case "certtool-order-o-cn", "openssl-style", "sixty-ou", "bmp-unicode":
		default:
			continue
		}
		der := certDER(b, c.Cert)
		b.Run(c.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := dn.FromCertificate(der); err != nil {
					b.Fatal(err)
				}
			}
			times := strings.Fields(o.ask("D 20000 %x", der))
			report(b, times[0], "gnutls-import+get_dn-ns")
			report(b, times[1], "gnutls-get_dn-ns")
		})
	}
}

func report(b *testing.B, value, unit string) {
	b.Helper()
	v, err := strconv.ParseFloat(value, 64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(v, unit)
}

// benchPatterns returns a fleet's list: mostly exact names, with a wildcard in every tenth.
func benchPatterns(n int) []string {
	patterns := make([]string, n)
	for i := range patterns {
		switch i % 10 {
		case 7:
			patterns[i] = fmt.Sprintf("O=Example Org,OU=unit%d,CN=*", i)
		case 3:
			patterns[i] = fmt.Sprintf("O=Example Org,CN=*.rack%d.example.com", i)
		default:
			patterns[i] = fmt.Sprintf("O=Example Org,CN=host%d.example.com", i)
		}
	}
	return patterns
}

// benchNames returns names, of which the list admits about half.
func benchNames(n, patterns int) []string {
	names := make([]string, n)
	for i := range names {
		k := (i * 7919) % (2 * patterns)
		switch k % 10 {
		case 7:
			names[i] = fmt.Sprintf("O=Example Org,OU=unit%d,CN=user%d", k, i)
		case 3:
			names[i] = fmt.Sprintf("O=Example Org,CN=n%d.rack%d.example.com", i, k)
		default:
			names[i] = fmt.Sprintf("O=Example Org,CN=host%d.example.com", k)
		}
	}
	return names
}

// BenchmarkListMatch matches a million names. The originals try the patterns in turn, as libvirt
// does, which takes minutes for 10,000 patterns: then they get the first thousandth of the names,
// or all of them with DN_BENCH_ALL=1.
func BenchmarkListMatch(b *testing.B) {
	o := startOriginal(b)
	const rows = 1_000_000
	for _, count := range []int{1, 100, 10_000} {
		patterns, names := benchPatterns(count), benchNames(rows, count)
		for _, m := range []dn.Matcher{dn.Glob, dn.Fnmatch} {
			b.Run(fmt.Sprintf("%v/%d", m, count), func(b *testing.B) {
				list := dn.Compile(patterns, m)
				b.ReportAllocs()
				in := 0
				for b.Loop() {
					in = matchAll(list, names)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/name")
				part := names
				if count > 100 && os.Getenv("DN_BENCH_ALL") == "" {
					part = names[:rows/1000]
				} else if count > 1 && os.Getenv("DN_BENCH_ALL") == "" {
					part = names[:rows/10]
				}
				times := strings.Fields(o.ask("L %s %s %s", m.String()[:1], lineFile(b, patterns), lineFile(b, part)))
				report(b, times[1], "original-ns/name")
				if want := strconv.Itoa(matchAll(list, part)); times[0] != want || in == 0 {
					b.Errorf("%s names get in by the original, %s by the list", times[0], want)
				}
			})
		}
	}
}

func matchAll(list *dn.List, names []string) int {
	in := 0
	for _, name := range names {
		if _, ok := list.Match(name); ok {
			in++
		}
	}
	return in
}

func lineFile(b *testing.B, lines []string) string {
	b.Helper()
	file := filepath.Join(b.TempDir(), "lines")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	return file
}

// BenchmarkHostile shows how the time grows with the length of patterns that
// make a backtracking matcher slow. Name and pattern grow together.
func BenchmarkHostile(b *testing.B) {
	o := startOriginal(b)
	shapes := []struct {
		name    string
		pattern func(n int) string
	}{
		{"stars", func(n int) string { return strings.Repeat("*a", n/2) + "*b" }},
		{"literal", func(n int) string { return "*" + strings.Repeat("a", n/2) + "b*" }},
		{"jokers", func(n int) string { return "*" + strings.Repeat("aaa?", n/8) + "b*" }},
		{"tail", func(n int) string { return "*" + strings.Repeat("a?", n/4) + "b" }},
		{"sets", func(n int) string { return "*" + strings.Repeat("[ab]", n/8) + "c*" }},
	}
	for _, shape := range shapes {
		for _, n := range []int{100, 1000, 10_000} {
			pattern, name := shape.pattern(n), strings.Repeat("a", n)
			for _, m := range []dn.Matcher{dn.Glob, dn.Fnmatch} {
				b.Run(fmt.Sprintf("%s/%v/%d", shape.name, m, n), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if m.Match(pattern, name) {
							b.Fatal("matches")
						}
					}
					report(b, o.ask("%s %d %s %s", strings.ToUpper(m.String()[:1]), max(1, 100_000/n/n), hexed(pattern), hexed(name)), "original-ns")
				})
			}
		}
	}
}
