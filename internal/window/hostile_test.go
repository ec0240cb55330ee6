package window

import (
	"math"
	"math/rand/v2"
	"testing"
)

// everything asks all kinds of one number and one hash, over short and long.
func everything(tb testing.TB) *Layout {
	tb.Helper()
	s := Spec{Values: []Value{{Decimals: 2}, {Hash: true}}, Labels: true, Lateness: day}
	for k := Count; k <= FraudShare; k++ {
		for _, window := range []int64{2000, 90 * day} {
			s.Asks = append(s.Asks, Ask{Kind: k, Window: window, Value: map[bool]int{true: 1}[k == Distinct]})
		}
	}
	return compile(tb, s)
}

func answers(l *Layout, state []byte, e Entry) []float64 {
	dst := make([]float64, len(l.asks))
	l.Read(state, e, dst)
	return dst
}

func TestAHundredThousandEventsInOneSecondAreAnsweredRight(t *testing.T) {
	l := everything(t)
	r := rand.New(rand.NewPCG(5, 6))
	var state []byte
	var scratch []byte
	sum, squares := int64(0), wide{}
	different := map[int64]bool{}
	least, greatest := int64(math.MaxInt64), int64(math.MinInt64)
	const n = 100_000
	dst := make([]float64, len(l.asks))
	for i := range n {
		ms := int64(i / 100)
		if i%50 == 0 {
			ms = r.Int64N(1000)
		}
		e := Entry{Time: 1_700_000_000_000 + ms, Values: []int64{r.Int64N(1_000_000), r.Int64N(500)}}
		if i%10 == 0 && i%50 != 0 {
			l.Read(state, e, dst)
		}
		grown, kept := l.Insert(state, e, scratch)
		if kept != Remembered {
			t.Fatal(kept)
		}
		if cap(grown) > 0 && cap(state) > 0 && &grown[:1][0] != &state[:1][0] {
			scratch = state
		}
		state = grown
		x := e.Values[0]
		sum, squares = sum+x, squares.add(square(x))
		least, greatest = min(least, x), max(greatest, x)
		different[e.Values[1]] = true
	}
	at := Entry{Time: 1_700_000_000_999, Values: []int64{Missing, Missing}}
	got := answers(l, state, at)
	std := math.Sqrt(spread(n, widen(sum), squares)/(float64(n)*(n-1))) / 100
	want := []float64{n + 1, float64(sum) / 100, float64(sum) / (n * 100), float64(least) / 100, float64(greatest) / 100, std, float64(len(different)), 0, 0.999, 0}
	for i, x := range want {
		for _, got := range got[2*i : 2*i+2] {
			if got != x {
				t.Errorf("%v: got %v, want %v", Kind(i), got, x)
			}
		}
	}
	if err := l.Check(state); err != nil {
		t.Error(err)
	}
}

func TestTheFirstAndTheLastMomentAreTimesAsAnyOther(t *testing.T) {
	l := everything(t)
	var state []byte
	for _, at := range []int64{0, 0, MaxTime, MaxTime} {
		e := Entry{Time: at, Values: []int64{5, 6}}
		state, _ = l.Insert(state, e, nil)
		if err := l.Check(state); err != nil {
			t.Fatal(err)
		}
	}
	if got := answers(l, state, Entry{Time: MaxTime, Values: []int64{1, 1}}); got[0] != 3 || got[3] != 0.11 {
		t.Errorf("at the last moment: %v", got)
	}
	if got := answers(l, state, Entry{Time: 0, Values: []int64{1, 1}}); got[0] != 1 {
		t.Errorf("at the first moment, long expired: %v", got)
	}
	if kept := l.Late(state, MaxTime-2*day); kept != Late {
		t.Errorf("two days before: %v", kept)
	}
	for _, at := range []int64{math.MinInt64, math.MaxInt64} {
		answers(l, state, Entry{Time: at, Values: []int64{math.MaxInt64, 0}})
		state, _ = l.Insert(state, Entry{Time: at, Values: []int64{math.MaxInt64, 0}}, nil)
		if err := l.Check(state); err != nil {
			t.Errorf("at %d: %v", at, err)
		}
	}
}

