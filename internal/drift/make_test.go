package drift

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/pipeline"
)

// made returns the histogram of one column's values.
func made(c besra.Column, values ...float64) Histogram {
	return Make([]besra.Column{c}, values, nil).Features[0].Histogram
}

func repeat(x float64, n int) []float64 { return slices.Repeat([]float64{x}, n) }

func TestNumbersAreSplitIntoEqualParts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{
		"uniform":   random.Float64,
		"normal":    random.NormFloat64,
		"long tail": func() float64 { return math.Exp(3 * random.NormFloat64()) },
		"cents":     func() float64 { return 1 + float64(random.IntN(20_000))/100 },
	} {
		t.Run(name, func(t *testing.T) {
			values := make([]float64, 20_000)
			for i := range values {
				values[i] = draw()
			}
			h := made(besra.Column{Name: "x"}, values...)
			if len(h.Edges) != parts-1 {
				t.Fatalf("edges %v", h.Edges)
			}
			for i, n := range h.Counts[first:] {
				if n < 1800 || n > 2200 {
					t.Errorf("bin %d has %d of 20000", i, n)
				}
			}
		})
	}
}

func TestFrequentNumbersHaveBinsOfTheirOwn(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		edges  []float64
		counts []uint64 // missing, zero, …
	}{
		"a flag":                 {slices.Concat(repeat(0, 7), repeat(1, 3)), []float64{.999, 1.001}, []uint64{0, 7, 0, 3, 0}},
		"a constant":             {repeat(5, 10), []float64{4.995, 5.005}, []uint64{0, 0, 0, 10, 0}},
		"a constant below zero":  {repeat(-5, 10), []float64{-5.005, -4.995}, []uint64{0, 0, 0, 10, 0}},
		"zeros alone":            {repeat(0, 4), nil, []uint64{0, 4, 0}},
		"nothing but missing":    {repeat(math.NaN(), 4), nil, []uint64{4, 0, 0}},
		"two sides of zero":      {slices.Concat(repeat(-1, 50), repeat(0, 10), repeat(1, 40)), []float64{-1.001, 0, .999, 1.001}, nil},
		"a few whole numbers":    {slices.Concat(repeat(1, 400), repeat(2, 300), repeat(3, 200), repeat(4, 100)), []float64{.999, 1.5, 2.5, 3.5, 4.004}, []uint64{0, 0, 0, 400, 300, 200, 100, 0}},
		"infinities":             {[]float64{math.Inf(-1), 1, math.Inf(1)}, nil, nil},
		"next to one another":    {[]float64{1, math.Nextafter(1, 2), math.Nextafter(1, 2)}, nil, nil},
		"the smallest and zero":  {[]float64{5e-324, -5e-324, 0}, nil, nil},
		"the largest":            {repeat(math.MaxFloat64, 3), nil, nil},
		"one that is half of it": {slices.Concat(repeat(7.25, 500), sequence(1, 7, 250), sequence(8, 20, 250)), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := made(besra.Column{Name: "x"}, c.values...)
			if c.counts != nil {
				if d := cmp.Diff(c.counts, h.Counts); d != "" {
					t.Errorf("counts: %s", d)
				}
				if d := cmp.Diff(c.edges, h.Edges); d != "" {
					t.Errorf("edges: %s", d)
				}
			}
			if sum(h.Counts) != uint64(len(c.values)) || len(h.Edges) > parts+1 {
				t.Errorf("%d of %d are counted, in %v", sum(h.Counts), len(c.values), h.Edges)
			}
			for i, e := range h.Edges {
				if math.IsInf(e, 0) || i > 0 && e <= h.Edges[i-1] {
					t.Errorf("edges %v", h.Edges)
				}
			}
		})
	}
	t.Run("whatever lies around them", func(t *testing.T) {
		h := made(besra.Column{Name: "x"}, slices.Concat(repeat(7.25, 500), sequence(1, 7, 250), sequence(8, 20, 250))...)
		if n := h.Counts[h.Bin(7.25)]; n != 500 {
			t.Errorf("its bin has %d: %v %v", n, h.Edges, h.Counts)
		}
	})
}

