package pki

import (
	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

const (
	headroom      = 6    // the longest header of a sequence: tag, length of the length, four octets
	signatureRoom = 4096 // for a signature and its algorithm; more only costs a copy
)

// frame is an encoding that grows at both ends, so that a list of a million
// entries is wrapped in its sequences, and signed, where it stands. (A builder
// that learns the length at the end has to shift the contents at each level.)
type frame struct {
	buf   []byte
	start int
}

// newFrame makes an empty frame with room, in bytes, before and behind.
func newFrame(before, behind int) *frame {
	return &frame{buf: make([]byte, before, before+behind), start: before}
}

func (f *frame) bytes() []byte { return f.buf[f.start:] }

func (f *frame) append(data []byte) { f.buf = append(f.buf, data...) }

// add appends what build encodes.
func (f *frame) add(build cryptobyte.BuilderContinuation) error {
	b := cryptobyte.NewBuilder(f.buf)
	build(b)
	buf, err := b.Bytes()
	if err != nil {
		return err
	}
	f.buf = buf
	return nil
}

// prepend puts data before the contents, into the room that was left for it.
func (f *frame) prepend(data []byte) {
	f.start -= len(data)
	copy(f.buf[f.start:], data)
}

// wrap makes the contents the contents of a SEQUENCE.
func (f *frame) wrap() {
	n := len(f.bytes())
	header := []byte{byte(der.SEQUENCE), byte(n)}
	if n >= 0x80 {
		octets := integerOctets(n)
		header = append([]byte{byte(der.SEQUENCE), 0x80 | byte(len(octets))}, octets...)
	}
	f.prepend(header)
}

// integerOctets is n, big-endian, without leading zeros.
func integerOctets(n int) []byte {
	var octets []byte
	for ; n > 0; n >>= 8 {
		octets = append([]byte{byte(n)}, octets...)
	}
	return octets
}
