package window

// In steps, the events of one step share one entry without a mark, the first of its group: how many of them are
// not marked, and what the numbers of all of them come to, marked or not. An entry follows for each different
// mark, in ascending order, with the number of events that have it and nothing else. A group has at least one
// event, and no entry with a mark is without.

// maxWeight bounds the events of one step, so that sums stay below 2^63.
const maxWeight = 1<<23 - 1

// total returns how many events the entries at [from, to) stand for.
func (v *view) total(from, to int) int64 {
	n := int64(0)
	for i := from; i < to; i++ {
		n += v.weight(i)
	}
	return n
}

func (v *view) setWeight(i int, n int64) { put24(v.b, v.at(i)+v.l.count, int(n)) }

// part is what a number of several events comes to.
type part struct {
	n       int64
	sum     int64
	squares wide
}

// part returns what entry i holds of a number.
func (v *view) part(i int, c *column) part {
	p := v.at(i)
	x := part{n: int64(get24(v.b, p+c.n)), sum: get64(v.b, p+c.sum)}
	if c.squares != 0 {
		x.squares = get128(v.b, p+c.squares)
	}
	return x
}

func (v *view) setPart(i int, c *column, x part) {
	p := v.at(i)
	put24(v.b, p+c.n, int(x.n))
	put64(v.b, p+c.sum, x.sum)
	if c.squares != 0 {
		put128(v.b, p+c.squares, x.squares)
	}
}

// one is the part of a single number.
func one(x int64, c *column) part {
	if x == Missing {
		return part{}
	}
	y := part{n: 1, sum: x}
	if c.squares != 0 {
		y.squares = square(x)
	}
	return y
}

func (x part) plus(y part) part {
	return part{x.n + y.n, x.sum + y.sum, x.squares.add(y.squares)}
}

func (x part) minus(y part) part {
	return part{x.n - y.n, x.sum - y.sum, x.squares.sub(y.squares)}
}

// possible returns whether at most n numbers can come to x.
func (x part) possible(n int64) bool {
	switch {
	case x.n < 0 || x.n > n || x.squares.negative():
		return false
	case x.sum > x.n*MaxNumber || x.sum < -x.n*MaxNumber:
		return false
	case x.n == 0:
		return x.squares == wide{}
	}
	const square = 1.001 * MaxNumber * MaxNumber // more than any, whatever the rounding
	return x.squares.float() <= float64(float64(x.n)*square)
}

func (v *view) addStep(r *record, i int) {
	put64(v.b, r.weight, get64(v.b, r.weight)+v.weight(i))
	for k := range r.tallies {
		y := &r.tallies[k]
		x := v.part(i, &y.column)
		put64(v.b, y.n, get64(v.b, y.n)+x.n)
		put128(v.b, y.sum, get128(v.b, y.sum).add(widen(x.sum)))
		if y.squares != 0 {
			put128(v.b, y.squares, get128(v.b, y.squares).add(x.squares))
		}
	}
}

func (v *view) dropStep(r *record, i int) {
	put64(v.b, r.weight, get64(v.b, r.weight)-v.weight(i))
	for k := range r.tallies {
		y := &r.tallies[k]
		x := v.part(i, &y.column)
		put64(v.b, y.n, get64(v.b, y.n)-x.n)
		put128(v.b, y.sum, get128(v.b, y.sum).sub(widen(x.sum)))
		if y.squares != 0 {
			put128(v.b, y.squares, get128(v.b, y.squares).sub(x.squares))
		}
	}
}

// change rewrites entry i by f, which changes no mark, and lets the windows know.
func (v *view) change(i int, f func()) {
	for k := range v.l.records {
		if r := &v.l.records[k]; v.holds(r, i) {
			v.dropStep(r, i)
		}
	}
	f()
	for k := range v.l.records {
		if r := &v.l.records[k]; v.holds(r, i) {
			v.addStep(r, i)
		}
	}
}

// holds returns whether entry i counts in r.
func (v *view) holds(r *record, i int) bool { return get24(v.b, r.from) <= i && i < get24(v.b, r.to) }

// merge adds an event to entry i (sign 1) or takes it out (−1).
func (v *view) merge(i int, e *Entry, sign int64) {
	v.change(i, func() {
		v.setWeight(i, v.weight(i)+sign)
		for k := range v.l.columns {
			c := &v.l.columns[k]
			if c.n == 0 {
				continue
			}
			x := one(clamp(e.Values[k]), c)
			if sign > 0 {
				v.setPart(i, c, v.part(i, c).plus(x))
			} else {
				v.setPart(i, c, v.part(i, c).minus(x))
			}
		}
	})
}
