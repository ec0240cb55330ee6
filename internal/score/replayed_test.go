package score

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
)

// guarded makes b a batch of events of model m with these ids.
func guarded(b *Batch, m *registry.Model, ids ...string) *Batch {
	b.Reset(m, len(ids))
	for i, id := range ids {
		e := &b.Events[i]
		e.ID, e.Guarded = []byte(id), true
		copy(e.Key[:], id)
		e.Digest = store.Digest{1}
	}
	return b
}

// counting scores every event that is to be scored by its number among them, and counts.
func counting(n *atomic.Int64, before func(*Batch)) Scorer {
	return scorerFunc(func(b *Batch) error {
		if before != nil {
			before(b)
		}
		for i := range b.Events {
			if e := &b.Events[i]; !e.Done && e.Refused == nil {
				e.Result = Result{Score: float64(n.Add(1)), Decision: policy.None}
				e.Version = b.Model.Version
				b.Write(i)
			}
		}
		return nil
	})
}

func TestATwinWhoseFirstHangsUpIsAnsweredAllTheSame(t *testing.T) {
	m := model(t, "binary-logistic-3.2.0/model.ubj", nil)
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		proceed := make(chan struct{})
		kept := store.NewMemory(store.Options{Shards: 4})
		s := Replayed(counting(&n, func(*Batch) { <-proceed }), kept, false, telemetry.New(telemetry.Options{}))
		ctx, hangUp := context.WithCancel(context.Background())
		first, second := guarded(new(Batch), m, "evt"), guarded(new(Batch), m, "evt")
		done := make(chan error, 2)
		go func() { done <- s.Score(ctx, first) }()
		synctest.Wait() // the first is being scored
		go func() { done <- s.Score(context.Background(), second) }()
		synctest.Wait() // the second waits for it
		hangUp()
		close(proceed)
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if n.Load() != 1 || !second.Events[0].Replayed || string(second.Events[0].Body()) != string(first.Events[0].Body()) {
			t.Errorf("%d scored; %q and %q", n.Load(), first.Events[0].Body(), second.Events[0].Body())
		}
	})
}

func TestATwinTriesWhenTheFirstFails(t *testing.T) {
	m := model(t, "binary-logistic-3.2.0/model.ubj", nil)
	synctest.Test(t, func(t *testing.T) {
		for name, fail := range map[string]func(b *Batch) error{
			"with an error": func(*Batch) error { return errors.New("failed") },
			"refused":       func(b *Batch) error { b.Events[0].Refused = errors.New("refused"); return nil },
			"without a score": func(b *Batch) error {
				b.Events[0].Result = Result{Score: math.NaN(), Degraded: true}
				b.Write(0)
				return nil
			},
			"with a panic": func(*Batch) error { panic("bug") },
		} {
			var n, calls atomic.Int64
			proceed := make(chan struct{})
			kept := store.NewMemory(store.Options{Shards: 4})
			good := counting(&n, nil)
			s := Replayed(scorerFunc(func(b *Batch) error {
				if calls.Add(1) == 1 {
					<-proceed
					return fail(b)
				}
				return good.Score(context.Background(), b)
			}), kept, false, telemetry.New(telemetry.Options{}))
			first, second := guarded(new(Batch), m, "evt"), guarded(new(Batch), m, "evt")
			done := make(chan struct{}, 2)
			go func() {
				defer func() { _ = recover(); done <- struct{}{} }()
				_ = s.Score(context.Background(), first)
			}()
			synctest.Wait()
			go func() {
				defer func() { done <- struct{}{} }()
				if err := s.Score(context.Background(), second); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}()
			synctest.Wait()
			close(proceed)
			<-done
			<-done
			if e := &second.Events[0]; n.Load() != 1 || e.Replayed || e.Refused != nil || e.Answer == nil {
				t.Errorf("the first ended %s: %d scored, %+v", name, n.Load(), e)
			}
			third := guarded(new(Batch), m, "evt")
			if err := s.Score(context.Background(), third); err != nil || !third.Events[0].Replayed {
				t.Errorf("the first ended %s: the second's answer is not kept: %v", name, err)
			}
		}
	})
}

// Two batches that have two events in common, each in the other's order, do not wait for each other for ever.
func TestBatchesOfTheSameEventsDoNotBlockEachOther(t *testing.T) {
	m := model(t, "binary-logistic-3.2.0/model.ubj", nil)
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		gate := make(chan struct{})
		kept := store.NewMemory(store.Options{Shards: 4})
		s := Replayed(counting(&n, func(*Batch) { <-gate }), kept, false, telemetry.New(telemetry.Options{}))
		a, b := guarded(new(Batch), m, "x", "1", "2", "x"), guarded(new(Batch), m, "y", "2", "1", "y")
		// The first batch claims 1 and 2; the second waits for both, holding y; then a third wants y.
		done := make(chan error, 3)
		go func() { done <- s.Score(context.Background(), a) }()
		synctest.Wait()
		go func() { done <- s.Score(context.Background(), b) }()
		synctest.Wait()
		c := guarded(new(Batch), m, "y", "x")
		go func() { done <- s.Score(context.Background(), c) }()
		synctest.Wait()
		close(gate)
		for range 3 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if n.Load() != 4 {
			t.Errorf("%d scored, want x, y, 1 and 2 once each", n.Load())
		}
		for _, batch := range []*Batch{a, b, c} {
			for i := range batch.Events {
				if batch.Events[i].Answer == nil {
					t.Errorf("event %s has no answer", batch.Events[i].ID)
				}
			}
		}
	})
}

