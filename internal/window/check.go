package window

import (
	"errors"
	"fmt"
)

// Check returns whether foreign bytes are a sound state of this layout. Of one that is, no method can panic, and
// none answers otherwise than by its entries. nil is sound.
func (l *Layout) Check(state []byte) error {
	if len(state) == 0 {
		return nil
	}
	if len(state) < l.header {
		return fmt.Errorf("window: state of %d bytes is shorter than its header of %d", len(state), l.header)
	}
	v := l.view(state)
	if err := v.checkHeader(); err != nil {
		return fmt.Errorf("window: state: %w", err)
	}
	for i := v.first; i < v.end; i++ {
		if err := v.checkEntry(i); err != nil {
			return fmt.Errorf("window: state: entry %d: %w", i-v.first, err)
		}
	}
	if err := v.checkGroups(); err != nil {
		return fmt.Errorf("window: state: %w", err)
	}
	for i := range l.records {
		if err := v.checkRecord(&l.records[i]); err != nil {
			return fmt.Errorf("window: state: window %d: %w", i, err)
		}
	}
	return nil
}

func (v *view) checkHeader() error {
	newest := get64(v.b, 0)
	switch {
	case newest < 0 || newest > MaxTime:
		return fmt.Errorf("newest event at %d ms", newest)
	case newest != v.newest*max(v.l.step, 1):
		return fmt.Errorf("newest event at %d ms, which is no step", newest)
	case v.settled > v.newest:
		return errors.New("settled later than its newest event")
	case v.first > v.end || v.at(v.end) > len(v.b):
		return fmt.Errorf("entries from %d to %d in %d bytes", v.first, v.end, len(v.b))
	case v.end-v.first > MaxEntries+1 || v.first > 2*MaxEntries:
		return fmt.Errorf("%d entries from %d", v.end-v.first, v.first)
	case v.newest > v.settled && v.first == v.end:
		return errors.New("newest event is missing")
	}
	return nil
}

func (v *view) checkEntry(i int) error {
	t := v.time(i)
	switch {
	case t < 0:
		return errors.New("before 1970")
	case i > v.first && v.time(i-1) > t:
		return errors.New("out of order")
	case t <= v.settled-v.l.retention:
		return errors.New("expired before it was settled")
	case v.l.mark != 0 && v.mark(i) > MaxTime:
		return errors.New("marked after the year 9999")
	case v.newest > v.settled && i == v.end-1 && uint64(get64(v.b, v.at(i)+v.l.timeEnd-8))>>v.l.shift != uint64(t)&v.l.mask:
		return errors.New("not at the time of the newest event")
	case v.l.step > 0:
		return nil
	}
	for k := range v.l.columns {
		c := &v.l.columns[k]
		if c.hash {
			continue
		}
		if x := v.number(i, c.at); x != clamp(x) {
			return fmt.Errorf("value %d out of bounds", k)
		}
	}
	return nil
}

// checkGroups checks the groups of a history in steps.
func (v *view) checkGroups() error {
	if v.l.step == 0 {
		return nil
	}
	for from := v.first; from < v.end; {
		to := from + 1
		for to < v.end && v.time(to) == v.time(from) {
			to++
		}
		if err := v.checkGroup(from, to); err != nil {
			return fmt.Errorf("step %d: %w", v.time(from), err)
		}
		from = to
	}
	return nil
}

func (v *view) checkGroup(from, to int) error {
	total := v.total(from, to)
	if total < 1 || total > maxWeight {
		return fmt.Errorf("%d events", total)
	}
	for i := from; i < to; i++ {
		if v.l.mark == 0 {
			if i > from {
				return errors.New("two entries")
			}
		} else if i == from && v.mark(i) != 0 || i > from && (v.mark(i) <= v.mark(i-1) || v.weight(i) == 0) {
			return errors.New("marks out of order")
		}
		for k := range v.l.columns {
			c := &v.l.columns[k]
			if c.n == 0 {
				continue
			}
			if x := v.part(i, c); !x.possible(total) || i > from && x != (part{}) {
				return fmt.Errorf("impossible value %d", k)
			}
		}
	}
	return nil
}

// checkRecord compares the running state of a window with what its entries come to.
func (v *view) checkRecord(r *record) error {
	from, to := get24(v.b, r.from), get24(v.b, r.to)
	if from < v.first || to < from || to > v.end {
		return fmt.Errorf("stands at %d to %d", from, to)
	}
	if !v.checkTallies(r, from, to) {
		return errors.New("other sums than its entries")
	}
	for k := range r.extremes {
		if !v.checkExtreme(&r.extremes[k], from, to) {
			return errors.New("another extreme than its entries")
		}
	}
	for k := range r.varieties {
		n := get24(v.b, r.varieties[k].distinct)
		if n != unknown24 && n != v.countDistinct(r.varieties[k].at, from, to) {
			return errors.New("another count of hashes than its entries")
		}
	}
	if r.marks != 0 && get48(v.b, r.until) != 0 && !v.checkMarks(r, from, to) {
		return errors.New("other marks than its entries")
	}
	return nil
}

func (v *view) checkTallies(r *record, from, to int) bool {
	if r.weight != 0 && get64(v.b, r.weight) != v.total(from, to) {
		return false
	}
	for k := range r.tallies {
		y := &r.tallies[k]
		var n int64
		var sum, squares wide
		for i := from; i < to; i++ {
			x := v.partOf(i, y)
			n, sum, squares = n+x.n, sum.add(widen(x.sum)), squares.add(x.squares)
		}
		heldN, heldSum, heldSquares := v.tallied(y)
		if y.n != 0 && heldN != n || heldSum != sum || y.squares != 0 && heldSquares != squares {
			return false
		}
	}
	return true
}

// partOf returns what entry i adds to y.
func (v *view) partOf(i int, y *tally) part {
	if v.l.step > 0 {
		return v.part(i, &y.column)
	}
	x := v.number(i, y.column.at)
	if x == Missing {
		return part{}
	}
	return part{n: 1, sum: x, squares: square(x)}
}

func (v *view) checkExtreme(y *extreme, from, to int) bool {
	held := getSigned48(v.b, y.bound)
	bound, met := held>>1, false
	for i := from; i < to; i++ {
		x := v.number(i, y.at)
		if x == Missing {
			continue
		}
		if x *= y.sign; held == missing48 || x < bound {
			return false
		}
		met = met || x == bound
	}
	return met || held&1 == 1 || held == missing48
}

func (v *view) checkMarks(r *record, from, to int) bool {
	n := int64(0)
	for i := from; i < to; i++ {
		m := v.mark(i)
		if m == 0 || m >= get48(v.b, r.until) {
			continue
		}
		if m > get48(v.b, r.since) {
			return false
		}
		n += v.weight(i)
	}
	return n == get48(v.b, r.marks)
}
