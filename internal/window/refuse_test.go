package window

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestCheckRefusesWhatNoHistoryCanBe(t *testing.T) {
	exact := compile(t, Spec{
		Values: []Value{{}, {Hash: true}}, Labels: true, Lateness: 1000,
		Asks: []Ask{
			{Kind: Mean, Window: 4000},
			{Kind: Min, Window: 4000},
			{Kind: Max, Window: 4000},
			{Kind: Distinct, Value: 1, Window: 4000},
			{Kind: FraudShare, Window: 4000},
		},
	})
	steps := compile(t, Spec{
		Values: []Value{{}}, Labels: true, Step: 1000, Lateness: 1000,
		Asks: []Ask{{Kind: Std, Window: 4000}, {Kind: FraudShare, Window: 4000}},
	})
	states := map[*Layout][]byte{}
	for _, l := range []*Layout{exact, steps} {
		var state []byte
		for i, at := range []int64{7000, 8000, 9000, 10_000} {
			e := Entry{Time: at, Values: []int64{int64(i), 1}}
			answers(l, state, e)
			state, _ = l.Insert(state, e, nil)
			if i < 2 {
				state, _ = l.Mark(state, at, 0, at+2000, nil)
			}
		}
		answers(l, state, Entry{Time: 10_000, Values: []int64{1, 1}})
		if err := l.Check(state); err != nil {
			t.Fatal(err)
		}
		states[l] = state
	}
	for _, c := range []struct {
		l     *Layout
		want  string
		spoil func(v *view, r *record)
	}{
		{exact, "newest event at -1 ms", func(v *view, _ *record) { put64(v.b, 0, -1) }},
		{exact, "newest event at 253402300800000 ms", func(v *view, _ *record) { put64(v.b, 0, MaxTime+1) }},
		{exact, "settled later", func(v *view, _ *record) { put48(v.b, settledAt, v.newest+1) }},
		{exact, "entries from 0 to 40", func(v *view, _ *record) { put24(v.b, endAt, 40) }},
		{exact, "newest event is missing", func(v *view, _ *record) { put24(v.b, firstAt, v.end) }},
		{exact, "before 1970", func(v *view, _ *record) { v.b[v.at(0)] ^= 128; put48(v.b, settledAt, 1) }},
		{exact, "entry 1: out of order", func(v *view, _ *record) { v.b[v.at(0)+1] += 6 }},
		{exact, "expired before it was settled", func(v *view, _ *record) { putWord(v.b[v.at(0):][:2], 4000) }},
		{exact, "marked after", func(v *view, _ *record) { put48(v.b, v.at(0)+exact.mark, MaxTime+1) }},
		{exact, "not at the time of the newest", func(v *view, _ *record) { v.b[v.at(3)]++ }},
		{exact, "value 0 out of bounds", func(v *view, _ *record) { put48(v.b, v.at(0)+exact.columns[0].at, MaxNumber+1) }},
		{exact, "window 0: stands at 1 to 0", func(v *view, r *record) { put24(v.b, r.from, 1); put24(v.b, r.to, 0) }},
		{exact, "window 0: stands at 0 to 5", func(v *view, r *record) { put24(v.b, r.to, 5) }},
		{exact, "other sums", func(v *view, r *record) { put64(v.b, r.tallies[0].sum, 5) }},
		{exact, "other sums", func(v *view, r *record) { put24(v.b, r.tallies[0].n, 2) }},
		{exact, "another extreme", func(v *view, r *record) { put48(v.b, r.extremes[0].bound, -1<<1) }},
		{exact, "another extreme", func(v *view, r *record) { put48(v.b, r.extremes[1].bound, missing48) }},
		{exact, "another extreme", func(v *view, r *record) { put48(v.b, r.extremes[0].bound, 2<<1|1) }},
		{exact, "another count of hashes", func(v *view, r *record) { put24(v.b, r.varieties[0].distinct, 2) }},
		{exact, "other marks", func(v *view, r *record) { put48(v.b, r.marks, 1) }},
		{exact, "other marks", func(v *view, r *record) { put48(v.b, r.since, 9500) }},
		{steps, "which is no step", func(v *view, _ *record) { put64(v.b, 0, 10_001) }},
		{steps, "step 10: 0 events", func(v *view, _ *record) { v.setWeight(v.end-1, 0) }},
		{steps, "step 10: 8388608 events", func(v *view, _ *record) { v.setWeight(v.end-1, maxWeight+1) }},
		{steps, "marks out of order", func(v *view, _ *record) { put48(v.b, v.at(1)+steps.mark, 0) }},
		{steps, "marks out of order", func(v *view, _ *record) { put48(v.b, v.at(0)+steps.mark, 1) }},
		{steps, "impossible value 0", func(v *view, _ *record) { put24(v.b, v.at(4)+steps.columns[0].n, 2) }},
		{steps, "impossible value 0", func(v *view, _ *record) { put64(v.b, v.at(4)+steps.columns[0].sum, MaxNumber+1) }},
		{steps, "impossible value 0", func(v *view, _ *record) { put64(v.b, v.at(4)+steps.columns[0].sum, -MaxNumber-1) }},
		{steps, "impossible value 0", func(v *view, _ *record) { put64(v.b, v.at(4)+steps.columns[0].squares+8, 1<<40) }},
		{steps, "impossible value 0", func(v *view, _ *record) { put64(v.b, v.at(1)+steps.columns[0].sum, 1) }},
		{steps, "other sums", func(v *view, r *record) { put64(v.b, r.weight, 9) }},
		{steps, "other sums", func(v *view, r *record) { put128(v.b, r.tallies[0].squares, wide{}) }},
	} {
		state := slices.Clone(states[c.l])
		v := c.l.view(state)
		c.spoil(&v, &c.l.records[0])
		if err := c.l.Check(state); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

func TestTheNewestGoesBackOnlyWithTheLastInsert(t *testing.T) {
	for step, want := range map[int64][]int64{0: {2000, 9000}, 1000: {9000, 9000}} {
		l := compile(t, Spec{Labels: true, Step: step, Lateness: day, Asks: []Ask{{Kind: FraudShare, Window: 4000}}})
		var state []byte
		for _, at := range []int64{2000, 2000} {
			state, _ = l.Insert(state, Entry{Time: at}, nil)
		}
		state, _ = l.Mark(state, 2000, 0, 3000, nil)
		state, _ = l.Insert(state, Entry{Time: 9000}, nil)
		state, marked := l.Mark(state, 2000, 0, 3000, nil)
		if !marked || !l.Remove(state, Entry{Time: 9000}) || Newest(state) != want[0] {
			t.Errorf("step %d: after a mark: newest %d, want %d", step, Newest(state), want[0])
		}
		state, _ = l.Insert(state, Entry{Time: 9000}, nil)
		state, _ = l.Insert(state, Entry{Time: 2000}, nil)
		if !l.Remove(state, Entry{Time: 9000}) || Newest(state) != want[1] {
			t.Errorf("step %d: after an insert: newest %d, want %d", step, Newest(state), want[1])
		}
	}
}

func TestAFullHistoryInStepsTakesNoOtherMarks(t *testing.T) {
	l := compile(t, Spec{Labels: true, Step: 1, Lateness: day, Asks: []Ask{{Kind: FraudShare, Window: 1000, Empty: math.NaN()}}})
	var state []byte
	for i := range int64(MaxEntries - 1) {
		state, _ = l.Insert(state, Entry{Time: i}, nil)
	}
	state, _ = l.Insert(state, Entry{Time: 5}, nil)
	for i, want := range []bool{true, true, false} {
		var ok bool
		if state, ok = l.Mark(state, 5+int64(i/2), 0, 9, nil); ok != want {
			t.Errorf("mark %d: %v", i, ok)
		}
	}
	mustBeSound(t, l, state)
}
