package window

// Insert adds an event. Like append it works in place within the capacity of state, and else builds the new
// state in scratch, which it grows if need be, and leaves state as it is: the caller may drop the one and keep
// the other. What is Late or finds the history Full changes nothing. state may be nil.
func (l *Layout) Insert(state []byte, e Entry, scratch []byte) ([]byte, Kept) {
	t := l.units(e.Time)
	v := l.view(state)
	if kept := v.kept(t); kept != Remembered {
		return state, kept
	}
	p := v.after(t)
	if l.step > 0 {
		if from, to := v.group(t); from < to {
			v.settle()
			v.merge(from, &e, 1)
			v.save()
			return v.b, Remembered
		}
	}
	p = v.open(p, scratch)
	v.write(p, t, &e)
	v.newest = max(v.newest, t)
	for i := range l.records {
		v.admit(&l.records[i], p)
	}
	v.save()
	return v.b, Remembered
}

// Late returns what Insert would say of an event at t.
func (l *Layout) Late(state []byte, t int64) Kept {
	v := l.view(state)
	return v.kept(l.units(t))
}

func (v *view) kept(t int64) Kept {
	if t < v.newest-v.l.lateness {
		return Late
	}
	if v.l.step > 0 {
		if from, to := v.group(t); from < to {
			if v.total(from, to) >= maxWeight {
				return Full
			}
			return Remembered
		}
	}
	if v.end-v.first >= MaxEntries && v.alive(t) >= MaxEntries {
		return Full
	}
	return Remembered
}

// settle forgets what had expired before the event that is about to come, and takes the newest event for good.
// No time that is read before is found otherwise after.
func (v *view) settle() {
	first := v.first
	for first < v.end && v.time(first) <= v.expired() {
		first++
	}
	if first > v.first {
		for i := range v.l.records {
			v.leave(&v.l.records[i], first)
		}
	}
	v.first = first
	v.settled = v.newest
}

// leave moves r past all entries before first.
func (v *view) leave(r *record, first int) {
	from, to := get24(v.b, r.from), get24(v.b, r.to)
	for ; from < min(first, to); from++ {
		v.drop(r, from, from+1, to)
	}
	put24(v.b, r.from, max(from, first))
	put24(v.b, r.to, max(to, first))
}

// open settles the history and makes room for an entry at position p. It returns where that is then. Until it is
// sure that there is room in place it changes nothing.
func (v *view) open(p int, scratch []byte) int {
	l := v.l
	if len(v.b) == 0 {
		v.b = resize(v.b, scratch, l.header, l.header+l.size)
		copy(v.b, l.blank)
	}
	first := v.first
	for first < v.end && v.time(first) <= v.expired() {
		first++
	}
	live := v.end - first
	used, need := v.at(v.end), v.at(v.end+1)
	compact := first > live/4 || need > cap(v.b) && first > live/16
	if compact {
		need = l.header + (live+1)*l.size
	}
	v.b = resize(v.b, scratch, used, max(need, used))
	v.settle()
	if compact {
		p -= v.compact()
	}
	v.b = v.b[:v.at(v.end+1)]
	copy(v.b[v.at(p+1):], v.b[v.at(p):v.at(v.end)])
	v.end++
	return p
}

// resize returns b with a length of n, of which used bytes are b's: in place where it can be, else in scratch.
func resize(b, scratch []byte, used, n int) []byte {
	if n <= cap(b) {
		return b[:n]
	}
	if cap(scratch) < n {
		scratch = make([]byte, n, n+n/4)
	}
	scratch = scratch[:n]
	copy(scratch, b[:min(used, len(b))])
	return scratch
}

// compact moves the entries down to position 0 and returns by how much.
func (v *view) compact() int {
	by := v.first
	copy(v.b[v.l.header:], v.b[v.at(v.first):v.at(v.end)])
	for i := range v.l.records {
		r := &v.l.records[i]
		put24(v.b, r.from, get24(v.b, r.from)-by)
		put24(v.b, r.to, get24(v.b, r.to)-by)
	}
	v.first, v.end = 0, v.end-by
	return by
}

// write fills entry p with an event.
func (v *view) write(p int, t int64, e *Entry) {
	b := v.b[v.at(p):v.at(p+1)]
	clear(b)
	putWord(b[:v.l.timeEnd], uint64(t))
	if v.l.step > 0 {
		v.setWeight(p, 1)
	}
	for k := range v.l.columns {
		c, x := &v.l.columns[k], e.Values[k]
		switch {
		case c.n != 0:
			v.setPart(p, c, one(clamp(x), c))
		case v.l.step > 0:
		case c.hash:
			put64(b, c.at, x)
		case x == Missing:
			put48(b, c.at, missing48)
		default:
			put48(b, c.at, clamp(x))
		}
	}
}

// admit lets r know of the new entry p, which has no mark.
func (v *view) admit(r *record, p int) {
	from, to := get24(v.b, r.from), get24(v.b, r.to)
	switch {
	case p >= to:
		return
	case p <= from:
		from++
	default:
		v.add(r, p, from, to+1, 0)
	}
	put24(v.b, r.from, from)
	put24(v.b, r.to, to+1)
}
