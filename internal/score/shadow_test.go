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
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/besra-ml/besra"
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
	s := Measured(Replayed(Recorded(Direct(), h, shadow, slog.New(slog.DiscardHandler)), h.Store, metrics), metrics)

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
		s := Measured(Replayed(Recorded(Direct(), h, shadow, slog.New(slog.DiscardHandler)), h.Store, metrics), metrics)
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
				s := Replayed(Recorded(inner, h, shadow, slog.New(slog.DiscardHandler)), h.Store, metrics)
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
	return Recorded(Direct(), h, s, slog.New(slog.DiscardHandler))
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

func TestAChallengersRowHasItsOwnColumnsInItsOwnOrder(t *testing.T) {
	for name, files := range map[string][2]string{
		"another order":         {"binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json"},
		"names of categories":   {"strings-3.2.0/model.json", "strings-missing-3.2.0/model.ubj"},
		"a sentinel of its own": {"binary-logistic-3.2.0/model.ubj", "missing-sentinel-3.2.0/model.json"},
	} {
		t.Run(name, func(t *testing.T) {
			m := versions(t, files[0], files[1])
			if strings.Contains(files[1], "sentinel") {
				m[1].Missing = -999
			}
			shadow, _, log := challenged(m[0], m[1], nil)
			running(t, shadow)
			all := resized(append(slices.Clone(rows), []float64{-999, 1, 2, 3, 4}), len(m[0].Columns))
			scored(t, m[0], given(shadow), all...)
			got := settled(t, shadow, len(all))
			var want ShadowStatus
			for _, row := range all {
				other := make([]float64, len(row))
				for i, c := range m[1].Columns {
					for k, o := range m[0].Columns {
						if c.Name == o.Name {
							other[i] = row[k]
						}
					}
					if other[i] == m[1].Missing {
						other[i] = nan
					}
				}
				_, a := predicted(t, m[0], row)
				_, b := predicted(t, m[1], other)
				want.MeanShift += b[0] - a[0]
				want.LargestShift = max(want.LargestShift, math.Abs(b[0]-a[0]))
			}
			want.MeanShift /= float64(len(all))
			if got.Compared != uint64(len(all)) || got.MeanShift != want.MeanShift || got.LargestShift != want.LargestShift {
				t.Errorf("%+v, want %+v; %s", got, want, log)
			}
			if name == "another order" && got.LargestShift == 0 {
				t.Error("no shift, so that this shows little")
			}
		})
	}
}

func TestWhatCannotBeComparedIsDroppedAndToldOnce(t *testing.T) {
	const binary = "binary-logistic-3.2.0/model.ubj"
	for name, c := range map[string]struct {
		files  [2]string
		change func(champion, challenger *registry.Model)
		want   string
	}{
		"another feature": {[2]string{binary, "names-2.1.4/model.json"}, nil, `the challenger has the feature "amount"`},
		"other names": {[2]string{"strings-3.2.0/model.json", "strings-unused-3.1.3/model.json"}, func(champion, challenger *registry.Model) {
			for i := range champion.Columns {
				champion.Columns[i].Name = challenger.Columns[i].Name
			}
		}, "have other codes"},
		"numbers for names": {[2]string{binary, "strings-3.2.0/model.json"}, func(champion, challenger *registry.Model) {
			for i := range challenger.Columns {
				champion.Columns[i].Name = challenger.Columns[i].Name
			}
		}, "names in one version and numbers in the other"},
		"another sentinel": {[2]string{binary, binary}, func(champion, _ *registry.Model) { champion.Missing = -1 }, "takes -1 for missing"},
		"no score":         {[2]string{binary, "multi-softprob-3.2.0/model.json"}, nil, "none of the challenger's outputs"},
	} {
		t.Run(name, func(t *testing.T) {
			m := versions(t, c.files[0], c.files[1])
			if c.change != nil {
				c.change(m[0], m[1])
			}
			shadow, _, log := challenged(m[0], m[1], nil)
			running(t, shadow)
			scored(t, m[0], given(shadow), resized(rows, len(m[0].Columns))...)
			st := settled(t, shadow, len(rows))
			if counts(st) != [3]uint64{0, uint64(len(rows)), 0} || !strings.Contains(st.Why, c.want) || !st.Ready {
				t.Errorf("%+v", st)
			}
			if n := strings.Count(log.String(), "cannot be compared"); n != 1 {
				t.Errorf("told %d times: %s", n, log)
			}
		})
	}
}

