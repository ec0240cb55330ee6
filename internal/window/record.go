package window

// An extreme is held as a bound of sign × value, shifted left by one, and a last bit. As long as that is 0 the
// bound is the extreme. When an entry that equals the bound leaves, the bit is set: others may equal it or not,
// none is below. The next to ask looks.

// move brings a record to where it belongs for a question asked at t: its entries lie in (after, until].
func (v *view) move(r *record, t int64) {
	from, to := get24(v.b, r.from), get24(v.b, r.to)
	until := t - r.delay
	after := max(until-r.window, v.expired())
	if r.marks != 0 && (t < get48(v.b, r.since) || t >= get48(v.b, r.until)) {
		put48(v.b, r.until, 0)
	}
	steps := 0
	for ; to < v.end && v.time(to) <= until; to++ {
		v.add(r, to, from, to, t)
		steps = v.tire(r, steps)
	}
	for ; from > v.first && v.time(from-1) > after; from-- {
		v.add(r, from-1, from, to, t)
		steps = v.tire(r, steps)
	}
	for ; from < to && v.time(from) <= after; from++ {
		v.drop(r, from, from+1, to)
		steps = v.tire(r, steps)
	}
	for ; to > from && v.time(to-1) > until; to-- {
		v.drop(r, to-1, from, to-1)
		steps = v.tire(r, steps)
	}
	put24(v.b, r.from, from)
	put24(v.b, r.to, to)
	if r.marks != 0 && get48(v.b, r.until) == 0 {
		v.countMarks(r, t, from, to)
	}
}

// tire gives up to follow hashes that come and go when there are many, each of which would look at the whole
// window: counting once is quicker.
func (v *view) tire(r *record, steps int) int {
	if steps == 16 {
		for _, x := range r.varieties {
			put24(v.b, x.distinct, unknown24)
		}
	}
	return steps + 1
}

// add makes entry i count in r, whose other entries are at [from, to), less i. It must know the time t of the
// question if the entry may be marked.
func (v *view) add(r *record, i, from, to int, t int64) {
	if v.l.step > 0 {
		v.addStep(r, i)
	} else {
		for k := range r.tallies {
			v.tally(&r.tallies[k], v.number(i, r.tallies[k].column.at), 1)
		}
		for k := range r.extremes {
			v.extend(&r.extremes[k], v.number(i, r.extremes[k].at))
		}
		for k := range r.varieties {
			v.vary(&r.varieties[k], i, from, to, 1)
		}
	}
	if r.marks == 0 || v.mark(i) == 0 || get48(v.b, r.until) == 0 {
		return
	}
	switch m := v.mark(i); {
	case m <= t:
		put48(v.b, r.marks, get48(v.b, r.marks)+v.weight(i))
		put48(v.b, r.since, max(m, get48(v.b, r.since)))
	default:
		put48(v.b, r.until, min(m, get48(v.b, r.until)))
	}
}

// drop makes entry i count no more in r, whose other entries are at [from, to), less i.
func (v *view) drop(r *record, i, from, to int) {
	if v.l.step > 0 {
		v.dropStep(r, i)
	} else {
		for k := range r.tallies {
			v.tally(&r.tallies[k], v.number(i, r.tallies[k].column.at), -1)
		}
		for k := range r.extremes {
			v.loosen(&r.extremes[k], v.number(i, r.extremes[k].at))
		}
		for k := range r.varieties {
			v.vary(&r.varieties[k], i, from, to, -1)
		}
	}
	if r.marks == 0 || get48(v.b, r.until) == 0 {
		return
	}
	if m := v.mark(i); m != 0 && m <= get48(v.b, r.since) {
		put48(v.b, r.marks, get48(v.b, r.marks)-v.weight(i))
	}
}

// tally adds a number (sign 1) or takes it out (−1).
func (v *view) tally(y *tally, x, sign int64) {
	if x == Missing {
		return
	}
	put64(v.b, y.sum, get64(v.b, y.sum)+sign*x)
	if y.n != 0 {
		put24(v.b, y.n, get24(v.b, y.n)+int(sign))
	}
	if y.squares == 0 {
		return
	}
	if sign > 0 {
		put128(v.b, y.squares, get128(v.b, y.squares).add(square(x)))
	} else {
		put128(v.b, y.squares, get128(v.b, y.squares).sub(square(x)))
	}
}

func (v *view) extend(y *extreme, x int64) {
	if x == Missing {
		return
	}
	x *= y.sign
	if held := getSigned48(v.b, y.bound); held == missing48 || x <= held>>1 {
		put48(v.b, y.bound, x<<1)
	}
}

func (v *view) loosen(y *extreme, x int64) {
	if x == Missing {
		return
	}
	if held := getSigned48(v.b, y.bound); held != missing48 && x*y.sign == held>>1 {
		put48(v.b, y.bound, held|1)
	}
}

// extreme returns the extreme of the entries at [from, to), Missing if there is none.
func (v *view) extreme(y *extreme, from, to int) int64 {
	held := getSigned48(v.b, y.bound)
	if held == missing48 {
		return Missing
	}
	if held&1 == 0 {
		return y.sign * (held >> 1)
	}
	least := int64(missing48)
	for i := from; i < to; i++ {
		x := v.number(i, y.at)
		if x == Missing {
			continue
		}
		x *= y.sign
		if least == missing48 || x < least {
			least = x
		}
		if x == held>>1 {
			break
		}
	}
	if least == missing48 {
		put48(v.b, y.bound, missing48)
		return Missing
	}
	put48(v.b, y.bound, least<<1)
	return y.sign * least
}

// countMarks counts the marks at [from, to) anew, for questions asked at t.
func (v *view) countMarks(r *record, t int64, from, to int) {
	n, since, until := int64(0), int64(0), int64(max48)
	for i := from; i < to; i++ {
		switch m := v.mark(i); {
		case m == 0:
		case m <= t:
			n += v.weight(i)
			since = max(since, m)
		default:
			until = min(until, m)
		}
	}
	put48(v.b, r.marks, n)
	put48(v.b, r.since, since)
	put48(v.b, r.until, until)
}

// forgetMarks has the marks of every window counted anew.
func (v *view) forgetMarks() {
	for k := range v.l.records {
		if r := &v.l.records[k]; r.marks != 0 {
			put48(v.b, r.until, 0)
		}
	}
}
