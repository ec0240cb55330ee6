package score

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/drift"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/telemetry"
)

// model reads a model of testdata.
func model(t *testing.T, file string, p *policy.Policy) *registry.Model {
	t.Helper()
	b, err := bundle.Load(filepath.Join("../../testdata/xgboost", file))
	if err != nil {
		t.Fatal(err)
	}
	return registry.NewModel(b, p, telemetry.New(telemetry.Options{}))
}

// scored scores rows of one model; a nil row is an event that was refused.
func scored(t *testing.T, m *registry.Model, s Scorer, rows ...[]float64) *Batch {
	t.Helper()
	var b Batch
	b.Reset(m, len(rows))
	for i, row := range rows {
		if row == nil {
			b.Events[i].Refused = errors.New("refused")
			continue
		}
		copy(b.Row(i), row)
	}
	if err := s.Score(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return &b
}

// predicted is what the library says to one row.
func predicted(t *testing.T, m *registry.Model, row []float64) (margins, values []float64) {
	t.Helper()
	margins, values = make([]float64, m.Outputs), make([]float64, m.Values)
	if err := errors.Join(m.Engine.Margin64(margins, row), m.Engine.Predict64(values, row)); err != nil {
		t.Fatal(err)
	}
	return margins, values
}

var (
	nan  = math.NaN()
	rows = [][]float64{{0, 9, nan, -0.719, 1}, {5, -3, 2, 1, 0}, {nan, nan, nan, nan, nan}, {-2, 100, 0.5, 3, 7}}
)

func TestAScoreIsTheSelectedOutput(t *testing.T) {
	for name, c := range map[string]struct {
		file            string
		output          int
		outputs, values int
	}{
		"of one output":             {"binary-logistic-3.2.0/model.ubj", 0, 1, 1},
		"the first of several":      {"multi-softprob-3.2.0/model.json", 0, 4, 4},
		"the last of several":       {"multi-softprob-3.2.0/model.json", 3, 4, 4},
		"the one of a linear model": {"linear-real-3.2.0/model.json", 0, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			m := model(t, c.file, nil)
			m.Output = c.output
			if m.Outputs != c.outputs || m.Values != c.values {
				t.Fatalf("%d outputs, %d values", m.Outputs, m.Values)
			}
			all := resized(rows, len(m.Columns))
			b := scored(t, m, Direct(), all...)
			for i, row := range all {
				margins, values := predicted(t, m, row)
				want := Result{Score: values[c.output], Margin: margins[c.output]}
				if d := cmp.Diff(want, b.Events[i].Result); d != "" {
					t.Errorf("row %d: %s", i, d)
				}
				if d := cmp.Diff(values, b.EventValues(i)); d != "" {
					t.Errorf("row %d, all values: %s", i, d)
				}
			}
		})
	}
}

// resized gives rows the model's width.
func resized(rows [][]float64, width int) [][]float64 {
	var all [][]float64
	for _, row := range rows {
		wide := make([]float64, width)
		copy(wide, row)
		all = append(all, wide)
	}
	return all
}

func TestAClassComesWithItsMargin(t *testing.T) {
	m := model(t, "multi-softmax-3.2.0/model.ubj", nil)
	if m.Outputs != 3 || m.Values != 1 || m.Output != 0 {
		t.Fatalf("%d outputs, %d values, output %d", m.Outputs, m.Values, m.Output)
	}
	classes := map[float64]bool{}
	all := append(resized(rows, 5), []float64{-1, -1, -1, -1, -1}, []float64{1, 2, 3, 4, 5}, []float64{9, 9, 9, 9, 9})
	b := scored(t, m, Direct(), all...)
	for i, row := range all {
		margins, values := predicted(t, m, row)
		got := b.Events[i].Result
		if got.Score != values[0] || got.Margin != margins[int(values[0])] {
			t.Errorf("row %d: %+v, want class %v of %v", i, got, values[0], margins)
		}
		classes[got.Score] = true
	}
	if len(classes) < 2 {
		t.Error("one class only, so that this shows little")
	}
}

func TestAScoreIsDecidedByThePolicy(t *testing.T) {
	m := model(t, "binary-logistic-3.2.0/model.ubj", nil)
	_, values := predicted(t, m, rows[1])
	for want, p := range map[policy.Decision]*policy.Policy{
		policy.None:    nil,
		policy.Approve: {Review: math.Nextafter(values[0], 1), Decline: 1},
		policy.Review:  {Review: values[0], Decline: 1},
		policy.Decline: {Review: 0, Decline: values[0]},
	} {
		m.SetPolicy(p)
		b := scored(t, m, Direct(), rows[1])
		if got := b.Events[0].Result.Decision; got != want {
			t.Errorf("%+v decides %v, want %v", p, got, want)
		}
	}
}

func TestAScoreThatIsNoNumberIsDegradedAndNotDecided(t *testing.T) {
	m := model(t, "overflow-reg-squarederror-3.2.0/model.ubj", &policy.Policy{Review: math.Inf(-1), Decline: math.Inf(1)})
	var degraded, decided int
	for _, row := range [][]float64{
		{nan, nan, nan, nan, nan}, {nan, 8.999999, nan, -0.719, 1}, {nan, 0, 4, 0.995, 1}, {0.34, 7.2999997, 2, 0.339, 1},
	} {
		margins, _ := predicted(t, m, row)
		got := scored(t, m, Direct(), row).Events[0].Result
		if math.IsInf(margins[0], 0) || math.IsNaN(margins[0]) {
			degraded++
			if !got.Degraded || got.Decision != policy.None {
				t.Errorf("%v of margin %v: %+v", row, margins[0], got)
			}
			continue
		}
		decided++
		if got.Degraded || got.Decision != policy.Review {
			t.Errorf("%v of margin %v: %+v", row, margins[0], got)
		}
	}
	if degraded == 0 || decided == 0 {
		t.Errorf("%d rows are degraded and %d are decided, so that this shows nothing", degraded, decided)
	}
}