// sequence returns n numbers from low on, before high.
func sequence(low, high float64, n int) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = low + (high-low)*float64(i)/float64(n)
	}
	return all
}

// A number that the model rounds to its width stays in the bin that it had.
func TestRoundingDoesNotMoveAValue(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	values := make([]float64, 3000)
	for i := range values {
		values[i] = math.Round(random.ExpFloat64()*10) / 10
	}
	h := made(besra.Column{Name: "x"}, values...)
	for _, x := range values {
		if a, b := h.Bin(x), h.Bin(float64(float32(x))); a != b {
			t.Fatalf("%v is in bin %d, rounded in %d: %v", x, a, b, h.Edges)
		}
	}
}

func TestEdgesAreShortDecimals(t *testing.T) {
	for _, c := range []struct{ low, high, want float64 }{
		{0.1, 0.9, 0.5},
		{8.81, 8.82, 8.815},
		{-3, -2, -2.5},
		{999, 1001, 1000},
		{1e300, 1.6e300, 1.3e300},
		{-math.MaxFloat64, math.MaxFloat64, 0},
		{1, math.Nextafter(1, 2), math.Nextafter(1, 2)},
	} {
		if got := between(c.low, c.high); got != c.want {
			t.Errorf("between %v and %v: %v, want %v", c.low, c.high, got, c.want)
		}
	}
}

func TestCategories(t *testing.T) {
	names := strings.Fields("FR DE US GB JP BR VN KR IT ES PL SE")
	names = append(names, "\xff", strings.Repeat("x", 300))
	column, err := pipeline.StringColumn("country", names)
	if err != nil {
		t.Fatal(err)
	}
	values := []float64{math.NaN(), math.NaN()}
	for code := range names {
		values = append(values, repeat(float64(code), 100-code)...)
	}
	values = append(values, repeat(13, 500)...) // its name is too long to have a bin
	values = append(values, repeat(12, 500)...) // and this one is no text
	h := made(column, values...)
	if len(h.Categories) != parts || h.Categories[0] != (Category{"FR", 0}) || h.Categories[9] != (Category{"ES", 9}) {
		t.Errorf("%v", h.Categories)
	}
	want := []uint64{2, 90 + 89 + 588 + 587, 100, 99, 98, 97, 96, 95, 94, 93, 92, 91}
	if d := cmp.Diff(want, h.Counts); d != "" {
		t.Error(d)
	}

	t.Run("of numbers are counted by code", func(t *testing.T) {
		h := made(besra.Column{Name: "mcc", Type: besra.Category}, 5411, 5411, 3e9, 7, math.NaN(), math.Inf(1))
		if d := cmp.Diff([]Category{{"5411", 5411}, {"7", 7}, {"3000000000", 3e9}}, h.Categories); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]uint64{1, 1, 2, 1, 1}, h.Counts); d != "" {
			t.Error(d)
		}
	})
	t.Run("may all be missing", func(t *testing.T) {
		h := made(column, math.NaN())
		if !h.IsCategories() || h.Bin(3) != other || h.Bin(math.NaN()) != missing {
			t.Errorf("%+v", h)
		}
	})
}

func TestScoresAreADistributionToo(t *testing.T) {
	r := Make([]besra.Column{{Name: "a"}, {Name: "b"}}, []float64{1, 2, 3, 4, 5, 6}, []float64{.1, .2, .3})
	if r.Rows != 3 || len(r.Features) != 2 || sum(r.Score.Counts) != 3 || r.Features[1].Name != "b" {
		t.Errorf("%+v", r)
	}
	if f := r.Features[1]; f.Counts[f.Bin(2)] != 1 || f.Bin(2) == f.Bin(6) {
		t.Errorf("%+v", f)
	}
}