func TestEventsOfAnotherPlanAreNotCompared(t *testing.T) {
	metrics := telemetry.New(telemetry.Options{})
	champion, _ := twoDemos(t, nil, nil, metrics)
	_, stranger := twoDemos(t, nil, nil, metrics)
	for want, challenger := range map[string]*registry.Model{
		"another plan":    stranger,
		"takes no events": versions(t, "binary-logistic-3.2.0/model.ubj", "binary-logistic-3.2.0/model.ubj")[1],
	} {
		shadow, _, _ := challenged(champion, challenger, nil)
		running(t, shadow)
		h := remembering(t, champion.Plan, metrics)
		var b Batch
		b.Reset(champion, 1)
		newPayer().pay(&b, 0)
		if err := Recorded(Direct(), h, shadow, slog.New(slog.DiscardHandler)).Score(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		if st := settled(t, shadow, 1); st.Dropped != 1 || !strings.Contains(st.Why, want) {
			t.Errorf("%+v, want %s", st, want)
		}
	}
}

func TestTheQueueIsBoundedAndDropsWhatDoesNotFit(t *testing.T) {
	m := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json")
	shadow, _, _ := challenged(m[0], m[1], func(o *ShadowOptions) { o.Queue = 100 })
	s := given(shadow)
	for range 27 { // nobody runs it yet
		scored(t, m[0], s, rows...)
	}
	if got := counts(shadow.Status()[0]); got != [3]uint64{0, 8, 0} {
		t.Errorf("%v", got)
	}
	running(t, shadow)
	if got := counts(settled(t, shadow, 108)); got != [3]uint64{100, 8, 0} {
		t.Errorf("%v", got)
	}
	many := make([][]float64, 1000)
	for i := range many {
		many[i] = rows[i%len(rows)]
	}
	scored(t, m[0], s, many...) // one batch alone
	st := settled(t, shadow, 1108)
	if st.Compared < 200 || st.Compared+st.Dropped != 1108 {
		t.Errorf("%+v", st)
	}
}

func TestUnderLoadChallengersAreDroppedFirst(t *testing.T) {
	m := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json")
	var overloaded atomic.Bool
	shadow, _, _ := challenged(m[0], m[1], func(o *ShadowOptions) { o.Overloaded = overloaded.Load })
	running(t, shadow)
	s := given(shadow)
	scored(t, m[0], s, rows...)
	overloaded.Store(true)
	scored(t, m[0], s, rows[:3]...)
	if got := counts(settled(t, shadow, 7)); got != [3]uint64{4, 3, 0} {
		t.Errorf("%v", got)
	}
}

func TestChancePicksTheSample(t *testing.T) {
	m := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json")
	for sample, want := range map[float64]int{0: 0, 0.1: 10, 0.25: 25, 1: 100} {
		draws := 0
		shadow, _, _ := challenged(m[0], m[1], func(o *ShadowOptions) {
			o.Sample = sample
			o.Rand = func() float64 { draws++; return float64(draws-1) / 100 }
		})
		running(t, shadow)
		s := given(shadow)
		for range 25 {
			scored(t, m[0], s, rows...)
		}
		if st := settled(t, shadow, want); st.Compared != uint64(want) || st.Sample != sample || draws != 100 {
			t.Errorf("%v: %+v, %d draws", sample, st, draws)
		}
	}
	if NewShadow(ShadowOptions{}) != nil || (*Shadow)(nil).Status() != nil {
		t.Error("a shadow without challengers")
	}
}

func TestAChallengerThatPanicsHarmsNobody(t *testing.T) {
	m := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json")
	shadow, _, log := challenged(m[0], m[1], nil)
	running(t, shadow)
	s := given(shadow)
	want := scored(t, m[0], s, rows...)
	settled(t, shadow, 4)

	engine := m[1].Engine
	x := shadow.current(shadow.contests["fraud"])
	m[1].Engine = nil // as a bug would have it
	scored(t, m[0], s, rows...)
	if got := counts(settled(t, shadow, 8)); got != [3]uint64{4, 0, 4} {
		t.Errorf("%v", got)
	}
	m[1].Engine = engine
	x.columns[2] = 99 // a bug on the request's own path
	b := scored(t, m[0], s, rows...)
	if got := counts(settled(t, shadow, 12)); got != [3]uint64{4, 0, 8} {
		t.Errorf("%v", got)
	}
	for i := range b.Events {
		if d := cmp.Diff(want.Events[i].Result, b.Events[i].Result); d != "" {
			t.Errorf("the champion's answer differs: %s", d)
		}
	}
	if strings.Count(log.String(), "panic") != 1 {
		t.Errorf("%s", log)
	}
	x.columns[2] = 2
	scored(t, m[0], s, rows...)
	if got := counts(settled(t, shadow, 16)); got != [3]uint64{8, 0, 8} {
		t.Errorf("afterwards: %v", got)
	}
}

func TestWhatTheChallengerRefusesHasFailed(t *testing.T) {
	const file = "binary-logistic-3.2.0/model.ubj"
	for name, c := range map[string]struct {
		change func(challenger *registry.Model)
		failed uint64 // of the rows whose first values are 0, 5, NaN and -2
	}{
		"nothing": {func(*registry.Model) {}, 0},
		"what is out of bounds": {func(m *registry.Model) {
			m.Bounds = []registry.Bound{{Min: 0, Max: 4, Column: 0}}
			m.Features[0].RefuseOutOfBounds = true
		}, 2},
		"nothing that is accepted out of bounds": {func(m *registry.Model) { m.Bounds = []registry.Bound{{Min: 0, Max: 4, Column: 0}} }, 0},
		"what is missing": {func(m *registry.Model) {
			m.Bounds = []registry.Bound{{Min: math.Inf(-1), Max: math.Inf(1), Column: 0, Needed: true}}
		}, 1},
	} {
		m := versions(t, file, file)
		c.change(m[1])
		shadow, _, log := challenged(m[0], m[1], nil)
		running(t, shadow)
		scored(t, m[0], given(shadow), rows...)
		if got := counts(settled(t, shadow, 4)); got != [3]uint64{4 - c.failed, 0, c.failed} {
			t.Errorf("%s: %v; %s", name, got, log)
		}
	}
	t.Run("a number that its width cannot hold", func(t *testing.T) {
		m := versions(t, file, file)
		shadow, _, _ := challenged(m[0], m[1], nil)
		running(t, shadow)
		scored(t, m[0], given(shadow), []float64{1e39, 1, 1, 1, 1}, rows[0])
		if got := counts(settled(t, shadow, 2)); got != [3]uint64{1, 0, 1} {
			t.Errorf("%v", got)
		}
	})
	t.Run("a score that is none", func(t *testing.T) {
		m := versions(t, file, "overflow-reg-squarederror-3.2.0/model.ubj")
		shadow, _, _ := challenged(m[0], m[1], nil)
		running(t, shadow)
		scored(t, m[0], given(shadow), []float64{nan, 8.999999, nan, -0.719, 1}, []float64{nan, 9, nan, -0.719, 1})
		if got := counts(settled(t, shadow, 2)); got != [3]uint64{1, 0, 1} {
			t.Errorf("%v", got)
		}
	})
}

// An event that a list decides says nothing of the challenger's cutoffs.
func TestWhatAListDecidesIsComparedByItsScoreAlone(t *testing.T) {
	metrics := telemetry.New(telemetry.Options{})
	list := &policy.List{Entity: "card", File: "blocked.txt", Decision: policy.Decline}
	if err := list.Read(strings.NewReader("07000000000000000000000000000000\n"), 33); err != nil {
		t.Fatal(err)
	}
	listing := &policy.Policy{Version: "listing", Review: 2, Decline: 2, Lists: []*policy.List{list}}
	plain := &policy.Policy{Version: "plain", Review: 2, Decline: 2}
	for name, policies := range map[string][2]*policy.Policy{
		"the champion's":   {listing, plain},
		"the challenger's": {plain, listing},
		"of both":          {listing, listing},
	} {
		champion, challenger := twoDemos(t, policies[0], policies[1], metrics)
		shadow, _, _ := challenged(champion, challenger, nil)
		running(t, shadow)
		h := remembering(t, champion.Plan, metrics)
		var b Batch
		b.Reset(champion, 3)
		for i, card := range []byte{7, 8, 9} {
			raw(&b, i, 1_700_000_000_000, card, 5)
		}
		if err := Recorded(Direct(), h, shadow, slog.New(slog.DiscardHandler)).Score(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		st := settled(t, shadow, 3)
		want := []DecisionPair{{policy.Approve, policy.Approve, 2}}
		if d := cmp.Diff(want, st.Decisions); d != "" || st.Compared != 3 || st.Agreement != 1 {
			t.Errorf("a list %s: %+v", name, st)
		}
		if n := shadow.contests["fraud"].counts.Changed.Value(); n != 0 {
			t.Errorf("a list %s: %d changed", name, n)
		}
	}
}

func TestWithoutDecisionsThereIsNoAgreement(t *testing.T) {
	for name, c := range map[string]struct {
		decides   [2]bool
		agreement float64
	}{"both decide": {[2]bool{true, true}, 1}, "one decides": {[2]bool{true, false}, 0}, "neither decides": {[2]bool{}, nan}} {
		var m []*registry.Model
		for i, decides := range c.decides {
			p := &policy.Policy{Version: "v", Review: 2, Decline: 2}
			if !decides {
				p = nil
			}
			one := model(t, "binary-logistic-3.2.0/model.ubj", p)
			one.Name, one.Version = "fraud", i+1
			m = append(m, one)
		}
		shadow, _, _ := challenged(m[0], m[1], nil)
		if st := shadow.Status()[0]; !math.IsNaN(st.Agreement + st.MeanShift + st.AbsoluteShift + st.LargestShift) {
			t.Errorf("figures of nothing: %+v", st)
		}
		running(t, shadow)
		scored(t, m[0], given(shadow), rows...)
		st := settled(t, shadow, 4)
		if st.Agreement != c.agreement && !(math.IsNaN(st.Agreement) && math.IsNaN(c.agreement)) || len(st.Decisions) != 1 || st.LargestShift != 0 {
			t.Errorf("%s: %+v", name, st)
		}
	}
}

func TestAChallengerIsUsedAsSoonAsItComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json", "dart-3.2.0/model.ubj")
		for i := range m {
			m[i].Digest = fmt.Sprint(i)
		}
		shadow, p, log := challenged(m[0], nil, nil)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { shadow.Run(ctx); close(done) }()
		s := given(shadow)
		look := func() {
			time.Sleep(lookEvery)
			synctest.Wait()
		}
		look()
		expect := func(when string, want ShadowStatus) {
			t.Helper()
			time.Sleep(lookEvery + gather)
			synctest.Wait()
			st := shadow.Status()[0]
			got := ShadowStatus{Champion: st.Champion, Challenger: st.Challenger, Ready: st.Ready, Why: st.Why, Compared: st.Compared, Dropped: st.Dropped}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s: %s", when, d)
			}
		}
		scored(t, m[0], s, rows...)
		expect("not served", ShadowStatus{Champion: 1, Challenger: 2, Why: "the challenger is not served"})
		p.asked.Store(m[1])
		look()
		scored(t, m[0], s, rows...)
		expect("served", ShadowStatus{Champion: 1, Challenger: 2, Ready: true, Compared: 4})
		time.Sleep(time.Hour)
		scored(t, m[0], s, rows[:3]...)
		expect("later", ShadowStatus{Champion: 1, Challenger: 2, Ready: true, Compared: 7})
		again := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json")
		again[0].Digest, again[1].Digest = "0", "1"
		p.live.Store(again[0])
		p.asked.Store(again[1])
		look()
		scored(t, again[0], s, rows[:1]...)
		scored(t, m[0], s, rows...) // a request that began before
		expect("the same versions, made ready anew", ShadowStatus{Champion: 1, Challenger: 2, Ready: true, Compared: 8})
		p.live.Store(m[2])
		look()
		scored(t, m[2], s, rows[:2]...)
		expect("another champion", ShadowStatus{Champion: 3, Challenger: 2, Ready: true, Compared: 2})
		p.live.Store(again[1])
		look()
		scored(t, again[1], s, rows...)
		expect("it is live", ShadowStatus{Champion: 2, Challenger: 2, Ready: true, Why: "the challenger is the live version"})
		p.live.Store(m[0])
		p.asked.Store(nil)
		expect("it has gone", ShadowStatus{Champion: 1, Challenger: 2, Why: "the challenger is not served"})
		p.live.Store(nil)
		expect("all have gone", ShadowStatus{Champion: -1, Challenger: 2, Why: "the challenger is not served"})
		cancel()
		<-done
		scored(t, m[0], s, rows...)
		if got := log.String(); strings.Count(got, "level=WARN") != 2 || strings.Count(got, "is not served") != 2 || strings.Count(got, "scores beside") != 1 {
			t.Errorf("the log:\n%s", got)
		}
	})
}

