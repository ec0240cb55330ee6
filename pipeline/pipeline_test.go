package pipeline

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/linear"
)

// stump is a tree of one split of feature 0, at 1.
func stump(left, right float64, output int) forest.Tree {
	return forest.Tree{Weight: 1, Output: output, Nodes: []forest.Node{
		{Feature: 0, Value: 1, Left: 1, Right: 2, DefaultLeft: true},
		{Feature: forest.Leaf, Value: left, ID: 1},
		{Feature: forest.Leaf, Value: right, ID: 2},
	}}
}

// boosted is a model of two columns, two outputs and two rounds.
func boosted() Spec {
	return Spec{
		Columns: []Column{{Name: "a"}, {Name: "b"}},
		Forest: &forest.Forest{
			Features: 2, Outputs: 2, Input: forest.Float32, Sum: forest.Float32, Rounds: []int{0, 2, 4},
			Trees: []forest.Tree{stump(1, 2, 0), stump(10, 20, 1), stump(0.5, 0.25, 0), stump(5, 2.5, 1)},
			Base:  []float64{100, 200},
		},
		Link: Link{Kind: Softmax32},
	}
}

func compiled(t *testing.T, s Spec) *Pipeline {
	t.Helper()
	p, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMarginsValuesAndLeaves(t *testing.T) {
	p := compiled(t, boosted())
	if p.Outputs() != 2 || p.Values() != 2 || p.Trees() != 4 || p.Rounds() != 2 || p.Width() != forest.Float32 || p.OutputWidth() != forest.Float32 {
		t.Errorf("outputs %d, values %d, trees %d, rounds %d", p.Outputs(), p.Values(), p.Trees(), p.Rounds())
	}
	rows := []float64{0, 0, 1, 0, math.NaN(), 0}
	for name, c := range map[string]struct {
		from, to int
		margins  []float64
		leaves   []int32
	}{
		"all rounds": {0, 2, []float64{101.5, 215, 102.25, 222.5, 101.5, 215}, []int32{1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1}},
		"the first":  {0, 1, []float64{101, 210, 102, 220, 101, 210}, []int32{1, 1, 2, 2, 1, 1}},
		"the second": {1, 2, []float64{100.5, 205, 100.25, 202.5, 100.5, 205}, []int32{1, 1, 2, 2, 1, 1}},
		"none":       {1, 1, []float64{100, 200, 100, 200, 100, 200}, []int32{}},
	} {
		t.Run(name, func(t *testing.T) {
			margins, leaves := make([]float64, 6), make([]int32, len(c.leaves))
			if err := Margin(p, margins, rows, c.from, c.to); err != nil {
				t.Fatal(err)
			}
			if err := Leaves(p, leaves, rows, c.from, c.to); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.margins, margins); d != "" {
				t.Errorf("margins %s", d)
			}
			if d := cmp.Diff(c.leaves, leaves); d != "" {
				t.Errorf("leaves %s", d)
			}
			want, got := make([]float64, 6), make([]float64, 6)
			p.Apply(want, margins, 2)
			if err := Predict(p, got, rows, c.from, c.to); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("values %s", d)
			}
		})
	}
}

func TestAClassIsOneValueHoweverManyMargins(t *testing.T) {
	s := boosted()
	s.Link = Link{Kind: Class}
	s.Labels = []string{"left", "right"} // a label for each margin
	p := compiled(t, s)
	values := []float64{-1, -1, -1}
	if err := Predict(p, values, []float32{0, 0, 1, 0}, 0, 2); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]float64{1, 1, -1}, values); d != "" || p.Values() != 1 {
		t.Errorf("%d values: %s", p.Values(), d)
	}
}

