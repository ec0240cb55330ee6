package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// A tensor is a constant as it lies in the file.
type tensor struct {
	kind  kind
	dims  []int
	count int
	raw   []byte
	isRaw bool
	list  []byte // the message, when its numbers are a list
}

func readTensor(message []byte) (t tensor, err error) {
	counts := [32]int{}
	t.list = message
	err = each(message, func(f field) (err error) {
		switch f.num {
		case tensorDims:
			err = t.addDims(f)
		case tensorType:
			var k int64
			k, err = f.integer()
			t.kind = kind(k)
		case tensorRaw:
			t.isRaw = true
			t.raw, err = f.message()
		case tensorFloat:
			counts[f.num], err = count(counts[f.num], f, protowire.Fixed32Type)
		case tensorDouble:
			counts[f.num], err = countDoubles(counts[f.num], f)
		case tensorInt32, tensorInt64, tensorUint64:
			counts[f.num], err = count(counts[f.num], f, protowire.VarintType)
		case tensorString:
			counts[f.num]++
			_, err = f.message()
		case tensorExternal:
			err = errors.New("external data: its numbers are in another file")
		case tensorLocation:
			if f.value != 0 {
				err = errors.New("external data: its numbers are in another file")
			}
		case tensorSegment:
			err = errors.New("a segment of a tensor")
		}
		return err
	})
	if err != nil {
		return t, err
	}
	return t, t.check(counts)
}

func (t *tensor) addDims(f field) error {
	add := func(v uint64) error {
		d := int64(v)
		if d < 0 || d > math.MaxInt32 {
			return fmt.Errorf("dimension %d is %d", len(t.dims), d)
		}
		if len(t.dims) == maxRank {
			return fmt.Errorf("more than %d dimensions", maxRank)
		}
		t.dims = append(t.dims, int(d))
		return nil
	}
	if f.typ == protowire.VarintType {
		return add(f.value)
	}
	for b := f.bytes; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return errWire
		}
		if err := add(v); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func countDoubles(n int, f field) (int, error) {
	switch {
	case f.typ == protowire.Fixed64Type:
		return n + 1, nil
	case f.typ == protowire.BytesType && len(f.bytes)%8 == 0:
		return n + len(f.bytes)/8, nil
	}
	return 0, fmt.Errorf("%w: field %d is no list of doubles", errWire, f.num)
}

// check holds the shape against the numbers that are there.
func (t *tensor) check(counts [32]int) error {
	t.count = 1
	for _, d := range t.dims {
		if d > 0 && t.count > math.MaxInt32/d {
			return fmt.Errorf("a tensor of %v elements", t.dims)
		}
		t.count *= d
	}
	width, field := 0, 0
	switch t.kind {
	case float32s:
		width, field = 4, tensorFloat
	case float64s:
		width, field = 8, tensorDouble
	case int64s:
		width, field = 8, tensorInt64
	case int32s:
		width, field = 4, tensorInt32
	case bools, uint8s:
		width, field = 1, tensorInt32
	case texts:
		field = tensorString
	default:
		return fmt.Errorf("elements of %v are not read", t.kind)
	}
	there := counts[field]
	if t.isRaw && t.kind != texts {
		if len(t.raw)%width != 0 {
			return fmt.Errorf("raw_data of %d bytes is no list of %v", len(t.raw), t.kind)
		}
		there = len(t.raw) / width
	}
	if there != t.count {
		return fmt.Errorf("%d elements for dimensions %v", there, t.dims)
	}
	return nil
}

// each yields the elements of a tensor that has no texts.
func (t *tensor) each() iter.Seq2[int, float64] {
	return func(yield func(int, float64) bool) {
		l := t.elements()
		for i := range t.count {
			var x float64
			switch {
			case t.isRaw:
				x = t.rawNumber(i)
			case t.kind == float32s:
				x = float64(l.float())
			case t.kind == float64s:
				x = l.double()
			default:
				x = float64(l.integer())
			}
			if !yield(i, x) {
				return
			}
		}
	}
}

// numbers returns the elements of a tensor that has no texts.
func (t *tensor) numbers() []float64 {
	out := make([]float64, t.count)
	for i, x := range t.each() {
		out[i] = x
	}
	return out
}

func (t *tensor) elements() list {
	switch t.kind {
	case float32s:
		return list{rest: t.list, num: tensorFloat}
	case float64s:
		return list{rest: t.list, num: tensorDouble}
	case int64s:
		return list{rest: t.list, num: tensorInt64}
	case texts:
		return list{rest: t.list, num: tensorString}
	default:
		return list{rest: t.list, num: tensorInt32}
	}
}

func (t *tensor) rawNumber(i int) float64 {
	switch t.kind {
	case float32s:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(t.raw[4*i:])))
	case float64s:
		return math.Float64frombits(binary.LittleEndian.Uint64(t.raw[8*i:]))
	case int64s:
		return float64(int64(binary.LittleEndian.Uint64(t.raw[8*i:])))
	case int32s:
		return float64(int32(binary.LittleEndian.Uint32(t.raw[4*i:])))
	default:
		return float64(t.raw[i])
	}
}

// double returns the next double of a list, 0 behind the last.
func (l *list) double() float64 {
	if len(l.packed) >= 8 {
		v, _ := protowire.ConsumeFixed64(l.packed)
		l.packed = l.packed[8:]
		return math.Float64frombits(v)
	}
	f := l.field()
	if f.typ == protowire.BytesType && len(f.bytes) >= 8 {
		l.packed = f.bytes
		return l.double()
	}
	return math.Float64frombits(f.value)
}

// value returns the tensor as a value of constants.
func (t *tensor) value() *value {
	v := &value{kind: t.kind, dims: t.dims, cells: make([]cell, t.count)}
	if t.kind == texts {
		l, list := t.elements(), make([]string, t.count)
		for i := range list {
			list[i] = string(l.bytes())
		}
		n := closed(list)
		for i := range v.cells {
			v.cells[i] = cell{number: float64(i), slot: -1, names: n}
		}
		return v
	}
	for i, x := range t.each() {
		v.cells[i] = constantCell(x)
	}
	return v
}
