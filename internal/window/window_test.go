package window

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var nan = math.NaN()

// history inserts events, given as time in seconds and one value.
func history(t *testing.T, l *Layout, events ...[2]int64) []byte {
	t.Helper()
	var state []byte
	for _, e := range events {
		var kept Kept
		if state, kept = l.Insert(state, Entry{Time: e[0] * 1000, Values: []int64{e[1]}}, nil); kept != Remembered {
			t.Fatalf("%v is not remembered: %v", e, kept)
		}
	}
	return state
}

func wantAnswers(t *testing.T, l *Layout, state []byte, second, value int64, want ...float64) {
	t.Helper()
	got := answers(l, state, Entry{Time: second * 1000, Values: []int64{value}})
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("at %d s (-want +got):\n%s", second, diff)
	}
}

func numbers(tb testing.TB, without bool, empty float64, kinds ...Kind) *Layout {
	tb.Helper()
	s := Spec{Values: []Value{{Decimals: 2}}, Labels: true, Lateness: 100_000}
	for _, k := range kinds {
		s.Asks = append(s.Asks, Ask{Kind: k, Window: 10_000, Without: without, Empty: empty})
	}
	return compile(tb, s)
}

func TestAWindowHasItsEndAndNotItsBegin(t *testing.T) {
	l := numbers(t, false, nan, Count, Sum, Mean, Min, Max, SinceLast, SinceFirst)
	state := history(t, l, [2]int64{100, 1000}, [2]int64{105, 200}, [2]int64{110, 300}, [2]int64{110, Missing})
	wantAnswers(t, l, state, 110, 100, 4, 6, 2, 1, 3, 0, 5)
	wantAnswers(t, l, state, 109, 100, 3, 13, 13.0/3, 1, 10, 4, 9)
	wantAnswers(t, l, state, 114, Missing, 4, 5, 2.5, 2, 3, 4, 9)
	wantAnswers(t, l, state, 115, Missing, 3, 3, 3, 3, 3, 5, 5)
	wantAnswers(t, l, state, 500, Missing, 1, 0, nan, nan, nan, nan, 0)
}

func TestTheCurrentEventCanBeLeftOut(t *testing.T) {
	l := numbers(t, true, nan, Count, Mean, Std, SinceFirst, FraudShare)
	wantAnswers(t, l, nil, 110, 100, 0, nan, nan, nan, nan)
	state := history(t, l, [2]int64{104, 100}, [2]int64{110, 300})
	wantAnswers(t, l, state, 110, 100, 2, 2, math.Sqrt2, 6, 0)
}

func TestAnEntitysFirstEventHasItselfForAHistory(t *testing.T) {
	l := numbers(t, false, nan, Count, Sum, Mean, Min, Max, Std, SinceLast, SinceFirst, FraudShare)
	wantAnswers(t, l, nil, 110, 150, 1, 1.5, 1.5, 1.5, 1.5, nan, nan, 0, 0)
	wantAnswers(t, l, nil, 110, Missing, 1, 0, nan, nan, nan, nan, nan, 0, 0)
	l = numbers(t, false, 0, Mean, Std, SinceLast)
	wantAnswers(t, l, nil, 110, Missing, 0, 0, 0)
}

func TestAMarkCountsFromItsTimeOn(t *testing.T) {
	l := compile(t, Spec{Labels: true, Lateness: 100_000, Asks: []Ask{
		{Kind: FraudShare, Window: 10_000, Delay: 5000, Empty: nan},
		{Kind: FraudShare, Window: 20_000},
	}})
	var state []byte
	for _, second := range []int64{100, 104, 108, 108} {
		state, _ = l.Insert(state, Entry{Time: second * 1000}, nil)
	}
	mark := func(at, from, to int64, want bool) {
		t.Helper()
		var ok bool
		if state, ok = l.Mark(state, at*1000, from*1000, to*1000, nil); ok != want {
			t.Errorf("mark at %d, %d to %d: %v", at, from, to, ok)
		}
	}
	wantAnswers(t, l, state, 104, 0, nan, 0)
	mark(108, 0, 112, true)
	mark(101, 0, 112, false)
	mark(108, 111, 0, false)
	wantAnswers(t, l, state, 111, 0, 0, 0)
	wantAnswers(t, l, state, 112, 0, 0, 1.0/5)
	wantAnswers(t, l, state, 113, 0, 1.0/4, 1.0/5)
	mark(108, 0, 113, true)
	mark(108, 0, 114, false)
	wantAnswers(t, l, state, 113, 0, 2.0/4, 2.0/5)
	wantAnswers(t, l, state, 112, 0, 0, 1.0/5)
	mark(108, 112, 0, true)
	mark(108, 113, 120, true)
	wantAnswers(t, l, state, 119, 0, 0, 0)
	wantAnswers(t, l, state, 120, 0, 1.0/2, 1.0/4)
}

