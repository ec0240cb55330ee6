package window

// Remove takes one entry equal to e, without a mark, out again: the undo of Insert. It returns whether there was
// one. If no event was inserted since, the history is as if e had never come; else only the newest event's time
// may differ, which stays where it was.
//
// In steps Remove cannot tell e from others of its step: it takes the caller's word that e was inserted.
func (l *Layout) Remove(state []byte, e Entry) bool {
	t := l.units(e.Time)
	v := l.view(state)
	if len(state) == 0 || t <= v.expired() {
		return false
	}
	i, ok := v.find(t, &e)
	if !ok {
		return false
	}
	if l.step > 0 {
		from, to := v.group(t)
		v.merge(i, &e, -1)
		if v.total(from, to) > 0 {
			return true
		}
	}
	if i == v.end-1 {
		v.newest = v.settled
	}
	v.close(i)
	v.save()
	return true
}

// find returns the entry at t that e can be taken out of.
func (v *view) find(t int64, e *Entry) (int, bool) {
	from, to := v.group(t)
	if v.l.step > 0 {
		return from, from < to && v.contains(from, to, e)
	}
	i, unmarked := -1, -1
	for k := from; k < to; k++ {
		free := v.l.mark == 0 || v.mark(k) == 0
		if free {
			unmarked = k
		}
		if v.equal(k, e) {
			i = k
			if free {
				return k, true
			}
		}
	}
	if i < 0 || unmarked < 0 {
		return 0, false
	}
	// Marks belong to a time, not to one of its events: the mark moves to another.
	put48(v.b, v.at(unmarked)+v.l.mark, v.mark(i))
	put48(v.b, v.at(i)+v.l.mark, 0)
	v.forgetMarks()
	return i, true
}

// equal returns whether the exact entry i has e's values.
func (v *view) equal(i int, e *Entry) bool {
	for k := range v.l.columns {
		c := &v.l.columns[k]
		switch {
		case c.hash:
			if v.hash(i, c.at) != e.Values[k] {
				return false
			}
		case v.number(i, c.at) != clamp(e.Values[k]):
			return false
		}
	}
	return true
}

// contains returns whether the events of the step at [from, to) may have e among them, as far as can be told.
func (v *view) contains(from, to int, e *Entry) bool {
	if v.weight(from) == 0 {
		return false
	}
	left := v.total(from, to) - 1
	for k := range v.l.columns {
		c := &v.l.columns[k]
		if c.n != 0 && !v.part(from, c).minus(one(clamp(e.Values[k]), c)).possible(left) {
			return false
		}
	}
	return true
}

// close takes entry i, which has no mark, away.
func (v *view) close(i int) {
	for k := range v.l.records {
		r := &v.l.records[k]
		from, to := get24(v.b, r.from), get24(v.b, r.to)
		switch {
		case i >= to:
			continue
		case i < from:
			from--
		default:
			v.drop(r, i, from, to)
		}
		put24(v.b, r.from, from)
		put24(v.b, r.to, to-1)
	}
	copy(v.b[v.at(i):], v.b[v.at(i+1):v.at(v.end)])
	v.end--
}
