package linear

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/forest"
)

func margins[T float32 | float64](l *Linear, rows ...T) []float64 {
	dst := make([]float64, len(rows)/l.Features*l.Outputs)
	Margin(l, dst, rows)
	return dst
}

func TestMarginsOfSeveralOutputs(t *testing.T) {
	l := &Linear{
		Features: 2, Outputs: 3, Weights: []float64{1, 2, 3, 10, 20, 30}, Bias: []float64{0.5, 0.25, 0},
		Base: []float64{100, 200, 300},
	}
	want := []float64{111.5, 222.25, 333, 100.5, 200.25, 300}
	for _, w := range []forest.Width{forest.Float32, forest.Float64} {
		l.Width = w
		if d := cmp.Diff(want, margins(l, 1.0, 1.0, 0, 0)); d != "" {
			t.Errorf("width %d: %s", w, d)
		}
		if d := cmp.Diff(want, margins[float32](l, 1, 1, 0, 0)); d != "" {
			t.Errorf("width %d, float32 rows: %s", w, d)
		}
	}
}

func TestTheSumRunsFromTheBiasToTheLastFeature(t *testing.T) {
	// In float32, 1e8 swallows a 1: what is left tells the order.
	l := &Linear{Features: 3, Outputs: 1, Width: forest.Float32, Weights: []float64{1, 1, 1}, Bias: []float64{1e8}}
	for name, c := range map[string]struct {
		row  []float64
		want float64
	}{
		"the bias comes first":    {[]float64{1, 1, -1e8}, 0},
		"then feature by feature": {[]float64{-1e8, 1, 1}, 2},
		"and the last is last":    {[]float64{1, -1e8, 1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := margins(l, c.row...)[0]; got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
	t.Run("and the base before any feature", func(t *testing.T) {
		l := *l
		l.Base = []float64{1}
		if got := margins(&l, 1, 1, -1e8)[0]; got != 0 {
			t.Errorf("%v", got)
		}
	})
	t.Run("in double nothing is swallowed", func(t *testing.T) {
		l := *l
		l.Width = forest.Float64
		if got := margins(&l, 1, 1, -1e8)[0]; got != 2 {
			t.Errorf("%v", got)
		}
	})
}

func TestWidths(t *testing.T) {
	tenth, third := 0.1, 1.0/3
	l := &Linear{Features: 1, Outputs: 1, Weights: []float64{third}, Bias: []float64{tenth}}
	if got, want := margins(l, 0.7)[0], tenth+float64(0.7*third); got != want {
		t.Errorf("in double %v, want %v", got, want)
	}
	// A product is rounded before it is added: (1+2⁻²³)·(1−2⁻²³) is 1−2⁻⁴⁶, in float32 1. A multiplication
	// that is fused into the sum would keep −2⁻⁴⁶.
	up, down := 1+0x1p-23, 1-0x1p-23
	l = &Linear{Features: 1, Outputs: 1, Width: forest.Float32, Weights: []float64{down}, Bias: []float64{-1}}
	if got := margins(l, up)[0]; got != 0 {
		t.Errorf("a product is not rounded to float32: %v", got)
	}
	up, down = 1+0x1p-52, 1-0x1p-52
	l = &Linear{Features: 1, Outputs: 1, Weights: []float64{down}, Bias: []float64{-1}}
	if got := margins(l, up)[0]; got != 0 {
		t.Errorf("a product is not rounded to float64: %v", got)
	}
	// Values are rounded to the width first: 16777217 is 16777216 in float32.
	l = &Linear{Features: 1, Outputs: 1, Width: forest.Float32, Weights: []float64{1}, Bias: []float64{0}}
	if got := margins(l, 16777217.0)[0]; got != 16777216 {
		t.Errorf("a row is not rounded to float32: %v", got)
	}
}

func TestMissingValuesAddNothing(t *testing.T) {
	nan := math.NaN()
	for _, w := range []forest.Width{forest.Float32, forest.Float64} {
		l := &Linear{Features: 2, Outputs: 1, Width: w, Weights: []float64{2, 3}, Bias: []float64{1}}
		if got := margins(l, nan, 1, 1, nan, nan, nan); !cmp.Equal(got, []float64{4, 3, 1}) {
			t.Errorf("width %d: %v", w, got)
		}
		sentinel := -999.0
		l.Sentinel = &sentinel
		if got := margins(l, -999, 1, nan, 1, -998, 0); !cmp.Equal(got, []float64{4, 4, 1 - 2*998}) {
			t.Errorf("width %d, with a sentinel: %v", w, got)
		}
		zero := 0.0
		l.Sentinel = &zero
		if got := margins(l, math.Copysign(0, -1), 1); !cmp.Equal(got, []float64{4}) {
			t.Errorf("width %d, with 0 for a sentinel: %v", w, got)
		}
	}
}

func TestInfinitiesCount(t *testing.T) {
	inf := math.Inf(1)
	for _, w := range []forest.Width{forest.Float32, forest.Float64} {
		l := &Linear{Features: 2, Outputs: 1, Width: w, Weights: []float64{2, 0}, Bias: []float64{1}}
		got := margins(l, inf, 1, -inf, 1, 1, inf)
		if got[0] != inf || got[1] != -inf || got[2] == got[2] {
			t.Errorf("width %d: %v, want +Inf, -Inf, and NaN for 0 times infinity", w, got)
		}
	}
}

func TestWhatCannotBeUsedIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Linear)
		want   string
	}{
		"no features":        {func(l *Linear) { l.Features = 0 }, "0 features"},
		"too many features":  {func(l *Linear) { l.Features = forest.MaxFeatures + 1 }, "features: want"},
		"no outputs":         {func(l *Linear) { l.Outputs = 0 }, "0 outputs"},
		"too many outputs":   {func(l *Linear) { l.Outputs = forest.MaxOutputs + 1 }, "outputs: want"},
		"fewer weights":      {func(l *Linear) { l.Weights = l.Weights[:3] }, "3 weights and 2 biases"},
		"more biases":        {func(l *Linear) { l.Bias = append(l.Bias, 1) }, "4 weights and 3 biases"},
		"a base for one":     {func(l *Linear) { l.Base = []float64{1} }, "1 base values for 2 outputs"},
		"a weight of NaN":    {func(l *Linear) { l.Weights[3] = math.NaN() }, "weight 3 is NaN"},
		"an infinite weight": {func(l *Linear) { l.Weights[0] = math.Inf(-1) }, "weight 0 is -Inf"},
		"a bias of NaN":      {func(l *Linear) { l.Bias[1] = math.NaN() }, "bias 1 is NaN"},
	} {
		t.Run(name, func(t *testing.T) {
			l := &Linear{Features: 2, Outputs: 2, Weights: []float64{1, 2, 3, 4}, Bias: []float64{5, 6}}
			if err := l.Validate(); err != nil {
				t.Fatal(err)
			}
			c.change(l)
			if err := l.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestNothingIsAllocated(t *testing.T) {
	l := &Linear{Features: 2, Outputs: 1, Width: forest.Float32, Weights: []float64{2, 3}, Bias: []float64{1}}
	rows, dst := make([]float32, 20), make([]float64, 10)
	if n := testing.AllocsPerRun(100, func() { Margin(l, dst, rows) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
