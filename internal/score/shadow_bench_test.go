package score

import (
	"testing"

	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/telemetry"
)

// BenchmarkEvent is an event's whole way below the door: without a shadow, and with a challenger that scores a share
// of them beside it, with the time that this takes of the machine.
func BenchmarkEvent(b *testing.B) {
	for _, c := range []struct {
		name   string
		sample float64 // below 0: no shadow
	}{{"off", -1}, {"on, nothing picked", 0}, {"a tenth", 0.1}, {"all", 1}} {
		b.Run(c.name, func(b *testing.B) {
			metrics := telemetry.New(telemetry.Options{})
			m, challenger := twoDemos(b, nil, nil, metrics)
			var shadow *Shadow
			if c.sample >= 0 {
				shadow, _, _ = challenged(m, challenger, func(o *ShadowOptions) { o.Sample = c.sample })
				running(b, shadow)
			}
			event := eventsOf(b, 5000, m, shadow, metrics)
			for range 100_000 {
				event()
			}
			b.ReportAllocs()
			for b.Loop() {
				event()
			}
			if shadow != nil {
				st := shadow.Status()[0]
				b.ReportMetric(float64(st.Dropped)/max(float64(st.Dropped+st.Compared), 1), "dropped/picked")
			}
		})
	}
}

// BenchmarkPicked is what being picked adds to an event: its row for the challenger, and a place in the queue.
func BenchmarkPicked(b *testing.B) {
	metrics := telemetry.New(telemetry.Options{})
	m, challenger := twoDemos(b, nil, nil, metrics)
	shadow, _, _ := challenged(m, challenger, nil)
	h := remembering(b, m.Plan, metrics)
	s := Recorded(Direct(), h, nil)
	var batch Batch
	payer := newPayer()
	for range 5000 {
		batch.Reset(m, 1)
		payer.pay(&batch, 0)
		if err := s.Score(b.Context(), &batch); err != nil {
			b.Fatal(err)
		}
	}
	batch.Reset(m, 1)
	payer.pay(&batch, 0)
	var t history.Turn
	if err := h.Begin(b.Context(), &t, batch.stream(), &batch.Inputs[0]); err != nil {
		b.Fatal(err)
	}
	defer h.Release(&t)
	b.ReportAllocs()
	for b.Loop() {
		shadow.event(&batch, 0, &t)
		shadow.offer(&batch)
		shadow.queue.release(1)
	}
}

// BenchmarkNotPicked is what the draw adds to the others.
func BenchmarkNotPicked(b *testing.B) {
	m, challenger := twoDemos(b, nil, nil, telemetry.New(telemetry.Options{}))
	shadow, _, _ := challenged(m, challenger, func(o *ShadowOptions) { o.Sample = 0 })
	var batch Batch
	batch.Reset(m, 1)
	for b.Loop() {
		shadow.event(&batch, 0, nil)
		shadow.offer(&batch)
	}
}
