package drift_test

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/drift"
	"github.com/besra-ml/besra/internal/events"
	"github.com/besra-ml/besra/internal/tools/simulate"
)

// A week is what the demo's model says of a week of payments, as it would be served: their rows, and who scores them.
type week struct {
	*bundle.Bundle
	rows  []float64
	width int
}

// newWeek simulates payments until the longest windows are full, and a week more.
func newWeek(t *testing.T) *week {
	t.Helper()
	b, err := bundle.Read(os.DirFS("../../models/fraud/1"))
	if err != nil {
		t.Fatal(err)
	}
	o := simulate.Defaults()
	o.Days = 44
	var csv bytes.Buffer
	if _, err := simulate.Write(context.Background(), &csv, o, nil); err != nil {
		t.Fatal(err)
	}
	r, err := events.New(events.Options{File: "events.csv", Definition: b.Events, Columns: b.Columns(), Bits: 32, IgnoreExtra: true})
	if err != nil {
		t.Fatal(err)
	}
	w := &week{Bundle: b, width: len(b.Features)}
	if _, err := r.Run(context.Background(), events.CSV(&csv), events.Each(func(block *events.Block) error {
		w.rows = append(w.rows, block.Rows[:block.N*w.width]...)
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	w.rows = w.rows[len(w.rows)/w.width*37/44*w.width:] // nearly as many each day
	return w
}

func (w *week) len() int { return len(w.rows) / w.width }

// see has a watch count n payments of the week, drawn at random and changed.
func (w *week) see(t *testing.T, r *rand.Rand, n int, change func(row []float64)) drift.Report {
	t.Helper()
	watch := w.Reference.Watch(time.Now(), drift.Options{Rate: n})
	row, score := make([]float64, w.width), make([]float64, 1)
	for range n {
		i := r.IntN(w.len())
		copy(row, w.rows[i*w.width:])
		if change != nil {
			change(row)
		}
		if err := w.Model.Predict64(score, row); err != nil {
			t.Fatal(err)
		}
		watch.Count(row, score[0])
	}
	return watch.Report()
}

// these returns the features whose names begin with one of prefixes.
func (w *week) these(prefixes ...string) (at []int) {
	for i, f := range w.Features {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(f.Name, p) }) {
			at = append(at, i)
		}
	}
	return at
}

func TestTheDemosDrift(t *testing.T) {
	w := newWeek(t)
	random := rand.New(rand.NewPCG(1, 2))
	t.Logf("%d payments", w.len())

	t.Run("payments of another week are steady", func(t *testing.T) {
		for _, n := range []int{1000, 2500, 10_000} {
			worst := map[string]float64{}
			trials := 20
			if n == 10_000 {
				trials = 3
			}
			for range trials {
				r := w.see(t, random, n, nil)
				if r.Rows != n || r.Score.Verdict != drift.Steady {
					t.Errorf("%d rows: scores %+v", r.Rows, r.Score)
				}
				worst["score"] = max(worst["score"], r.Score.PSI)
				for _, f := range r.Features {
					want := drift.Steady
					if f.Name == "night" || f.Name == "weekend" {
						want = drift.None // the window is an hour
					}
					if f.Verdict != want {
						t.Errorf("%d rows: %+v, want %v", n, f, want)
					}
					worst[f.Name] = max(worst[f.Name], f.PSI)
				}
			}
			t.Logf("%d rows: at most %.4v", n, worst)
		}
	})

	third := rand.New(rand.NewPCG(1, 4))
	for seed, c := range []struct {
		name     string
		features []int
		change   func(x float64) float64
		score    drift.Verdict // at least
		told     string        // features that have drifted begin so
	}{
		{"amounts twice as large", w.these("amount"), func(x float64) float64 { return x * 2 }, drift.Warn, "amount"},
		{"histories of terminals that are zero", w.these("terminal_"), func(float64) float64 { return 0 }, drift.Warn, "terminal_count_"},
		{"histories of cards that are zero", w.these("card_"), func(float64) float64 { return 0 }, drift.Drifted, "card_"},
		{"histories of terminals that are gone", w.these("terminal_"), func(float64) float64 { return math.NaN() }, drift.Drifted, "terminal_"},
		{"a source that lost a third of amounts", w.these("amount"), func(x float64) float64 { return x * float64(min(third.IntN(3), 1)) }, drift.None, "amount"},
	} {
		t.Run(c.name+" are found", func(t *testing.T) {
			random := rand.New(rand.NewPCG(uint64(seed), 3))
			r := w.see(t, random, 1500, func(row []float64) {
				for _, f := range c.features {
					row[f] = c.change(row[f])
				}
			})
			t.Logf("scores %.3f", r.Score.PSI)
			if r.Score.Verdict < c.score {
				t.Errorf("scores are %v, want %v", r.Score.Verdict, c.score)
			}
			for i, f := range r.Features {
				changed := slices.Contains(c.features, i)
				if strings.HasPrefix(f.Name, c.told) && f.Verdict != drift.Drifted || !changed && f.Verdict > drift.Steady {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}
