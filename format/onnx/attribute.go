package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// An attribute is one of a node. Lists stay in the file: they are counted and checked once, and read where they are
// needed, number by number.
type attribute struct {
	name    string
	float   float32
	integer int64
	text    []byte
	tensor  []byte
	graph   bool
	ref     bool
	list    []byte // the message, when it has a list

	floats, integers, texts int // how many there are in lists

	set uint32 // bits of the fields that are there
}

func readAttribute(message []byte) (a attribute, err error) {
	a.list = message
	for len(message) > 0 {
		if n := a.skip(message); n > 0 {
			message = message[n:]
			continue
		}
		var f field
		if f, message, err = next(message); err != nil {
			return a, err
		}
		if err = a.add(f); err != nil {
			return a, err
		}
	}
	return a, nil
}

// skip counts the elements of a list at the message's begin, when they are written the usual way, and returns how many
// bytes they take. Most bytes of a file are passed here.
func (a *attribute) skip(message []byte) (passed int) {
	const (
		float   = attributeFloats<<3 | byte(protowire.Fixed32Type)
		integer = attributeInts<<3 | byte(protowire.VarintType)
		text    = attributeStrings<<3 | byte(protowire.BytesType)
	)
	rest := message
	for len(rest) > 5 {
		n := 0
		switch {
		case rest[0] == float:
			n = 5
			a.floats++
		case rest[0] == integer && rest[1] < 0x80:
			n = 2
			a.integers++
		case rest[0] == integer && rest[2] < 0x80:
			n = 3
			a.integers++
		case rest[0] == text && rest[1] < 0x80 && len(rest) >= 2+int(rest[1]):
			n = 2 + int(rest[1])
			a.texts++
		}
		if n == 0 {
			break
		}
		rest = rest[n:]
	}
	return len(message) - len(rest)
}

// add takes a field.
func (a *attribute) add(f field) (err error) {
	if f.num < 32 {
		a.set |= 1 << f.num
	}
	switch f.num {
	case attributeName:
		a.name, err = f.text()
	case attributeFloat:
		a.float = math.Float32frombits(uint32(f.value))
		if f.typ != protowire.Fixed32Type {
			err = errWire
		}
	case attributeInt:
		a.integer, err = f.integer()
	case attributeString:
		a.text, err = f.message()
	case attributeTensor:
		a.tensor, err = f.message()
	case attributeGraph, attributeGraphs:
		a.graph = true
	case attributeRef:
		a.ref = true
	case attributeFloats:
		a.floats, err = count(a.floats, f, protowire.Fixed32Type)
	case attributeInts:
		a.integers, err = count(a.integers, f, protowire.VarintType)
	case attributeStrings:
		a.texts++
		_, err = f.message()
	}
	return err
}

// has reports whether the attribute has that field.
func (a *attribute) has(num uint) bool { return a != nil && a.set>>num&1 == 1 }

// count adds the numbers of a repeated field, packed or not.
func count(n int, f field, typ protowire.Type) (int, error) {
	if f.typ == typ {
		return n + 1, nil
	}
	if f.typ != protowire.BytesType {
		return 0, fmt.Errorf("%w: field %d is no list", errWire, f.num)
	}
	if typ == protowire.Fixed32Type {
		if len(f.bytes)%4 != 0 {
			return 0, fmt.Errorf("%w: field %d is no list of floats", errWire, f.num)
		}
		return n + len(f.bytes)/4, nil
	}
	for b := f.bytes; len(b) > 0; n++ {
		_, k := protowire.ConsumeVarint(b)
		if k < 0 {
			return 0, fmt.Errorf("%w: field %d is no list of integers", errWire, f.num)
		}
		b = b[k:]
	}
	return n, nil
}

// A list reads the numbers of a repeated field, from the first on. The message has been checked by whoever counted them.
type list struct {
	rest   []byte // of the message
	packed []byte // of a packed field
	num    int    // of the field
}

// integersOf returns an attribute's integers; of nil, none.
func integersOf(a *attribute) list {
	if a == nil {
		return list{}
	}
	return list{rest: a.list, num: attributeInts}
}

func floatsOf(a *attribute) list {
	if a == nil {
		return list{}
	}
	return list{rest: a.list, num: attributeFloats}
}

// integer returns the next integer, 0 behind the last.
func (l *list) integer() int64 {
	if len(l.packed) > 0 {
		v, n := protowire.ConsumeVarint(l.packed)
		l.packed = l.packed[max(n, 1):]
		return int64(v)
	}
	// The usual: the tag is one byte, the number one or two.
	if r := l.rest; len(r) > 2 && r[0] == byte(l.num<<3) {
		if r[1] < 0x80 {
			l.rest = r[2:]
			return int64(r[1])
		}
		if r[2] < 0x80 {
			l.rest = r[3:]
			return int64(r[1]&0x7f) | int64(r[2])<<7
		}
	}
	f := l.field()
	if f.typ == protowire.BytesType && len(f.bytes) > 0 {
		l.packed = f.bytes
		return l.integer()
	}
	return int64(f.value)
}

// float returns the next float, 0 behind the last.
func (l *list) float() float32 {
	if r := l.rest; len(r) >= 5 && r[0] == byte(l.num<<3)|byte(protowire.Fixed32Type) && len(l.packed) == 0 {
		l.rest = r[5:]
		return math.Float32frombits(binary.LittleEndian.Uint32(r[1:]))
	}
	if len(l.packed) >= 4 {
		v, _ := protowire.ConsumeFixed32(l.packed)
		l.packed = l.packed[4:]
		return math.Float32frombits(v)
	}
	f := l.field()
	if f.typ == protowire.BytesType && len(f.bytes) >= 4 {
		l.packed = f.bytes
		return l.float()
	}
	return math.Float32frombits(uint32(f.value))
}

// bytes returns the next text, nil behind the last.
func (l *list) bytes() []byte {
	if r := l.rest; len(r) > 1 && r[0] == byte(l.num<<3)|byte(protowire.BytesType) && r[1] < 0x80 && len(r) >= 2+int(r[1]) {
		n := 2 + int(r[1])
		l.rest = r[n:]
		return r[2:n]
	}
	f := l.field()
	return f.bytes
}

// field returns the next field of the list that is not empty.
func (l *list) field() field {
	for len(l.rest) > 0 {
		f, rest, err := next(l.rest)
		if err != nil {
			break
		}
		l.rest = rest
		if f.num == l.num && (f.typ != protowire.BytesType || len(f.bytes) > 0 || l.num == attributeStrings || l.num == tensorString) {
			return f
		}
	}
	l.rest = nil
	return field{}
}

// floatList returns an attribute's floats, widened.
func floatList(a *attribute) []float64 {
	if a == nil {
		return nil
	}
	l, out := floatsOf(a), make([]float64, a.floats)
	for i := range out {
		out[i] = float64(l.float())
	}
	return out
}

// integerList returns an attribute's integers.
func integerList(a *attribute) []int64 {
	if a == nil {
		return nil
	}
	l, out := integersOf(a), make([]int64, a.integers)
	for i := range out {
		out[i] = l.integer()
	}
	return out
}

// textList returns an attribute's texts.
func textList(a *attribute) []string {
	if a == nil {
		return nil
	}
	l, out := list{rest: a.list, num: attributeStrings}, make([]string, a.texts)
	for i := range out {
		out[i] = string(l.bytes())
	}
	return out
}
