package window

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// handbook returns the layouts of the fraud detection handbook's features: of a card and of a terminal.
func handbook(tb testing.TB) (card, terminal *Layout) {
	tb.Helper()
	cards := Spec{Values: []Value{{Decimals: 2}}, Lateness: day / 24}
	terminals := Spec{Labels: true, Lateness: day / 24}
	for _, days := range []int64{1, 7, 30} {
		cards.Asks = append(cards.Asks, Ask{Kind: Count, Window: days * day}, Ask{Kind: Mean, Window: days * day})
		terminals.Asks = append(terminals.Asks,
			Ask{Kind: Count, Window: days * day, Delay: 7 * day}, Ask{Kind: FraudShare, Window: days * day, Delay: 7 * day})
	}
	return compile(tb, cards), compile(tb, terminals)
}

func compile(tb testing.TB, s Spec) *Layout {
	tb.Helper()
	l, err := Compile(s)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// A town is many entities and the stream of their events, two a day for each card.
type town struct {
	card, terminal   *Layout
	cards, terminals [][]byte
	now, gap         int64
	r                *rand.Rand
	entry            Entry
	scratch          []byte
	dst              [6]float64
	marked           int
}

func newTown(tb testing.TB, cards, terminals int) *town {
	w := &town{
		cards: make([][]byte, cards), terminals: make([][]byte, terminals), r: rand.New(rand.NewPCG(1, 2)),
		now: 1_700_000_000_000, gap: day / int64(2*cards), entry: Entry{Values: make([]int64, 1)}, scratch: make([]byte, 0, 1<<16),
	}
	w.card, w.terminal = handbook(tb)
	return w
}

// keep stores a state as a slab would: with room to the next multiple of 64 bytes.
func keep(old, state []byte) []byte {
	if len(state) <= cap(old) {
		return append(old[:0], state...)
	}
	return append(make([]byte, 0, (len(state)+63)/64*64), state...)
}

func (w *town) event() {
	w.now += w.gap
	w.entry.Time = w.now
	w.entry.Values[0] = int64(w.r.IntN(30000))
	i, k := w.r.IntN(len(w.cards)), w.r.IntN(len(w.terminals))
	w.card.Read(w.cards[i], w.entry, w.dst[:])
	state, _ := w.card.Insert(w.cards[i], w.entry, w.scratch)
	w.cards[i] = keep(w.cards[i], state)
	w.terminal.Read(w.terminals[k], w.entry, w.dst[:])
	state, _ = w.terminal.Insert(w.terminals[k], w.entry, w.scratch)
	w.terminals[k] = keep(w.terminals[k], state)
	if w.r.IntN(100) == 0 {
		if _, ok := w.terminal.Mark(w.terminals[k], w.now, 0, w.now+7*day, nil); ok {
			w.marked++
		}
	}
}

func BenchmarkHandbook(b *testing.B) {
	w := newTown(b, 5_000, 10_000)
	for range 45 * 2 * len(w.cards) {
		w.event()
	}
	bytes := 0
	for _, state := range w.cards {
		bytes += cap(state)
	}
	b.ReportAllocs()
	for b.Loop() {
		w.event()
	}
	b.ReportMetric(float64(bytes)/float64(len(w.cards)), "B/card")
}

func BenchmarkKind(b *testing.B) {
	for kind := Count; kind <= FraudShare; kind++ {
		for _, events := range []int64{60, 3000} {
			b.Run(fmt.Sprintf("%v of %d", kind, events), func(b *testing.B) {
				l := compile(b, Spec{
					Values: []Value{{Hash: kind == Distinct}}, Labels: true,
					Asks: []Ask{{Kind: kind, Window: 30 * day}},
				})
				r := rand.New(rand.NewPCG(3, 4))
				var state []byte
				e, dst := Entry{Values: make([]int64, 1)}, make([]float64, 1)
				event := func() {
					e.Time += 30 * day / events
					e.Values[0] = r.Int64N(1000)
					l.Read(state, e, dst)
					state, _ = l.Insert(state, e, nil)
				}
				for range 2 * events {
					event()
				}
				for b.Loop() {
					event()
				}
			})
		}
	}
}
