//go:build !race

package feature_test

import (
	"strings"
	"testing"

	"github.com/besra-ml/besra/internal/feature"
)

func TestNothingIsAllocatedForARow(t *testing.T) {
	g, events := stream(t, 5000)
	for i := range events {
		g.event = events[i]
		g.insert()
	}
	recent := events[len(events)-1000:]
	states := make([][]byte, len(g.plan.Groups))
	row := make([]float64, g.program.Columns())
	var buf []byte
	var e feature.Event
	i := 0
	if n := testing.AllocsPerRun(len(recent)-1, func() {
		now := &recent[i%len(recent)]
		i++
		g.statesOf(now, states)
		if _, ok := g.plan.Quantize(now); !ok {
			t.Error("a number does not fit")
		}
		g.program.Row(row, now, states, &g.work)
		buf = g.plan.AppendEvent(buf[:0], now)
		if err := g.plan.ReadEvent(buf, &e); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a row, want none", n)
	}
}

func TestALongTextIsNotAllocated(t *testing.T) {
	g := newEngine(t, parse(t, "  - {name: a, field: country}\n"))
	g.set(start, map[string]any{"country": strings.Repeat("x", 100)})
	row := make([]float64, 1)
	if n := testing.AllocsPerRun(100, func() { g.program.Row(row, &g.event, nil, &g.work) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
