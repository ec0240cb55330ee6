//go:build unix

package crash

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/besra-ml/besra/internal/outcome"
)

// A record is what a record of the journal says, read without the code that wrote it.
type record struct {
	label     bool // it is about a label, not about an event
	known     bool // of a label: its event was known
	id        bool // of an event: it has one
	model     string
	version   int
	time      int64
	key       [16]byte
	score     float64
	decision  uint8
	loss      int64
	answer    string // without the version before it
	event     []byte // nil: it is in no history
	said      outcome.Label
	labelTime int64
	before    int64
}

func parse(data []byte) (r record, err error) {
	p := parser{data: data}
	kind, parts := p.take(1)[0], p.take(1)[0]
	r.label, r.id, r.known = kind == 2, parts&1 != 0, parts&8 != 0
	p.varint() // when it came
	p.text()   // tenant
	r.model = string(p.text())
	r.version = int(p.uvarint())
	r.time = p.varint()
	if r.id || r.label {
		r.key = [16]byte(p.take(16))
		p.text() // data
	}
	if r.label || parts&4 != 0 {
		r.said = outcome.Label(p.take(1)[0])
		r.labelTime = p.varint()
	}
	if r.label {
		r.before = p.varint()
		return r, p.end()
	}
	r.score = math.Float64frombits(binary.LittleEndian.Uint64(p.take(8)))
	r.decision = p.take(1)[0]
	r.loss = p.varint()
	if r.id {
		p.take(16) // digest
		answer := parser{data: p.text()}
		answer.uvarint()
		r.answer = string(answer.data)
	}
	if parts&2 != 0 {
		r.event = p.text()
	}
	return r, p.end()
}

// A parser takes data apart; what is missing is zero, and an error at the end.
type parser struct {
	data []byte
	bad  bool
}

func (p *parser) take(n int) []byte {
	if n < 0 || n > len(p.data) {
		p.bad, p.data = true, nil
		return make([]byte, 16)
	}
	b := p.data[:n]
	p.data = p.data[n:]
	return b
}

func (p *parser) varint() int64 {
	v, n := binary.Varint(p.data)
	p.bad = p.bad || n <= 0
	p.take(max(n, 0))
	return v
}

func (p *parser) uvarint() uint64 {
	v, n := binary.Uvarint(p.data)
	p.bad = p.bad || n <= 0
	p.take(max(n, 0))
	return v
}

func (p *parser) text() []byte {
	n := p.uvarint()
	if n > uint64(len(p.data)) {
		p.bad = true
		return nil
	}
	return p.take(int(n))
}

func (p *parser) end() error {
	if p.bad || len(p.data) > 0 {
		return errors.New("a record that cannot be parsed")
	}
	return nil
}
