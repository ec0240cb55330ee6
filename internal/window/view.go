package window

// A state is a header, the records of its windows, and entries of one size by ascending time:
//
//	0   newest event's time in ms, 8 bytes
//	8   settled time, 6 bytes
//	14  position of the first entry, 3 bytes
//	17  position after the last entry, 3 bytes
//	20  records (layout.go)
//	    entries: time, then in steps the number of events, with labels a mark, and the values
//
// An entry has only the low bytes of its time. They are enough: whatever an event can be answered from lies
// within the retention before the settled time, the newest one before the last event was inserted. If that event
// is newer it is the only such entry, the last, and its time is the state's newest. This way what is forgotten
// lags one event behind, and the last event can be taken out as if it had never come, wherever it was.
const (
	settledAt  = 8
	firstAt    = 14
	endAt      = 17
	headerSize = 20
)

// A view is a state's header, decoded.
type view struct {
	l               *Layout
	b               []byte
	first, end      int   // positions of entries
	newest, settled int64 // as all times, in ms or steps
}

func (l *Layout) view(state []byte) view {
	v := view{l: l}
	v.reset(state)
	return v
}

// reset reads the header of a state that may be nil.
func (v *view) reset(state []byte) {
	v.b = state
	if len(state) == 0 {
		v.first, v.end, v.newest, v.settled = 0, 0, 0, 0
		return
	}
	v.first = get24(state, firstAt)
	v.end = get24(state, endAt)
	v.newest = get64(state, 0)
	v.settled = get48(state, settledAt)
	if v.l.step > 0 {
		v.newest /= v.l.step
	}
}

// save writes the header back.
func (v *view) save() {
	put64(v.b, 0, v.newest*max(v.l.step, 1))
	put48(v.b, settledAt, v.settled)
	put24(v.b, firstAt, v.first)
	put24(v.b, endAt, v.end)
}

// units turns ms into the layout's unit of time.
func (l *Layout) units(ms int64) int64 {
	ms = min(max(ms, 0), MaxTime)
	if l.step > 0 {
		return ms / l.step
	}
	return ms
}

// at returns where entry i begins.
func (v *view) at(i int) int { return v.l.header + i*v.l.size }

// time returns the time of entry i.
func (v *view) time(i int) int64 {
	if i == v.end-1 && v.newest > v.settled {
		return v.newest
	}
	low := uint64(get64(v.b, v.l.header+i*v.l.size+v.l.timeEnd-8)) >> v.l.shift
	return v.settled - int64((uint64(v.settled)-low)&v.l.mask)
}

// after returns the position of the first entry later than t.
func (v *view) after(t int64) int {
	lo, hi := v.first, v.end
	if lo == hi || v.time(hi-1) <= t {
		return hi
	}
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if v.time(mid) <= t {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// group returns the positions of the entries of time t.
func (v *view) group(t int64) (from, to int) { return v.after(t - 1), v.after(t) }

// expired returns the time up to which entries do not count any more.
func (v *view) expired() int64 { return v.newest - v.l.retention }

// alive returns how many entries would count if the newest were at t.
func (v *view) alive(t int64) int { return v.end - v.after(max(v.newest, t)-v.l.retention) }

// number returns a value of entry i.
func (v *view) number(i, at int) int64 {
	x := getSigned48(v.b, v.at(i)+at)
	if x == missing48 {
		return Missing
	}
	return x
}

// mark returns the mark of entry i, 0 if it has none.
func (v *view) mark(i int) int64 { return get48(v.b, v.at(i)+v.l.mark) }

// weight returns how many events entry i stands for.
func (v *view) weight(i int) int64 {
	if v.l.step == 0 {
		return 1
	}
	return int64(get24(v.b, v.at(i)+v.l.count))
}

// clamp keeps a number within its bounds.
func clamp(x int64) int64 {
	if x == Missing {
		return x
	}
	return min(max(x, -MaxNumber), MaxNumber)
}
