package pkcs11

import (
	"encoding/binary"
	"errors"
)

// How long a message may be, in bytes. The longest that a token of ours sends is a
// list of handles or an RSA key: a few kilobytes.
const (
	maxOptions = 64 << 10
	maxBody    = 1 << 20
)

// errMalformed says that a reply does not follow the protocol.
var errMalformed = errors.New("a reply does not follow p11-kit's protocol")

// absent is the length of a byte array that is NULL.
const absent = 0xffffffff

// writer builds the arguments of a call, with the signature that names their types.
type writer struct {
	types []byte
	data  []byte
}

func (w *writer) typed(types string) *writer { w.types = append(w.types, types...); return w }

func (w *writer) put32(v uint32) *writer {
	w.data = binary.BigEndian.AppendUint32(w.data, v)
	return w
}

func (w *writer) put64(v uint64) *writer {
	w.data = binary.BigEndian.AppendUint64(w.data, v)
	return w
}

func (w *writer) putByte(v byte) *writer { w.data = append(w.data, v); return w }

func (w *writer) putBytes(b []byte) *writer {
	w.put32(uint32(len(b)))
	w.data = append(w.data, b...)
	return w
}

// ulong adds a CK_ULONG.
func (w *writer) ulong(v uint64) *writer { return w.typed("u").put64(v) }

// byteArg adds a byte.
func (w *writer) byteArg(v byte) *writer { return w.typed("y").putByte(v) }

// bytesArg adds a byte array; nil is NULL.
func (w *writer) bytesArg(b []byte) *writer {
	w.typed("ay")
	if b == nil {
		return w.putByte(0).put32(0)
	}
	return w.putByte(1).putBytes(b)
}

// bytesRoom sets how many bytes the reply may return.
func (w *writer) bytesRoom(n uint32) *writer { return w.typed("fy").put32(n) }

// ulongsRoom sets how many CK_ULONGs the reply may return.
func (w *writer) ulongsRoom(n uint32) *writer { return w.typed("fu").put32(n) }

// mechanism adds a mechanism without a parameter. p11-kit up to 0.25 expects a mark that it has
// none; 0.26 reads nothing there.
func (w *writer) mechanism(m uint32, brief bool) *writer {
	w.typed("M").put32(m)
	if brief {
		return w
	}
	return w.put32(absent)
}

// attribute is an attribute of an object. Its value is a []byte, uint64 or bool, depending on
// the type of the attribute.
type attribute struct {
	kind  uint32
	value any
}

// attributes adds a template.
func (w *writer) attributes(all []attribute) *writer {
	w.typed("aA").put32(uint32(len(all)))
	for _, a := range all {
		w.put32(a.kind).putByte(1)
		switch v := a.value.(type) {
		case []byte:
			w.put32(uint32(len(v))).putBytes(v)
		case uint64:
			w.put32(8).put64(v)
		case bool:
			w.put32(1).putByte(flag(v))
		}
	}
	return w
}

// attributesRoom asks for attributes, with room for the value of each.
func (w *writer) attributesRoom(kinds []uint32) *writer {
	w.typed("fA").put32(uint32(len(kinds)))
	for _, kind := range kinds {
		w.put32(kind).put32(maxValue)
	}
	return w
}

// maxValue is the room for the value of an attribute: more than a modulus of 16,384 bits.
const maxValue = 4096

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// reader takes a reply apart. After the first error it returns zero values.
type reader struct {
	data []byte
	err  error
}

func (r *reader) take(n uint32) []byte {
	if r.err != nil || uint64(n) > uint64(len(r.data)) {
		r.data, r.err = nil, errMalformed
		return nil
	}
	out := r.data[:n]
	r.data = r.data[n:]
	return out
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// bytes reads a length and that many bytes; nil stands for NULL.
func (r *reader) bytes() []byte {
	n := r.u32()
	if n == absent {
		return nil
	}
	return r.take(n)
}

// byteArray reads the output of bytesArg.
func (r *reader) byteArray() []byte {
	if r.byte() == 0 {
		r.u32()
		return nil
	}
	return r.bytes()
}

// ulongs reads an array of CK_ULONG, of at most most elements.
func (r *reader) ulongs(most uint32) []uint64 {
	if r.byte() == 0 {
		r.u32()
		return nil
	}
	n := r.u32()
	if n > most {
		r.err = errMalformed
	}
	var out []uint64
	for ; n > 0 && r.err == nil; n-- {
		out = append(out, r.u64())
	}
	return out
}

// values holds the attributes of an object by their types, as the protocol carries them.
type values map[uint32][]byte

// attributes reads the requested attributes. It leaves out one that the object lacks.
func (r *reader) attributes(asked []uint32) values {
	n := r.u32()
	if n > uint32(len(asked)) {
		r.err = errMalformed
	}
	out := make(values)
	for ; n > 0 && r.err == nil; n-- {
		kind := r.u32()
		if r.byte() == 0 {
			continue
		}
		r.u32() // the length of the value in the module's own form
		switch kind {
		case attrClass, attrKeyType:
			out[kind] = r.take(8)
		case attrAlwaysAuthenticate:
			out[kind] = r.take(1)
		default:
			out[kind] = r.bytes()
		}
	}
	return out
}
