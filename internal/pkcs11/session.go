package pkcs11

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Token is a token as it describes itself. Its strings are the token's own.
type Token struct {
	Label, Manufacturer, Model, Serial string
	flags                              uint64
}

// PINSource returns the PIN of a token. It is called at most once for a session.
type PINSource func(Token) ([]byte, error)

// Session is a session with one token. It is for one goroutine; its keys are for several.
type Session struct {
	*module
	uri    *URI
	handle uint64
	pin    []byte
	brief  bool // how the other side reads a mechanism; see writer.mechanism
	known  bool // brief is known
}

// Open connects to the token of a URI and logs in, with one try, if the token wants that. ctx
// bounds the session: when it ends, the process that serves the module is killed.
func Open(ctx context.Context, u *URI, pin PINSource) (*Session, error) {
	m, err := start(ctx, commandFor(u))
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errors.New("p11-kit is not installed")
	}
	if err != nil {
		return nil, err
	}
	s := &Session{module: m, uri: u}
	if err := s.begin(pin); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the session and the process that serves it.
func (s *Session) Close() { s.close() }

func (s *Session) begin(pin PINSource) error {
	slot, token, err := s.findToken()
	if err != nil {
		return err
	}
	r, err := s.call(callOpenSession, new(writer).ulong(slot).ulong(sessionSerial|sessionReadWrite))
	if errors.Is(err, returned(0xe2)) {
		r, err = s.call(callOpenSession, new(writer).ulong(slot).ulong(sessionSerial))
	}
	if err != nil {
		return err
	}
	if s.handle = r.u64(); r.err != nil {
		return r.err
	}
	return s.login(token, pin)
}

// maxSlots is the maximum number of tokens to look at.
const maxSlots = 256

// findToken returns the slot of the one token that the URI means.
func (s *Session) findToken() (slot uint64, token Token, err error) {
	r, err := s.call(callGetSlotList, new(writer).byteArg(1).ulongsRoom(maxSlots))
	if err != nil {
		return 0, token, err
	}
	slots := r.ulongs(maxSlots)
	if r.err != nil {
		return 0, token, r.err
	}
	found := 0
	for _, candidate := range slots {
		t, err := s.tokenIn(candidate)
		if errors.Is(err, ErrNoToken) {
			continue // it was removed meanwhile
		}
		if err != nil {
			return 0, token, err
		}
		if s.uri.means(candidate, t) {
			slot, token = candidate, t
			found++
		}
	}
	switch found {
	case 0:
		return 0, token, ErrNoToken
	case 1:
		return slot, token, nil
	}
	return 0, token, fmt.Errorf("%d tokens match: add serial=NUMBER", found)
}

// maxTokenText is the length of the longest text that describes a token (CK_TOKEN_INFO).
const maxTokenText = 32

// tokenIn describes the token of a slot.
func (s *Session) tokenIn(slot uint64) (Token, error) {
	r, err := s.call(callGetTokenInfo, new(writer).ulong(slot))
	if err != nil {
		return Token{}, err
	}
	text := func() string {
		field := r.bytes()
		if len(field) > maxTokenText {
			r.data, r.err = nil, errMalformed
		}
		return strings.TrimRight(string(field), " \x00")
	}
	t := Token{Label: text(), Manufacturer: text(), Model: text(), Serial: text()}
	t.flags = r.u64()
	return t, r.err
}

// means reports whether the URI matches a token. A token that was never initialized does not
// have keys.
func (u *URI) means(slot uint64, t Token) bool {
	fits := func(wanted, have string) bool { return wanted == "" || wanted == have }
	return t.flags&tokenInitialized != 0 && fits(u.Token, t.Label) && fits(u.Manufacturer, t.Manufacturer) &&
		fits(u.Model, t.Model) && fits(u.Serial, t.Serial) && (u.Slot == nil || *u.Slot == slot)
}

// login logs in, unless the token does not want that. It does not try a PIN at a token that one
// more wrong PIN would lock: a timer with a wrong PIN would lock it in the end.
func (s *Session) login(t Token, pin PINSource) error {
	switch {
	case t.flags&tokenLoginRequired == 0:
		return nil
	case t.flags&tokenPINLocked != 0:
		return ErrPINLocked
	case t.flags&tokenPINPad != 0:
		_, err := s.callWithin(padTimeout, callLogin, s.loginArgs(userNormal))
		return loggedIn(err)
	case t.flags&tokenPINFinalTry != 0:
		return ErrLastTry
	}
	var err error
	if s.pin, err = pin(t); err != nil {
		return err
	}
	s.secret = s.pin
	_, err = s.call(callLogin, s.loginArgs(userNormal))
	return loggedIn(err)
}

// loginArgs returns the arguments of C_Login. Without a PIN the token asks for it at its own
// pad.
func (s *Session) loginArgs(user uint64) *writer {
	return new(writer).ulong(s.handle).ulong(user).bytesArg(s.pin)
}

// loggedIn treats a session that is already logged in as a success.
func loggedIn(err error) error {
	if errors.Is(err, returned(0x100)) {
		return nil
	}
	return err
}

// withMechanism makes a call with a mechanism. The version of the protocol does not tell how
// the other side reads one. So until a call has succeeded, a misread call is repeated in the
// other form.
func (s *Session) withMechanism(call func(brief bool) error) error {
	err := call(s.brief)
	if !s.known && misread(err) {
		s.brief = !s.brief
		err = call(s.brief)
	}
	s.known = s.known || err == nil
	return err
}

// misread reports whether a mechanism in the wrong form can cause an error: the other side then
// takes the bytes after it for a handle, or for a number of attributes.
func misread(err error) bool {
	var code returned
	if !errors.As(err, &code) {
		return false
	}
	switch code {
	case 0x30, 0x31, 0x60, 0x82: // device error and memory, key and object handle invalid
		return true
	}
	return false
}

// maxFound is the maximum number of objects to look at.
const maxFound = 16

// find returns the objects that match a template.
func (s *Session) find(template []attribute) ([]uint64, error) {
	if _, err := s.call(callFindObjectsInit, new(writer).ulong(s.handle).attributes(template)); err != nil {
		return nil, err
	}
	r, err := s.call(callFindObjects, new(writer).ulong(s.handle).ulongsRoom(maxFound))
	if err != nil {
		return nil, err
	}
	found := r.ulongs(maxFound)
	if r.err != nil {
		return nil, r.err
	}
	_, err = s.call(callFindObjectsFinal, new(writer).ulong(s.handle))
	return found, err
}

// read returns attributes of an object, without those that it lacks or keeps secret.
func (s *Session) read(object uint64, kinds ...uint32) (values, error) {
	r, err := s.call(callGetAttributeValue, new(writer).ulong(s.handle).ulong(object).attributesRoom(kinds))
	if err != nil {
		return nil, err
	}
	v := r.attributes(kinds)
	return v, r.err
}

// named returns the template of the key that the URI means.
func (u *URI) named(class uint64) []attribute {
	template := []attribute{{attrClass, class}}
	if u.Object != "" {
		template = append(template, attribute{attrLabel, []byte(u.Object)})
	}
	if len(u.ID) > 0 {
		template = append(template, attribute{attrID, bytes.Clone(u.ID)})
	}
	return template
}
