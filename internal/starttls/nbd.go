package starttls

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Numbers of NBD's handshake (NBD's doc/proto.md, "Fixed newstyle negotiation").
const (
	nbdMagic  = "NBDMAGIC"
	nbdOption = "IHAVEOPT"
	nbdReply  = 0x3e889045565a9
	nbdOld    = 0x00420281861253 // in the place of nbdOption: the negotiation without options

	nbdFixed = 1 // a flag, of both sides

	nbdAbort, nbdList, nbdStartTLS = 2, 3, 5

	nbdAck, nbdServer, nbdError = 1, 2, 1 << 31
)

// Limits for reading: bytes of a reply, and replies to one option.
const (
	nbdReplyMax = 8 << 10
	nbdReplies  = 1024
)

var nbdErrors = map[uint32]string{
	nbdError + 1: "it does not know STARTTLS",
	nbdError + 2: "it has no TLS set up",
	nbdError + 4: "it was built without TLS",
}

// NBD is the dialogue of an NBD server with fixed newstyle negotiation.
type NBD struct{ exports int }

// Begin asks for TLS by the option STARTTLS.
func (n *NBD) Begin(conn io.ReadWriter) error {
	w := wire{rw: conn}
	head := w.read(8)
	if w.err == nil && string(head) != nbdMagic {
		return &OtherError{"NBD", head}
	}
	style := w.read(8)
	if w.err == nil && binary.BigEndian.Uint64(style) == nbdOld {
		return fmt.Errorf("%w: it speaks NBD without options (oldstyle)", ErrNoTLS)
	}
	if w.err == nil && string(style) != nbdOption {
		return &OtherError{"NBD", append(head, style...)}
	}
	flags := binary.BigEndian.Uint16(w.read(2))
	if w.err == nil && flags&nbdFixed == 0 {
		return fmt.Errorf("%w: it speaks NBD without the fixed newstyle", ErrNoTLS)
	}
	w.write(binary.BigEndian.AppendUint32(nil, nbdFixed))
	sendOption(&w, nbdStartTLS)
	kind, data := readReply(&w, nbdStartTLS)
	switch {
	case w.err != nil:
		return w.err
	case kind == nbdAck:
		return nil
	case nbdErrors[kind] != "":
		return fmt.Errorf("%w: %s", ErrNoTLS, nbdErrors[kind])
	}
	return fmt.Errorf("the server answers STARTTLS with type %#x: %q", kind, data[:min(len(data), rfbReason)])
}

func sendOption(w *wire, option uint32) {
	b := binary.BigEndian.AppendUint32([]byte(nbdOption), option)
	w.write(binary.BigEndian.AppendUint32(b, 0))
}

// readReply reads one reply to an option. A length that no reply here can have is an error.
func readReply(w *wire, option uint32) (kind uint32, data []byte) {
	b := w.read(20)
	if w.err != nil {
		return 0, nil
	}
	if magic := binary.BigEndian.Uint64(b); magic != nbdReply {
		w.fail(&OtherError{"NBD", b[:8]})
		return 0, nil
	}
	if got := binary.BigEndian.Uint32(b[8:]); got != option {
		w.fail(fmt.Errorf("the server answers option %d, and was asked %d", got, option))
		return 0, nil
	}
	size := binary.BigEndian.Uint32(b[16:])
	if size > nbdReplyMax {
		w.fail(fmt.Errorf("the server's reply has %d bytes (at most %d)", size, nbdReplyMax))
		return 0, nil
	}
	return binary.BigEndian.Uint32(b[12:]), w.read(int(size))
}

// Confirm asks for the list of exports, and ends the negotiation. A server that does not list
// them says so, which is a response as well.
func (n *NBD) Confirm(conn io.ReadWriter) error {
	w := wire{rw: conn}
	sendOption(&w, nbdList)
	for range nbdReplies {
		kind, _ := readReply(&w, nbdList)
		if w.err != nil {
			return w.err
		}
		if kind != nbdServer {
			sendOption(&w, nbdAbort)
			return nil
		}
		n.exports++
	}
	return nil
}

// Offer returns the offer in words.
func (n *NBD) Offer() string { return "NBD, fixed newstyle, STARTTLS" }

// Wants returns "": NBD has no other authentication.
func (n *NBD) Wants() string { return "" }
