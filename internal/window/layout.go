package window

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
)

const (
	day         = 24 * 60 * 60 * 1000
	minWindow   = 1000
	maxSpan     = 90 * day
	maxDecimals = 6
	maxValues   = 64
	maxAsks     = 1024
)

// A Layout is a compiled Spec. It does not change; many goroutines may use it at once, each on states of its
// own.
type Layout struct {
	step      int64 // ms; 0: exact
	lateness  int64 // this and all that follow count in units of time: ms, or steps
	retention int64

	header   int      // where the entries begin
	size     int      // of an entry
	timeEnd  int      // in an entry, where its time ends
	shift    uint     // brings a time down from the top of the 8 bytes that end there
	mask     uint64   // of a time
	count    int      // in an entry of steps: how many events it stands for; else 0
	mark     int      // in an entry: its mark; 0: there are none
	columns  []column // by Spec.Values
	records  []record
	asks     []ask
	blank    []byte    // the header of an empty history
	recounts sync.Pool // of *[]uint64, tables for many hashes
}

// A column is where a value is in an entry. In steps it is what became of several.
type column struct {
	hash    bool
	at      int // exact: the value
	n       int // steps: how many are not missing, 0 where the value is not kept
	sum     int
	squares int // 0: not kept
}

// A record is the running state of one window. It holds for the entries from one position to another, wherever
// these are; Read moves them to where it needs them. All offsets are into a state, 0 for what is not kept.
type record struct {
	window, delay int64
	from, to      int // positions
	weight        int // steps: how many events
	tallies       []tally
	extremes      []extreme
	varieties     []variety
	marks         int // how many events have a mark ≤ since
	since, until  int // no mark is between them: marks is right for questions asked in [since, until)
}

// A tally is of one number: how many values there are, their sum and the sum of their squares.
type tally struct {
	value           int // index into Spec.Values
	column          column
	n, sum, squares int
}

// An extreme is the least or greatest of one number.
type extreme struct {
	value int
	at    int   // in an entry
	sign  int64 // 1: the least, −1: the greatest
	bound int   // the least of sign × value, or a bound of it: see record.go
}

// A variety is how many different hashes there are.
type variety struct {
	value    int
	at       int // in an entry
	distinct int // or unknown
}

// An ask is an Ask with all that it needs in place.
type ask struct {
	Ask
	record  *record
	current bool    // the current event counts
	scale   float64 // 10^decimals
	tally   tally
	extreme extreme
	variety variety
}

