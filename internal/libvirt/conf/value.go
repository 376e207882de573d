package conf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Kind is the type of a [Value].
type Kind int

// The kinds of value that the grammar knows. The zero Value has KindNone and stands for the
// absence of a value.
const (
	KindNone Kind = iota
	KindInt
	KindString
	KindList
)

// String returns the kind in the words of a message.
func (k Kind) String() string {
	return [...]string{"no value", "number", "string", "list"}[k]
}

// Value is the right side of an entry's equals sign. It does not change once it is made.
type Value struct {
	kind  Kind
	num   int64
	minus bool // the number is written with a minus sign, which makes it another type in libvirt
	str   string
	items []Value
}

// IntValue is a number.
func IntValue(n int64) Value { return Value{kind: KindInt, num: n, minus: n < 0} }

// StringValue is a string of any bytes, not only of text. A file cannot express every string:
// see [Value.Format].
func StringValue(s string) Value { return Value{kind: KindString, str: s} }

// ListValue is a list of strings.
func ListValue(items []string) Value {
	v := Value{kind: KindList}
	for _, s := range items {
		v.items = append(v.items, StringValue(s))
	}
	return v
}

// Kind tells the type of the value.
func (v Value) Kind() Kind { return v.kind }

// Int returns a number, and 0 for any other kind.
func (v Value) Int() int64 { return v.num }

// Str returns the bytes of a string, and "" for any other kind.
func (v Value) Str() string { return v.str }

// List returns the items of a list of strings, and nil for any other value. The grammar allows
// numbers and lists as items, which no setting wants: such a value has KindList, IsStringList
// reports false and List returns nil.
func (v Value) List() []string {
	if !v.IsStringList() {
		return nil
	}
	items := make([]string, len(v.items))
	for i, it := range v.items {
		items[i] = it.str
	}
	return items
}

// IsStringList reports whether v is a list, and all its items are strings. That includes the
// empty list.
func (v Value) IsStringList() bool {
	return v.kind == KindList &&
		!slices.ContainsFunc(v.items, func(it Value) bool { return it.kind != KindString })
}

// Equal reports whether v and w are the same value, even in different notations.
func (v Value) Equal(w Value) bool {
	return v.kind == w.kind && v.num == w.num && v.minus == w.minus && v.str == w.str &&
		slices.EqualFunc(v.items, w.items, Value.Equal)
}

// String returns the value as a file has it, with lines ended by a line feed. For a value that
// the syntax cannot express it returns a remark in angle brackets.
func (v Value) String() string {
	s, err := v.Format()
	if err != nil {
		return "<" + err.Error() + ">"
	}
	return s
}

// Format returns the value as a file has it, a list with one item a line. It is an error when
// no quotes can hold a string: when it has a NUL, or when it can stand in neither '…' nor "…"
// (it has both quotes, or one of them and a line end, …) and also has """ in it or " at its
// end.
func (v Value) Format() (string, error) { return v.format("\n") }

func (v Value) format(eol string) (string, error) {
	var b strings.Builder
	err := v.formatTo(&b, eol)
	return b.String(), err
}

func (v Value) formatTo(b *strings.Builder, eol string) error {
	switch v.kind {
	case KindInt:
		b.WriteString(v.formatInt())
		return nil
	case KindString:
		return formatString(b, v.str)
	case KindList:
		return v.formatList(b, eol)
	}
	return fmt.Errorf("no value to write")
}

// formatInt writes a number so that it is read back with the same type: one
// that wrapped around to below zero has no sign.
func (v Value) formatInt() string {
	switch {
	case v.minus && v.num == 0:
		return "-0"
	case v.minus && v.num > 0: // wrapped around the other way
		return "-" + strconv.FormatUint(-uint64(v.num), 10)
	case v.minus:
		return strconv.FormatInt(v.num, 10)
	}
	return strconv.FormatUint(uint64(v.num), 10)
}

func (v Value) formatList(b *strings.Builder, eol string) error {
	b.WriteByte('[')
	sep := eol + "  "
	for _, it := range v.items {
		b.WriteString(sep)
		if err := it.formatTo(b, eol); err != nil {
			return err
		}
		sep = "," + eol + "  "
	}
	if len(v.items) > 0 {
		b.WriteString(eol)
	}
	b.WriteByte(']')
	return nil
}

// formatString takes the first quotes that can hold s. The syntax has no escapes. A short
// string ends with its line. A long one ends at the first three quotes, including those that
// the string's own last bytes begin.
func formatString(b *strings.Builder, s string) error {
	oneLine := !strings.ContainsAny(s, "\r\n")
	quote := `"""`
	switch {
	case strings.ContainsRune(s, 0):
		return fmt.Errorf("%q cannot be written: libvirt cuts a string at a NUL", s)
	case oneLine && !strings.Contains(s, `"`):
		quote = `"`
	case oneLine && !strings.Contains(s, `'`):
		quote = `'`
	case strings.Contains(s, quote) || strings.HasSuffix(s, `"`):
		return fmt.Errorf("%q cannot be written: no quotes of libvirt's configuration files hold it", s)
	}
	b.WriteString(quote + s + quote)
	return nil
}
