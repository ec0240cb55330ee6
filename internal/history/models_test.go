package history_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/journal"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
)

// many is a service of several models.
type many struct {
	*service
	plans map[string]*feature.Plan
}

// demoFeatures returns the features of the demo, with another window for its longest of labels when that is not "".
func demoFeatures(t *testing.T, window string) string {
	t.Helper()
	data, err := os.ReadFile("../../models/fraud/1/features.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if window == "" {
		return string(data)
	}
	return strings.ReplaceAll(string(data), "window: 7d", "window: "+window)
}

func planOf(t *testing.T, text string) *feature.Plan {
	t.Helper()
	d, err := feature.Parse("features.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := feature.NewPlan([]*feature.Definition{d})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// openMany opens what dir remembers (nothing, in memory alone, when it is ""), with the features of each model.
func openMany(t *testing.T, dir string, foreign bool, models map[string]string) *many {
	t.Helper()
	s := &service{t: t, hasher: entity.NewHasher([]byte("0123456789abcdef")), now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	now := func() time.Time { return s.now }
	ho := history.Options{
		Store: store.NewMemory(store.Options{Now: now}), TTL: 24 * time.Hour, Foreign: foreign,
		Metrics: telemetry.New(telemetry.Options{}), Log: slog.New(slog.DiscardHandler), Now: now,
	}
	oo := outcome.Options{Part: 512}
	var err error
	if dir != "" {
		if ho.Journal, err = journal.Open(journal.Options{Dir: filepath.Join(dir, "journal"), Now: now}); err != nil {
			t.Fatal(err)
		}
		oo.Dir, oo.Durable = filepath.Join(dir, "outcomes"), ho.Journal.Settle
	}
	if ho.Outcomes, err = outcome.Open(oo); err != nil {
		t.Fatal(err)
	}
	s.History = history.New(ho)
	plans := map[string]*feature.Plan{}
	for _, name := range slices.Sorted(maps.Keys(models)) {
		plans[name] = planOf(t, models[name])
		s.Attach(name, plans[name])
	}
	if err := s.Recover(context.Background(), func(m string) *feature.Plan { return plans[m] }, nil); err != nil {
		t.Fatal(err)
	}
	return &many{s, plans}
}

// succeed makes a model read events by other features; "": it takes none.
func (s *many) succeed(model, text string) {
	s.t.Helper()
	was := s.plans[model]
	delete(s.plans, model)
	if text != "" {
		s.plans[model] = planOf(s.t, text)
		s.Attach(model, s.plans[model])
	}
	if was != nil {
		s.Retire(was)
	}
}

func (s *many) stream(tenant, model string) history.Stream {
	return history.Stream{Tenant: tenant, Model: model, Plan: s.plans[model]}
}

// pay scores a payment of the card c at the terminal t.
func (s *many) pay(tenant, model, id string, at int64) {
	s.t.Helper()
	st := s.stream(tenant, model)
	s.plan = st.Plan
	p := payment{id: id, time: at, card: "c", terminal: "t", amount: 1}
	e := s.event(p)
	if err := s.Begin(context.Background(), &s.turn, st, e); err != nil {
		s.t.Fatal(err)
	}
	said := s.said(p)
	said.Key = store.Key(s.hasher.Event(tenant, model, []byte(id)))
	position, _, err := s.Commit(context.Background(), &s.turn, st, e, said)
	if err == nil {
		err = s.Wait(position, time.Time{})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// label says that an event was fraud.
func (s *many) label(tenant, model, id string, at int64) {
	s.t.Helper()
	c := []history.Relabel{{
		Stream: s.stream(tenant, model), Key: store.Key(s.hasher.Event(tenant, model, []byte(id))), Label: outcome.Fraud, At: at,
	}}
	if err := s.Label(context.Background(), &s.turn, c); err != nil || c[0].Became != history.Known {
		s.t.Fatalf("label of %s: %v, %v", id, c[0].Became, err)
	}
}

func (s *many) subject(tenant, model, field, value string) history.Subject {
	return history.Subject{Stream: s.stream(tenant, model), Field: field, Hash: feature.Hash(s.hasher.Hash(field, []byte(value)))}
}

// held returns how many events the histories of an entity have, and how many of these are marked.
func (s *many) held(tenant, model, field, value string) string {
	s.t.Helper()
	all, err := s.Held(s.subject(tenant, model, field, value))
	if err != nil {
		s.t.Fatal(err)
	}
	events, marks := 0, 0
	for _, one := range all {
		for _, e := range one.Entries {
			events++
			if e.Mark > 0 {
				marks++
			}
		}
	}
	return fmt.Sprintf("%d events, %d marked", events, marks)
}

const begin = int64(1_790_000_000_000)

func TestASwapOfOneModelLeavesAnotherWithEqualWindowsAlone(t *testing.T) {
	for name, swap := range map[string][2]string{ // the windows of the other model, before and after
		"it gets the windows":     {"6d", ""},
		"it gives the windows up": {"", "6d"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openMany(t, "", false, map[string]string{"abuse": demoFeatures(t, ""), "fraud": demoFeatures(t, swap[0])})
			defer s.close()
			s.pay("", "abuse", "first", begin)
			s.pay("", "fraud", "first", begin+500)
			s.succeed("fraud", demoFeatures(t, swap[1]))
			s.pay("", "abuse", "second", begin+1000)
			s.pay("", "fraud", "second", begin+1500)
			s.label("", "abuse", "first", begin+2000)
			s.label("", "abuse", "second", begin+2000)
			if got := s.held("", "abuse", "terminal", "t"); got != "2 events, 2 marked" {
				t.Errorf("the terminal has %s", got)
			}
			if s.AnyShort(s.plans["abuse"]) {
				t.Error("the model whose windows did not change is short")
			}
			if !s.AnyShort(s.plans["fraud"]) {
				t.Error("the model whose windows changed is whole")
			}
		})
	}
}

func TestALabelThatComesWhileAModelTakesNoEventsIsKept(t *testing.T) {
	s := openMany(t, "", false, map[string]string{"fraud": demoFeatures(t, "")})
	defer s.close()
	s.pay("", "fraud", "evt", begin)
	s.succeed("fraud", "")
	s.label("", "fraud", "evt", begin+1000)
	s.succeed("fraud", demoFeatures(t, ""))
	if got := s.held("", "fraud", "terminal", "t"); got != "1 events, 1 marked" || s.AnyShort(s.plans["fraud"]) {
		t.Errorf("the terminal has %s; short: %v", got, s.AnyShort(s.plans["fraud"]))
	}
	s.succeed("fraud", "")
	s.succeed("fraud", demoFeatures(t, "6d"))
	if !s.AnyShort(s.plans["fraud"]) {
		t.Error("windows that are new are whole, though the model has had events")
	}
}

func TestForgettingAnEntityOfOneTenantLeavesTheOthers(t *testing.T) {
	dir := t.TempDir()
	models := map[string]string{"fraud": demoFeatures(t, "")}
	s := openMany(t, dir, false, models)
	tenants := []string{"", "eu", "us"}
	for _, tenant := range tenants {
		s.pay(tenant, "fraud", "evt", begin)
		s.label(tenant, "fraud", "evt", begin+1000) // its record has the outcome's data, too
	}
	for i, tenant := range tenants[:2] {
		done, err := s.Forget(context.Background(), s.subject(tenant, "fraud", "card", "c"))
		if err != nil || done.Outcomes != 1 || done.Histories != 1 || done.Records != 2 {
			t.Errorf("tenant %q: %+v, %v", tenant, done, err)
		}
		s.close()
		s = openMany(t, dir, false, models)
		for j, of := range tenants {
			want := "1 events, 0 marked" // the demo has no labels of cards
			if j <= i {
				want = "0 events, 0 marked"
			}
			if got := s.held(of, "fraud", "card", "c"); got != want {
				t.Errorf("after %q was forgotten, %q has %s", tenant, of, got)
			}
			_, known, err := s.Outcomes.Get(outcome.Key(s.hasher.Event(of, "fraud", []byte("evt"))))
			if err != nil || known != (j > i) {
				t.Errorf("after %q was forgotten, the outcome of %q is there: %v, %v", tenant, of, known, err)
			}
		}
	}
	s.close()
}

func TestForgettingRefusesToLoseEventsOfAModelThatIsNotNamed(t *testing.T) {
	fraud := map[string]string{"fraud": demoFeatures(t, "")}
	for name, c := range map[string]struct {
		window        string // of the other model
		before, after bool   // it has events before the last snapshot, and after it
		label         bool   // it has a label after it
		want, err     string
	}{
		"an event, equal windows": {"", true, true, false, "2 events, 0 marked", "model abuse"},
		"an event, other windows": {"6d", true, true, false, "2 events, 0 marked", "model abuse"},
		"a label":                 {"", true, false, true, "1 events, 1 marked", "model abuse"},
		"nothing since":           {"", true, false, false, "1 events, 0 marked", ""},
		"no snapshot":             {"", false, true, false, "1 events, 0 marked", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			both := map[string]string{"fraud": demoFeatures(t, ""), "abuse": demoFeatures(t, c.window)}
			s := openMany(t, dir, false, both)
			s.pay("", "fraud", "evt", begin)
			if c.before {
				s.pay("", "abuse", "first", begin)
				if err := s.Snapshot(); err != nil {
					t.Fatal(err)
				}
			}
			if c.after {
				s.pay("", "abuse", "second", begin+1000)
			}
			if c.label {
				s.label("", "abuse", "first", begin+1000)
			}
			s.close() // without a snapshot, as a crash

			s = openMany(t, dir, true, fraud)
			done, err := s.Forget(context.Background(), s.subject("", "fraud", "card", "c"))
			switch {
			case c.err == "" && (err != nil || done.Outcomes != 1 || done.Histories != 1):
				t.Errorf("%+v, %v", done, err)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || done != history.Forgotten{}):
				t.Errorf("%+v, %v; want %q", done, err, c.err)
			}
			s.close()

			s = openMany(t, dir, false, both)
			defer s.close()
			if got := s.held("", "abuse", "terminal", "t"); got != c.want || s.AnyShort(s.plans["abuse"]) {
				t.Errorf("the other model's terminal has %s, want %s; short: %v", got, c.want, s.AnyShort(s.plans["abuse"]))
			}
		})
	}
}

func TestAModelThatIsNotServedForAWhileIsFilledFromTheJournal(t *testing.T) {
	for name, window := range map[string]string{"equal windows": "", "other windows": "6d"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			both := map[string]string{"fraud": demoFeatures(t, ""), "abuse": demoFeatures(t, window)}
			s := openMany(t, dir, false, both)
			s.pay("", "abuse", "first", begin)
			if err := s.Snapshot(); err != nil {
				t.Fatal(err)
			}
			s.pay("", "abuse", "second", begin+1000)
			s.close() // without a snapshot, as a crash
			s = openMany(t, dir, false, map[string]string{"fraud": demoFeatures(t, "")})
			s.pay("", "fraud", "evt", begin+2000)
			if err := s.Snapshot(); err != nil {
				t.Fatal(err)
			}
			s.close()
			s = openMany(t, dir, false, both)
			defer s.close()
			for model, want := range map[string]string{"abuse": "2 events, 0 marked", "fraud": "1 events, 0 marked"} {
				if got := s.held("", model, "terminal", "t"); got != want || s.AnyShort(s.plans[model]) {
					t.Errorf("%s: %s, want %s; short: %v", model, got, want, s.AnyShort(s.plans[model]))
				}
			}
		})
	}
}
