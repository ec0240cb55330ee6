package score

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/journal"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A pairing is what is served, for a shadow: any of it may change while it runs.
type pairing struct {
	live, asked atomic.Pointer[registry.Model]
}

func (p *pairing) served(string, int) (live, asked *registry.Model) {
	return p.live.Load(), p.asked.Load()
}

// challenged returns a shadow of sample 1 in which challenger is compared with champion, and what it logs.
func challenged(champion, challenger *registry.Model, change func(*ShadowOptions)) (*Shadow, *pairing, *bytes.Buffer) {
	var p pairing
	p.live.Store(champion)
	p.asked.Store(challenger)
	var log bytes.Buffer
	o := ShadowOptions{
		Challengers: map[string]int{"fraud": 2}, Served: p.served, Sample: 1,
		Metrics: telemetry.New(telemetry.Options{}),
		Log:     slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo})),
	}
	if change != nil {
		change(&o)
	}
	s := NewShadow(o)
	if s != nil {
		s.look() // as Run does first
	}
	return s, &p, &log
}

// running runs s until the test ends.
func running(t testing.TB, s *Shadow) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
}

// settled waits until n events have been compared, dropped or failed, and returns how the challenger does.
func settled(t testing.TB, s *Shadow, n int) ShadowStatus {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		st := s.Status()[0]
		if st.Compared+st.Dropped+st.Failed == uint64(n) {
			return st
		}
		if time.Now().After(end) {
			t.Fatalf("%d compared, %d dropped, %d failed of %d", st.Compared, st.Dropped, st.Failed, n)
		}
	}
}

// counts is what became of a challenger's events.
func counts(st ShadowStatus) [3]uint64 { return [3]uint64{st.Compared, st.Dropped, st.Failed} }

// twoDemos returns the demo's model as the live version 1, and as version 2 the half of its trees, under policies.
func twoDemos(t testing.TB, first, second *policy.Policy, metrics *telemetry.Metrics) (champion, challenger *registry.Model) {
	t.Helper()
	var models []*registry.Model
	for version, p := range []*policy.Policy{first, second} {
		b, err := bundle.Load("../../models/fraud/1")
		if err != nil {
			t.Fatal(err)
		}
		if b.Version = version + 1; b.Version == 2 {
			b.Digest = "another"
			if b.Model, err = b.Model.Range(0, b.Model.Iterations()/2); err != nil {
				t.Fatal(err)
			}
		}
		models = append(models, registry.NewModel(b, p, metrics))
	}
	if _, err := registry.New(models, map[string]int{"fraud": 1}); err != nil {
		t.Fatal(err)
	}
	return models[0], models[1]
}

var (
	strict = &policy.Policy{Version: "strict", Review: 0.01, Decline: 0.05}
	lax    = &policy.Policy{Version: "lax", Review: 0.03, Decline: 0.3}
)