func TestAnUndoneLeapLeavesNoTrace(t *testing.T) {
	l := everything(t)
	var state []byte
	for i := range int64(100) {
		state, _ = l.Insert(state, Entry{Time: i * day / 2, Values: []int64{i, i}}, nil)
	}
	e := Entry{Time: 50*day + 1, Values: []int64{1, 1}}
	want, before := answers(l, state, e), l.AppendCanonical(nil, state)
	leap := Entry{Time: MaxTime, Values: []int64{9, 9}}
	state, _ = l.Insert(state, leap, nil)
	answers(l, state, leap)
	if !l.Remove(state, leap) {
		t.Fatal("the leap cannot be taken out")
	}
	if string(before) != string(l.AppendCanonical(nil, state)) {
		t.Error("another history")
	}
	for i, x := range answers(l, state, e) {
		if x != want[i] && (x == x || want[i] == want[i]) {
			t.Errorf("ask %d: got %v, want %v", i, x, want[i])
		}
	}
}

func TestAFullHistoryKeepsNoMoreUntilTimeMovesOn(t *testing.T) {
	l := compile(t, Spec{Asks: []Ask{{Kind: Count, Window: 1000}, {Kind: Count, Window: day}}})
	var state []byte
	for i := range int64(MaxEntries) {
		var kept Kept
		if state, kept = l.Insert(state, Entry{Time: i}, nil); kept != Remembered {
			t.Fatalf("event %d: %v", i, kept)
		}
	}
	e := Entry{Time: MaxEntries}
	if _, kept := l.Insert(state, e, nil); kept != Full || l.Late(state, e.Time) != Full {
		t.Errorf("got %v, want Full", kept)
	}
	if got := answers(l, state, e); got[0] != 1000 || got[1] != MaxEntries+1 {
		t.Errorf("a full history answers %v", got)
	}
	e.Time = day
	state, kept := l.Insert(state, e, nil)
	if kept != Remembered {
		t.Errorf("after a day: %v", kept)
	}
	if err := l.Check(state); err != nil {
		t.Error(err)
	}
	if !l.Remove(state, e) || l.Late(state, MaxEntries) != Full {
		t.Error("the undone event made room")
	}
	e.Time = 2 * day
	for range 3 {
		state, _ = l.Insert(state, e, nil)
	}
	if len(state) > 200 {
		t.Errorf("three events take %d bytes", len(state))
	}
}

func TestAStepHasRoomForMillionsOfEvents(t *testing.T) {
	l := compile(t, Spec{
		Values: []Value{{}}, Step: 1000, Labels: true,
		Asks: []Ask{{Kind: Count, Window: 2000}, {Kind: Sum, Window: 2000}, {Kind: Std, Window: 2000}, {Kind: Mean, Window: 2000}},
	})
	var state []byte
	e := Entry{Values: []int64{-MaxNumber}}
	for _, second := range []int64{7, 8} {
		e.Time = second * 1000
		state, _ = l.Insert(state, e, nil)
		v := l.view(state)
		v.change(v.end-1, func() {
			squares := wide{}
			for range maxWeight - 1 {
				squares = squares.add(square(MaxNumber))
			}
			v.setWeight(v.end-1, maxWeight-1)
			v.setPart(v.end-1, &l.columns[0], part{maxWeight - 1, -(maxWeight - 1) * MaxNumber, squares})
		})
		var kept Kept
		if state, kept = l.Insert(state, e, nil); kept != Remembered {
			t.Fatal(kept)
		}
		if _, kept := l.Insert(state, e, nil); kept != Full {
			t.Errorf("got %v, want Full", kept)
		}
	}
	state, marked := l.Mark(state, 7000, 0, 1, nil)
	if err := l.Check(state); err != nil || !marked {
		t.Error(marked, err)
	}
	got := answers(l, state, Entry{Time: 8999, Values: []int64{Missing}})
	if got[0] != 2*maxWeight+1 || got[1] != -2*maxWeight*float64(MaxNumber) || got[2] != 0 || got[3] != -MaxNumber {
		t.Errorf("got %v", got)
	}
}
