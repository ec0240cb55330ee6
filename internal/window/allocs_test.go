//go:build !race

package window

import "testing"

func TestNothingIsAllocatedOnceStatesHaveTheirSize(t *testing.T) {
	w := newTown(t, 40, 80)
	for range 45 * 2 * len(w.cards) {
		w.event()
	}
	if w.marked == 0 {
		t.Fatal("nothing was marked")
	}
	state := w.cards[0]
	e := w.entry
	scratch := make([]byte, 2*cap(state))
	if n := testing.AllocsPerRun(1000, func() {
		e.Time++
		w.card.Read(state, e, w.dst[:])
		grown, _ := w.card.Insert(state, e, scratch)
		if !w.card.Remove(grown, e) {
			t.Fatal("nothing to remove")
		}
		w.terminal.Read(w.terminals[0], e, w.dst[:])
		w.terminal.Mark(w.terminals[0], e.Time, 0, 1, nil)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestACardOfSixtyPaymentsTakesLessThan800Bytes(t *testing.T) {
	card, _ := handbook(t)
	var state []byte
	for i := range int64(60) {
		state, _ = card.Insert(state, Entry{Time: i * day / 2, Values: []int64{i}}, nil)
		state = keep(nil, state)
	}
	if cap(state) > 800 {
		t.Errorf("%d bytes", cap(state))
	}
	first, _ := card.Insert(nil, Entry{Values: []int64{1}}, nil)
	if cap(first) > 128 {
		t.Errorf("the first takes %d bytes", cap(first))
	}
}
