package feature_test

import (
	"math/rand/v2"
	"testing"

	"github.com/besra-ml/besra/internal/feature"
)

// stream returns plan and program of the handbook's definition, and n events of 500 cards and 1,000 terminals.
func stream(t testing.TB, n int) (*engine, []feature.Event) {
	g := newEngine(t, handbook(t))
	r := rand.New(rand.NewPCG(1, 2))
	card, terminal, amount := g.plan.Field("card"), g.plan.Field("terminal"), g.plan.Field("amount")
	hashes := make([]feature.Hash, 1500)
	for i := range hashes {
		for j := range hashes[i] {
			hashes[i][j] = byte(r.Uint32())
		}
	}
	events := make([]feature.Event, n)
	for i := range events {
		e := &events[i]
		e.Reset(g.plan)
		e.Time = start + int64(i)*100*second
		e.Hashes[card], e.Hashes[terminal] = hashes[r.IntN(500)], hashes[500+r.IntN(1000)]
		e.Numbers[amount] = float64(r.IntN(100_000)) / 100
	}
	return g, events
}

// states are those that Row reads, by group and key.
func (g *engine) statesOf(e *feature.Event, states [][]byte) {
	for i := range states {
		k, _ := g.keys.Key(i, e)
		states[i] = g.states[k]
	}
}

func BenchmarkRow(b *testing.B) {
	g, events := stream(b, 30_000)
	for i := range events {
		g.event = events[i]
		g.insert()
	}
	recent := events[len(events)-4096:]
	states := make([][][]byte, len(recent))
	for i := range recent {
		states[i] = make([][]byte, len(g.plan.Groups))
		g.statesOf(&recent[i], states[i])
	}
	row := make([]float64, g.program.Columns())
	b.Run("Row", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			g.program.Row(row, &recent[i%len(recent)], states[i%len(recent)], &g.work)
		}
	})
	b.Run("RowWithoutHistory", func(b *testing.B) {
		b.ReportAllocs()
		none := make([][]byte, len(g.plan.Groups))
		for i := 0; b.Loop(); i++ {
			g.program.Row(row, &recent[i%len(recent)], none, &g.work)
		}
	})
	b.Run("Keys", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			for j := range g.plan.Groups {
				g.keys.Key(j, &recent[i%len(recent)])
			}
		}
	})
	b.Run("Journal", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		var e feature.Event
		for i := 0; b.Loop(); i++ {
			buf = g.plan.AppendEvent(buf[:0], &recent[i%len(recent)])
			if err := g.plan.ReadEvent(buf, &e); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(buf)), "B/event")
	})
}