func TestAnotherContentIsRefused(t *testing.T) {
	m := model(t, "binary-logistic-3.2.0/model.ubj", nil)
	var n atomic.Int64
	s := Replayed(counting(&n, nil), store.NewMemory(store.Options{Shards: 4}), false, telemetry.New(telemetry.Options{}))
	b := guarded(new(Batch), m, "evt", "evt")
	b.Events[1].Digest = store.Digest{2}
	if err := s.Score(context.Background(), b); err != nil || !errors.Is(b.Events[1].Refused, ErrReused) || b.Events[0].Refused != nil {
		t.Errorf("%v, %v, %v", err, b.Events[0].Refused, b.Events[1].Refused)
	}
	// What the schema refuses now was answered before: the answer counts.
	b = guarded(b, m, "evt")
	b.Events[0].Refused = errors.New("no such feature")
	if err := s.Score(context.Background(), b); err != nil || !b.Events[0].Replayed || b.Events[0].Refused != nil {
		t.Errorf("%v, %+v", err, b.Events[0])
	}
	b = guarded(b, m, "new")
	b.Events[0].Refused = errors.New("no such feature")
	if err := s.Score(context.Background(), b); err != nil || b.Events[0].Refused == nil || n.Load() != 1 {
		t.Errorf("%v, %+v", err, b.Events[0])
	}
}