func TestALinearModelHasNoTrees(t *testing.T) {
	p := compiled(t, Spec{
		Columns: []Column{{Name: "a"}, {Name: "b"}},
		Linear:  &linear.Linear{Features: 2, Outputs: 1, Width: forest.Float32, Weights: []float64{2, 3}, Bias: []float64{1}},
	})
	margins := make([]float64, 2)
	if err := Margin(p, margins, []float32{1, 1, 10, float32(math.NaN())}, 0, 0); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]float64{6, 21}, margins); d != "" {
		t.Error(d)
	}
	if p.Trees() != 0 || p.Rounds() != 0 || p.Width() != forest.Float32 {
		t.Errorf("%d trees in %d rounds", p.Trees(), p.Rounds())
	}
	if err := Leaves(p, nil, []float32{1, 1}, 0, 0); err == nil {
		t.Error("it has leaves")
	}
}

func TestLengthsThatDoNotMatchAreErrShape(t *testing.T) {
	p := compiled(t, boosted())
	for name, err := range map[string]error{
		"half a row, margins":    Margin(p, make([]float64, 9), make([]float32, 3), 0, 2),
		"half a row, values":     Predict(p, make([]float64, 9), make([]float64, 3), 0, 2),
		"half a row, leaves":     Leaves(p, make([]int32, 99), make([]float64, 3), 0, 2),
		"no room for margins":    Margin(p, make([]float64, 3), make([]float32, 4), 0, 2),
		"no room for values":     Predict(p, make([]float64, 3), make([]float32, 4), 0, 2),
		"no room for leaves":     Leaves(p, make([]int32, 7), make([]float32, 4), 0, 2),
		"no room for one leaf":   Leaves(p, make([]int32, 1), make([]float32, 2), 0, 1),
		"no room for any margin": Margin(p, nil, make([]float64, 2), 0, 2),
	} {
		if !errors.Is(err, ErrShape) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"no rows":             Margin(p, nil, []float32{}, 0, 2),
		"more room than rows": Predict(p, make([]float64, 100), make([]float32, 4), 0, 2),
		"leaves of one round": Leaves(p, make([]int32, 2), make([]float32, 2), 1, 2),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMoreRoomThanRowsKeepsItsTail(t *testing.T) {
	p := compiled(t, boosted())
	dst := []float64{7, 7, 7, 7}
	if err := Predict(p, dst, []float32{0, 0}, 0, 2); err != nil || dst[2] != 7 || dst[3] != 7 {
		t.Errorf("%v, %v", dst, err)
	}
}

func TestASentinelIsMissing(t *testing.T) {
	for name, s := range map[string]Spec{
		"of a forest": boosted(),
		"of a linear model": {
			Columns: []Column{{Name: "a"}, {Name: "b"}},
			Linear:  &linear.Linear{Features: 2, Outputs: 2, Width: forest.Float32, Weights: []float64{2, 3, 4, 5}, Bias: []float64{1, 0}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s.SetSentinel(-999.1) // no float32: it is rounded as rows are
			p := compiled(t, s)
			want, got := make([]float64, 2), make([]float64, 2)
			if err := Margin(p, want, []float64{math.NaN(), 1}, 0, p.Rounds()); err != nil {
				t.Fatal(err)
			}
			for _, x := range []float64{-999.1, float64(float32(-999.1))} {
				if err := Margin(p, got, []float64{x, 1}, 0, p.Rounds()); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%v: %s", x, d)
				}
			}
			// A right-hand row is another, so that the above shows something.
			if err := Margin(p, got, []float64{5, 1}, 0, p.Rounds()); err != nil || cmp.Equal(want, got) {
				t.Errorf("a number is missing, too: %v %v", got, err)
			}
		})
	}
}

func TestASpecThatContradictsItselfIsRefused(t *testing.T) {
	line := &linear.Linear{Features: 2, Outputs: 1, Weights: []float64{1, 2}, Bias: []float64{0}}
	for name, c := range map[string]struct {
		change func(*Spec)
		want   string
	}{
		"neither trees nor weights":    {func(s *Spec) { s.Forest = nil }, "a forest, or linear, or steps"},
		"both":                         {func(s *Spec) { s.Linear = line }, "a forest, or linear, or steps"},
		"no columns":                   {func(s *Spec) { s.Columns = nil }, "no columns"},
		"fewer columns than features":  {func(s *Spec) { s.Columns = s.Columns[:1] }, "1 columns for 2 features"},
		"fewer columns than weights":   {func(s *Spec) { s.Forest, s.Linear, s.Columns = nil, line, s.Columns[:1] }, "1 columns for 2 features"},
		"a weight that is no number":   {func(s *Spec) { l := *line; l.Weights = []float64{1, math.NaN()}; s.Forest, s.Linear = nil, &l }, "weight 1 is NaN"},
		"a leaf that is no number":     {func(s *Spec) { s.Forest.Trees[2].Nodes[1].Value = math.NaN() }, "tree 2"},
		"a column without a name":      {func(s *Spec) { s.Columns[1].Name = "" }, "column 1 has no name"},
		"a name twice":                 {func(s *Spec) { s.Columns[1].Name = "a" }, `both named "a"`},
		"an unknown type":              {func(s *Spec) { s.Columns[1].Type = typeCount }, "unknown type"},
		"a string without dictionary":  {func(s *Spec) { s.Columns[1].Type = String }, "have a dictionary"},
		"a dictionary without strings": {func(s *Spec) { s.Columns[1].codes = map[string]int{} }, "have a dictionary"},
		"an unknown link":              {func(s *Spec) { s.Link.Kind = linkCount }, "unknown link"},
		"a scale that is no number":    {func(s *Spec) { s.Link.Scale = math.NaN() }, "scale is NaN"},
		"labels for some":              {func(s *Spec) { s.Labels = []string{"a", "b", "c"} }, "3 labels for 2 outputs"},
		"a step that does not fit":     {func(s *Spec) { s.Steps = []Step{twice{slot: 2}} }, "step 0, twice: input 0 is value 2 of 2"},
		"too many slots":               {func(s *Spec) { s.Steps = []Step{twice{copies: MaxSlots}} }, "more than 1048576 values"},
		"an input that is no slot":     {func(s *Spec) { s.Steps, s.Inputs = []Step{twice{copies: 1}}, []int32{0, 3} }, "input 1 is value 3 of 3"},
		"inputs for other features":    {func(s *Spec) { s.Inputs = []int32{0} }, "1 columns for 2 features"},
		"results beside a forest":      {func(s *Spec) { s.ValueOnly, s.Results = true, []int32{0} }, "or steps"},
		"results that are margins":     {func(s *Spec) { s.Forest, s.Results = nil, []int32{0} }, "values and no margin"},
	} {
		t.Run(name, func(t *testing.T) {
			s := boosted()
			c.change(&s)
			if _, err := Compile(s); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestAStringColumnKnowsItsNames(t *testing.T) {
	c, err := StringColumn("country", []string{"VN", "DE", "", "ü"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"VN": 0, "DE": 1, "": 2, "ü": 3} {
		if got := c.Code(name); got != want {
			t.Errorf("%q is %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{"vn", "XX", " "} {
		if got := c.Code(name); !math.IsNaN(got) {
			t.Errorf("%q is %v", name, got)
		}
	}
	if d := cmp.Diff([]string{"VN", "DE", "", "ü"}, c.Dictionary()); d != "" {
		t.Error(d)
	}
	if (Column{Name: "amount"}).Dictionary() != nil || !math.IsNaN((Column{Name: "amount"}).Code("VN")) {
		t.Error("a column of numbers has a dictionary")
	}
	if _, err := StringColumn("country", []string{"VN", "DE", "VN"}); err == nil || !strings.Contains(err.Error(), `"VN" has the codes 0 and 2`) {
		t.Errorf("error %v", err)
	}
}

func TestTypesHaveNames(t *testing.T) {
	for typ := range typeCount {
		if back, ok := ParseType(typ.String()); !ok || back != typ {
			t.Errorf("%v is read as %v", typ, back)
		}
	}
	if _, ok := ParseType("Float"); ok {
		t.Error("Float is a type")
	}
	if got := typeCount.String(); got != "Type(5)" {
		t.Errorf("one that is none is %q", got)
	}
}
