package pki_test

import (
	"bytes"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"virtpki/pki"
)

func date(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return at
}

func TestParseIndexLine(t *testing.T) {
	end, revoked := date("2027-03-01T10:20:30Z"), date("2026-01-02T03:04:05Z")
	entry := pki.IndexEntry{Serial: big.NewInt(0x1A), NotAfter: end, Subject: "/O=Example/CN=a"}
	with := func(change func(*pki.IndexEntry)) pki.IndexEntry {
		changed := entry
		change(&changed)
		return changed
	}
	because := func(reason pki.Reason) pki.IndexEntry {
		return with(func(e *pki.IndexEntry) { e.Revoked, e.Reason = revoked, reason })
	}
	tests := []struct {
		name, line string
		want       pki.IndexEntry
	}{
		{"valid", "V\t270301102030Z\t\t1A\tunknown\t/O=Example/CN=a", entry},
		{"expired", "E\t270301102030Z\t\t1A\tunknown\t/O=Example/CN=a", entry},
		{"CRLF, lower case, leading zeros, a file name", "V\t270301102030Z\t\t001a\tnewcerts/1A.pem\t/O=Example/CN=a\r\n", entry},
		{"revoked without a reason", "R\t270301102030Z\t260102030405Z\t1A\tunknown\t/O=Example/CN=a", because(pki.ReasonUnspecified)},
		{"a comma and no reason", "R\t270301102030Z\t260102030405Z,\t1A\tunknown\t/O=Example/CN=a", because(pki.ReasonUnspecified)},
		{"a reason", "R\t270301102030Z\t260102030405Z,keyCompromise\t1A\tunknown\t/O=Example/CN=a", because(pki.ReasonKeyCompromise)},
		{"OpenSSL's spelling", "R\t270301102030Z\t260102030405Z,CACompromise\t1A\tunknown\t/O=Example/CN=a", because(pki.ReasonCACompromise)},
		{"another case, as openssl reads it", "R\t270301102030Z\t260102030405Z,SUPERSEDED\t1A\tunknown\t/O=Example/CN=a", because(pki.ReasonSuperseded)},
		{"an instruction", "R\t270301102030Z\t260102030405Z,holdInstruction,holdInstructionReject\t1A\tunknown\t/O=Example/CN=a", because(pki.ReasonCertificateHold)},
		{"a time of compromise", "R\t270301102030Z\t260102030405Z,keyTime,20251231235959Z\t1A\tunknown\t/O=Example/CN=a", because(pki.ReasonKeyCompromise)},
		{"a time of the CA's compromise", "R\t270301102030Z\t260102030405Z,CAkeyTime,20251231235959Z\t1A\tunknown\t/O=Example/CN=a", because(pki.ReasonCACompromise)},
		{"the last second of short years", "V\t491231235959Z\t\t1A\tunknown\t/O=Example/CN=a", with(func(e *pki.IndexEntry) { e.NotAfter = date("2049-12-31T23:59:59Z") })},
		{"the first short year", "V\t500101000000Z\t\t1A\tunknown\t/O=Example/CN=a", with(func(e *pki.IndexEntry) { e.NotAfter = date("1950-01-01T00:00:00Z") })},
		{"a long year", "V\t20500101000000Z\t\t1A\tunknown\t/O=Example/CN=a", with(func(e *pki.IndexEntry) { e.NotAfter = date("2050-01-01T00:00:00Z") })},
		{"a leap day", "V\t280229000000Z\t\t1A\tunknown\t/O=Example/CN=a", with(func(e *pki.IndexEntry) { e.NotAfter = date("2028-02-29T00:00:00Z") })},
		{"serial zero", "V\t270301102030Z\t\t00\tunknown\t/O=Example/CN=a", with(func(e *pki.IndexEntry) { e.Serial = big.NewInt(0) })},
		{"a negative serial", "V\t270301102030Z\t\t-1A\tunknown\t/O=Example/CN=a", with(func(e *pki.IndexEntry) { e.Serial = big.NewInt(-0x1A) })},
	}
	for _, test := range tests {
		got, err := pki.ParseIndex([]byte(test.line))
		if err != nil || len(got) != 1 {
			t.Errorf("%s: got %v, %v, want one entry", test.name, got, err)
			continue
		}
		if !sameIndexEntry(got[0], test.want) {
			t.Errorf("%s: got %+v, want %+v", test.name, got[0], test.want)
		}
	}
}

// sameIndexEntry compares serials by value: a zero has two forms in memory.
func sameIndexEntry(a, b pki.IndexEntry) bool {
	same := a.Serial.Cmp(b.Serial) == 0
	a.Serial = b.Serial
	return same && reflect.DeepEqual(a, b)
}

