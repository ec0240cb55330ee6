//go:build !race

package score

import (
	"context"
	"encoding/binary"
	"log/slog"
	"testing"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
)

// The race detector allocates by itself.
func TestScoringAllocatesNothing(t *testing.T) {
	metrics := telemetry.New(telemetry.Options{})
	m := model(t, "binary-logistic-3.2.0/model.ubj", &policy.Policy{Review: 0.5, Decline: 0.9})
	s := Measured(Direct(), metrics)
	b := scored(t, m, s, resized(rows, 5)...)
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() {
		b.Reset(m, 3)
		_ = s.Score(ctx, b)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// An event's whole way: claimed, made a row of with its histories, scored, remembered, its answer kept.
func TestAnEventTakesAtMostOneAllocation(t *testing.T) {
	metrics := telemetry.New(telemetry.Options{})
	b, err := bundle.Load("../../models/fraud/1")
	if err != nil {
		t.Fatal(err)
	}
	r, err := registry.New([]*registry.Model{registry.NewModel(b, nil, metrics)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := r.Only()
	h := history.New(history.Options{Store: store.NewMemory(store.Options{}), Metrics: metrics, Log: slog.New(slog.DiscardHandler)})
	h.Attach(m.Plan)
	s := Measured(Replayed(Recorded(Direct(), h, slog.New(slog.DiscardHandler)), h.Store, metrics), metrics)
	var batch Batch
	n, id := uint64(0), []byte("evt")
	event := func() {
		batch.Reset(m, 1)
		e, in := &batch.Events[0], &batch.Inputs[0]
		n++
		e.Raw, e.Guarded, e.ID = true, true, id
		binary.LittleEndian.PutUint64(e.Key[:], n*0x9e3779b97f4a7c15)
		in.Reset(m.Plan)
		in.Time = 1_700_000_000_000 + int64(n)*20_000
		in.Numbers[m.Plan.Field("amount")] = float64(n % 1000)
		binary.LittleEndian.PutUint64(in.Hashes[m.Plan.Field("card")][:], 1+n%50)
		binary.LittleEndian.PutUint64(in.Hashes[m.Plan.Field("terminal")][:], 1+n%100)
		if err := s.Score(context.Background(), &batch); err != nil || e.Refused != nil {
			t.Fatal(err, e.Refused)
		}
	}
	for range 60_000 { // until windows and memory are as large as they get
		event()
	}
	if n := testing.AllocsPerRun(2000, event); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
