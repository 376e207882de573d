package pkcs11

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// served returns a URI with a program that sends the replies of a test for any call.
func served(t *testing.T, replies []byte, then string) *URI {
	t.Helper()
	file := filepath.Join(t.TempDir(), "replies")
	if err := os.WriteFile(file, replies, 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := mustURI(t, "pkcs11:token=lab;object=ca").WithCommand(fmt.Sprintf("cat %s; %s", file, then))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// frame is a reply to the call with a serial.
func frame(serial, id uint32, results *writer) []byte {
	body := new(writer).put32(id).putBytes(nil)
	body.data = append(body.data, results.data...)
	return append(new(writer).put32(serial).put32(0).put32(uint32(len(body.data))).data, body.data...)
}

// Hostile replies end in one error, at once.
func TestHostileReplies(t *testing.T) {
	hello := append([]byte{0}, frame(1, callInitialize, new(writer))...)
	reply := func(b []byte) []byte { return append(append([]byte{}, hello...), b...) }
	huge := new(writer).put32(2).put32(0).put32(0xfffffff0).data
	for name, c := range map[string]struct {
		replies []byte
		then    string
		want    string
	}{
		"nothing":                 {nil, "true", "the program ended"},
		"a message":               {nil, "echo 'no such module' >&2; exit 1", "the program ended: no such module"},
		"many messages":           {nil, "yes filler | head -n 100000 >&2; echo the last >&2", "the program ended: the last"},
		"another protocol":        {[]byte("HTTP/1.1 200 OK\r\n"), "cat >/dev/null", "does not follow"},
		"a higher version":        {[]byte{9}, "cat >/dev/null", "does not follow"},
		"a huge frame":            {reply(huge), "cat >/dev/null", "does not follow"},
		"huge options":            {reply(new(writer).put32(2).put32(0xfffffff0).put32(4).data), "cat >/dev/null", "does not follow"},
		"another serial":          {reply(frame(7, callGetSlotList, new(writer))), "cat >/dev/null", "does not follow"},
		"another call":            {reply(frame(2, callSign, new(writer))), "cat >/dev/null", "does not follow"},
		"no body":                 {reply(new(writer).put32(2).put32(0).put32(0).data), "cat >/dev/null", "does not follow"},
		"an error without a code": {reply(frame(2, callError, new(writer))), "cat >/dev/null", "does not follow"},
		"an error of code 0":      {reply(frame(2, callError, new(writer).put64(0))), "cat >/dev/null", "does not follow"},
		"an error":                {reply(frame(2, callError, new(writer).put64(0x30))), "cat >/dev/null", "device error"},
		"endless slots":           {reply(frame(2, callGetSlotList, new(writer).putByte(1).put32(0xffffffff))), "cat >/dev/null", "does not follow"},
		"more slots than there":   {reply(frame(2, callGetSlotList, new(writer).putByte(1).put32(3).put64(1))), "cat >/dev/null", "does not follow"},
		"no slots":                {reply(frame(2, callGetSlotList, new(writer).putByte(1).put32(0))), "cat >/dev/null", "no such token"},
		"a frame cut short":       {reply(huge[:7]), "true", "the program ended"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			_, err := Open(context.Background(), served(t, c.replies, c.then), withPIN("1234"))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want %q", err, c.want)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// A program that does not respond ends with the context, and its children do not delay that.
func TestCancelled(t *testing.T) {
	u := served(t, nil, "sleep 600 & sleep 600")
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(100*time.Millisecond, cancel)
	began := time.Now()
	_, err := Open(ctx, u, withPIN("1234"))
	if !errors.Is(err, context.Canceled) || time.Since(began) > 20*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

// A PIN in the module's output does not reach an error.
func TestSecretIsNotSaid(t *testing.T) {
	var said tail
	fmt.Fprintf(&said, "first\nC_Login(PIN=4711) failed\n")
	if got := said.last([]byte("4711")); got != "C_Login(PIN=***) failed" {
		t.Errorf("%q", got)
	}
}

// tokenInfo returns the reply that describes a token.
func tokenInfo(label string, flags uint64) *writer {
	w := new(writer)
	for _, text := range []string{label, "maker", "model", "1"} {
		w.putBytes([]byte(text))
	}
	return w.put64(flags)
}

// No PIN is tried at a token that is locked, or that one more wrong PIN would lock.
func TestNoTry(t *testing.T) {
	for flags, want := range map[uint64]error{tokenPINLocked: ErrPINLocked, tokenPINFinalTry: ErrLastTry} {
		replies := append([]byte{0}, frame(1, callInitialize, new(writer))...)
		replies = append(replies, frame(2, callGetSlotList, new(writer).putByte(1).put32(1).put64(5))...)
		replies = append(replies, frame(3, callGetTokenInfo, tokenInfo("lab", tokenInitialized|tokenLoginRequired|flags))...)
		replies = append(replies, frame(4, callOpenSession, new(writer).put64(1))...)
		_, err := Open(context.Background(), served(t, replies, "cat >/dev/null"), func(Token) ([]byte, error) {
			t.Error("the PIN was asked for")
			return nil, nil
		})
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

// The name of a token is shown where its PIN is asked for: it has the length that PKCS #11 gives
// it, so that a prompt does not scroll away.
func TestLongNameOfAToken(t *testing.T) {
	for length, want := range map[int]error{32: ErrPINLocked, 33: errMalformed, 100_000: errMalformed} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			t.Parallel()
			replies := append([]byte{0}, frame(1, callInitialize, new(writer))...)
			replies = append(replies, frame(2, callGetSlotList, new(writer).putByte(1).put32(1).put64(5))...)
			replies = append(replies, frame(3, callGetTokenInfo, tokenInfo(strings.Repeat("x", length), tokenInitialized|tokenLoginRequired|tokenPINLocked))...)
			replies = append(replies, frame(4, callOpenSession, new(writer).put64(1))...)
			u := served(t, replies, "cat >/dev/null")
			u.Token = ""
			if _, err := Open(context.Background(), u, withPIN("1234")); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		})
	}
}

// A token that signs with another key, or returns no signature, is detected.
func TestSignatureIsVerified(t *testing.T) {
	softToken(t, "lab")
	u := mustURI(t, "pkcs11:token=lab;object=a?module-path="+softHSM)
	s, err := Open(context.Background(), u, withPIN("1234"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a, err := s.Generate(Kind{Curve: 256})
	if err != nil {
		t.Fatal(err)
	}
	s.uri = mustURI(t, "pkcs11:token=lab;object=b")
	b, err := s.Generate(Kind{Curve: 256})
	if err != nil {
		t.Fatal(err)
	}
	a.handle = b.handle
	if _, err := a.Sign(nil, make([]byte, 32), crypto.SHA256); err == nil || !strings.Contains(err.Error(), "does not verify") {
		t.Errorf("%v", err)
	}
}
