package starttls

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Numbers of RFB, the protocol of VNC (RFC 6143; for VeNCrypt the community's description of
// RFB; QEMU, ui/vnc.h).
const (
	rfbVeNCrypt = 19

	x509None  = 260
	x509Vnc   = 261
	x509Plain = 262
	x509SASL  = 264

	rfbReason = 256 // bytes of a server's reason that are shown
	rfbNames  = 16  // of the types that a server offers
)

var rfbVersion = regexp.MustCompile(`^RFB [0-9]{3}\.[0-9]{3}\n$`)

var rfbTypes = map[uint32]string{1: "None", 2: "VNC", 16: "Tight", 18: "TLS", rfbVeNCrypt: "VeNCrypt", 20: "SASL"}

var vencryptTypes = map[uint32]string{
	256: "Plain", 257: "TLSNone", 258: "TLSVnc", 259: "TLSPlain", 263: "TLSSASL",
	x509None: "X509None", x509Vnc: "X509Vnc", x509Plain: "X509Plain", x509SASL: "X509SASL",
}

// VNC is the dialogue of a VNC server with VeNCrypt.
type VNC struct {
	version  string
	types    []uint32 // security types that the server offers
	subTypes []uint32 // and VeNCrypt's
	chosen   uint32
}

// Begin gets to TLS by one of VeNCrypt's sub-types with certificates.
func (v *VNC) Begin(conn io.ReadWriter) error {
	w := wire{rw: conn}
	v.greet(&w)
	if v.types = v.list(&w, 1); w.err == nil && !slices.Contains(v.types, rfbVeNCrypt) {
		w.fail(fmt.Errorf("%w: its security types are %s", ErrNoTLS, names(v.types, rfbTypes)))
	}
	w.write([]byte{rfbVeNCrypt})
	version := w.read(2)
	w.write([]byte{0, 2})
	if refused := w.read(1); w.err == nil && refused[0] != 0 {
		w.fail(fmt.Errorf("the server refuses version 0.2 of VeNCrypt, and offers %d.%d", version[0], version[1]))
	}
	v.subTypes = v.list(&w, 4)
	v.choose(&w)
	w.write(binary.BigEndian.AppendUint32(nil, v.chosen))
	if taken := w.read(1); w.err == nil && taken[0] != 1 {
		w.fail(errors.New("the server refuses the sub-type of VeNCrypt that it offers"))
	}
	return w.err
}

// greet exchanges versions. Before 3.7 the server chooses the security type, which then is
// never VeNCrypt.
func (v *VNC) greet(w *wire) {
	head := w.read(12)
	v.version = strings.TrimSpace(string(head))
	switch {
	case w.err != nil:
	case !rfbVersion.Match(head):
		w.fail(&OtherError{"VNC", head})
	case v.version < "RFB 003.007":
		w.fail(fmt.Errorf("%w: it speaks %q, and VeNCrypt needs 3.7", ErrNoTLS, v.version))
	}
	w.write([]byte("RFB 003.008\n"))
}

// list reads up to 255 numbers of this many bytes. An empty list of security types is followed
// by the server's reason.
func (v *VNC) list(w *wire, size int) []uint32 {
	var numbers []uint32
	for range w.read(1)[0] {
		var b [4]byte
		copy(b[4-size:], w.read(size))
		numbers = append(numbers, binary.BigEndian.Uint32(b[:]))
	}
	if w.err == nil && len(numbers) == 0 && size == 1 {
		w.fail(fmt.Errorf("%w: it refuses the connection: %q", ErrNoTLS, rfbText(w)))
	}
	return numbers
}

// rfbText reads a text of the server, but no more of it than is shown.
func rfbText(w *wire) string {
	n := binary.BigEndian.Uint32(w.read(4))
	return string(w.read(int(min(n, rfbReason))))
}

// choose takes the server's first sub-type with certificates.
func (v *VNC) choose(w *wire) {
	i := slices.IndexFunc(v.subTypes, func(t uint32) bool { return t == x509None || t == x509Vnc || t == x509Plain || t == x509SASL })
	if i < 0 {
		w.fail(fmt.Errorf("%w: VeNCrypt's sub-types are %s", ErrNoTLS, names(v.subTypes, vencryptTypes)))
		return
	}
	v.chosen = v.subTypes[i]
}

// Confirm reads the server's first message after the handshake: the result of the security
// type, or the start of another authentication. Only X509Plain has none.
func (v *VNC) Confirm(conn io.ReadWriter) error {
	w := wire{rw: conn}
	switch v.chosen {
	case x509Plain:
		return ErrSilent
	case x509Vnc:
		w.read(16) // the challenge
	case x509SASL:
		w.read(4) // the length of the list of mechanisms
	default:
		if result := binary.BigEndian.Uint32(w.read(4)); w.err == nil && result != 0 {
			w.fail(fmt.Errorf("the server refuses the connection: %q", rfbText(&w)))
		}
	}
	return w.err
}

// Offer names the security types and the sub-type that was taken.
func (v *VNC) Offer() string {
	text := fmt.Sprintf("VNC (%s), VeNCrypt with %s", v.version, vencryptTypes[v.chosen])
	if plain := slices.DeleteFunc(slices.Clone(v.types), func(t uint32) bool { return t == rfbVeNCrypt }); len(plain) > 0 {
		text += "; without certificates: " + names(plain, rfbTypes)
	}
	return text
}

// Wants names the authentication that follows TLS.
func (v *VNC) Wants() string {
	return map[uint32]string{x509Vnc: "the display's password", x509Plain: "a user name and a password", x509SASL: "SASL"}[v.chosen]
}

// names words numbers, each once.
func names(numbers []uint32, known map[uint32]string) string {
	var all []string
	for i, n := range numbers {
		if i == rfbNames {
			return strings.Join(all, ", ") + " and others"
		}
		name := known[n]
		if name == "" {
			name = fmt.Sprint(n)
		}
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}
