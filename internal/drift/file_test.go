package drift

import (
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/strictyaml"
	"github.com/besra-ml/besra/pipeline"
)

// columns are one of each kind.
func columns(t testing.TB) []besra.Column {
	t.Helper()
	country, err := pipeline.StringColumn("country", []string{"FR", "no", "", "3", "a, b: \"c\" #", "ü\n\t\u2028"})
	if err != nil {
		t.Fatal(err)
	}
	return []besra.Column{
		{Name: "amount"}, {Name: "night", Type: besra.Bool}, country, {Name: "mcc", Type: besra.Category}, {Name: "null", Type: besra.Int},
	}
}

// sample is a reference of n rows of columns.
func sample(t testing.TB, n int) *Reference {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 8))
	var rows, scores []float64
	for range n {
		rows = append(rows, math.Round(random.ExpFloat64()*5000)/100, float64(random.IntN(2)), float64(random.IntN(6)),
			float64(random.IntN(40)), math.NaN())
		scores = append(scores, random.Float64())
	}
	return Make(columns(t), rows, scores)
}

func TestAReferenceReadsBackAsItWasWritten(t *testing.T) {
	for name, change := range map[string]func(*Reference){
		"as made":        func(*Reference) {},
		"of golden rows": func(r *Reference) { r.Golden = true },
		"without scores": func(r *Reference) { r.Score, r.Output = nil, -1 },
	} {
		t.Run(name, func(t *testing.T) {
			want := sample(t, 3000)
			change(want)
			got, err := Parse("reference.yaml", want.Text(), columns(t), 0)
			if err != nil {
				t.Fatalf("%v\n%s", err, want.Text())
			}
			if d := cmp.Diff(want, got, cmp.AllowUnexported(Feature{}), cmpopts.EquateNaNs()); d != "" {
				t.Error(d)
			}
			if string(got.Text()) != string(want.Text()) {
				t.Error("it is written otherwise")
			}
		})
	}
}

func TestReferencesThatAreRefused(t *testing.T) {
	good := string(sample(t, 100).Text())
	for _, c := range []struct{ old, new, want string }{
		{"besra: 1\n", "besra: 2\n", "reference.yaml:1: besra: want 1"},
		{"rows: 100\n", "rows: 0\n", "rows: want a number from 1"},
		{"rows: 100\n", "rows: 101\n", "reference.yaml:5: score: its counts make 100, and there are 101 rows"},
		{"rows: 100\n", "rows: many\n", "reference.yaml:2: rows: want a whole number"},
		{"of: rows\n", "of: luck\n", "of: want rows or golden rows"},
		{"of: rows\n", "", "of: want rows or golden rows"},
		{"output: 0\n", "", "want output and score, or neither"},
		{"output: 0\n", "output: 2\n", "output: its scores are value 2 of the model, and the bundle's are value 0: make it anew"},
		{"features:\n", "feature:\n", `unknown member "feature", did you mean "features"?`},
		{"name: amount", "name: sum", `features[0]: name: the model's column 0 is "amount", not "sum": make it anew`},
		{"name: amount", "nam: amount", `unknown member "nam", did you mean "name"?`},
		{"name: amount, missing: 0", "name: amount, missing: -1", "a count below 0"},
		{"counts: [", "counts: [-1, ", "a count below 0"},
		{"counts: [", "counts: [1, ", "counts: has "},
		{"counts: [", "counts: [1.5, ", "want a whole number"},
		{"counts: [", "counts: [9223372036854775807, ", "counts: has "},
		{"counts: [", "counts: [" + strings.Repeat("0, ", 70), "more than 64 bins"},
		{"edges: [", "edges: [1e999, ", "beyond the range"},
		{"edges: [", "edges: [nan, ", "want a number"},
		{"edges: [", "edges: [1000, ", "want edges that ascend"},
		{"categories: [", "categories: [XX, ", `the model's column "country" has no category "XX": make it anew`},
		{"categories: [", "categories: [FR, FR, ", `stands twice`},
		{"name: mcc, missing: 0, other: ", "name: mcc, missing: 0, zero: ", `unknown member "zero"`},
		{"name: night, missing: 0, zero: ", "name: night, missing: 0, other: ", `unknown member "other"`},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Errorf("%q is not there", c.old)
			continue
		}
		r, err := Parse("reference.yaml", []byte(text), columns(t), 0)
		if err == nil || r != nil || !strings.Contains(err.Error(), "reference.yaml") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %s", c.new, err, c.want)
		}
	}
	lines := strings.SplitAfter(good, "\n")
	for name, text := range map[string]string{
		"has 4, and the model has 5 columns": strings.Join(lines[:len(lines)-2], ""),
		"the model has 5 columns":            good + lines[len(lines)-2],
		"features: is missing":               strings.Join(lines[:5], ""),
		"want a map, not nothing":            "",
	} {
		if _, err := Parse("reference.yaml", []byte(text), columns(t), 0); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s", err, name)
		}
	}
}

func TestAReferenceIsSmall(t *testing.T) {
	if n := len(sample(t, 100_000).Text()); n > 2000 {
		t.Errorf("%d bytes for five columns", n)
	}
	many := make([]besra.Column, 1000)
	rows := make([]float64, 50*len(many))
	random := rand.New(rand.NewPCG(1, 1))
	for i := range many {
		many[i].Name = strings.Repeat("feature_", 3) + string(rune('a'+i%26))
	}
	for i := range rows {
		rows[i] = random.NormFloat64()
	}
	text := Make(many, rows, nil).Text()
	if len(text) > strictyaml.MaxSize/2 {
		t.Errorf("%d bytes for a thousand columns", len(text))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Parse("reference.yaml", text, many, -1); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	t.Logf("%d bytes, read with %d bytes of memory", len(text), after.TotalAlloc-before.TotalAlloc)
}

func FuzzParse(f *testing.F) {
	f.Add(string(sample(f, 50).Text()))
	f.Add("besra: 1\nrows: 1\nof: golden rows\nfeatures:\n  - {name: amount, missing: 1, zero: 0, edges: [], counts: [0]}\n")
	of := columns(f)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse("reference.yaml", []byte(text), of, 0)
		if err != nil {
			return
		}
		if len(r.Features) != len(of) {
			t.Fatalf("%d features", len(r.Features))
		}
		all := []*Histogram{}
		for i := range r.Features {
			all = append(all, &r.Features[i].Histogram)
		}
		if r.Score != nil {
			all = append(all, r.Score)
		}
		for _, h := range all {
			if bounded(h.Counts) != uint64(r.Rows) {
				t.Fatalf("%v of %d rows", h.Counts, r.Rows)
			}
			for _, x := range []float64{math.NaN(), 0, -1, 1e300, math.Inf(1), math.Inf(-1), 3} {
				if b := h.Bin(x); b < 0 || b >= len(h.Counts) {
					t.Fatalf("%v is in bin %d of %d", x, b, len(h.Counts))
				}
			}
			for _, b := range h.bins(make([]uint64, len(h.Counts))) {
				if b.String() == "" && b.Kind != Named || b.Reference < 0 || b.Reference > 1 {
					t.Fatalf("%+v", b)
				}
			}
		}
		again, err := Parse("reference.yaml", r.Text(), of, 0)
		if err != nil {
			t.Fatalf("%v\n%s", err, r.Text())
		}
		if d := cmp.Diff(r, again, cmp.AllowUnexported(Feature{}), cmpopts.EquateNaNs()); d != "" {
			t.Fatal(d)
		}
	})
}
