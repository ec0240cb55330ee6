package history_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/journal"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/rfc3339"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/valkey"
	"github.com/besra-ml/besra/internal/store/valkeytest"
	"github.com/besra-ml/besra/internal/telemetry"
	"github.com/besra-ml/besra/internal/tools/simulate"
)

// shared opens what a process has of the store at an address; "": it has its own.
func shared(t *testing.T, p *feature.Plan, address string) *history.History {
	t.Helper()
	return journaled(t, p, address, nil)
}

// journaled is shared, of a process that has a journal.
func journaled(t *testing.T, p *feature.Plan, address string, j *journal.Journal) *history.History {
	t.Helper()
	m := telemetry.New(telemetry.Options{})
	o := history.Options{
		Journal: j,
		Store:   store.NewMemory(store.Options{}), TTL: time.Hour, Metrics: m, Log: slog.New(slog.DiscardHandler),
	}
	var err error
	if o.Outcomes, err = outcome.Open(outcome.Options{}); err != nil {
		t.Fatal(err)
	}
	if address != "" {
		s, err := valkey.Open(t.Context(), store.SharedOptions{Addresses: []string{address}, Prefix: "besra", Deadline: time.Second}, &m.Store)
		if err != nil {
			t.Fatal(err)
		}
		o.Shared = s
		ctx, cancel := context.WithCancel(context.Background())
		var run sync.WaitGroup
		run.Go(func() { s.Run(ctx) })
		t.Cleanup(func() {
			cancel()
			run.Wait()
			s.Close()
		})
	}
	h := history.New(o)
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	h.Attach("fraud", p)
	return h
}

// A paid payment is a line of a simulation.
type paid struct {
	at             int64
	card, terminal string
	amount         float64
	fraud          bool
}

