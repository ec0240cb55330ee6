package feature

import (
	"math"

	"github.com/besra-ml/besra/internal/window"
)

// An Event is one decoded event, by the fields of a Plan.
type Event struct {
	Time    int64     // ms since 1970, 0 to window.MaxTime
	Numbers []float64 // by field, of numbers and bools (1 or 0); NaN: missing
	Texts   [][]byte  // by field, of texts as they are; nil: missing
	Hashes  []Hash    // by field, of entities and texts; zero: missing
}

// Reset makes e ready for p's fields, all of them missing. It keeps e's memory.
func (e *Event) Reset(p *Plan) {
	n := len(p.Fields)
	if cap(e.Numbers) < n || cap(e.Texts) < n || cap(e.Hashes) < n {
		e.Numbers, e.Texts, e.Hashes = make([]float64, n), make([][]byte, n), make([]Hash, n)
	}
	e.Time, e.Numbers, e.Texts, e.Hashes = 0, e.Numbers[:n], e.Texts[:n], e.Hashes[:n]
	for i := range e.Numbers {
		e.Numbers[i] = math.NaN()
	}
	clear(e.Texts)
	clear(e.Hashes)
}

// Has reports whether the i-th of p's fields is in e.
func (e *Event) Has(p *Plan, i int) bool {
	switch p.Fields[i].Type {
	case Time:
		return true
	case Entity:
		return e.Hashes[i] != Hash{}
	case Text:
		return e.Texts[i] != nil
	default:
		return !math.IsNaN(e.Numbers[i])
	}
}

// scales are the powers of ten by which numbers become whole.
var scales = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6}

// quantize returns x in units of its last decimal, halves away from zero; NaN is window.Missing. ok is false
// when the result is beyond window.MaxNumber.
func quantize(x float64, decimals int) (q int64, ok bool) {
	if x != x {
		return window.Missing, true
	}
	r := math.Round(x * scales[decimals])
	if !(math.Abs(r) <= window.MaxNumber) {
		return window.Missing, false
	}
	return int64(r), true
}
