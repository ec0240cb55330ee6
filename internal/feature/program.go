package feature

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/libm"
)

// A Program computes the rows of one definition for one model's columns. It is immutable, for many goroutines.
//
// It works on slots: first the answers of the groups, one group after another, then what is computed from an
// event or from slots before.
type Program struct {
	p        *Plan
	location *time.Location
	local    bool // some step needs the local time
	groups   []read
	steps    []step
	slots    int
	columns  []int // the model's columns, by slot
	texts    []text
	reaches  []reach
	required []int // fields
	loss     int   // field; -1: none
}

// A read is a group whose answers fill slots.
type read struct{ group, from, to int }

// A step fills one slot.
type step struct {
	form     Form
	slot     int
	field    int
	text     *besra.Column // the model's, of a text; nil: the field is a number
	calendar calendar
	a, b     int // operands: slots
}

// A text is a field's, and a column of the model as it is.
type text struct{ column, field int }

// A reach is how far back a column looks.
type reach struct {
	group int   // -1: into no history
	ms    int64 // window and delay
}

// Program returns the program of d, one of p's definitions, for the columns of a model.
func (p *Plan) Program(d *Definition, columns []besra.Column) (*Program, error) {
	if err := d.Bind(columns); err != nil {
		return nil, err
	}
	pr := &Program{p: p, location: d.location, loss: -1}
	for i := range d.Fields {
		f := p.Field(d.Fields[i].Name)
		if f < 0 {
			return nil, fmt.Errorf("%s: the definition is not of this plan", d.File)
		}
		if d.Fields[i].Required && f != p.TimeField {
			pr.required = append(pr.required, f)
		}
	}
	if d.Loss != "" {
		pr.loss = p.Field(d.Loss)
	}
	for _, g := range d.Groups {
		i := slices.IndexFunc(p.Groups, func(h *Group) bool { return h.ID == g.ID })
		if i < 0 {
			return nil, fmt.Errorf("%s: the definition is not of this plan", d.File)
		}
		pr.groups = append(pr.groups, read{group: i, from: pr.slots, to: pr.slots + len(g.asks)})
		pr.slots += len(g.asks)
	}
	pr.compile(d, columns)
	return pr, nil
}

// compile lays the steps out.
func (pr *Program) compile(d *Definition, columns []besra.Column) {
	slots, reaches := make([]int, len(d.Columns)), make([]reach, len(d.Columns))
	for i := range d.Columns {
		c := &d.Columns[i]
		reaches[i].group = -1
		if c.Form == Aggregate {
			r, a := pr.groups[c.group], d.Groups[c.group].asks[c.ask]
			slots[i], reaches[i] = r.from+c.ask, reach{group: r.group, ms: a.window + a.delay}
			continue
		}
		s := step{form: c.Form, slot: pr.slots, calendar: c.calendar}
		switch c.Form {
		case FromField:
			s.field = pr.p.Field(d.Fields[c.field].Name)
			if d.isText(i) {
				s.text = columnOf(columns, c.Name)
			}
		case Calendar:
			pr.local = true
		default:
			s.a, s.b = slots[c.operands[0]], slots[c.operands[len(c.operands)-1]]
			for _, o := range c.operands {
				if reaches[o].ms > reaches[i].ms {
					reaches[i] = reaches[o]
				}
			}
		}
		slots[i] = pr.slots
		pr.slots++
		pr.steps = append(pr.steps, s)
	}
	for _, c := range columns {
		i := d.column(c.Name)
		if d.isText(i) {
			pr.texts = append(pr.texts, text{len(pr.columns), pr.p.Field(d.Fields[d.Columns[i].field].Name)})
		}
		pr.columns, pr.reaches = append(pr.columns, slots[i]), append(pr.reaches, reaches[i])
	}
}

// columnOf returns the named column. Only columns that arithmetic uses are none of the model's, and texts are not
// among these.
func columnOf(columns []besra.Column, name string) *besra.Column {
	i := slices.IndexFunc(columns, func(c besra.Column) bool { return c.Name == name })
	c := columns[i]
	return &c
}

