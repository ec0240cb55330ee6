package bundle

import (
	"fmt"
	"math"
	"path"
	"slices"

	"github.com/besra-ml/besra/internal/rows"
)

// A Report says how a model's answers compare with its trainer's.
type Report struct {
	Rows    int
	Answers []Comparison // of margins, values and, where there are any, leaves
}

// A Comparison is how one kind of answers compares.
type Comparison struct {
	Kind    string // margin, value or leaf; a model with values alone has no margins to compare
	Numbers int
	Exact   int         // how many are equal to the bit
	ULP     uint64      // the largest distance, in units in the last place
	First   *Difference // the first beyond what the bundle allows; nil: none
}

// Far is the distance of a number from one that is none, and of one leaf from another.
const Far = math.MaxUint64

// A Difference is an answer that is not its trainer's.
type Difference struct {
	File      string // of the answer
	Row       int    // from 0
	Column    int    // from 0
	Label     string // of the output; "": it has none
	Got, Want float64
	ULP       uint64
	Tree      int // the first tree that led elsewhere; -1: none did, or nobody knows
	bits      int
}

// Line returns the answer's line in its file.
func (d *Difference) Line() int { return d.Row + 2 }

func (d *Difference) String() string {
	text := fmt.Sprintf("%s:%d: column %d: got %s, want %s", d.File, d.Line(), d.Column+1,
		rows.AppendNumber(nil, d.Got, d.bits), rows.AppendNumber(nil, d.Want, d.bits))
	if d.ULP != Far {
		text += fmt.Sprintf(", %d ulp apart", d.ULP)
	}
	if d.Tree >= 0 {
		text += fmt.Sprintf("; tree %d is the first that leads elsewhere", d.Tree)
	}
	text += fmt.Sprintf(" (row %d", d.Row+1)
	if d.Label != "" {
		text += fmt.Sprintf(", %.40q", d.Label)
	}
	return text + ")"
}

// Difference returns the first difference of one kind of answers that the bundle does not allow; nil: there is none.
func (r Report) Difference(kind string) *Difference {
	for _, a := range r.Answers {
		if a.Kind == kind {
			return a.First
		}
	}
	return nil
}

// Compared reports whether answers of that kind were compared.
func (r Report) Compared(kind string) bool {
	return slices.ContainsFunc(r.Answers, func(a Comparison) bool { return a.Kind == kind })
}

// First returns the first difference that the bundle does not allow: leaves before margins, and margins
// before values, since each follows from the one before; nil when there is none.
func (r Report) First() *Difference {
	for _, kind := range []string{"leaf", "margin", "value"} {
		if d := r.Difference(kind); d != nil {
			return d
		}
	}
	return nil
}

// Prove predicts the golden rows and compares the answers with the trainer's, to the bit or as near as the
// manifest allows. The error wraps ErrNotProven and tells the first difference; it is ErrBare where there
// are no golden rows. b must not be in use yet.
func (b *Bundle) Prove() (Report, error) {
	if b.Golden == nil {
		return Report{}, ErrBare
	}
	b.Proven = false
	r, err := b.compare()
	if err != nil {
		return Report{}, err
	}
	if d := r.First(); d != nil {
		return r, fmt.Errorf("%w: %v", ErrNotProven, d)
	}
	b.Proven = true
	return r, nil
}

// proofBlock is how many rows are proven at once.
const proofBlock = 128

