package events

import (
	"errors"
	"fmt"
	"math"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/rfc3339"
	"github.com/besra-ml/besra/internal/rows"
)

// A Block is a run of events, and their rows.
type Block struct {
	N     int       // events
	Times []int64   // of each, in ms since 1970
	Rows  []float64 // of each, as many as the model has columns
	Text  []byte    // what the sink's Format made of them

	in source // what the reader left for the parser

	fields, groups, keeps int // how many each event has
	numbers               []float64
	texts                 [][]byte
	hashes                []feature.Hash
	keys                  []feature.Hash // of its entities' histories, one a group; zero: none
	ids                   []int32        // and their numbers
	frauds                []bool
	known                 []int64 // when its label is known; -1: with the event
	kept                  [][]byte
	arena                 []byte // what texts and kept are copied to

	err  error // what is wrong with the event behind the last
	done chan struct{}
}

// reset empties b, for the events of p.
func (b *Block) reset(p *feature.Plan, keeps int) {
	b.fields, b.groups, b.keeps = len(p.Fields), len(p.Groups), keeps
	b.N, b.err = 0, nil
	b.Times, b.Rows, b.Text = b.Times[:0], b.Rows[:0], b.Text[:0]
	b.numbers, b.texts, b.hashes, b.keys = b.numbers[:0], b.texts[:0], b.hashes[:0], b.keys[:0]
	b.frauds, b.known = b.frauds[:0], b.known[:0]
	b.kept, b.arena = b.kept[:0], b.arena[:0]
}

// add adds an event without anything in it.
func (b *Block) add() {
	b.N++
	b.Times = append(b.Times, -1)
	b.frauds, b.known = append(b.frauds, false), append(b.known, -1)
	for range b.fields {
		b.numbers = append(b.numbers, math.NaN())
		b.texts = append(b.texts, nil)
		b.hashes = append(b.hashes, feature.Hash{})
	}
	for range b.groups {
		b.keys = append(b.keys, feature.Hash{})
	}
	for range b.keeps {
		b.kept = append(b.kept, nil)
	}
}

// drop takes the last event away again.
func (b *Block) drop() {
	b.N--
	b.Times = b.Times[:b.N]
	b.frauds, b.known = b.frauds[:b.N], b.known[:b.N]
	b.numbers, b.texts, b.hashes = b.numbers[:b.N*b.fields], b.texts[:b.N*b.fields], b.hashes[:b.N*b.fields]
	b.keys, b.kept = b.keys[:b.N*b.groups], b.kept[:b.N*b.keeps]
}

// event points e at event i.
func (b *Block) event(i int, e *feature.Event) {
	from, to := i*b.fields, (i+1)*b.fields
	e.Time = b.Times[i]
	e.Numbers, e.Texts, e.Hashes = b.numbers[from:to:to], b.texts[from:to:to], b.hashes[from:to:to]
}

// copy copies text to where it lasts as long as the events do.
func (b *Block) copy(text []byte) []byte {
	start := len(b.arena)
	b.arena = append(b.arena, text...)
	return b.arena[start:len(b.arena):len(b.arena)]
}

// What a cell can be.
var (
	errMissing  = errors.New("is missing")
	errNotTime  = errors.New("is no time such as 2026-11-27T00:00:01.250Z")
	errLabel    = errors.New("is not fraud, genuine, 1 or 0")
	errBool     = errors.New("is not true, false, 1 or 0")
	errNoNumber = errors.New("is no number")
	errInfinite = errors.New("is no finite number")
)

// text reads a cell of column c into the last event. An empty one is missing.
func (b *Block) text(c *column, cell []byte, h hasher) error {
	if c.keep >= 0 {
		b.kept[(b.N-1)*b.keeps+c.keep] = b.copy(cell)
	}
	if len(cell) == 0 {
		return nil
	}
	var err error
	switch c.role {
	case label:
		b.frauds[b.N-1], err = parseLabel(cell)
	case labelTime:
		b.known[b.N-1], err = parseTime(cell)
	case field:
		err = b.field(c, cell, h)
	case ignored, identity:
	}
	if err != nil {
		return fmt.Errorf("%s: %s %w", c.name, quote(cell), err)
	}
	return nil
}

// field reads a field of the last event.
func (b *Block) field(c *column, cell []byte, h hasher) (err error) {
	at := (b.N-1)*b.fields + c.field
	switch c.spec.Type {
	case feature.Time:
		b.Times[b.N-1], err = parseTime(cell)
	case feature.Entity:
		b.hashes[at] = h.hash(cell)
	case feature.Text:
		b.hashes[at], b.texts[at] = h.hash(cell), b.copy(cell)
	case feature.Number:
		b.numbers[at], err = parseNumber(cell)
	case feature.Bool:
		b.numbers[at], err = parseBool(cell)
	}
	return err
}

func parseTime(cell []byte) (int64, error) {
	ms, ok := rfc3339.Parse(cell)
	if !ok {
		return -1, errNotTime
	}
	return ms, nil
}

func parseNumber(cell []byte) (float64, error) {
	x, ok := rows.ParseNumber(cell, 64)
	switch {
	case !ok:
		return 0, errNoNumber
	case math.IsNaN(x) || math.IsInf(x, 0):
		return 0, errInfinite
	}
	return x, nil
}

func parseBool(cell []byte) (float64, error) {
	switch string(cell) {
	case "1", "true", "True", "TRUE":
		return 1, nil
	case "0", "false", "False", "FALSE":
		return 0, nil
	}
	return 0, errBool
}

func parseLabel(cell []byte) (bool, error) {
	switch string(cell) {
	case "1", "fraud":
		return true, nil
	case "0", "genuine":
		return false, nil
	}
	return false, errLabel
}

func quote(cell []byte) string {
	if len(cell) > 40 {
		return fmt.Sprintf("%q…", cell[:40])
	}
	return fmt.Sprintf("%q", cell)
}