func TestParseIndexRefuses(t *testing.T) {
	const good = "V\t270301102030Z\t\t1A\tunknown\t/CN=a\n"
	tests := []struct{ name, line, want string }{
		{"spaces for tabs", "V 270301102030Z  1A unknown /CN=a", "1 columns, want 6 separated by tabs"},
		{"a column too many", "V\t270301102030Z\t\t1A\tunknown\t/CN=a\t", "7 columns"},
		{"an unknown status", "X\t270301102030Z\t\t1A\tunknown\t/CN=a", `status "X" (V, R or E)`},
		{"no serial", "V\t270301102030Z\t\t\tunknown\t/CN=a", `serial "" is not hexadecimal`},
		{"a serial in decimal with a sign", "V\t270301102030Z\t\t+10\tunknown\t/CN=a", `serial "+10" is not hexadecimal`},
		{"a serial with colons", "V\t270301102030Z\t\t1A:2B\tunknown\t/CN=a", `serial "1A:2B" is not hexadecimal`},
		{"a 13th month", "V\t271301102030Z\t\t1A\tunknown\t/CN=a", `date "271301102030Z" (want YYMMDDhhmmssZ)`},
		{"a date without Z", "V\t270301102030\t\t1A\tunknown\t/CN=a", `date "270301102030"`},
		{"a part of a second", "V\t270301102030.5Z\t\t1A\tunknown\t/CN=a", `date "270301102030.5Z"`},
		{"a year 1 that reads as none", "R\t270301102030Z\t00010101000000Z\t1A\tunknown\t/CN=a", `date "00010101000000Z"`},
		{"revoked without a date", "R\t270301102030Z\t\t1A\tunknown\t/CN=a", `revocation: date ""`},
		{"an unknown reason", "R\t270301102030Z\t260102030405Z,fun\t1A\tunknown\t/CN=a", `unknown reason "fun"`},
		{"removeFromCRL", "R\t270301102030Z\t260102030405Z,removeFromCRL\t1A\tunknown\t/CN=a", "removeFromCRL belongs in delta CRLs alone"},
	}
	for _, test := range tests {
		entries, err := pki.ParseIndex([]byte("# one\n\n" + good + test.line + "\n" + good))
		if err == nil || !strings.HasPrefix(err.Error(), "line 4: ") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, %v, want an error of line 4 with %q", test.name, entries, err, test.want)
		}
	}
}

func TestFormatIndex(t *testing.T) {
	now := date("2027-01-01T12:00:00Z")
	entries := []pki.IndexEntry{
		{Serial: big.NewInt(1), NotAfter: date("2027-01-01T11:59:59Z"), Subject: "/CN=expired"},
		{Serial: big.NewInt(0xABC), NotAfter: date("2050-06-07T08:09:10Z"), Subject: "/CN=live"},
		{Serial: big.NewInt(2), NotAfter: date("2026-01-01T00:00:00Z"), Revoked: date("2025-01-01T00:00:00Z"), Reason: pki.ReasonSuperseded, Subject: "/CN=revoked"},
		{Serial: big.NewInt(3), NotAfter: date("2028-01-01T00:00:00Z"), Revoked: date("2025-01-01T00:00:00Z"), Reason: pki.ReasonPrivilegeWithdrawn, Subject: "/CN=tab\there\n"},
		{Serial: big.NewInt(-16), NotAfter: date("1949-12-31T00:00:00Z"), Subject: "/CN=odd"},
	}
	want := "E\t270101115959Z\t\t01\tunknown\t/CN=expired\n" +
		"V\t20500607080910Z\t\t0ABC\tunknown\t/CN=live\n" +
		"R\t260101000000Z\t250101000000Z,superseded\t02\tunknown\t/CN=revoked\n" +
		"R\t280101000000Z\t250101000000Z\t03\tunknown\t/CN=tab\\x09here\\x0A\n" +
		"E\t19491231000000Z\t\t-10\tunknown\t/CN=odd\n"
	if got := string(pki.FormatIndex(entries, now)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := pki.FormatIndex(nil, now); len(got) != 0 {
		t.Errorf("no entries: got %q, want nothing", got)
	}
}

func TestIndexRoundTrip(t *testing.T) {
	now := date("2027-01-01T12:00:00Z")
	var entries []pki.IndexEntry
	for i, reason := range pki.Reasons() {
		if reason == pki.ReasonPrivilegeWithdrawn || reason == pki.ReasonAACompromise {
			continue // unknown to OpenSSL
		}
		for j, end := range []string{"1950-01-01T00:00:00Z", "2026-12-31T23:59:59Z", "2049-12-31T23:59:59Z", "2050-01-01T00:00:00Z", "9999-12-31T23:59:59Z"} {
			serial := new(big.Int).Lsh(big.NewInt(int64(1+i)), uint(31*j))
			entries = append(entries,
				pki.IndexEntry{Serial: serial, NotAfter: date(end), Subject: `/O=Ex\xC3\xA9mple/CN=a b`},
				pki.IndexEntry{Serial: serial, NotAfter: date(end), Revoked: date("2026-05-06T07:08:09Z"), Reason: reason})
		}
	}
	got, err := pki.ParseIndex(pki.FormatIndex(entries, now))
	if err != nil || len(got) != len(entries) {
		t.Fatalf("got %d entries, %v, want %d", len(got), err, len(entries))
	}
	for i := range entries {
		if !sameIndexEntry(got[i], entries[i]) {
			t.Errorf("entry %d: got %+v, want %+v", i, got[i], entries[i])
		}
	}
}

// Entries that were read and printed read the same again.
func FuzzParseIndex(f *testing.F) {
	f.Add([]byte("V\t270301102030Z\t\t1A\tunknown\t/O=Example/CN=a\n# comment\n\nR\t20500101000000Z\t260102030405Z,keyTime,20251231235959Z\t-00ab\tx\t/CN=\xff\r\r\n"))
	f.Add([]byte("E\t500301102030Z\t\t0\t\t\nR\t491231235959Z\t000101000000Z,holdInstruction,x\tff\t\t/"))
	now := date("2027-01-01T12:00:00Z")
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := pki.ParseIndex(data)
		if err != nil {
			return
		}
		printed := pki.FormatIndex(first, now)
		second, err := pki.ParseIndex(printed)
		if err != nil || len(second) != len(first) {
			t.Fatalf("%q: got %d entries again, %v, want %d", printed, len(second), err, len(first))
		}
		for i := range first {
			first[i].Subject = second[i].Subject // its control characters are escaped now
			if !sameIndexEntry(first[i], second[i]) {
				t.Fatalf("entry %d: got %+v, want %+v", i, second[i], first[i])
			}
		}
		if again := pki.FormatIndex(second, now); !bytes.Equal(again, printed) {
			t.Fatalf("got %q, want %q", again, printed)
		}
	})
}
