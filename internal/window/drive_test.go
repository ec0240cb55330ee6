package window

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A source turns bytes into choices, and runs dry.
type source struct{ data []byte }

func (s *source) below(n int) int {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return int(b) % n
}

func (s *source) spec() Spec {
	spans := []int64{1000, 60_000, day, 10 * day}
	span := spans[s.below(len(spans))]
	spec := Spec{Labels: s.below(2) == 0, Lateness: span / 2 * int64(s.below(6))}
	if s.below(3) == 0 {
		spec.Step = span / int64(1+s.below(2))
	}
	for range s.below(4) {
		v := Value{Hash: s.below(3) == 0}
		if !v.Hash {
			v.Decimals = s.below(7)
		}
		spec.Values = append(spec.Values, v)
	}
	for range 1 + s.below(8) {
		a := Ask{
			Kind:    Kind(s.below(10)),
			Value:   s.below(4),
			Window:  span * int64(1+s.below(7)),
			Delay:   span * int64(max(0, s.below(6)-2)),
			Without: s.below(3) == 0,
		}
		if s.below(2) == 0 {
			a.Empty = math.NaN()
		}
		if spec.checkAsk(a) == nil {
			spec.Asks = append(spec.Asks, a)
		}
	}
	if len(spec.Asks) == 0 {
		spec.Asks = []Ask{{Kind: Count, Window: span}}
	}
	return spec
}

func (s *source) values(spec *Spec) []int64 {
	values := make([]int64, len(spec.Values))
	if s.below(3) == 0 {
		return values
	}
	for i := range values {
		switch s.below(8) {
		case 0:
			values[i] = Missing
		case 1:
			values[i] = MaxNumber
		case 2:
			values[i] = -MaxNumber + int64(s.below(3))
		default:
			values[i] = int64(s.below(5)) - 2
		}
	}
	return values
}

// time returns the time of a next event, by that of the last.
func (s *source) time(spec *Spec, last int64) int64 {
	span := spec.Asks[0].Window
	switch s.below(12) {
	case 0, 1, 2:
	case 3:
		last -= span * int64(s.below(8))
	case 4:
		last -= span / 16 * int64(s.below(64))
	case 5:
		last += span * int64(s.below(200))
	case 6:
		last = []int64{0, MaxTime, last + 60*day, last - 60*day}[s.below(4)]
	case 7:
		last += int64(s.below(3))
	default:
		last += span / 32 * int64(s.below(32))
	}
	return min(max(last, 0), MaxTime)
}

// A twin is a history as a state, however that is kept, and as an oracle.
type twin struct {
	t      *testing.T
	layout *Layout
	oracle *oracle
	state  []byte
	plain  []byte // the same, but each state copied to one of its exact size, and never read
}

// drive runs the operations that data spells on a history and compares all that it answers with the oracle.
func drive(t *testing.T, data []byte) {
	s := &source{data}
	spec := s.spec()
	layout, err := Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	w := &twin{t: t, layout: layout, oracle: newOracle(spec)}
	last := int64(s.below(2)) * 1_700_000_000_123
	var inserted []Entry
	for len(s.data) > 0 {
		e := Entry{Time: s.time(&spec, last), Values: s.values(&spec)}
		switch s.below(10) {
		case 0, 1, 2, 3:
			w.read(e)
			w.insert(e)
			inserted = append(inserted, e)
		case 4:
			w.insert(e)
			inserted = append(inserted, e)
		case 5:
			w.read(e)
		case 6:
			w.undo(e)
		case 7:
			if len(inserted) > 0 {
				e = inserted[len(inserted)-1-min(len(inserted)-1, s.below(20))]
			}
			w.remove(e)
		case 8:
			if len(inserted) > 0 {
				e = inserted[len(inserted)-1-min(len(inserted)-1, s.below(5))]
			}
			for range 1 + s.below(4) {
				w.mark(e.Time, s)
				if s.below(2) == 0 {
					w.read(e)
				}
			}
		case 9:
			w.move(s.below(3))
		}
		if s.below(4) > 0 {
			last = e.Time
		}
		w.check()
	}
	w.rebuild()
}

func (w *twin) read(e Entry) {
	w.t.Helper()
	got := make([]float64, len(w.oracle.spec.Asks))
	w.layout.Read(w.state, e, got)
	for i, want := range w.oracle.read(e) {
		if math.Float64bits(got[i]) != math.Float64bits(want) {
			w.t.Fatalf("%+v\nask %+v\nof %+v: got %v, want %v", w.oracle.spec, w.oracle.spec.Asks[i], e, got[i], want)
		}
	}
}

func (w *twin) insert(e Entry) {
	w.t.Helper()
	foretold := w.layout.Late(w.state, e.Time)
	var kept, plainly Kept
	before := slices.Clone(w.state)
	state, kept := w.layout.Insert(w.state, e, make([]byte, 0, 64))
	if cap(state) > 0 && cap(w.state) > 0 && &state[:1][0] != &w.state[:1][0] && !bytes.Equal(w.state, before) {
		w.t.Fatalf("Insert changed a state that it left")
	}
	w.state = state
	w.plain, plainly = w.layout.Insert(w.plain, e, nil)
	w.plain = slices.Clip(slices.Clone(w.plain))
	if want := w.oracle.insert(e); kept != want || plainly != want || foretold != want {
		w.t.Fatalf("insert %+v: got %v and %v, foretold %v, want %v", e, kept, plainly, foretold, want)
	}
}