// recordedDemo returns the demo's model with a policy, and a scorer that makes rows for s.
func recordedDemo(t *testing.T, p *policy.Policy, s Scorer) (*registry.Model, Scorer, *history.History) {
	t.Helper()
	metrics := telemetry.New(telemetry.Options{})
	b, err := bundle.Load("../../models/fraud/1")
	if err != nil {
		t.Fatal(err)
	}
	r, err := registry.New([]*registry.Model{registry.NewModel(b, p, metrics)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := history.New(history.Options{Store: store.NewMemory(store.Options{Shards: 4}), Metrics: metrics, Log: slog.New(slog.DiscardHandler)})
	h.Attach(r.Only().Name, r.Only().Plan)
	return r.Only(), Recorded(s, h, nil), h
}

// raw adds a payment to the batch as event i.
func raw(b *Batch, i int, ms int64, card byte, amount float64) {
	p, in := b.Model.Plan, &b.Inputs[i]
	b.Events[i].Raw = true
	in.Reset(p)
	in.Time = ms
	in.Hashes[p.Field("card")], in.Hashes[p.Field("terminal")] = [16]byte{card}, [16]byte{1}
	in.Numbers[p.Field("amount")] = amount
}

func TestWhatCannotBeScoredIsTheFallbacksAndNotRemembered(t *testing.T) {
	for name, c := range map[string]struct {
		inner    Scorer
		fallback policy.Decision
		refused  bool
	}{
		"an error":                    {scorerFunc(func(*Batch) error { return errors.New("broken") }), policy.Decline, false},
		"an error without a fallback": {scorerFunc(func(*Batch) error { return errors.New("broken") }), policy.None, true},
		"no number": {scorerFunc(func(b *Batch) error {
			b.Events[0].Result = Result{Score: math.NaN(), Degraded: true}
			decide(b, 0, &b.Events[0].Result)
			return nil
		}), policy.Review, false},
	} {
		m, s, h := recordedDemo(t, &policy.Policy{Version: "v", Review: 0.5, Decline: 0.9, Fallback: c.fallback}, c.inner)
		var b Batch
		b.Reset(m, 1)
		raw(&b, 0, 1_700_000_000_000, 7, 5)
		if err := s.Score(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
		e := &b.Events[0]
		if (e.Refused != nil) != c.refused {
			t.Errorf("%s: %v", name, e.Refused)
		}
		if !c.refused {
			b.Write(0)
		}
		if !c.refused && (!e.Result.Degraded || e.Result.Decision != c.fallback || !strings.Contains(string(e.Body()), `"score":null`)) {
			t.Errorf("%s: %+v %s", name, e.Result, e.Body())
		}
		if n := h.Store.Stats().Entities; n != 0 {
			t.Errorf("%s left %d histories", name, n)
		}
	}
}

func TestEventsOfABatchSeeThoseBeforeThem(t *testing.T) {
	var counts []float64
	m, s, _ := recordedDemo(t, nil, scorerFunc(func(b *Batch) error {
		for i := range b.Events {
			counts = append(counts, b.Row(i)[3]) // card_count_1d
			b.Events[i].Result = Result{Score: 0.5}
		}
		return nil
	}))
	var b Batch
	b.Reset(m, 6)
	for i := range 6 {
		raw(&b, i, 1_700_000_000_000+int64(i), byte(1+i%2), 5)
	}
	b.Events[2].DryRun = true             // sees, and is not seen
	b.Events[3].Refused = errors.New("?") // is nothing
	if err := s.Score(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	if want := []float64{1, 1, 2, 2, 2}; fmt.Sprint(counts) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", counts, want)
	}
}

func TestAnEventsRowIsHeldAgainstTheBounds(t *testing.T) {
	m, s, h := recordedDemo(t, nil, Direct())
	var b Batch
	b.Reset(m, 2)
	raw(&b, 0, 1_700_000_000_000, 1, 200_000) // above the amount's maximum, which is accepted
	raw(&b, 1, 1_700_000_000_000, 2, math.NaN())
	if err := s.Score(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	if w := b.Events[0].Warnings; len(w) == 0 || w[0].Field != "amount" || w[0].What != OutOfBounds {
		t.Errorf("%+v", w)
	}
	var refused *ErrRefused
	if !errors.As(b.Events[1].Refused, &refused) || refused.What != Missing || refused.Field != "amount" {
		t.Errorf("%v", b.Events[1].Refused)
	}
	if n := h.Store.Stats().Entities; n != 2 { // of the first alone
		t.Errorf("%d histories", n)
	}
}

func TestALossIsInUnitsOfTheCurrency(t *testing.T) {
	for _, c := range []struct {
		amount   int64
		decimals int
		want     int64
	}{{12_345, 2, 1_234_500}, {7, 0, 70_000}, {1_234_567, 6, 12_345}, {5, 4, 5}} {
		if got := loss(c.amount, c.decimals); got != c.want {
			t.Errorf("%d with %d decimals: %d, want %d", c.amount, c.decimals, got, c.want)
		}
	}
}

func TestTwinsWhoseFirstWasRefusedGetTheirOwnAnswers(t *testing.T) {
	calls := 0
	s := Replayed(scorerFunc(func(b *Batch) error {
		calls++
		for i := range b.Events {
			e := &b.Events[i]
			if e.Done {
				continue
			}
			if calls == 1 {
				e.Refused = errors.New("the disk is full")
				continue
			}
			start := len(b.Answers)
			b.Answers = append(b.Answers, fmt.Sprintf("\x01answer to %d", e.Key[0])...)
			e.Answer = b.Answers[start:]
		}
		return nil
	}), store.NewMemory(store.Options{}), false, telemetry.New(telemetry.Options{}))
	m := model(t, "binary-logistic-3.2.0/model.ubj", nil)
	b := new(Batch)
	b.Reset(m, 6)
	for i := range b.Events {
		b.Events[i].Guarded, b.Events[i].Key = true, store.Key{byte(i % 3)}
	}
	if err := s.Score(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	for i := 3; i < 6; i++ {
		if got, want := string(b.Events[i].Body()), fmt.Sprintf("answer to %d", i%3); got != want {
			t.Errorf("event %d gets %q, want %q", i, got, want)
		}
	}
}

// dying is a store that somebody else's claim is in, and that goes down while its end is awaited.
type dying struct{ *store.Memory }

func (dying) Claim(_ context.Context, _ store.Key, _ store.Digest, wait bool, dst []byte) (store.Claimed, []byte, error) {
	if wait {
		return store.Pending, dst, store.ErrDown
	}
	return store.Pending, dst, nil
}

func TestWhoWaitsWhileTheStoreGoesDownIsScoredOrRefused(t *testing.T) {
	m := model(t, "binary-logistic-3.2.0/model.ubj", nil)
	for name, closed := range map[string]bool{"open": false, "closed": true} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int64
			metrics := telemetry.New(telemetry.Options{})
			b := guarded(new(Batch), m, "evt", "other")
			if err := Replayed(counting(&n, nil), dying{store.NewMemory(store.Options{})}, closed, metrics).Score(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			for i := range b.Events {
				e := &b.Events[i]
				if closed != errors.Is(e.Refused, store.ErrDown) || closed == (e.Answer != nil) || e.Done {
					t.Errorf("event %d: refused %v, answer %q, done %v", i, e.Refused, e.Answer, e.Done)
				}
			}
			if want := map[bool]int64{false: 2, true: 0}[closed]; n.Load() != want || metrics.Replay.Unguarded.Value() != uint64(want) {
				t.Errorf("%d were scored, %d without a guard", n.Load(), metrics.Replay.Unguarded.Value())
			}
		})
	}
}
