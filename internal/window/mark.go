package window

import "slices"

// Mark moves a fraud mark: among the entries of exactly time at, one with mark from (0: none) gets mark to (0:
// none). A mark is the time in ms, from 1, from which the event is known as fraud; marks of one time are held
// apart from what its events bring. It returns false if there is no such entry, and changes nothing. The state
// is returned as by Insert; it grows only in steps.
func (l *Layout) Mark(state []byte, at, from, to int64, scratch []byte) ([]byte, bool) {
	t := l.units(at)
	v := l.view(state)
	if l.mark == 0 || len(state) == 0 || t <= v.expired() || from < 0 || to < 0 || at < 0 || at > MaxTime {
		return state, false
	}
	if l.step > 0 {
		return v.markStep(t, l.markUnits(from), l.markUnits(to), scratch)
	}
	from, to = l.markUnits(from), l.markUnits(to)
	lo, hi := v.group(t)
	for i := lo; i < hi; i++ {
		if v.mark(i) == from {
			put48(v.b, v.at(i)+l.mark, to)
			v.forgetMarks()
			return state, true
		}
	}
	return state, false
}

// markUnits rounds a mark up to the layout's unit of time.
func (l *Layout) markUnits(ms int64) int64 {
	ms = min(ms, MaxTime)
	if l.step > 0 {
		return (ms + l.step - 1) / l.step
	}
	return ms
}

// markStep is Mark in steps.
func (v *view) markStep(t, from, to int64, scratch []byte) ([]byte, bool) {
	state := v.b
	lo, hi := v.group(t)
	i, held := v.findMark(lo, hi, from)
	if !held || v.weight(i) == 0 {
		return state, false
	}
	if from == to {
		return state, true
	}
	k, held := v.findMark(lo, hi, to)
	if !held {
		if v.alive(v.newest) >= MaxEntries {
			return state, false
		}
		before := k
		k = v.open(k, scratch)
		v.forgetMarks()
		v.write(k, t, &Entry{Values: slices.Repeat([]int64{Missing}, len(v.l.columns))})
		v.setWeight(k, 0)
		put48(v.b, v.at(k)+v.l.mark, to)
		for j := range v.l.records {
			v.admit(&v.l.records[j], k)
		}
		if i += k - before; i >= k {
			i++
		}
	} else {
		v.settle()
		v.forgetMarks()
	}
	v.change(i, func() { v.setWeight(i, v.weight(i)-1) })
	v.change(k, func() { v.setWeight(k, v.weight(k)+1) })
	if from != 0 && v.weight(i) == 0 {
		v.close(i)
	}
	v.save()
	return v.b, true
}

// findMark returns the entry of the step at [from, to) that has a mark, or where it belongs.
func (v *view) findMark(from, to int, mark int64) (int, bool) {
	for i := from; i < to; i++ {
		if m := v.mark(i); m >= mark {
			return i, m == mark
		}
	}
	return to, false
}