// undo inserts e and takes it out again, which leaves no trace.
func (w *twin) undo(e Entry) {
	w.t.Helper()
	before := w.layout.AppendCanonical(nil, w.state)
	state, kept := w.layout.Insert(w.state, e, nil)
	w.state = state
	plain, _ := w.layout.Insert(w.plain, e, nil)
	w.plain = plain
	if kept == Remembered {
		if !w.layout.Remove(w.state, e) || !w.layout.Remove(w.plain, e) {
			w.t.Fatalf("%+v cannot be taken out", e)
		}
		w.oracle.settled = w.oracle.newest
	}
	if !bytes.Equal(before, w.layout.AppendCanonical(nil, w.state)) {
		w.t.Fatalf("an undone insert of %+v left a trace", e)
	}
}

func (w *twin) remove(e Entry) {
	w.t.Helper()
	t := w.oracle.unit(e.Time)
	if w.oracle.spec.Step > 0 && len(w.oracle.at(t)) > 0 && !slices.ContainsFunc(w.oracle.at(t), func(i int) bool {
		return slices.Equal(w.oracle.events[i].Values, e.Values)
	}) {
		return // in steps the caller's word is taken
	}
	want := w.oracle.remove(e)
	got, plainly := w.layout.Remove(w.state, e), w.layout.Remove(w.plain, e)
	if got != want || plainly != want {
		w.t.Fatalf("remove %+v: got %v and %v, want %v", e, got, plainly, want)
	}
}

func (w *twin) mark(at int64, s *source) {
	w.t.Helper()
	span := w.oracle.spec.Asks[0].Window
	choices := []int64{0, at + span, at + 3*span + 1, at + 3*span + 2, min(at, 1)}
	from, to := choices[s.below(len(choices))], choices[s.below(len(choices))]
	if held := w.oracle.marks[w.oracle.unit(at)]; len(held) > 0 && s.below(3) > 0 {
		from = held[s.below(len(held))] * max(w.oracle.spec.Step, 1)
	}
	if max(from, to) > MaxTime {
		return
	}
	var got, plainly bool
	w.state, got = w.layout.Mark(w.state, at, from, to, nil)
	w.plain, plainly = w.layout.Mark(w.plain, at, from, to, nil)
	if want := w.oracle.mark(at, from, to); got != want || plainly != want {
		w.t.Fatalf("mark at %d, %d to %d: got %v and %v, want %v", at, from, to, got, plainly, want)
	}
}

// move copies the state to other memory, as a store or a snapshot does.
func (w *twin) move(how int) {
	moved := make([]byte, len(w.state), len(w.state)+[]int{0, 7, 400}[how])
	copy(moved, w.state)
	w.state = moved
}

func (w *twin) check() {
	w.t.Helper()
	for _, state := range [][]byte{w.state, w.plain} {
		if err := w.layout.Check(state); err != nil {
			w.t.Fatalf("%+v: %v", w.oracle.spec, err)
		}
		if got, want := Newest(state), w.oracle.newest*max(w.oracle.spec.Step, 1); got != want {
			w.t.Fatalf("newest %d, want %d", got, want)
		}
	}
	if !bytes.Equal(w.layout.AppendCanonical(nil, w.state), w.layout.AppendCanonical(nil, w.plain)) {
		w.t.Fatalf("%+v: equal histories differ", w.oracle.spec)
	}
}

// rebuild makes the same history in another order: by time, marks at the end.
func (w *twin) rebuild() {
	w.t.Helper()
	events := slices.Clone(w.oracle.events)
	rand.New(rand.NewPCG(uint64(len(events)), 1)).Shuffle(len(events), func(i, k int) { events[i], events[k] = events[k], events[i] })
	slices.SortStableFunc(events, func(a, b Entry) int { return int(a.Time - b.Time) })
	if len(events) == 0 || events[len(events)-1].Time != w.oracle.newest {
		return
	}
	unit := max(w.oracle.spec.Step, 1)
	var state []byte
	marks := func(t int64) {
		for _, m := range w.oracle.marks[t] {
			ok := false
			if state, ok = w.layout.Mark(state, t*unit, 0, min(m*unit, MaxTime), nil); !ok {
				w.t.Fatalf("mark %d at %d is refused", m, t)
			}
		}
	}
	for i, e := range events {
		state, _ = w.layout.Insert(state, Entry{Time: e.Time * unit, Values: e.Values}, nil)
		if i+1 == len(events) || events[i+1].Time != e.Time {
			marks(e.Time)
		}
	}
	if !bytes.Equal(w.layout.AppendCanonical(nil, w.state), w.layout.AppendCanonical(nil, state)) {
		w.t.Fatalf("%+v: another order makes another history", w.oracle.spec)
	}
}

func TestEveryAnswerIsThatOfAPlainHistory(t *testing.T) {
	for seed := range uint64(2500) {
		r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
		data := make([]byte, 100+seed%8*150)
		_, _ = r.Read(data)
		drive(t, data)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func FuzzHistory(f *testing.F) {
	for seed := range uint8(8) {
		data := make([]byte, 300)
		_, _ = rand.NewChaCha8([32]byte{seed}).Read(data)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { drive(t, data[:min(len(data), 4000)]) })
}