// compare compares all answers: margins of one row at a time, as single requests have them, and values of many at once, as
// batches do, since the two do not take the same way through the engine. A model without margins is asked for values in both
// ways.
func (b *Bundle) compare() (Report, error) {
	g, m := b.Golden, b.Model
	columns, values, trees := len(b.Features), m.Values(), m.Trees()
	_, bits := m.Bits()
	at := func(file string) string { return path.Join(g.dir, path.Base(file)) }
	value := comparer{file: at(valueFile), kind: "value", width: values, bits: bits, allowed: b.ULP, labels: m.Labels()}
	one, predict, want := value, m.Predict64, g.Value
	if !m.ValueOnly() {
		one, predict, want = value, m.Margin64, g.Margin
		one.file, one.kind, one.width = at(marginFile), "margin", m.Outputs()
	}
	leaf := comparer{file: at(leafFile), kind: "leaf", width: trees, bits: 64, leaves: true}
	got := make([]float64, proofBlock*max(one.width, values, 1))
	var ids []int32
	if g.Leaf != nil {
		ids = make([]int32, proofBlock*trees)
	}
	n := len(g.Rows) / columns
	for row := 0; row < n; row += proofBlock {
		end := min(row+proofBlock, n)
		block := g.Rows[row*columns : end*columns]
		for i := range end - row {
			if err := predict(got[i*one.width:], block[i*columns:(i+1)*columns]); err != nil {
				return Report{}, err
			}
		}
		one.add(row, got[:(end-row)*one.width], want[row*one.width:end*one.width])
		if err := m.Predict64(got, block); err != nil {
			return Report{}, err
		}
		value.add(row, got[:(end-row)*values], g.Value[row*values:end*values])
		if g.Leaf == nil {
			continue
		}
		if err := m.Leaf64(ids, block); err != nil {
			return Report{}, err
		}
		leaf.addLeaves(row, ids[:(end-row)*trees], g.Leaf[row*trees:end*trees])
	}
	r := Report{Rows: n, Answers: []Comparison{one.result(), value.result()}}
	if m.ValueOnly() {
		r.Answers = []Comparison{worse(one.result(), value.result())}
	}
	if g.Leaf != nil {
		r.Answers = append(r.Answers, leaf.result())
	}
	return r, nil
}

// worse returns the comparison that has more to tell.
func worse(a, b Comparison) Comparison {
	if b.Exact < a.Exact || a.First == nil && b.First != nil {
		return b
	}
	return a
}

// A comparer compares answers of one kind.
type comparer struct {
	file, kind  string
	width, bits int
	allowed     uint64
	leaves      bool
	labels      []string // of the columns, if there are as many
	Comparison
}

// add compares the answers of rows from first on.
func (c *comparer) add(first int, got, want []float64) {
	for i, g := range got {
		c.one(first+i/c.width, i%c.width, g, want[i])
	}
}

func (c *comparer) addLeaves(first int, got []int32, want []float64) {
	for i, g := range got {
		c.one(first+i/c.width, i%c.width, float64(g), want[i])
	}
}

func (c *comparer) one(row, column int, got, want float64) {
	c.Numbers++
	d := ULP(got, want, c.bits)
	if c.leaves && d != 0 {
		d = Far
	}
	if d == 0 {
		c.Exact++
	}
	c.Comparison.ULP = max(c.Comparison.ULP, d)
	if d <= c.allowed || c.First != nil {
		return
	}
	c.First = &Difference{File: c.file, Row: row, Column: column, Got: got, Want: want, ULP: d, Tree: -1, bits: c.bits}
	if len(c.labels) == c.width {
		c.First.Label = c.labels[column]
	}
	if c.leaves {
		c.First.Tree = column
	}
}

func (c *comparer) result() Comparison {
	c.Kind = c.kind
	return c.Comparison
}

// ULP returns how many numbers of the width bits, 32 or 64, lie between a and b, and one more; 0 when they are
// the same number to the bit, or both NaN. -0 and 0 are 1 apart; NaN is Far from every number.
func ULP(a, b float64, bits int) uint64 {
	switch {
	case a != a && b != b:
		return 0
	case a != a || b != b:
		return Far
	case bits == 32:
		return distance(order32(float32(a)), order32(float32(b)))
	}
	return distance(order64(a), order64(b))
}

func distance(a, b uint64) uint64 { return max(a, b) - min(a, b) }

// order64 maps floats to integers in their order, neighbours to neighbours.
func order64(x float64) uint64 {
	u := math.Float64bits(x)
	if u>>63 != 0 {
		return ^u
	}
	return u | 1<<63
}

func order32(x float32) uint64 {
	u := math.Float32bits(x)
	if u>>31 != 0 {
		return uint64(^u)
	}
	return uint64(u | 1<<31)
}