// A match begins by Run alone: a request finds that it is stale, is dropped, and has Run look.
func TestARequestBeginsNoMatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json", "binary-logistic-3.2.0/model.ubj")
		for i := range m {
			m[i].Digest, m[i].Live = fmt.Sprint(i), i != 1
		}
		var asked atomic.Int64
		shadow, p, _ := challenged(m[0], m[1], nil)
		shadow.Served = func(string, int) (live, challenger *registry.Model) {
			asked.Add(1)
			return p.served("", 0)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { shadow.Run(ctx); close(done) }()
		synctest.Wait()
		before := asked.Load()
		scored(t, m[0], given(shadow), rows...)
		if asked.Load() != before {
			t.Error("a request asked what is served")
		}
		p.live.Store(m[2])
		scored(t, m[2], given(shadow), rows[:1]...)
		time.Sleep(2 * gather) // and no second
		synctest.Wait()
		scored(t, m[2], given(shadow), rows...)
		time.Sleep(gather)
		synctest.Wait()
		if st := shadow.Status()[0]; st.Champion != 3 || st.Compared != uint64(len(rows)) {
			t.Errorf("%+v", st)
		}
		if c := shadow.contests["fraud"].counts; c.Dropped.Value() != 1 {
			t.Errorf("%d dropped", c.Dropped.Value())
		}
		cancel()
		<-done
	})
}