// remembering returns a history for the plan, in memory and in a journal, with outcomes.
func remembering(t testing.TB, plan *feature.Plan, metrics *telemetry.Metrics) *history.History {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	j, err := journal.Open(journal.Options{Dir: filepath.Join(t.TempDir(), "journal"), Sync: journal.Never, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	table, err := outcome.Open(outcome.Options{Bytes: 1 << 20, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	h := history.New(history.Options{
		Store: store.NewMemory(store.Options{Shards: 4}), Journal: j, Outcomes: table,
		Deadline: time.Second, Metrics: metrics, Log: log,
	})
	h.Attach("fraud", plan)
	if err := h.Recover(context.Background(), func(string) *feature.Plan { return plan }, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// A payer makes payments, the same ones for the same seed.
type payer struct {
	random *rand.Rand
	n      uint64
}

func newPayer() *payer { return &payer{random: rand.New(rand.NewPCG(7, 7))} }

// pay makes event i of b the next payment, with an id.
func (p *payer) pay(b *Batch, i int) {
	p.n++
	raw(b, i, 1_700_000_000_000+int64(p.n)*300_000, byte(1+p.random.IntN(40)), float64(p.random.IntN(60_000))/100)
	b.Inputs[i].Hashes[b.Model.Plan.Field("terminal")] = [16]byte{byte(1 + p.random.IntN(20)), 9}
	e := &b.Events[i]
	e.ID, e.Guarded, e.Digest = []byte("evt"), true, store.Digest{1}
	binary.LittleEndian.PutUint64(e.Key[:], p.n*0x9e3779b97f4a7c15)
}

// A challenger's figures are those of the answers that it gives when it is asked by name, for the same events in
// the same histories.
func TestAChallengerIsComparedByItsOwnAnswers(t *testing.T) {
	metrics := telemetry.New(telemetry.Options{})
	champion, challenger := twoDemos(t, strict, lax, metrics)
	shadow, _, _ := challenged(champion, challenger, nil)
	running(t, shadow)
	h := remembering(t, champion.Plan, metrics)
	s := Measured(Replayed(Recorded(Direct(), h, shadow), h.Store, false, metrics))

	want := ShadowStatus{Model: "fraud", Champion: 1, Challenger: 2, Ready: true, Sample: 1}
	pairs := map[[2]policy.Decision]uint64{}
	asked, b := newPayer(), new(Batch)
	payer, dry := newPayer(), new(Batch)
	for n := range 3000 {
		dry.Reset(challenger, 1)
		asked.pay(dry, 0)
		dry.Events[0].Guarded, dry.Events[0].DryRun = false, true
		b.Reset(champion, 1)
		payer.pay(b, 0)
		if err := errors.Join(s.Score(t.Context(), dry), s.Score(t.Context(), b)); err != nil {
			t.Fatal(err)
		}
		one, other := b.Events[0].Result, dry.Events[0].Result
		if b.Events[0].Refused != nil || dry.Events[0].Refused != nil || b.Events[0].Version != 1 || dry.Events[0].Version != 2 {
			t.Fatalf("%v, %v", b.Events[0].Refused, dry.Events[0].Refused)
		}
		shift := other.Score - one.Score
		want.Compared++
		want.MeanShift += shift
		want.AbsoluteShift += math.Abs(shift)
		want.LargestShift = max(want.LargestShift, math.Abs(shift))
		pairs[[2]policy.Decision{one.Decision, other.Decision}]++
		if one.Decision == other.Decision {
			want.Agreement++
		}
		if n%500 == 499 {
			settled(t, shadow, n+1) // before the queue is full
		}
	}
	want.MeanShift /= 3000
	want.AbsoluteShift /= 3000
	want.Agreement /= 3000
	for a := range policy.Decision(decisions) {
		for b := range policy.Decision(decisions) {
			if events := pairs[[2]policy.Decision{a, b}]; events > 0 {
				want.Decisions = append(want.Decisions, DecisionPair{a, b, events})
			}
		}
	}
	got := shadow.Status()[0]
	if got.Since.IsZero() {
		t.Error("no time")
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(ShadowStatus{}, "Since")); d != "" {
		t.Error(d)
	}
	if len(pairs) < 4 || want.AbsoluteShift == 0 || want.MeanShift == 0 {
		t.Errorf("%v, so that this shows little", pairs)
	}
	c := shadow.contests["fraud"].counts
	if changed := uint64(math.Round((1 - want.Agreement) * 3000)); c.Compared.Value() != 3000 || c.Changed.Value() != changed {
		t.Errorf("%d compared, %d changed, want %d", c.Compared.Value(), c.Changed.Value(), changed)
	}
}

// The same events with and without a shadow leave the same histories, answers, outcomes, journal and counts; and
// of a challenger there is nothing in them.
func TestAShadowLeavesNoTrace(t *testing.T) {
	type left struct {
		Answers    []string
		Store      store.Stats
		Histories  map[byte][]string
		Journal    int64
		Outcomes   outcome.Stats
		Rows       [2]uint64
		Decisions  [2][3]uint64
		Replays    [4]uint64
		Missing    [2]uint64
		DryAnswers []string
	}
	play := func(with bool) (l left) {
		metrics := telemetry.New(telemetry.Options{})
		champion, challenger := twoDemos(t, strict, lax, metrics)
		var shadow *Shadow
		if with {
			shadow, _, _ = challenged(champion, challenger, nil)
			running(t, shadow)
		}
		h := remembering(t, champion.Plan, metrics)
		var clock atomic.Int64 // so that times take the same bytes
		clock.Store(1_790_000_000_000)
		h.Now = func() time.Time { return time.UnixMilli(clock.Add(1)) }
		s := Measured(Replayed(Recorded(Direct(), h, shadow), h.Store, false, metrics))
		payer, b := newPayer(), new(Batch)
		for range 200 {
			b.Reset(champion, 4)
			for i := range 3 {
				payer.pay(b, i)
			}
			b.Events[3] = Event{ID: []byte("evt"), Guarded: true, Digest: store.Digest{2}, Key: store.Key{1, byte(payer.n), byte(payer.n >> 8)}}
			copy(b.Row(3), []float64{float64(payer.n), 0, 1, 3, nan, 7, 20})
			if err := s.Score(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			for i := range b.Events {
				l.Answers = append(l.Answers, string(b.Events[i].Answer))
			}
		}
		if with {
			if st := settled(t, shadow, 800); st.Compared == 0 {
				t.Fatal("nothing was compared")
			}
		}
		l.Store, l.Journal, l.Outcomes = h.Store.Stats(), int64(h.Journal.Last()), h.Status().Outcomes
		l.Store.Horizon = 0 // of the wall clock
		l.Histories = map[byte][]string{}
		for card := range byte(40) {
			held, err := h.Held(history.Subject{
				Stream: history.Stream{Model: "fraud", Plan: champion.Plan}, Field: "card", Hash: feature.Hash{card + 1},
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range held {
				l.Histories[card] = append(l.Histories[card], fmt.Sprintf("%s: %+v", one.Group.ID, one.Entries))
			}
		}
		for i, m := range []*registry.Model{champion, challenger} {
			c := m.Counters
			l.Rows[i], l.Missing[i] = c.Rows.Value(), c.Missing[4].Value()
			l.Decisions[i] = [3]uint64{c.Approve.Value(), c.Review.Value(), c.Decline.Value()}
			for card := range byte(40) {
				b.Reset(m, 1)
				raw(b, 0, 1_800_000_000_000, card+1, 50)
				b.Events[0].DryRun = true
				if err := s.Score(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				l.DryAnswers = append(l.DryAnswers, string(b.appendMembers(nil, 0)))
			}
		}
		r := metrics.Replay
		l.Replays = [4]uint64{r.Miss.Value(), r.Hit.Value(), r.Joined.Value(), r.Conflict.Value()}
		return l
	}
	without, with := play(false), play(true)
	if d := cmp.Diff(without, with); d != "" {
		t.Error(d)
	}
	if len(without.Histories) < 30 || without.Rows != [2]uint64{800, 0} || without.Journal == 0 {
		t.Errorf("%d histories, %v rows, so that this shows little", len(without.Histories), without.Rows)
	}
}

func TestWhatWasNotScoredNowIsNotCompared(t *testing.T) {
	metrics := telemetry.New(telemetry.Options{})
	champion, challenger := twoDemos(t, strict, lax, metrics)
	var broken atomic.Bool
	inner := scorerFunc(func(b *Batch) error {
		if broken.Load() {
			return errors.New("broken")
		}
		return Direct().Score(context.Background(), b)
	})
	for name, c := range map[string]struct {
		version *registry.Model
		change  func(*Batch, *history.History)
	}{
		"scored: an event":               {champion, func(*Batch, *history.History) {}},
		"scored: an event without an id": {champion, func(b *Batch, _ *history.History) { b.Events[0].Guarded = false }},
		"scored: a row": {champion, func(b *Batch, _ *history.History) {
			b.Events[0].Raw = false
			clear(b.Row(0))
		}},
		"a dry run": {champion, func(b *Batch, _ *history.History) { b.Events[0].Guarded, b.Events[0].DryRun = false, true }},
		"a dry run of a row": {champion, func(b *Batch, _ *history.History) {
			b.Events[0] = Event{DryRun: true}
		}},
		"a refused event":        {champion, func(b *Batch, _ *history.History) { b.Events[0].Refused = errors.New("refused") }},
		"an event out of bounds": {champion, func(b *Batch, _ *history.History) { b.Inputs[0].Numbers[b.Model.Plan.Field("amount")] = nan }},
		"a degraded event":       {champion, func(*Batch, *history.History) { broken.Store(true) }},
		"a repeated event": {champion, func(b *Batch, h *history.History) {
			e := &b.Events[0]
			_, _, _ = h.Store.Claim(context.Background(), e.Key, e.Digest, false, nil)
			_ = h.Store.Complete(context.Background(), e.Key, e.Digest, []byte("\x01answer"))
		}},
		"an event for a version that is not live": {challenger, func(*Batch, *history.History) {}},
		"an event that the journal cannot hold":   {champion, func(_ *Batch, h *history.History) { _ = h.Journal.Close() }},
		"a row that the journal cannot hold": {champion, func(b *Batch, h *history.History) {
			_ = h.Journal.Close()
			b.Events[0].Raw = false
			clear(b.Row(0))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, p := range []*policy.Policy{nil, {Version: "v", Review: 0.5, Decline: 0.9, Fallback: policy.Review}} {
				champion.SetPolicy(p)
				broken.Store(false)
				shadow, _, _ := challenged(champion, challenger, nil)
				h := remembering(t, champion.Plan, metrics)
				s := Replayed(Recorded(inner, h, shadow), h.Store, false, metrics)
				var b Batch
				b.Reset(c.version, 1)
				newPayer().pay(&b, 0)
				c.change(&b, h)
				if err := s.Score(t.Context(), &b); err != nil {
					t.Fatal(err)
				}
				want := 0
				if strings.HasPrefix(name, "scored: ") {
					want = 1
				}
				if got := counts(shadow.Status()[0]); got != [3]uint64{} || shadow.queue.n != want { // nobody runs it
					t.Errorf("%v, %d wait; %+v", got, shadow.queue.n, b.Events[0])
				}
			}
		})
	}
}

// given returns a scorer of rows alone, beside which s runs.
func given(s *Shadow) Scorer {
	h := history.New(history.Options{Store: store.NewMemory(store.Options{Shards: 1}), Metrics: telemetry.New(telemetry.Options{}), Log: slog.New(slog.DiscardHandler)})
	return Recorded(Direct(), h, s)
}

// versions makes files of testdata versions of one model.
func versions(t *testing.T, files ...string) []*registry.Model {
	t.Helper()
	var models []*registry.Model
	for i, file := range files {
		m := model(t, file, &policy.Policy{Version: "v", Review: 0.3, Decline: 0.6})
		m.Name, m.Version = "fraud", i+1
		models = append(models, m)
	}
	return models
}
