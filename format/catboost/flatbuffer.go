package catboost

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// A flatbuffer reads one FlatBuffers document, in which every table and vector may stand anywhere: each offset and
// length is checked where it is followed. It keeps the first thing that is wrong; from then on everything is empty.
type flatbuffer struct {
	data   []byte
	base   int // where data begins in the file
	budget int // bytes of vectors and tables that may still be read: many offsets may lead to one place
	err    error
}

// reuse is how often, on average, a part of a document may be read. CatBoost's own share the parts of CTRs.
const reuse = 8

func newFlatbuffer(data []byte, base int) *flatbuffer {
	return &flatbuffer{data: data, base: base, budget: reuse * len(data)}
}

var errReuse = errors.New("offsets lead to the same places again and again")

func (f *flatbuffer) fail(at int, format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf("at byte %d: %w", f.base+at, fmt.Errorf(format, args...))
	}
}

// span returns the n bytes at a place, nil when the document does not have them.
func (f *flatbuffer) span(at, n int, what string) []byte {
	if f.err != nil {
		return nil
	}
	if at < 0 || n < 0 || at > len(f.data) || n > len(f.data)-at {
		f.fail(at, "%s of %d bytes, beyond the end", what, n)
		return nil
	}
	if f.budget -= n; f.budget < 0 {
		f.fail(at, "%w", errReuse)
		return nil
	}
	return f.data[at : at+n]
}

func (f *flatbuffer) uint32(at int, what string) uint32 {
	if b := f.span(at, 4, what); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// follow returns where the offset at a place leads.
func (f *flatbuffer) follow(at int) int {
	to := at + int(f.uint32(at, "an offset"))
	if f.err == nil && (to <= at || to >= len(f.data)) {
		f.fail(at, "an offset leads to byte %d of %d", to, len(f.data))
	}
	return to
}

func (f *flatbuffer) root() fbTable { return f.table(f.follow(0)) }

// An fbTable is a table of a document. Fields that it does not have are their defaults.
type fbTable struct {
	*flatbuffer
	at      int
	size    int
	offsets []byte // of the fields, two bytes each
}

// table reads where the fields of the table at a place stand.
func (f *flatbuffer) table(at int) fbTable {
	back := int32(f.uint32(at, "a table"))
	vtable := at - int(back)
	b := f.span(vtable, 4, "a table's fields")
	if b == nil {
		return fbTable{flatbuffer: f}
	}
	n, size := int(binary.LittleEndian.Uint16(b)), int(binary.LittleEndian.Uint16(b[2:]))
	if n < 4 || n%2 != 0 || size < 4 {
		f.fail(vtable, "a table of %d bytes with %d of offsets", size, n)
		return fbTable{flatbuffer: f}
	}
	offsets := f.span(vtable, n, "a table's fields")
	if f.span(at, size, "a table") == nil || offsets == nil {
		return fbTable{flatbuffer: f}
	}
	return fbTable{f, at, size, offsets[4:]}
}

// field returns where field i, of n bytes, stands; ok is false when the table does not have it.
func (t fbTable) field(i, n int) (at int, ok bool) {
	if t.err != nil || 2*i+2 > len(t.offsets) {
		return 0, false
	}
	off := int(binary.LittleEndian.Uint16(t.offsets[2*i:]))
	if off == 0 {
		return 0, false
	}
	if off < 4 || off+n > t.size {
		t.fail(t.at, "field %d of a table of %d bytes is at %d", i, t.size, off)
		return 0, false
	}
	return t.at + off, true
}

func (t fbTable) int32(i int, missing int32) int32 {
	at, ok := t.field(i, 4)
	if !ok {
		return missing
	}
	return int32(binary.LittleEndian.Uint32(t.data[at:]))
}

func (t fbTable) float32(i int, missing float32) float32 {
	at, ok := t.field(i, 4)
	if !ok {
		return missing
	}
	return math.Float32frombits(binary.LittleEndian.Uint32(t.data[at:]))
}

func (t fbTable) float64(i int, missing float64) float64 {
	at, ok := t.field(i, 8)
	if !ok {
		return missing
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(t.data[at:]))
}

func (t fbTable) uint8(i int, missing uint8) uint8 {
	at, ok := t.field(i, 1)
	if !ok {
		return missing
	}
	return t.data[at]
}

func (t fbTable) child(i int) fbTable {
	at, ok := t.field(i, 4)
	if !ok {
		return fbTable{flatbuffer: t.flatbuffer}
	}
	return t.table(t.follow(at))
}

// there reports whether this is a table at all.
func (t fbTable) there() bool { return t.size > 0 && t.err == nil }

// vector returns the bytes of the elements of vector i, each of so many.
func (t fbTable) vector(i, size int) []byte {
	at, ok := t.field(i, 4)
	if !ok {
		return nil
	}
	return t.elements(t.follow(at), size)
}

// elements returns the bytes of the elements of the vector at a place.
func (f *flatbuffer) elements(at, size int) []byte {
	n := int64(f.uint32(at, "a length"))
	if f.err == nil && n*int64(size) > int64(len(f.data)) {
		f.fail(at, "a vector of %d elements of %d bytes, beyond the end", n, size)
	}
	return f.span(at+4, int(n)*size, "a vector")
}

func (t fbTable) ints(i int) []int32 {
	b := t.vector(i, 4)
	out := make([]int32, len(b)/4)
	for j := range out {
		out[j] = int32(binary.LittleEndian.Uint32(b[4*j:]))
	}
	return out
}

func (t fbTable) floats(i int) []float32 {
	b := t.vector(i, 4)
	out := make([]float32, len(b)/4)
	for j := range out {
		out[j] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*j:]))
	}
	return out
}

func (t fbTable) doubles(i int) []float64 {
	b := t.vector(i, 8)
	out := make([]float64, len(b)/8)
	for j := range out {
		out[j] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*j:]))
	}
	return out
}

// text returns string i.
func (t fbTable) text(i int) string {
	text := t.raw(i)
	if !utf8.ValidString(text) {
		t.fail(t.at, "a string is not valid UTF-8")
		return ""
	}
	return text
}

// raw returns string i, whatever bytes it has.
func (t fbTable) raw(i int) string {
	at, ok := t.field(i, 4)
	if !ok {
		return ""
	}
	return string(t.elements(t.follow(at), 1))
}

// children calls each with every table of vector i, until something is wrong. With its offset and what it alone leads
// to, a table takes no fewer than least bytes: so many may be one, but not more than the document has room for.
func (t fbTable) children(i, least int, each func(n int, child fbTable) error) error {
	at, ok := t.field(i, 4)
	if !ok {
		return t.err
	}
	at = t.follow(at) + 4
	offsets := t.vector(i, 4)
	if n := len(offsets) / 4; n > len(t.data)/least {
		t.fail(at, "%d tables in a document of %d bytes: %w", n, len(t.data), errReuse)
	}
	for j := range len(offsets) / 4 {
		child := t.table(t.follow(at + 4*j))
		if t.err != nil {
			return t.err
		}
		if err := each(j, child); t.err == nil && err != nil {
			return err
		}
		if t.err != nil {
			return t.err
		}
	}
	return t.err
}

// raws returns the strings of vector i.
func (t fbTable) raws(i int) []string {
	at, ok := t.field(i, 4)
	if !ok {
		return nil
	}
	at = t.follow(at) + 4
	offsets := t.vector(i, 4)
	var out []string
	for j := 0; j < len(offsets)/4 && t.err == nil; j++ {
		out = append(out, string(t.elements(t.follow(at+4*j), 1)))
	}
	return out
}
