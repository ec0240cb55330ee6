package feature

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/besra-ml/besra/internal/window"
)

// The journal's form of an event names its fields, so that a later plan can read it:
//
//	1          version
//	uvarint    time, ms since 1970
//	uvarint    how many fields
//	a field:   kind (1 byte), length of the name (uvarint), name, value
//
// A field that is missing is left out.
const journalVersion = 1

// The kinds of journaled fields and their values. They are never renumbered.
const (
	numberKind = 1 // 8 bytes, little endian: a float64 that is not NaN
	boolKind   = 2 // 1 byte: 0 or 1
	entityKind = 3 // 16 bytes: its hash
	textKind   = 4 // 16 bytes: its hash, or zero; uvarint: length; the text
)

// AppendEvent appends the journal's form of e, one of p's events.
func (p *Plan) AppendEvent(dst []byte, e *Event) []byte {
	dst = append(dst, journalVersion)
	dst = binary.AppendUvarint(dst, uint64(e.Time))
	n := 0
	for i := range p.Fields {
		if i != p.TimeField && e.Has(p, i) {
			n++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	for i := range p.Fields {
		if i == p.TimeField || !e.Has(p, i) {
			continue
		}
		f := &p.Fields[i]
		switch f.Type {
		case Number:
			dst = appendName(dst, numberKind, f.Name)
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(e.Numbers[i]))
		case Bool:
			dst = appendName(dst, boolKind, f.Name)
			dst = append(dst, byte(one(e.Numbers[i] != 0)))
		case Entity:
			dst = appendName(dst, entityKind, f.Name)
			dst = append(dst, e.Hashes[i][:]...)
		case Text:
			dst = appendName(dst, textKind, f.Name)
			dst = append(dst, e.Hashes[i][:]...)
			dst = binary.AppendUvarint(dst, uint64(len(e.Texts[i])))
			dst = append(dst, e.Texts[i]...)
		case Time: // stands in front
		}
	}
	return dst
}

func appendName(dst []byte, kind byte, name string) []byte {
	dst = append(dst, kind)
	dst = binary.AppendUvarint(dst, uint64(len(name)))
	return append(dst, name...)
}

var errCut = errors.New("is cut short")

// ReadEvent reads what AppendEvent of this or another plan wrote, by name. Fields that p lacks are passed over,
// and those that have another type in p are missing. e's texts share data's memory.
func (p *Plan) ReadEvent(data []byte, e *Event) error {
	e.Reset(p)
	r := reader{data: data}
	version := r.take(1)
	if len(version) == 1 && version[0] != journalVersion {
		return fmt.Errorf("event: layout %d is not known", version[0])
	}
	t := r.uvarint()
	n := r.uvarint()
	switch {
	case r.err != nil:
		return fmt.Errorf("event: %w", r.err)
	case t > window.MaxTime:
		return fmt.Errorf("event: its time %d is beyond the year 9999", t)
	case n > uint64(len(data)): // a field takes more than a byte
		return fmt.Errorf("event: %w", errCut)
	}
	e.Time = int64(t)
	for i := range n {
		if err := p.readField(&r, e); err != nil {
			return fmt.Errorf("event: field %d: %w", i, err)
		}
	}
	if len(r.data) > 0 {
		return fmt.Errorf("event: %d bytes too many", len(r.data))
	}
	return nil
}

func (p *Plan) readField(r *reader, e *Event) error {
	kind, name := r.take(1), r.bytes()
	if r.err != nil {
		return r.err
	}
	i, ok := p.byName[string(name)]
	if ok && e.Has(p, i) && i != p.TimeField {
		return fmt.Errorf("%s stands twice", p.Fields[i].Name)
	}
	var value, text []byte
	switch kind[0] {
	case numberKind:
		value = r.take(8)
	case boolKind:
		value = r.take(1)
	case entityKind:
		value = r.take(16)
	case textKind:
		value, text = r.take(16), r.bytes()
	default:
		return fmt.Errorf("kind %d is not known", kind[0])
	}
	switch {
	case r.err != nil:
		return r.err
	case !ok:
		return nil
	}
	return p.setField(e, i, kind[0], value, text)
}

// setField sets field i, if it is still of the kind that was written.
func (p *Plan) setField(e *Event, i int, kind byte, value, text []byte) error {
	f := &p.Fields[i]
	switch {
	case kind == numberKind && f.Type == Number:
		e.Numbers[i] = math.Float64frombits(binary.LittleEndian.Uint64(value))
	case kind == boolKind && f.Type == Bool:
		if value[0] > 1 {
			return fmt.Errorf("%s is neither 0 nor 1", f.Name)
		}
		e.Numbers[i] = float64(value[0])
	case kind == entityKind && f.Type == Entity:
		e.Hashes[i] = Hash(value)
	case kind == textKind && f.Type == Text:
		e.Hashes[i], e.Texts[i] = Hash(value), text
	default:
		return nil
	}
	if !e.Has(p, i) {
		return fmt.Errorf("%s is missing, and stands there", f.Name)
	}
	return nil
}

// A reader takes data apart; after its first error it has only empty answers.
type reader struct {
	data []byte
	err  error
}

func (r *reader) take(n uint64) []byte {
	if r.err != nil || n > uint64(len(r.data)) {
		r.err = errCut
		return nil
	}
	b := r.data[:n:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.err = errCut
		return 0
	}
	r.data = r.data[n:]
	return v
}

// bytes takes a length and as many bytes; of none it is empty, and not nil.
func (r *reader) bytes() []byte { return r.take(r.uvarint()) }