func TestARefusedEventGetsNoResult(t *testing.T) {
	m := model(t, "binary-logistic-3.2.0/model.ubj", &policy.Policy{Review: 2, Decline: 2})
	b := scored(t, m, Direct(), rows[0], nil, rows[1])
	if got := b.Events[1].Result; got != (Result{}) {
		t.Errorf("%+v", got)
	}
	for _, i := range []int{0, 2} {
		if got := b.Events[i].Result; got.Decision != policy.Approve {
			t.Errorf("its neighbour %d: %+v", i, got)
		}
	}
}

func TestRowsOfTheWrongShapeAreAnError(t *testing.T) {
	m := model(t, "binary-logistic-3.2.0/model.ubj", nil)
	var b Batch
	b.Reset(m, 2)
	b.Rows = b.Rows[:7]
	if err := Direct().Score(context.Background(), &b); !errors.Is(err, besra.ErrShape) {
		t.Errorf("error %v", err)
	}
}

func TestABatchKeepsItsMemoryAndNothingElse(t *testing.T) {
	m := model(t, "binary-logistic-3.2.0/model.ubj", nil)
	b := scored(t, m, Direct(), resized(rows, 5)...)
	b.Events[0].ID, b.Events[0].Refused = []byte("a"), errors.New("refused")
	b.Events[1].Warnings = append(b.Events[1].Warnings, Warning{"b", 1, OutOfBounds})
	b.Reset(m, 3)
	if len(b.Events) != 3 || len(b.Rows) != 15 || len(b.Margins) != 3 || len(b.Values) != 3 {
		t.Errorf("%d events, %d row values, %d margins, %d values", len(b.Events), len(b.Rows), len(b.Margins), len(b.Values))
	}
	for i, e := range b.Events {
		if e.ID != nil || e.Refused != nil || len(e.Warnings) != 0 || e.Result != (Result{}) {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	wide := model(t, "multi-softprob-3.2.0/model.json", nil)
	b.Reset(wide, 100)
	if len(b.Events) != 100 || len(b.Rows) != 100*len(wide.Columns) || len(b.Margins) != 400 || len(b.Row(99)) != len(wide.Columns) {
		t.Errorf("%d events, %d row values, %d margins", len(b.Events), len(b.Rows), len(b.Margins))
	}
}

// scorerFunc is a scorer made of a function.
type scorerFunc func(*Batch) error

func (f scorerFunc) Score(_ context.Context, b *Batch) error { return f(b) }

func TestWhatIsScoredIsCounted(t *testing.T) {
	b, err := bundle.Load("../../testdata/xgboost/binary-logistic-3.2.0/model.ubj")
	if err != nil {
		t.Fatal(err)
	}
	metrics := telemetry.New(telemetry.Options{})
	m := registry.NewModel(b, nil, metrics)
	m.Drift = drift.Make(m.Columns, []float64{1, 1, 1, 1, 1}, []float64{.5}).Watch(time.Now(), drift.Options{})
	results := []Result{
		{Score: 0.1, Decision: policy.Approve},
		{Score: 0.2, Decision: policy.Approve},
		{Score: 0.5, Decision: policy.Review},
		{Score: 0.9, Decision: policy.Decline},
		{Score: nan, Degraded: true},
		{}, // refused
	}
	s := Measured(scorerFunc(func(b *Batch) error {
		for i, r := range results {
			b.Events[i].Result = r
		}
		b.Events[0].Warnings = []Warning{{"c", 2, OutOfBounds}, {"d", 3, UnknownCategory}}
		b.Events[5].Warnings = []Warning{{"c", 2, OutOfBounds}}
		return nil
	}))
	scored(t, m, s, []float64{1, nan, 1, 1, 1}, []float64{nan, nan, 1, 1, 1}, rows[1], rows[1], rows[1], nil)
	c := m.Counters
	got := map[string][]uint64{
		"rows":          {c.Rows.Value()},
		"decisions":     {c.Approve.Value(), c.Review.Value(), c.Decline.Value()},
		"missing":       {c.Missing[0].Value(), c.Missing[1].Value(), c.Missing[2].Value()},
		"out of bounds": {c.OutOfBounds[0].Value(), c.OutOfBounds[2].Value(), c.OutOfBounds[3].Value()},
	}
	want := map[string][]uint64{"rows": {5}, "decisions": {2, 1, 1}, "missing": {1, 2, 0}, "out of bounds": {0, 1, 0}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// What was asked without a score that could be trusted may lack what could not be had.
	if r := m.Drift.Report(); r.Rows != 4 {
		t.Errorf("%d rows are compared with the reference, want 4", r.Rows)
	}
	// A score that is none is not among the scores.
	for f := range metrics.Families() {
		for _, series := range f.Series {
			if f.Name == "besra_score" && series.Buckets.Count != 4 {
				t.Errorf("%d scores", series.Buckets.Count)
			}
		}
	}

	t.Run("what fails is not counted", func(t *testing.T) {
		failed := errors.New("failed")
		s := Measured(scorerFunc(func(*Batch) error { return failed }))
		var b Batch
		b.Reset(m, 1)
		if err := s.Score(context.Background(), &b); !errors.Is(err, failed) {
			t.Errorf("error %v", err)
		}
		if got := c.Rows.Value(); got != 5 {
			t.Errorf("%d rows", got)
		}
	})
}