func TestAMarkStaysWhereAnEventOfItsTimeIsRemoved(t *testing.T) {
	l := numbers(t, false, nan, FraudShare, Count)
	state := history(t, l, [2]int64{100, 1})
	state, _ = l.Mark(state, 100_000, 0, 1, nil)
	wantAnswers(t, l, state, 100, 0, 1.0/2, 2)
	marked := Entry{Time: 100_000, Values: []int64{1}}
	if l.Remove(state, marked) {
		t.Error("the only event of its time is removed with its mark")
	}
	state, _ = l.Insert(state, Entry{Time: 100_000, Values: []int64{2}}, nil)
	if !l.Remove(state, marked) || l.Remove(state, Entry{Time: 100_000, Values: []int64{2}}) {
		t.Error("one of two events with one mark can be removed, and no more")
	}
	wantAnswers(t, l, state, 100, 0, 1.0/2, 2)
	mustBeSound(t, l, state)
}

func TestAStepIsPartialAndIncluded(t *testing.T) {
	l := compile(t, Spec{Values: []Value{{Decimals: 0}}, Step: 5000, Lateness: 100_000, Asks: []Ask{
		{Kind: Count, Window: 10_000}, {Kind: Mean, Window: 10_000}, {Kind: Sum, Window: 5000, Delay: 5000},
	}})
	state := history(t, l, [2]int64{99, 1}, [2]int64{100, 2}, [2]int64{104, 4}, [2]int64{106, 6})
	wantAnswers(t, l, state, 105, Missing, 4, 4, 6)
	wantAnswers(t, l, state, 109, 8, 4, 5, 6)
	wantAnswers(t, l, state, 110, 8, 2, 7, 6)
	wantAnswers(t, l, state, 115, 8, 1, 8, 0)
	got := []Stored{}
	for s := range l.Entries(state) {
		s.Sums = slices.Clone(s.Sums)
		got = append(got, s)
	}
	want := []Stored{
		{Time: 95_000, Weight: 1, Sums: []Total{{N: 1, Sum: 1}}},
		{Time: 100_000, Weight: 2, Sums: []Total{{N: 2, Sum: 6}}},
		{Time: 105_000, Weight: 1, Sums: []Total{{N: 1, Sum: 6}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestTimesAreToldApartAsFarAsTheyCount(t *testing.T) {
	for steps := int64(250); steps < 260; steps++ { // about what a byte can tell
		l := compile(t, Spec{Step: 1000, Asks: []Ask{{Kind: Count, Window: steps * 1000}, {Kind: Count, Window: 1000}}})
		var state []byte
		for second := range int64(1000) {
			wantAnswers(t, l, state, second, 0, float64(min(second+1, steps)), 1)
			state, _ = l.Insert(state, Entry{Time: second * 1000}, nil)
			mustBeSound(t, l, state)
		}
	}
}

func TestALateEventIsNotRemembered(t *testing.T) {
	l := compile(t, Spec{Lateness: 5000, Asks: []Ask{{Kind: Count, Window: 10_000}}})
	state, _ := l.Insert(nil, Entry{Time: 100_000}, nil)
	for at, want := range map[int64]Kept{94_999: Late, 95_000: Remembered, 100_000: Remembered} {
		if got := l.Late(state, at); got != want {
			t.Errorf("at %d: %v, want %v", at, got, want)
		}
	}
	same, kept := l.Insert(state, Entry{Time: 94_999}, nil)
	if kept != Late || string(same) != string(state) {
		t.Error("a late event changed the state")
	}
	if got := l.Retention(); got != 15_000 {
		t.Errorf("retention %d", got)
	}
}

func TestEntriesAreWhatWasInserted(t *testing.T) {
	l := compile(t, Spec{
		Values: []Value{{Decimals: 2}, {Hash: true}}, Labels: true, Lateness: day,
		Asks: []Ask{{Kind: Count, Window: day}},
	})
	var state []byte
	state, _ = l.Insert(state, Entry{Time: 7, Values: []int64{-5, math.MaxInt64}}, nil)
	state, _ = l.Insert(state, Entry{Time: 3, Values: []int64{Missing, -1}}, nil)
	state, _ = l.Mark(state, 3, 0, 99, nil)
	got := []Stored{}
	for s := range l.Entries(state) {
		s.Values = slices.Clone(s.Values)
		got = append(got, s)
	}
	want := []Stored{
		{Time: 3, Mark: 99, Weight: 1, Values: []int64{Missing, -1}},
		{Time: 7, Weight: 1, Values: []int64{-5, math.MaxInt64}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if Newest(state) != 7 || Newest(nil) != 0 {
		t.Errorf("newest %d", Newest(state))
	}
	for range l.Entries(state) {
		break
	}
}

func TestCompileRefusesNonsense(t *testing.T) {
	good := func() Spec {
		return Spec{
			Values: []Value{{Decimals: 2}, {Hash: true}}, Labels: true,
			Asks: []Ask{{Kind: Mean, Window: day}, {Kind: Distinct, Value: 1, Window: day}},
		}
	}
	if _, err := Compile(good()); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Spec){
		"nothing is asked":           func(s *Spec) { s.Asks = nil },
		"1025 asks are more":         func(s *Spec) { s.Asks = slices.Repeat(s.Asks[:1], 1025) },
		"65 values are more":         func(s *Spec) { s.Values = make([]Value, 65) },
		"lateness -1 ms":             func(s *Spec) { s.Lateness = -1 },
		"lateness 7776000001 ms":     func(s *Spec) { s.Lateness = 90*day + 1 },
		"step -1 ms":                 func(s *Spec) { s.Step = -1 },
		"value 0: 7 decimals":        func(s *Spec) { s.Values[0].Decimals = 7 },
		"value 0: -1 decimals":       func(s *Spec) { s.Values[0].Decimals = -1 },
		"value 1: a hash has no":     func(s *Spec) { s.Values[1].Decimals = 1 },
		"ask 0: mean: window 999 ms": func(s *Spec) { s.Asks[0].Window = 999 },
		"window 7776000001 ms":       func(s *Spec) { s.Asks[0].Window = 90*day + 1 },
		"delay -1 ms":                func(s *Spec) { s.Asks[0].Delay = -1 },
		"delay 7776000001 ms":        func(s *Spec) { s.Asks[0].Delay = 90*day + 1 },
		"empty 1 is neither":         func(s *Spec) { s.Asks[0].Empty = 1 },
		"ask 0: Kind(10): there is":  func(s *Spec) { s.Asks[0].Kind = 10 },
		"there is no value 2":        func(s *Spec) { s.Asks[0].Value = 2 },
		"there is no value -1":       func(s *Spec) { s.Asks[0].Value = -1 },
		"value 1 is a hash":          func(s *Spec) { s.Asks[0].Value = 1 },
		"value 0 is a number":        func(s *Spec) { s.Asks[1].Value = 0 },
		"fraud_share: needs labels":  func(s *Spec) { s.Asks[0].Kind, s.Labels = FraudShare, false },
		"distinct: has no steps":     func(s *Spec) { s.Step = 1000 },
		"min: has no steps":          func(s *Spec) { s.Step, s.Asks[0].Kind = 1000, Min },
		"multiples of the step":      func(s *Spec) { s.Step, s.Asks = day-1, s.Asks[:1] },
	} {
		s := good()
		spoil(&s)
		if _, err := Compile(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
