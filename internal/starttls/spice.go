package starttls

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Numbers of SPICE (spice-protocol, spice/protocol.h), little-endian.
const (
	spiceMagic                  = "REDQ"
	spiceMajor, spiceMinor      = 2, 2
	spiceMainChannel            = 1
	spiceMessage, spiceReplyMax = 18, 4096

	spiceOK = 0
)

// Spice is the dialogue of SPICE's TLS port, where TLS begins at once.
type Spice struct{}

// Begin does nothing.
func (*Spice) Begin(io.ReadWriter) error { return nil }

// Confirm asks for a link to the main channel and reads the response, which comes before any
// ticket. A session that the server already has continues.
func (*Spice) Confirm(conn io.ReadWriter) error {
	code, err := spiceLink(conn)
	if err == nil && code != spiceOK {
		return fmt.Errorf("the server refuses the link to its main channel: error %d", code)
	}
	return err
}

// Offer returns "".
func (*Spice) Offer() string { return "" }

// Wants returns the authentication that SPICE has in place of client certificates.
func (*Spice) Wants() string { return "the ticket (a password), where the guest has one" }

// spiceLink sends a SpiceLinkMess and reads the error code of the SpiceLinkReply.
func spiceLink(conn io.ReadWriter) (code uint32, err error) {
	w := wire{rw: conn}
	b := []byte(spiceMagic)
	for _, word := range []uint32{spiceMajor, spiceMinor, spiceMessage, 0} {
		b = binary.LittleEndian.AppendUint32(b, word)
	}
	b = append(b, spiceMainChannel, 0)
	for _, word := range []uint32{0, 0, spiceMessage} { // no capabilities
		b = binary.LittleEndian.AppendUint32(b, word)
	}
	w.write(b)
	head := w.read(16)
	if w.err == nil && string(head[:4]) != spiceMagic {
		return 0, &OtherError{"SPICE", head}
	}
	size := binary.LittleEndian.Uint32(head[12:])
	if w.err == nil && (size < 4 || size > spiceReplyMax) {
		return 0, fmt.Errorf("the server's reply has %d bytes (4 to %d)", size, spiceReplyMax)
	}
	code = binary.LittleEndian.Uint32(w.read(4))
	return code, w.err
}