// String returns the word for k.
func (k Kind) String() string {
	names := [...]string{"count", "sum", "mean", "min", "max", "std", "distinct", "since_last", "since_first", "fraud_share"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Compile checks a Spec and lays out its states.
func Compile(s Spec) (*Layout, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	unit := max(s.Step, 1)
	l := &Layout{step: s.Step, lateness: (s.Lateness + unit - 1) / unit}
	for _, a := range s.Asks {
		l.retention = max(l.retention, (a.Window+a.Delay)/unit)
	}
	l.retention += l.lateness
	l.layEntry(&s)
	l.layRecords(&s, unit)
	l.layAsks(&s, unit)
	l.blank = make([]byte, l.header)
	for _, r := range l.records {
		for _, x := range r.extremes {
			put48(l.blank, x.bound, missing48)
		}
	}
	return l, nil
}

// Retention returns for how long an event can matter, in ms: the longest Window and Delay, and the Lateness.
func (l *Layout) Retention() int64 { return l.retention * max(l.step, 1) }

func (s *Spec) check() error {
	switch {
	case s.Lateness < 0 || s.Lateness > maxSpan:
		return fmt.Errorf("window: lateness %d ms is not within 0 and 90 days", s.Lateness)
	case s.Step < 0 || s.Step > maxSpan:
		return fmt.Errorf("window: step %d ms is not within 0 and 90 days", s.Step)
	case len(s.Values) > maxValues:
		return fmt.Errorf("window: %d values are more than %d", len(s.Values), maxValues)
	case len(s.Asks) == 0:
		return errors.New("window: nothing is asked")
	case len(s.Asks) > maxAsks:
		return fmt.Errorf("window: %d asks are more than %d", len(s.Asks), maxAsks)
	}
	for i, v := range s.Values {
		if v.Decimals < 0 || v.Decimals > maxDecimals {
			return fmt.Errorf("window: value %d: %d decimals are not within 0 and %d", i, v.Decimals, maxDecimals)
		}
		if v.Hash && v.Decimals != 0 {
			return fmt.Errorf("window: value %d: a hash has no decimals", i)
		}
	}
	for i, a := range s.Asks {
		if err := s.checkAsk(a); err != nil {
			return fmt.Errorf("window: ask %d: %v: %w", i, a.Kind, err)
		}
	}
	return nil
}

func (s *Spec) checkAsk(a Ask) error {
	switch {
	case a.Kind > FraudShare:
		return errors.New("there is no such kind")
	case a.Window < minWindow || a.Window > maxSpan:
		return fmt.Errorf("window %d ms is not within 1 second and 90 days", a.Window)
	case a.Delay < 0 || a.Delay > maxSpan:
		return fmt.Errorf("delay %d ms is not within 0 and 90 days", a.Delay)
	case a.Empty != 0 && !math.IsNaN(a.Empty):
		return fmt.Errorf("empty %v is neither 0 nor NaN", a.Empty)
	case a.Kind == FraudShare && !s.Labels:
		return errors.New("needs labels")
	}
	if a.Kind.ofValue() {
		switch {
		case a.Value < 0 || a.Value >= len(s.Values):
			return fmt.Errorf("there is no value %d", a.Value)
		case s.Values[a.Value].Hash && a.Kind != Distinct:
			return fmt.Errorf("value %d is a hash, not a number", a.Value)
		case !s.Values[a.Value].Hash && a.Kind == Distinct:
			return fmt.Errorf("value %d is a number, not a hash", a.Value)
		}
	}
	if s.Step == 0 {
		return nil
	}
	switch a.Kind {
	case Min, Max:
		// An event that is taken out again may have been the least: the next is not known.
		return errors.New("has no steps: a merged extreme cannot be undone")
	case Distinct, SinceLast, SinceFirst:
		return errors.New("has no steps")
	default:
	}
	if a.Window%s.Step != 0 || a.Delay%s.Step != 0 {
		return fmt.Errorf("window %d ms and delay %d ms are not multiples of the step, %d ms", a.Window, a.Delay, s.Step)
	}
	return nil
}

// ofValue returns whether k is asked of a value.
func (k Kind) ofValue() bool {
	switch k {
	case Sum, Mean, Min, Max, Std, Distinct:
		return true
	case Count, SinceLast, SinceFirst, FraudShare:
	}
	return false
}

// layEntry decides where things are in an entry.
func (l *Layout) layEntry(s *Spec) {
	l.timeEnd = 1
	for l.retention > 1<<(8*l.timeEnd) {
		l.timeEnd++
	}
	l.shift = uint(64 - 8*l.timeEnd)
	l.mask = 1<<(8*l.timeEnd) - 1
	l.size = l.timeEnd
	take := func(n int) int {
		l.size += n
		return l.size - n
	}
	if l.step > 0 {
		l.count = take(3)
	}
	if s.Labels {
		l.mark = take(6)
	}
	for i, v := range s.Values {
		c := column{hash: v.Hash}
		asked := func(kinds ...Kind) bool {
			return slices.ContainsFunc(s.Asks, func(a Ask) bool { return a.Value == i && slices.Contains(kinds, a.Kind) })
		}
		switch {
		case l.step == 0 && v.Hash:
			c.at = take(8)
		case l.step == 0:
			c.at = take(6)
		case asked(Sum, Mean, Std):
			c.n, c.sum = take(3), take(8)
			if asked(Std) {
				c.squares = take(16)
			}
		}
		l.columns = append(l.columns, c)
	}
}

// layRecords decides where the running state of each window is.
func (l *Layout) layRecords(s *Spec, unit int64) {
	l.header = headerSize
	take := func(n int) int {
		l.header += n
		return l.header - n
	}
	for _, a := range s.Asks {
		if l.find(a, unit) != nil {
			continue
		}
		asked := func(value int, kinds ...Kind) bool {
			return slices.ContainsFunc(s.Asks, func(b Ask) bool {
				return b.Window == a.Window && b.Delay == a.Delay && (value < 0 || b.Value == value) && slices.Contains(kinds, b.Kind)
			})
		}
		r := record{window: a.Window / unit, delay: a.Delay / unit, from: take(3), to: take(3)}
		if l.step > 0 {
			r.weight = take(8)
		}
		for i, c := range l.columns {
			if asked(i, Sum, Mean, Std) {
				r.tallies = append(r.tallies, l.layTally(i, asked(i, Mean, Std), asked(i, Std), take))
			}
			if asked(i, Min) {
				r.extremes = append(r.extremes, extreme{value: i, at: c.at, sign: 1, bound: take(6)})
			}
			if asked(i, Max) {
				r.extremes = append(r.extremes, extreme{value: i, at: c.at, sign: -1, bound: take(6)})
			}
			if asked(i, Distinct) {
				r.varieties = append(r.varieties, variety{value: i, at: c.at, distinct: take(3)})
			}
		}
		if asked(-1, FraudShare) {
			r.marks, r.since, r.until = take(6), take(6), take(6)
		}
		l.records = append(l.records, r)
	}
}

func (l *Layout) layTally(value int, n, squares bool, take func(int) int) tally {
	t := tally{value: value, column: l.columns[value]}
	switch {
	case l.step > 0:
		t.n, t.sum = take(8), take(16)
	case n:
		t.n, t.sum = take(3), take(8)
	default:
		t.sum = take(8)
	}
	if squares {
		t.squares = take(16)
	}
	return t
}

// find returns the record of a's window, nil when there is none yet.
func (l *Layout) find(a Ask, unit int64) *record {
	i := slices.IndexFunc(l.records, func(r record) bool {
		return r.window == a.Window/unit && r.delay == a.Delay/unit
	})
	if i < 0 {
		return nil
	}
	return &l.records[i]
}

// layAsks tells each ask where its answer is.
func (l *Layout) layAsks(s *Spec, unit int64) {
	for _, a := range s.Asks {
		k := ask{Ask: a, record: l.find(a, unit), current: a.Delay == 0 && !a.Without, scale: 1}
		if a.Kind.ofValue() {
			for range s.Values[a.Value].Decimals {
				k.scale *= 10
			}
		}
		for _, t := range k.record.tallies {
			if t.value == a.Value {
				k.tally = t
			}
		}
		for _, x := range k.record.extremes {
			if x.value == a.Value && (x.sign > 0) == (a.Kind == Min) {
				k.extreme = x
			}
		}
		for _, v := range k.record.varieties {
			if v.value == a.Value {
				k.variety = v
			}
		}
		l.asks = append(l.asks, k)
	}
}
