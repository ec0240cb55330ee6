package window

import "math"

// Read answers the asks for e as the current event, which is not, or not yet, in state. dst has a place for each
// ask; state may be nil. What Read changes in state is where its windows stand, nothing that counts, and it never
// changes its length.
//
// Read takes time by how far the windows move since the last question: in order of time that is every entry
// once. Min, Max, Std and FraudShare may besides look through the window now and then, Distinct does for
// each event that comes or goes.
func (l *Layout) Read(state []byte, e Entry, dst []float64) {
	dst = dst[:len(l.asks)]
	t := l.units(e.Time)
	v := l.view(state)
	if len(state) > 0 {
		for i := range l.records {
			v.move(&l.records[i], t)
		}
	}
	for i := range l.asks {
		dst[i] = v.answer(&l.asks[i], t, &e)
	}
}

// Touch asks memory for what Read will look at, wherever a window stands. Each place is in another line of memory:
// asked for beforehand, for all states of an event, they come at once and not one after the other. What it
// returns means nothing, but that the compiler cannot leave it out.
func (l *Layout) Touch(state []byte) (nothing byte) {
	if len(state) == 0 {
		return 0
	}
	for i := range l.records {
		r := &l.records[i]
		from, to := l.header+get24(state, r.from)*l.size, l.header+get24(state, r.to)*l.size
		nothing ^= state[min(from, len(state)-1)] ^ state[min(to, len(state)-1)]
	}
	return nothing
}

// answer answers one ask for e, whose time is t. The ask's window is in place.
func (v *view) answer(a *ask, t int64, e *Entry) float64 {
	current := int64(0)
	if a.current {
		current = 1
	}
	from, to := 0, 0
	if len(v.b) > 0 {
		from, to = get24(v.b, a.record.from), get24(v.b, a.record.to)
	}
	switch a.Kind {
	case Count:
		return float64(v.events(a.record, from, to) + current)
	case FraudShare:
		n := v.events(a.record, from, to) + current
		if n == 0 {
			return a.Empty
		}
		if len(v.b) == 0 {
			return 0
		}
		return float64(get48(v.b, a.record.marks)) / float64(n)
	case SinceLast:
		if from == to {
			return a.Empty
		}
		return float64(t-v.time(to-1)) / 1000
	case SinceFirst:
		switch {
		case from < to:
			return float64(t-v.time(from)) / 1000
		case a.current:
			return 0
		}
		return a.Empty
	case Min, Max:
		return v.answerExtreme(a, from, to, e)
	case Distinct:
		return v.answerDistinct(a, from, to, e)
	default: // Sum, Mean, Std
		return v.answerTally(a, e)
	}
}

// events returns how many events are in r, whose entries are at [from, to).
func (v *view) events(r *record, from, to int) int64 {
	if r.weight == 0 || len(v.b) == 0 {
		return int64(to - from)
	}
	return get64(v.b, r.weight)
}

// answerTally answers Sum, Mean and Std. All is exact until the divisions at the end; no product is part of a
// sum of floats, which some machines would round once and others twice.
func (v *view) answerTally(a *ask, e *Entry) float64 {
	n, sum, squares := v.tallied(&a.tally)
	if a.current {
		if x := clamp(e.Values[a.Value]); x != Missing {
			n++
			sum = sum.add(widen(x))
			squares = squares.add(square(x))
		}
	}
	switch {
	case a.Kind == Sum:
		return sum.float() / a.scale
	case n == 0, a.Kind == Std && n < 2:
		return a.Empty
	case a.Kind == Mean:
		return sum.float() / float64(float64(n)*a.scale)
	}
	variance := spread(n, sum, squares) / float64(float64(n)*float64(n-1))
	return math.Sqrt(variance) / a.scale
}

// tallied returns what a tally holds; what it does not keep is 0.
func (v *view) tallied(y *tally) (n int64, sum, squares wide) {
	if len(v.b) == 0 {
		return 0, wide{}, wide{}
	}
	if y.squares != 0 {
		squares = get128(v.b, y.squares)
	}
	if v.l.step > 0 {
		return get64(v.b, y.n), get128(v.b, y.sum), squares
	}
	if y.n != 0 {
		n = int64(get24(v.b, y.n))
	}
	return n, widen(get64(v.b, y.sum)), squares
}

func (v *view) answerExtreme(a *ask, from, to int, e *Entry) float64 {
	x := int64(Missing)
	if len(v.b) > 0 {
		x = v.extreme(&a.extreme, from, to)
	}
	if a.current {
		y := clamp(e.Values[a.Value])
		switch {
		case x == Missing:
			x = y
		case y == Missing:
		case a.Kind == Min:
			x = min(x, y)
		default:
			x = max(x, y)
		}
	}
	if x == Missing {
		return a.Empty
	}
	return float64(x) / a.scale
}

func (v *view) answerDistinct(a *ask, from, to int, e *Entry) float64 {
	n := 0
	if len(v.b) > 0 {
		n = v.distinct(&a.variety, from, to)
	}
	if a.current {
		if h := e.Values[a.Value]; h != Missing && !v.seen(h, a.variety.at, -1, from, to) {
			n++
		}
	}
	return float64(n)
}
