//go:build !race

package score

import (
	"context"
	"testing"

	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/telemetry"
)

// The race detector allocates by itself.
func TestScoringAllocatesNothing(t *testing.T) {
	m := model(t, "binary-logistic-3.2.0/model.ubj", &policy.Policy{Review: 0.5, Decline: 0.9})
	s := Measured(Direct())
	b := scored(t, m, s, resized(rows, 5)...)
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() {
		b.Reset(m, 3)
		_ = s.Score(ctx, b)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// An event's whole way: claimed, made a row of with its histories, scored, remembered, its answer kept; alone, and
// with a challenger that has room for it, or none.
func TestAnEventTakesAtMostOneAllocation(t *testing.T) {
	for name, queue := range map[string]int{"without a shadow": 0, "that is queued for a challenger": 100_000, "that a full queue drops": 1} {
		t.Run(name, func(t *testing.T) {
			metrics := telemetry.New(telemetry.Options{})
			m, challenger := twoDemos(t, nil, nil, metrics)
			var shadow *Shadow
			if queue > 0 {
				shadow, _, _ = challenged(m, challenger, func(o *ShadowOptions) { o.Queue = queue })
			}
			event := eventsOf(t, 50, m, shadow, metrics)
			for range 60_000 { // until windows and memory are as large as they get
				event()
			}
			if n := testing.AllocsPerRun(2000, event); n > 1 {
				t.Errorf("%v allocations", n)
			}
			if shadow == nil {
				return
			}
			st := shadow.Status()[0]
			if waits := shadow.queue.n; waits == 0 || (queue == 1) != (st.Dropped > 60_000) || (queue > 1) != (waits > 10_000) {
				t.Errorf("%d wait, %+v", waits, st)
			}
		})
	}
}

func TestARowForAChallengerAllocatesNothing(t *testing.T) {
	m := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json")
	shadow, _, _ := challenged(m[0], m[1], func(o *ShadowOptions) { o.Queue = 2000 })
	s := given(shadow)
	b := scored(t, m[0], s, rows...)
	ctx := context.Background()
	if n := testing.AllocsPerRun(1000, func() { // half of them find no room
		b.Reset(m[0], 4)
		_ = s.Score(ctx, b)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if st := shadow.Status()[0]; st.Dropped < 1000 || shadow.queue.n != 2000 {
		t.Errorf("%+v", st)
	}
}
