package pipeline

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestLinksGiveTheLibrarysBits applies each link to the margins of a library's model, and wants the values
// that the library itself made of them.
func TestLinksGiveTheLibrarysBits(t *testing.T) {
	for name, c := range map[string]struct {
		kind LinkKind
		dir  string
	}{
		"identity":                 {Identity, "reg-squarederror-3.2.0"},
		"logistic":                 {Logistic32, "binary-logistic-3.2.0"},
		"logistic, at its ends":    {Logistic32, "ends-logistic-fine-3.2.0"},
		"logistic, near one":       {Logistic32, "ends-logistic-near-one-3.2.0"},
		"logistic, of infinities":  {Logistic32, "overflow-binary-logistic-3.2.0"},
		"exp":                      {Exp32, "count-poisson-3.2.0"},
		"exp, at its ends":         {Exp32, "ends-count-poisson-3.2.0"},
		"exp, of infinities":       {Exp32, "overflow-count-poisson-3.2.0"},
		"hinge":                    {Hinge32, "binary-hinge-3.2.0"},
		"hinge, at its ends":       {Hinge32, "ends-binary-hinge-3.2.0"},
		"softmax":                  {Softmax32, "multi-softprob-3.2.0"},
		"softmax, at its ends":     {Softmax32, "ends-softprob-3.2.0"},
		"softmax, of infinities":   {Softmax32, "overflow-softprob-3.2.0"},
		"the class":                {Class, "multi-softmax-3.2.0"},
		"the class, of infinities": {Class, "overflow-softmax-3.2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			margins := numbers(t, "xgboost/"+c.dir+"/margin.csv", 32)
			values := numbers(t, "xgboost/"+c.dir+"/value.csv", 32)
			for i, x := range margins {
				got := make([]float64, len(values[i]))
				Link{Kind: c.kind}.apply(got, x, 1)
				for k := range got {
					if !sameBits(got[k], values[i][k]) {
						t.Errorf("row %d, of %v: value %d is %v, want %v", i, x, k, got[k], values[i][k])
					}
				}
				if len(got) != len(x) {
					continue
				}
				Link{Kind: c.kind}.apply(x, x, 1) // in place
				for k := range got {
					if !sameBits(got[k], x[k]) {
						t.Errorf("row %d: value %d in place is %v, want %v", i, k, x[k], got[k])
					}
				}
			}
		})
	}
}

func sameBits(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
}