// Both versions decide by the policies of when the event came.
func TestAPolicyThatComesLaterDoesNotJudgeWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := versions(t, "binary-logistic-3.2.0/model.ubj", "binary-logistic-3.2.0/model.ubj")
		all := &policy.Policy{Version: "all", Review: 2, Decline: 3}
		none := &policy.Policy{Version: "none", Review: -2, Decline: -1}
		m[0].SetPolicy(all)
		m[1].SetPolicy(all)
		shadow, _, _ := challenged(m[0], m[1], nil)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { shadow.Run(ctx); close(done) }()
		synctest.Wait()
		scored(t, m[0], given(shadow), rows...)
		m[1].SetPolicy(none)
		time.Sleep(gather)
		synctest.Wait()
		if st := shadow.Status()[0]; st.Compared != uint64(len(rows)) || st.Agreement != 1 {
			t.Errorf("%+v", st)
		}
		cancel()
		<-done
	})
}

func TestAModelThatHasGoneIsNotHeld(t *testing.T) {
	m := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json")
	shadow, p, _ := challenged(m[0], m[1], nil)
	running(t, shadow)
	var b Batch
	s := given(shadow)
	b.Reset(m[0], 1)
	copy(b.Row(0), rows[0])
	if err := s.Score(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	settled(t, shadow, 1)
	champion, challenger := weak.Make(m[0]), weak.Make(m[1])
	p.live.Store(nil)
	p.asked.Store(nil)
	clear(m)
	b.Reset(versions(t, "dart-3.2.0/model.ubj")[0], 1) // the batch is used again, with its memory
	if err := s.Score(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); champion.Value() != nil || challenger.Value() != nil; time.Sleep(10 * time.Millisecond) {
		runtime.GC()
		if time.Now().After(end) {
			t.Fatalf("held: champion %t, challenger %t", champion.Value() != nil, challenger.Value() != nil)
		}
	}
	runtime.KeepAlive(&b)
	runtime.KeepAlive(shadow)
}

// Whatever changes meanwhile, every event that was picked is accounted for.
func TestEveryEventIsAccountedForWhileVersionsChange(t *testing.T) {
	m := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json", "dart-3.2.0/model.ubj")
	for i := range m {
		m[i].Digest = fmt.Sprint(i)
	}
	shadow, p, _ := challenged(m[0], m[1], func(o *ShadowOptions) { o.Queue = 64 })
	running(t, shadow)
	s := given(shadow)
	var team sync.WaitGroup
	stop := make(chan struct{})
	team.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			p.asked.Store(m[1+i%2])
			_ = shadow.Status()
			time.Sleep(time.Millisecond)
		}
	})
	var clients sync.WaitGroup
	const each, batches = 4, 300
	for range each {
		clients.Go(func() {
			var b Batch
			for range batches {
				b.Reset(m[0], len(rows))
				for i, row := range rows {
					copy(b.Row(i), row)
				}
				if err := s.Score(context.Background(), &b); err != nil {
					t.Error(err)
				}
				for i := range b.Events {
					if b.Events[i].Result.Policy == nil {
						t.Error("not decided")
					}
				}
			}
		})
	}
	clients.Wait()
	close(stop)
	team.Wait()
	c := shadow.contests["fraud"].counts
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		sum := c.Compared.Value() + c.Dropped.Value() + c.Failed.Value()
		if sum == each*batches*uint64(len(rows)) && c.Compared.Value() > 0 && c.Failed.Value() == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d compared, %d dropped, %d failed", c.Compared.Value(), c.Dropped.Value(), c.Failed.Value())
		}
	}
}

