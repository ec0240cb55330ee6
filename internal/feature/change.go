package feature

import (
	"encoding/binary"

	"github.com/besra-ml/besra/internal/window"
)

// A change of one group's state can be said in bytes, so that others carry it out: an event that enters it, or a mark
// that is moved. All numbers are varints.
//
//	enter: 1, time, and the event's values by the group's own
//	mark:  2, time of the event, from, to
//
// The bytes are never renumbered: the group's ID stands for what the values are.
const (
	changeEnter = 1
	changeMark  = 2
)

// AppendEnter appends the change that Insert makes of group i's state.
func (p *Plan) AppendEnter(dst []byte, i int, e *Event, w *Work) []byte {
	entry := p.entry(i, e, w)
	dst = binary.AppendVarint(append(dst, changeEnter), entry.Time)
	for _, v := range entry.Values {
		dst = binary.AppendVarint(dst, v)
	}
	return dst
}

// AppendMark appends the change that Plan.Mark makes of a state.
func AppendMark(dst []byte, at, from, to int64) []byte {
	dst = append(dst, changeMark)
	for _, v := range [...]int64{at, from, to} {
		dst = binary.AppendVarint(dst, v)
	}
	return dst
}

// Change carries out a change of group i's state, or undoes it. What it cannot read, and what does not fit the state,
// changes nothing. The memory of the result is as Insert's.
func (p *Plan) Change(i int, state, change []byte, undo bool, w *Work) []byte {
	if len(change) == 0 {
		return state
	}
	layout, numbers := p.Groups[i].Layout, change[1:]
	switch change[0] {
	case changeEnter:
		values := w.values[:0]
		at, numbers, ok := varint(numbers)
		for range p.bindings[i].values {
			var v int64
			v, numbers, ok = varint2(numbers, ok)
			values = append(values, v)
		}
		w.values = values
		if !ok || len(numbers) > 0 {
			return state
		}
		entry := window.Entry{Time: at, Values: values}
		if undo {
			layout.Remove(state, entry)
			return state
		}
		out, _ := layout.Insert(state, entry, w.scratch(i, state))
		w.keep(i, state, out)
		return out
	case changeMark:
		at, numbers, ok := varint(numbers)
		from, numbers, ok := varint2(numbers, ok)
		to, numbers, ok := varint2(numbers, ok)
		if !ok || len(numbers) > 0 {
			return state
		}
		if undo {
			from, to = to, from
		}
		out, _ := p.Mark(i, state, at, from, to, w)
		return out
	}
	return state
}

func varint(b []byte) (v int64, rest []byte, ok bool) {
	v, n := binary.Varint(b)
	if n <= 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}

// varint2 is varint after another that may have failed.
func varint2(b []byte, ok bool) (int64, []byte, bool) {
	v, rest, good := varint(b)
	return v, rest, ok && good
}