// numbers reads a file of numbers of a parity case.
func numbers(t *testing.T, name string, bits int) [][]float64 {
	t.Helper()
	f, err := os.Open(filepath.Join("../testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) < 2 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	var all [][]float64
	for _, line := range lines[1:] {
		var row []float64
		for _, cell := range line {
			x, err := strconv.ParseFloat(cell, bits)
			if err != nil {
				t.Fatal(err)
			}
			row = append(row, x)
		}
		all = append(all, row)
	}
	return all
}

// TestLinksInDoubleGiveTheLibrarysBits is the same for LightGBM, and in place.
func TestLinksInDoubleGiveTheLibrarysBits(t *testing.T) {
	for dir, c := range map[string]struct {
		link   Link
		rounds int
	}{
		"binary-4.7.0":                    {Link{Kind: Logistic, Scale: 1}, 3},
		"ends-binary-4.7.0":               {Link{Kind: Logistic, Scale: 1}, 1},
		"sigmoid-3.3.5":                   {Link{Kind: Logistic, Scale: 0.7}, 3},
		"multiclass-4.7.0":                {Link{Kind: Softmax}, 3},
		"ends-multiclass-4.7.0":           {Link{Kind: Softmax}, 2},
		"poisson-4.7.0":                   {Link{Kind: Exp}, 3},
		"ends-poisson-4.7.0":              {Link{Kind: Exp}, 1},
		"sqrt-4.7.0":                      {Link{Kind: SignedSquare}, 3},
		"cross-entropy-lambda-4.7.0":      {Link{Kind: Softplus}, 3},
		"ends-cross-entropy-lambda-4.7.0": {Link{Kind: Softplus}, 1},
		"forest-4.7.0":                    {Link{Kind: Logistic, Scale: 1, Average: true}, 5},
		"forest-range-4.7.0":              {Link{Kind: Logistic, Scale: 1, Average: true}, 3},
		"forest-classes-4.7.0":            {Link{Kind: Softmax, Average: true}, 5},
	} {
		t.Run(dir, func(t *testing.T) {
			margins := numbers(t, "lightgbm/"+dir+"/margin.csv", 64)
			values := numbers(t, "lightgbm/"+dir+"/value.csv", 64)
			for i, x := range margins {
				got := make([]float64, len(x))
				c.link.apply(got, x, c.rounds)
				c.link.apply(x, x, c.rounds)
				for k, want := range values[i] {
					if !sameBits(got[k], want) || !sameBits(x[k], want) {
						t.Errorf("row %d: value %d is %v, in place %v, want %v", i, k, got[k], x[k], want)
					}
				}
			}
		})
	}
}

func TestAnAverageIsNoClass(t *testing.T) {
	if err := (Link{Kind: Class, Average: true}).validate(); err == nil {
		t.Error("it is accepted")
	}
}

func TestLinksInDoubleGiveTheCLibrarysBits(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		link    Link
		x, want float64
	}{
		{Link{Kind: Logistic}, 0, 0.5},
		{Link{Kind: Logistic}, 1, 0.7310585786300049},
		{Link{Kind: Logistic}, -1, 0.2689414213699951},
		{Link{Kind: Logistic}, 40, 1},
		{Link{Kind: Logistic}, 1e-20, 0.5},
		{Link{Kind: Logistic}, -746, 0},
		{Link{Kind: Logistic}, inf, 1},
		{Link{Kind: Logistic}, -inf, 0},
		{Link{Kind: Logistic}, nan, nan},
		{Link{Kind: Logistic, Scale: 0.5}, 3, 0.8175744761936437},
		{Link{Kind: Logistic, Scale: 2}, -0.3, 0.35434369377420455},
		{Link{Kind: Exp}, 1, 2.718281828459045},
		{Link{Kind: Exp}, -1, 0.36787944117144233},
		{Link{Kind: Exp}, 0.5, 1.6487212707001282},
		{Link{Kind: Exp}, -745, 5e-324},
		{Link{Kind: Exp}, 709.5, 1.3549863193146328e+308},
		{Link{Kind: Exp}, 710, inf},
		{Link{Kind: Exp}, -inf, 0},
		{Link{Kind: SignedSquare}, 3, 9},
		{Link{Kind: SignedSquare}, -0.1, -0.010000000000000002},
		{Link{Kind: SignedSquare}, math.Copysign(0, -1), math.Copysign(0, -1)},
		{Link{Kind: SignedSquare}, -inf, -inf},
		{Link{Kind: Identity}, -1.5, -1.5},
		{Link{Kind: Logistic32}, nan, nan},
		{Link{Kind: Softplus}, 0, math.Ln2},
		{Link{Kind: ExpFmath}, 1, 2.718281828459045},
		{Link{Kind: ExpFmath}, -746, 0},
		{Link{Kind: ExpFmath}, inf, inf},
		{Link{Kind: Hinge32}, nan, 0},
		{Link{Kind: Hinge32}, math.SmallestNonzeroFloat32, 1},
	} {
		got := make([]float64, 1)
		c.link.apply(got, []float64{c.x}, 1)
		if !sameBits(got[0], c.want) {
			t.Errorf("%v (scale %v) of %v is %v, want %v", c.link, c.link.Scale, c.x, got[0], c.want)
		}
	}
}

func TestTheClassIsTheFirstGreatestMargin(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		x    []float64
		want float64
	}{
		{[]float64{1}, 0},
		{[]float64{1, 2, 0}, 1},
		{[]float64{2, 2, 1}, 0},
		{[]float64{1, 2, 2}, 1},
		{[]float64{-inf, -inf}, 0},
		{[]float64{1, inf, inf}, 1},
		{[]float64{0, nan, 1}, 2},
		{[]float64{math.Copysign(0, -1), 0}, 0},
	} {
		if got := argmax(c.x); got != c.want {
			t.Errorf("the class of %v is %v, want %v", c.x, got, c.want)
		}
	}
}

func TestLinksHaveNames(t *testing.T) {
	for kind := range linkCount {
		if (Link{Kind: kind}).String() == "" {
			t.Errorf("link %d has none", kind)
		}
	}
	if got := (Link{Kind: linkCount}).String(); got != fmt.Sprintf("Link(%d)", linkCount) {
		t.Errorf("one that is none is %q", got)
	}
	for kind, want := range map[LinkKind]bool{Logistic: true, Logistic32: true, Softmax32: true, Softmax: true, SoftmaxFmath: true, Mirrored32: true, SoftmaxSum32: true, Uncertainty: false, Probit32: false, Class: false, Identity: false, Exp32: false, Hinge32: false} {
		if got := (Link{Kind: kind}).Probability(); got != want {
			t.Errorf("%v: probability is %v", kind, got)
		}
	}
}

// CatBoost's own: three margins, of which the last is far off.
func TestLinksOfPairsAndClasses(t *testing.T) {
	for name, c := range map[string]struct {
		link    Link
		x, want []float64
	}{
		"a mean and a deviation":         {Link{Kind: Uncertainty}, []float64{-7, 0.5}, []float64{-7, 2.718281828459045}},
		"classes":                        {Link{Kind: SoftmaxFmath}, []float64{1, 1, 1, 1}, []float64{0.25, 0.25, 0.25, 0.25}},
		"a class that nothing is in":     {Link{Kind: SoftmaxFmath}, []float64{0, 0, math.Inf(-1)}, []float64{0.5, 0.5, 0}},
		"one among four, kept from zero": {Link{Kind: SoftmaxFmath}, []float64{0, math.Inf(-1), -1e300, -1e300}, []float64{1, 2.2250738585072014e-308, 2.2250738585072014e-308, 2.2250738585072014e-308}},
	} {
		got := make([]float64, len(c.x))
		c.link.apply(got, c.x, 1)
		c.link.apply(c.x, c.x, 1)
		for i := range got {
			if !sameBits(got[i], c.want[i]) || !sameBits(c.x[i], c.want[i]) {
				t.Errorf("%s: value %d is %v, in place %v, want %v", name, i, got[i], c.x[i], c.want[i])
			}
		}
	}
}