// Unknown returns the first of the model's columns, of those from from on, whose text e has and the model does not know,
// so that it is missing in e's row; -1: there is none.
func (pr *Program) Unknown(row []float64, e *Event, from int) (column int) {
	for _, t := range pr.texts {
		if t.column >= from && row[t.column] != row[t.column] && e.Texts[t.field] != nil {
			return t.column
		}
	}
	return -1
}

// Text returns the plan's field whose text the model's column i is; -1: it is none.
func (pr *Program) Text(i int) (field int) {
	for _, t := range pr.texts {
		if t.column == i {
			return t.field
		}
	}
	return -1
}

// Columns returns the length of a row.
func (pr *Program) Columns() int { return len(pr.columns) }

// Column returns what the model's column i looks back on: a group of the plan, -1 for none, and how long its
// window and delay reach, in ms. Of arithmetic it is the operand that reaches furthest.
func (pr *Program) Column(i int) (group int, reach int64) {
	return pr.reaches[i].group, pr.reaches[i].ms
}

// Missing returns the first field that the definition requires and e lacks, -1 when there is none.
func (pr *Program) Missing(e *Event) (field int) {
	for _, f := range pr.required {
		if !e.Has(pr.p, f) {
			return f
		}
	}
	return -1
}

// Requires reports whether the definition requires the i-th of the plan's fields.
func (pr *Program) Requires(i int) bool {
	return i == pr.p.TimeField || slices.Contains(pr.required, i)
}

// Loss returns what e costs if it is fraud, in units of its last decimal. It is 0 where the definition has no
// loss, or the event lacks it.
func (pr *Program) Loss(e *Event) (loss int64, decimals int) {
	if pr.loss < 0 || math.IsNaN(e.Numbers[pr.loss]) {
		return 0, 0
	}
	decimals = pr.p.Fields[pr.loss].Decimals
	if loss, ok := quantize(e.Numbers[pr.loss], decimals); ok {
		return loss, decimals
	}
	return 0, decimals
}

// Row computes one row into dst, which has room for Columns. states[i] is the state of p.Groups[i], nil when
// there is none; e is not (yet) in them. A state's cached positions may change, nothing that counts. It does
// not allocate, once w has been used.
func (pr *Program) Row(dst []float64, e *Event, states [][]byte, w *Work) {
	slots := w.room(pr.slots)
	for _, r := range pr.groups {
		answers := slots[r.from:r.to]
		if pr.p.present(r.group, e) {
			pr.p.Groups[r.group].Layout.Read(states[r.group], pr.p.entry(r.group, e, w), answers)
			continue
		}
		for i := range answers {
			answers[i] = math.NaN()
		}
	}
	local := int64(0)
	if pr.local {
		local = w.zone.local(pr.location, e.Time)
	}
	for i := range pr.steps {
		s := &pr.steps[i]
		slots[s.slot] = s.value(e, slots, local)
	}
	for i, s := range pr.columns {
		dst[i] = slots[s]
	}
}

func (s *step) value(e *Event, slots []float64, local int64) float64 {
	switch s.form {
	case FromField:
		if s.text == nil {
			return e.Numbers[s.field]
		}
		if name := e.Texts[s.field]; name != nil {
			return s.text.CodeOf(name)
		}
		return s.text.Absent()
	case Calendar:
		return s.calendar.of(local)
	case Ratio:
		return finite(slots[s.a] / slots[s.b])
	case Difference:
		return finite(slots[s.a] - slots[s.b])
	case Log1p:
		return finite(libm.Log1p(slots[s.a]))
	case Aggregate: // the groups have filled its slot
	}
	return math.NaN()
}

// finite returns x, or NaN, which is missing, where a result is infinite: by 0, or beyond float64.
func finite(x float64) float64 {
	if math.IsInf(x, 0) {
		return math.NaN()
	}
	return x
}
