package rpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// The format of libvirt's RPC messages (libvirt, src/rpc/virnetprotocol.x): a message is its
// length in 4 bytes, these 4 included, a header of six 32-bit words, and a body in XDR (RFC
// 4506), all of it big-endian.

// prefixSize is the length and the header.
const prefixSize = 4 + 6*4

// maxMessage is the longest message that is read. libvirt's own limit is 32 MiB; the longest
// honest reply here, 16,384 clients, is some 700 KiB.
const maxMessage = 4 << 20

// Types and states of a message (virNetMessageType, virNetMessageStatus).
const (
	typeCall  = 0
	typeReply = 1

	statusOK    = 0
	statusError = 1
)

type header struct {
	program, version, procedure, kind, serial, status uint32
}

// encodeMessage returns the whole message.
func encodeMessage(h header, body []byte) []byte {
	b := make([]byte, 0, prefixSize+len(body))
	for _, word := range []uint32{uint32(prefixSize + len(body)), h.program, h.version, h.procedure, h.kind, h.serial, h.status} {
		b = binary.BigEndian.AppendUint32(b, word)
	}
	return append(b, body...)
}

// readMessage reads one message. It refuses a length that a message cannot have, before it
// allocates anything.
func readMessage(r io.Reader) (header, []byte, error) {
	var prefix [prefixSize]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return header{}, nil, err
	}
	var words [7]uint32
	for i := range words {
		words[i] = binary.BigEndian.Uint32(prefix[4*i:])
	}
	if words[0] < prefixSize || words[0] > maxMessage {
		return header{}, nil, fmt.Errorf("message of %d bytes (want %d to %d)", words[0], prefixSize, maxMessage)
	}
	body := make([]byte, words[0]-prefixSize)
	if _, err := io.ReadFull(r, body); err != nil {
		return header{}, nil, err
	}
	return header{words[1], words[2], words[3], words[4], words[5], words[6]}, body, nil
}

// xdrString appends a string: its length, its bytes, zeros up to the next word.
func xdrString(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	b = append(b, s...)
	return append(b, make([]byte, -len(s)&3)...)
}

var errXDRShort = errors.New("body ends too early")

// xdrReader decodes a body. The first error stays, and everything read after it
// is zero.
type xdrReader struct {
	rest []byte
	err  error
}

func (x *xdrReader) take(n int) []byte {
	if x.err == nil && n > len(x.rest) {
		x.err = errXDRShort
	}
	if x.err != nil {
		return nil
	}
	taken := x.rest[:n]
	x.rest = x.rest[n:]
	return taken
}

func (x *xdrReader) uint32() uint32 {
	if b := x.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (x *xdrReader) uint64() uint64 {
	if b := x.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// string reads a string. It compares the length with the rest of the body.
func (x *xdrReader) string() string {
	n := x.uint32()
	if uint64(n) > uint64(len(x.rest)) {
		x.fail(errXDRShort)
		return ""
	}
	s := string(x.take(int(n)))
	x.take(-int(n) & 3)
	return s
}

// optionalString reads a string that may be absent, which is read as "".
func (x *xdrReader) optionalString() string {
	switch present := x.uint32(); present {
	case 0:
		return ""
	case 1:
		return x.string()
	default:
		x.fail(fmt.Errorf("optional string is there %d times", present))
		return ""
	}
}

// count reads the length of a list of at most most items.
func (x *xdrReader) count(most uint32) int {
	n := x.uint32()
	if n > most {
		x.fail(fmt.Errorf("list of %d items (at most %d)", n, most))
		return 0
	}
	return int(n)
}

func (x *xdrReader) fail(err error) {
	if x.err == nil {
		x.err = err
	}
}

// Types of a typed parameter (virTypedParameterType).
const (
	paramInt = iota + 1
	paramUint
	paramLlong
	paramUllong
	paramDouble
	paramBoolean
	paramString
)

// param reads a typed parameter: a name, and a value as a string, an int64, a
// uint64, a float64 or a bool.
func (x *xdrReader) param() (name string, value any) {
	name = x.string()
	switch kind := x.uint32(); kind {
	case paramInt:
		value = int64(int32(x.uint32()))
	case paramUint:
		value = uint64(x.uint32())
	case paramLlong:
		value = int64(x.uint64())
	case paramUllong:
		value = x.uint64()
	case paramDouble:
		value = math.Float64frombits(x.uint64())
	case paramBoolean:
		value = x.uint32() != 0
	case paramString:
		value = x.string()
	default:
		x.fail(fmt.Errorf("parameter %q has the unknown type %d", name, kind))
	}
	return name, value
}

// end reports the first error; bytes that are left over are an error too.
func (x *xdrReader) end() error {
	if x.err == nil && len(x.rest) > 0 {
		return fmt.Errorf("%d bytes after the end", len(x.rest))
	}
	return x.err
}
