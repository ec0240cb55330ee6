package feature

import (
	"fmt"
	"slices"

	"github.com/besra-ml/besra/internal/window"
)

// A Plan is how the events of one model name become rows: the union of what the definitions of its versions
// need. It is immutable, for many goroutines.
type Plan struct {
	Fields       []Field // of all definitions; one is required when every definition requires it
	Groups       []*Group
	TimeField    int   // index into Fields
	EntityFields []int // indices into Fields

	byName   map[string]int
	bindings []binding // by group
	checked  []int     // fields whose numbers windows or losses take in
}

// A binding says which fields a group reads.
type binding struct {
	entities []int
	values   []boundValue
}

type boundValue struct {
	field    int
	decimals int
	hash     bool
}

// NewPlan unites definitions. Fields of the same name must agree in type and decimals, and the time must be the
// same field; groups of the same ID are one.
func NewPlan(defs []*Definition) (*Plan, error) {
	p := &Plan{TimeField: -1, byName: map[string]int{}}
	from := []*Definition{} // by field: who brought it
	for _, d := range defs {
		for i := range d.Fields {
			f := d.Fields[i]
			j, ok := p.byName[f.Name]
			switch {
			case !ok && f.Type == Time && p.TimeField >= 0:
				return nil, fmt.Errorf("%s: the time is the field %s, and in %s it is %s",
					d.at(i), f.Name, from[p.TimeField].at(from[p.TimeField].Field(p.Fields[p.TimeField].Name)), p.Fields[p.TimeField].Name)
			case !ok:
				j = len(p.Fields)
				p.byName[f.Name] = j
				p.Fields, from = append(p.Fields, f), append(from, d)
			default:
				if err := p.Fields[j].agrees(&f); err != nil {
					return nil, fmt.Errorf("%s: the field %s %w in %s", d.at(i), f.Name, err, from[j].at(from[j].Field(f.Name)))
				}
			}
			if f.Decimals >= 0 && p.Fields[j].Decimals < 0 {
				p.Fields[j].Decimals = f.Decimals
				from[j] = d
			}
			if f.Type == Time {
				p.TimeField = j
			}
		}
		for _, g := range d.Groups {
			if !slices.ContainsFunc(p.Groups, func(h *Group) bool { return h.ID == g.ID }) {
				p.Groups = append(p.Groups, g)
			}
		}
	}
	if p.TimeField < 0 {
		return nil, fmt.Errorf("a plan needs a definition")
	}
	p.bind(defs)
	return p, nil
}

// at names the place of the i-th field.
func (d *Definition) at(i int) string { return fmt.Sprintf("%s:%d", d.File, d.lines[i]) }

// agrees returns how f differs from g, of the same name.
func (f *Field) agrees(g *Field) error {
	switch {
	case f.Type != g.Type:
		return fmt.Errorf("is of type %v, and of type %v", g.Type, f.Type)
	case f.Decimals >= 0 && g.Decimals >= 0 && f.Decimals != g.Decimals:
		return fmt.Errorf("has decimals %d, and %d", g.Decimals, f.Decimals)
	}
	return nil
}

// bind resolves names to fields.
func (p *Plan) bind(defs []*Definition) {
	check := func(field int) {
		if !slices.Contains(p.checked, field) {
			p.checked = append(p.checked, field)
		}
	}
	for i := range p.Fields {
		f := &p.Fields[i]
		f.Required = !slices.ContainsFunc(defs, func(d *Definition) bool {
			j := d.Field(f.Name)
			return j < 0 || !d.Fields[j].Required
		})
		if f.Type == Entity {
			p.EntityFields = append(p.EntityFields, i)
		}
	}
	for _, g := range p.Groups {
		var b binding
		for _, name := range g.Entities {
			b.entities = append(b.entities, p.byName[name])
		}
		for _, v := range g.values {
			field := p.byName[v.name]
			hash := p.Fields[field].hashed()
			b.values = append(b.values, boundValue{field: field, decimals: v.decimals, hash: hash})
			if !hash {
				check(field)
			}
		}
		p.bindings = append(p.bindings, b)
	}
	for _, d := range defs {
		if d.Loss != "" {
			check(p.byName[d.Loss])
		}
	}
}

// Equal reports whether p and q read events alike and keep the same histories, in whatever order. What people call
// fields may differ.
func (p *Plan) Equal(q *Plan) bool {
	if len(p.Fields) != len(q.Fields) || len(p.Groups) != len(q.Groups) || len(p.checked) != len(q.checked) {
		return false
	}
	for i := range p.Fields {
		f := &p.Fields[i]
		j := q.Field(f.Name)
		if j < 0 || f.Type != q.Fields[j].Type || f.Decimals != q.Fields[j].Decimals || f.Required != q.Fields[j].Required ||
			slices.Contains(p.checked, i) != slices.Contains(q.checked, j) {
			return false
		}
	}
	for _, g := range p.Groups {
		if !slices.ContainsFunc(q.Groups, func(h *Group) bool { return h.ID == g.ID }) {
			return false
		}
	}
	return true
}

// Field returns the index of the named field, -1 when there is none.
func (p *Plan) Field(name string) int {
	if i, ok := p.byName[name]; ok {
		return i
	}
	return -1
}

// Quantize checks that the numbers of e which windows or losses take in are not too large for them:
// |round(x × 10^decimals)| ≤ window.MaxNumber. It returns the field at fault.
func (p *Plan) Quantize(e *Event) (field int, ok bool) {
	for _, i := range p.checked {
		if _, ok := quantize(e.Numbers[i], p.Fields[i].decimals()); !ok {
			return i, false
		}
	}
	return -1, true
}

// present reports whether all entities of group i are in e.
func (p *Plan) present(i int, e *Event) bool {
	for _, f := range p.bindings[i].entities {
		if e.Hashes[f] == (Hash{}) {
			return false
		}
	}
	return true
}

// entry returns what e brings to group i, in w's memory.
func (p *Plan) entry(i int, e *Event, w *Work) window.Entry {
	values := w.values[:0]
	for _, v := range p.bindings[i].values {
		var q int64
		if v.hash {
			q = e.Hashes[v.field].value()
		} else {
			q, _ = quantize(e.Numbers[v.field], v.decimals)
		}
		values = append(values, q)
	}
	w.values = values
	return window.Entry{Time: e.Time, Values: values}
}

// Insert adds e to group i's state as window.Layout.Insert does. An event without the group's entities, which has
// no key and no state, is not for it: that changes nothing and returns Late. A state that has outgrown its memory is in w's, until w's next use for the same group.
func (p *Plan) Insert(i int, state []byte, e *Event, w *Work) ([]byte, window.Kept) {
	if !p.present(i, e) {
		return state, window.Late
	}
	out, kept := p.Groups[i].Layout.Insert(state, p.entry(i, e, w), w.scratch(i, state))
	w.keep(i, state, out)
	return out, kept
}

// Remove takes e out of group i's state again, after Insert said that it was remembered.
func (p *Plan) Remove(i int, state []byte, e *Event, w *Work) bool {
	return p.present(i, e) && p.Groups[i].Layout.Remove(state, p.entry(i, e, w))
}

// Mark moves a label's mark in group i's state, as window.Layout.Mark does. The memory of a state that has
// outgrown its own is as Insert's.
func (p *Plan) Mark(i int, state []byte, at, from, to int64, w *Work) ([]byte, bool) {
	out, ok := p.Groups[i].Layout.Mark(state, at, from, to, w.scratch(i, state))
	w.keep(i, state, out)
	return out, ok
}