// simulated returns the first n payments of a simulation, in the order of time.
func simulated(t *testing.T, n int) []paid {
	t.Helper()
	o := simulate.Defaults()
	o.Days = n/9000 + 1
	var text bytes.Buffer
	if _, err := simulate.Write(t.Context(), &text, o, nil); err != nil {
		t.Fatal(err)
	}
	var all []paid
	for line := range bytes.Lines(text.Bytes()[bytes.IndexByte(text.Bytes(), '\n')+1:]) {
		cells := bytes.Split(bytes.TrimSpace(line), []byte(","))
		p := paid{card: string(cells[2]), terminal: string(cells[3]), fraud: string(cells[5]) == "fraud"}
		p.at, _ = rfc3339.Parse(cells[1])
		if _, err := fmt.Sscan(string(cells[4]), &p.amount); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < n {
		t.Fatalf("%d payments, want %d", len(all), n)
	}
	return all[:n]
}

// Two hundred thousand payments, with labels, make the same rows bit for bit from a process's own memory and from a
// shared store, whichever of two processes asks.
func TestASharedStoreGivesTheSameBits(t *testing.T) {
	n := 200_000
	if testing.Short() {
		n = 20_000
	}
	b, err := bundle.Read(os.DirFS("../../models/fraud/1"))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := feature.NewPlan([]*feature.Definition{b.Events})
	if err != nil {
		t.Fatal(err)
	}
	program, err := plan.Program(b.Events, b.Columns())
	if err != nil {
		t.Fatal(err)
	}
	server := valkeytest.Start(t)
	alone := shared(t, plan, "")
	two := []*history.History{shared(t, plan, server.Addr()), shared(t, plan, server.Addr())}
	stream := history.Stream{Model: "fraud", Plan: plan}
	hasher := entity.NewHasher([]byte("0123456789abcdef"))
	var turns [2]history.Turn
	var rows [2][]float64
	var event feature.Event
	marked := 0
	for i, p := range simulated(t, n) {
		event.Reset(plan)
		event.Time = p.at
		event.Hashes[plan.Field("card")] = feature.Hash(hasher.Hash("card", []byte(p.card)))
		event.Hashes[plan.Field("terminal")] = feature.Hash(hasher.Hash("terminal", []byte(p.terminal)))
		event.Numbers[plan.Field("amount")] = p.amount
		said := &history.Scored{Version: 1}
		if p.fraud || i%50 == 0 {
			said.HasID, said.Key = true, store.Key(hasher.Event("", "fraud", fmt.Append(nil, i)))
		}
		for k, h := range []*history.History{alone, two[i%2]} {
			id := &said.Key
			if !said.HasID {
				id = nil
			}
			turn := &turns[k]
			if err := h.Announce(t.Context(), turn, stream, &event, id); err != nil {
				t.Fatal(err)
			}
			rows[k] = append(rows[k][:0], make([]float64, len(b.Columns()))...)
			program.Row(rows[k], &event, turn.States, &turn.Work)
			if _, _, err := h.Commit(t.Context(), turn, stream, &event, said); err != nil {
				t.Fatal(err)
			}
		}
		for c := range rows[0] {
			if math.Float64bits(rows[0][c]) != math.Float64bits(rows[1][c]) {
				t.Fatalf("payment %d, column %s: %v alone, %v shared", i, b.Columns()[c].Name, rows[0][c], rows[1][c])
			}
		}
		if !said.HasID {
			continue
		}
		label := outcome.Genuine
		if p.fraud {
			label = outcome.Fraud
			marked++
		}
		for k, h := range []*history.History{alone, two[(i+1)%2]} {
			change := []history.Relabel{{Stream: stream, Key: said.Key, Label: label, At: p.at + day}}
			if err := h.Label(t.Context(), &turns[k], change); err != nil || change[0].Became != history.Known {
				t.Fatalf("the label of payment %d is %v, %v", i, change[0].Became, err)
			}
		}
	}
	t.Logf("%d payments, %d of them fraud", n, marked)
}

// Processes with other windows come and go; from when on a history is whole all of them know.
func TestProcessesKnowWhichHistoriesAreWhole(t *testing.T) {
	server := valkeytest.Start(t)
	text := demoFeatures(t, "")
	old, wider := planOf(t, text), planOf(t, demoFeatures(t, "6d"))
	score := func(h *history.History, p *feature.Plan) {
		t.Helper()
		var turn history.Turn
		var e feature.Event
		e.Reset(p)
		e.Time = time.Now().UnixMilli()
		e.Hashes[p.Field("card")], e.Hashes[p.Field("terminal")] = feature.Hash{1}, feature.Hash{2}
		s := history.Stream{Model: "fraud", Plan: p}
		if err := h.Announce(t.Context(), &turn, s, &e, nil); err != nil {
			t.Fatal(err)
		}
		if _, _, err := h.Commit(t.Context(), &turn, s, &e, &history.Scored{}); err != nil {
			t.Fatal(err)
		}
	}
	first := shared(t, old, server.Addr())
	first.Measure()
	score(first, old)
	if first.AnyShort(old) {
		t.Error("a model's first histories are said to be short")
	}
	again := shared(t, old, server.Addr())
	again.Measure()
	second := shared(t, wider, server.Addr())
	second.Measure()
	if again.AnyShort(old) || !second.AnyShort(wider) {
		t.Errorf("short: %v with the same windows, %v with others", again.AnyShort(old), second.AnyShort(wider))
	}
	short := func(h *history.History) bool { return h.Short(wider, 0, time.Now().UnixMilli()-1) }
	time.Sleep(5 * time.Millisecond)
	if short(second) {
		t.Error("what came after it is said to be missing")
	}
	// The first goes on to score events that do not enter the second's.
	missed := time.Now().UnixMilli()
	score(first, old)
	time.Sleep(2 * time.Millisecond)
	first.Retell()
	second.Retell()
	if !second.Short(wider, 0, missed) {
		t.Error("what the first scored is missing, and is not said to be")
	}
	third := shared(t, planOf(t, demoFeatures(t, "6d")), server.Addr())
	third.Measure()
	if first.AnyShort(old) {
		t.Error("the first's own are whole")
	}
}

// Whose journal knows of events that the store has not is not told that histories are whole.
func TestAStoreThatIsNewToAJournalIsNotWhole(t *testing.T) {
	plan := planOf(t, demoFeatures(t, ""))
	for name, events := range map[string]int{"a new journal": 0, "one with events": 1} {
		t.Run(name, func(t *testing.T) {
			j, err := journal.Open(journal.Options{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			for range events {
				if _, err := j.Append([]byte("an event")); err != nil {
					t.Fatal(err)
				}
			}
			h := journaled(t, plan, valkeytest.Start(t).Addr(), j)
			h.Measure()
			if got := h.AnyShort(plan); got != (events > 0) {
				t.Errorf("short: %v", got)
			}
		})
	}
}

// A label may come before its event, to another process: it is in the figures of the one that scores the event, and of
// no event that is scored after it.
func TestALabelBeforeItsEvent(t *testing.T) {
	plan, at := planOf(t, demoFeatures(t, "")), valkeytest.Start(t).Addr()
	first, second := shared(t, plan, at), shared(t, plan, at)
	stream := history.Stream{Model: "fraud", Plan: plan}
	var turn history.Turn
	early := []history.Relabel{
		{Stream: stream, Key: store.Key{1}, Label: outcome.Fraud, At: 1_700_000_000_000},
		{Stream: stream, Key: store.Key{1}, Label: outcome.Fraud, At: 1_700_000_000_000},
		{Stream: stream, Key: store.Key{9}, Label: outcome.Genuine, At: 1_700_000_000_000},
	}
	if err := first.Label(t.Context(), &turn, early); err != nil || early[0].Became != history.Early || early[1].Became != history.Repeated {
		t.Fatal(early, err)
	}
	var e feature.Event
	e.Reset(plan)
	e.Time = 1_700_000_000_000
	e.Hashes[plan.Field("card")], e.Hashes[plan.Field("terminal")] = feature.Hash{1}, feature.Hash{2}
	key := store.Key{1}
	if err := second.Announce(t.Context(), &turn, stream, &e, &key); err != nil {
		t.Fatal(err)
	}
	if _, _, err := second.Commit(t.Context(), &turn, stream, &e, &history.Scored{Version: 1, HasID: true, Key: key}); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Remember(&turn, stream, e.Time, &history.Scored{Version: 1, HasID: true, Key: store.Key{2}}); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[byte]outcome.Label{1: outcome.Fraud, 2: 0} {
		if o, known, err := second.Outcomes.Get(outcome.Key{k}); err != nil || !known || o.Label != want {
			t.Errorf("event %d: %+v, %v, %v", k, o, known, err)
		}
	}
}
