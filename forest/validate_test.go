package forest

import (
	"math"
	"strings"
	"testing"
)

func TestWhatCannotBeEvaluatedIsRefused(t *testing.T) {
	split := func(left, right int32) Node { return Node{Feature: 0, Left: left, Right: right} }
	leaf := Node{Feature: Leaf}
	nan, inf := math.NaN(), math.Inf(1)
	cases := map[string]struct {
		change func(*Forest)
		want   string
	}{
		"no outputs":              {func(f *Forest) { f.Outputs = 0 }, "0 outputs"},
		"no features":             {func(f *Forest) { f.Features = 0; f.Trees = nil }, "0 features"},
		"negative features":       {func(f *Forest) { f.Features = -1 }, "-1 features"},
		"a tree without nodes":    {func(f *Forest) { f.Trees[1].Nodes = nil }, "tree 1: no nodes"},
		"a child out of range":    {func(f *Forest) { f.Trees[0].Nodes[0].Right = 3 }, "tree 0: node 0: children 1 and 3 of 3"},
		"a negative child":        {func(f *Forest) { f.Trees[0].Nodes[0].Left = -1 }, "node 0: children -1"},
		"a ring":                  {func(f *Forest) { f.Trees[0].Nodes = []Node{split(1, 2), split(0, 2), leaf} }, "node 0 is reached twice"},
		"a shared child":          {func(f *Forest) { f.Trees[0].Nodes = []Node{split(1, 1), leaf} }, "node 1 is reached twice"},
		"a feature out of range":  {func(f *Forest) { f.Trees[0].Nodes[0].Feature = 2 }, "feature 2 of 2"},
		"a negative feature":      {func(f *Forest) { f.Trees[0].Nodes[0].Feature = -2 }, "feature -2 of 2"},
		"a NaN threshold":         {func(f *Forest) { f.Trees[0].Nodes[0].Value = nan }, "threshold is NaN"},
		"a NaN leaf":              {func(f *Forest) { f.Trees[0].Nodes[1].Value = nan }, "node 1: leaf is NaN"},
		"an infinite leaf":        {func(f *Forest) { f.Trees[0].Nodes[1].Value = inf }, "leaf is +Inf"},
		"a leaf too wide":         {func(f *Forest) { f.Trees[0].Nodes[1].Value = 0.1 }, "0.1 is not a float32"},
		"an output out of range":  {func(f *Forest) { f.Trees[1].Output = 1 }, "tree 1: output 1 of 1"},
		"a set out of range":      {func(f *Forest) { f.Trees[0].Nodes[0].Op = In }, "category set 0 of 0"},
		"an unknown comparison":   {func(f *Forest) { f.Trees[0].Nodes[0].Op = opCount }, "unknown comparison"},
		"an unknown missing rule": {func(f *Forest) { f.Trees[0].Nodes[0].Missing = missingCount }, "unknown rule"},
		"a NaN weight":            {func(f *Forest) { f.Trees[0].Weight = nan }, "weight is NaN"},
		"a NaN base":              {func(f *Forest) { f.Base = []float64{nan} }, "base value 0 is NaN"},
		"too many bases":          {func(f *Forest) { f.Base = []float64{1, 2} }, "2 base values for 1 outputs"},
		"rounds that go back":     {func(f *Forest) { f.Rounds = []int{0, 2, 1, 2} }, "round 2 begins at tree 1"},
		"rounds that end early":   {func(f *Forest) { f.Rounds = []int{0, 1} }, "rounds end at tree 1 of 3"},
		"a vector out of range":   {func(f *Forest) { f.Vectors = []float64{1}; f.Trees[0].Nodes[1].Ref = 1 }, "vector leaf 1 of 1"},
		"a line out of range":     {func(f *Forest) { f.Lines = make([]Line, 1); f.Trees[0].Nodes[1].Ref = 1 }, "linear leaf 1 of 1"},
		"nodes beside levels":     {func(f *Forest) { f.Trees[2].Nodes = f.Trees[1].Nodes }, "tree 2: levels beside nodes"},
		"levels without leaves":   {func(f *Forest) { f.Trees[2].Leaves = nil }, "tree 2: levels without leaves"},
		"leaves of vectors":       {func(f *Forest) { f.Vectors = []float64{1} }, "tree 2: levels beside nodes, vector or linear leaves"},
		"a leaf of no level":      {func(f *Forest) { f.Trees[2].Leaves = make([]float64, 3) }, "tree 2: 3 leaves for 1 levels"},
		"too many levels":         {func(f *Forest) { f.Trees[2].Levels, f.Trees[2].Leaves = make([]Node, 17), make([]float64, 1<<17) }, "for 17 levels"},
		"a level's feature":       {func(f *Forest) { f.Trees[2].Levels[0].Feature = 2 }, "tree 2: level 0: feature 2 of 2"},
		"a level that is a leaf":  {func(f *Forest) { f.Trees[2].Levels[0].Feature = Leaf }, "tree 2: level 0: feature -1 of 2"},
		"a level's threshold":     {func(f *Forest) { f.Trees[2].Levels[0].Value = nan }, "tree 2: level 0: threshold is NaN"},
		"a NaN leaf of levels":    {func(f *Forest) { f.Trees[2].Leaves[1] = nan }, "tree 2: leaf 1 is NaN"},
		"a line's feature":        {func(f *Forest) { f.Lines = []Line{{Coefficients: []float64{1}, Features: []int32{2}}} }, "linear leaf 0: feature 2 of 2"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := &Forest{
				Features: 2, Outputs: 1, Input: Float32, Sum: Float32,
				Trees: []Tree{
					{Nodes: []Node{split(1, 2), leaf, leaf}, Weight: 1},
					{Nodes: []Node{leaf}, Weight: 1},
					{Levels: []Node{{}}, Leaves: []float64{1, 2}, Weight: 1},
				},
			}
			if _, err := Compile(f); err != nil {
				t.Fatalf("before the change: %v", err)
			}
			c.change(f)
			_, err := Compile(f)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestNodesThatTheRootDoesNotReachAreLeftAlone(t *testing.T) {
	nodes := []Node{
		{Feature: 0, Left: 1, Right: 2},
		{Feature: Leaf, Value: 1},
		{Feature: Leaf, Value: 2, Ref: 1},
		{Feature: math.MaxInt32, Left: 900, Right: -7, Value: math.NaN()},
		{Feature: math.MaxInt32, Left: 900, Right: -7, Op: In, Ref: -1, Missing: missingCount},
		{Feature: Leaf, Value: math.Inf(1), Ref: 99},
		{Feature: Leaf, Value: math.NaN(), Ref: -1},
	}
	for name, vectors := range map[string][]float64{"plain leaves": nil, "vector leaves": {1, 2}} {
		for _, input := range []Width{Float64, Float32} {
			f := &Forest{Features: 1, Outputs: 1, Input: input, Trees: []Tree{{Weight: 1, Nodes: nodes}}, Vectors: vectors}
			for kernel, e := range evaluators(t, f) {
				var got [1]float64
				Margin(e, got[:], []float64{1}, 0, 1)
				if got[0] != 2 {
					t.Errorf("%s, %s: margin %v, want 2", name, kernel, got[0])
				}
			}
		}
	}
}