// Jobs come out as they went in, in their order and with their rows, whatever their widths.
func TestAQueueGivesBackWhatWasPut(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	q := newQueue(16)
	q.rows = q.rows[:60] // so that rows often meet its end
	var widths []*match
	for w := range 9 {
		widths = append(widths, &match{challenger: &registry.Model{}})
		for range w + 1 {
			widths[w].challenger.Columns = append(widths[w].challenger.Columns, besra.Column{})
		}
	}
	type put struct {
		j   job
		row []float64
	}
	var waiting []put
	next, refused, together := 0.0, 0, 0
	for range 200_000 {
		if random.IntN(3) > 0 {
			x := widths[random.IntN(len(widths))]
			if random.IntN(2) == 0 && len(waiting) > 0 {
				x = waiting[len(waiting)-1].j.match
			}
			row := make([]float64, x.width())
			for i := range row {
				next++
				row[i] = next
			}
			if q.put(job{match: x, score: next}, row) {
				waiting = append(waiting, put{job{match: x, score: next}, row})
			} else {
				refused++
			}
			continue
		}
		jobs, got := q.take(nil, 5)
		if (len(jobs) == 0) != (len(waiting) == 0) || len(jobs) > 5 {
			t.Fatalf("%d jobs of %d", len(jobs), len(waiting))
		}
		together = max(together, len(jobs))
		var want []float64
		for i, j := range jobs {
			if j.match != waiting[i].j.match || j.score != waiting[i].j.score {
				t.Fatalf("job %d of %d: %+v, want %+v", i, len(jobs), j, waiting[i].j)
			}
			want = append(want, waiting[i].row...)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("rows %v, want %v", got, want)
		}
		q.release(len(jobs))
		waiting = waiting[len(jobs):]
	}
	if refused == 0 || together < 5 {
		t.Errorf("%d refused, %d together at most, so that this shows little", refused, together)
	}
	q.close()
	if q.put(job{match: widths[0]}, []float64{1}) || q.n != 0 {
		t.Error("a queue that is closed takes more")
	}
}

