package history

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/store"
)

// What a journal record is about.
const (
	kindScored   = 1 // an event that was scored
	kindLabelled = 2 // what an event turned out to be
)

// The parts that a record may have.
const (
	hasID    = 1 << iota // key, digest and answer: the event had an id
	hasEvent             // the event entered history
	hasLabel             // of a scored event: a label had come before it
	isKnown              // of a label: the event was known
)

// A Record is one change of what is remembered, as the journal has it.
type Record struct {
	kind, parts byte

	At            int64 // when it came, ms
	Tenant, Model string
	Version       int

	Key    store.Key // of the event's id
	Digest store.Digest
	Answer []byte // as it is given to those who ask again

	Time  int64  // of the event, ms
	Event []byte // as feature.Plan.AppendEvent writes it

	Score    float64
	Decision policy.Decision
	Loss     int64 // see LossUnit

	Label     outcome.Label
	LabelTime int64  // ms
	Before    int64  // of a label: the mark that the event had
	Data      []byte // whose histories the event is in: see data.go
}

// LossUnit is the number of units of a loss in one unit of the currency.
const LossUnit = 10_000

var errRecord = errors.New("is not a record that this version of besra knows")

// append appends the record's bytes.
func (r *Record) append(b []byte) []byte {
	b = append(b, r.kind, r.parts)
	b = binary.AppendVarint(b, r.At)
	b = appendText(b, r.Tenant)
	b = appendText(b, r.Model)
	b = binary.AppendUvarint(b, uint64(r.Version))
	b = binary.AppendVarint(b, r.Time)
	if r.parts&hasID != 0 || r.kind == kindLabelled {
		b = append(b, r.Key[:]...)
		b = appendText(b, r.Data)
	}
	if r.kind == kindLabelled || r.parts&hasLabel != 0 {
		b = append(b, byte(r.Label))
		b = binary.AppendVarint(b, r.LabelTime)
	}
	if r.kind == kindLabelled {
		return binary.AppendVarint(b, r.Before)
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(r.Score))
	b = append(b, byte(r.Decision))
	b = binary.AppendVarint(b, r.Loss)
	if r.parts&hasID != 0 {
		b = append(b, r.Digest[:]...)
		b = appendText(b, r.Answer)
	}
	if r.parts&hasEvent != 0 {
		b = appendText(b, r.Event)
	}
	return b
}

// read reads a record. Its slices are parts of data.
func (r *Record) read(data []byte) error {
	c := cursor{data: data}
	*r = Record{kind: c.byte(), parts: c.byte()}
	r.At = c.varint()
	r.Tenant, r.Model = string(c.text()), string(c.text())
	r.Version = int(c.uvarint(math.MaxInt32))
	r.Time = c.varint()
	if r.parts&hasID != 0 || r.kind == kindLabelled {
		copy(r.Key[:], c.take(len(r.Key)))
		r.Data = c.text()
	}
	if r.kind == kindLabelled || r.parts&hasLabel != 0 {
		r.Label = outcome.Label(c.byte())
		r.LabelTime = c.varint()
	}
	switch r.kind {
	case kindLabelled:
		r.Before = c.varint()
	case kindScored:
		r.Score = math.Float64frombits(binary.LittleEndian.Uint64(c.take(8)))
		r.Decision = policy.Decision(c.byte())
		r.Loss = c.varint()
		if r.parts&hasID != 0 {
			copy(r.Digest[:], c.take(len(r.Digest)))
			r.Answer = c.text()
		}
		if r.parts&hasEvent != 0 {
			r.Event = c.text()
		}
	default:
		return errRecord
	}
	if c.bad || len(c.data) > 0 || r.Label > outcome.Fraud || r.Decision > policy.Decline {
		return errRecord
	}
	return nil
}

func appendText[S string | []byte](b []byte, s S) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// A cursor reads bytes that may be anybody's. After the end it returns zeros and is bad.
type cursor struct {
	data []byte
	bad  bool
}

// zeros is what a cursor finds beyond the end.
var zeros [16]byte

func (c *cursor) take(n int) []byte {
	if n > len(c.data) {
		c.bad, c.data = true, nil
		return zeros[:min(n, len(zeros))]
	}
	taken := c.data[:n:n]
	c.data = c.data[n:]
	return taken
}

func (c *cursor) byte() byte { return c.take(1)[0] }

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.data)
	c.skip(n)
	return v
}

func (c *cursor) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(c.data)
	c.skip(n)
	if v > most {
		c.bad = true
		return 0
	}
	return v
}

func (c *cursor) skip(n int) {
	if n <= 0 {
		c.bad, c.data = true, nil
		return
	}
	c.data = c.data[n:]
}

func (c *cursor) text() []byte {
	n := c.uvarint(uint64(len(c.data)))
	if n > uint64(len(c.data)) {
		c.bad = true
		return nil
	}
	return c.take(int(n))
}