// eventsOf returns what has a new payment of so many cards and twice as many terminals scored and remembered,
// beside shadow.
func eventsOf(t testing.TB, cards uint64, m *registry.Model, shadow *Shadow, metrics *telemetry.Metrics) func() {
	log := slog.New(slog.DiscardHandler)
	h := history.New(history.Options{Store: store.NewMemory(store.Options{}), Metrics: metrics, Log: log})
	h.Attach(m.Name, m.Plan)
	s := Measured(Replayed(Recorded(Direct(), h, shadow, log), h.Store, metrics), metrics)
	var batch Batch
	n, id := uint64(0), []byte("evt")
	return func() {
		batch.Reset(m, 1)
		e, in := &batch.Events[0], &batch.Inputs[0]
		n++
		e.Raw, e.Guarded, e.ID = true, true, id
		for half := range uint64(2) { // as even as a hash
			h := (2*n + half) * 0x9e3779b97f4a7c15
			h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
			binary.LittleEndian.PutUint64(e.Key[8*half:], h^h>>31)
		}
		in.Reset(m.Plan)
		in.Time = 1_700_000_000_000 + int64(n)*20_000
		in.Numbers[m.Plan.Field("amount")] = float64(n % 1000)
		binary.LittleEndian.PutUint64(in.Hashes[m.Plan.Field("card")][:], 1+n%cards)
		binary.LittleEndian.PutUint64(in.Hashes[m.Plan.Field("terminal")][:], 1+n%(2*cards))
		if err := s.Score(context.Background(), &batch); err != nil || e.Refused != nil {
			t.Fatal(err, e.Refused)
		}
	}
}

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
	s := Recorded(Direct(), h, nil, slog.New(slog.DiscardHandler))
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
