package pipeline

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/forest"
)

// all lists the slots [0, n).
func all(n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = int32(i)
	}
	return s
}

var (
	nan     = math.NaN()
	inf     = math.Inf(1)
	minus0  = math.Copysign(0, -1)
	tenth32 = float64(float32(0.1))
)

func TestStepsCompute(t *testing.T) {
	colours := &Table{Keys: []float64{0, 2, 5}, Values: []float64{10, 20, 30}, Other: -1, Missing: -2}
	for name, c := range map[string]struct {
		step      Step
		row, want []float64
	}{
		"constants": {&Constants{[]float64{1, nan}}, nil, []float64{1, nan}},

		"round":                  {&Unary{Func: Round, Width32: true, X: all(2)}, []float64{0.1, nan}, []float64{tenth32, nan}},
		"whole as x86 casts":     {&Unary{Func: Whole, X: all(5)}, []float64{2.9, -2.9, nan, 1e300, -0.5}, []float64{2, -2, math.MinInt64, math.MinInt64, 0}},
		"what int64 cannot hold": {&Unary{Func: Whole, X: all(2)}, []float64{1 << 63, -1 << 63}, []float64{math.MinInt64, math.MinInt64}},
		"truth":                  {&Unary{Func: Truth, X: all(3)}, []float64{0, nan, -1}, []float64{0, 1, 1}},
		"not":                    {&Unary{Func: Not, X: all(2)}, []float64{0, 1}, []float64{1, 0}},
		"negative":               {&Unary{Func: Negative, X: all(2)}, []float64{1, 0}, []float64{-1, minus0}},
		"absolute":               {&Unary{Func: Absolute, X: all(1)}, []float64{-2}, []float64{2}},
		"root in float32":        {&Unary{Func: Root, Width32: true, X: all(1)}, []float64{2}, []float64{float64(float32(math.Sqrt2))}},
		"floor and ceil":         {&Unary{Func: Floor, X: all(1)}, []float64{-1.5}, []float64{-2}},
		"ceil":                   {&Unary{Func: Ceil, X: all(1)}, []float64{-1.5}, []float64{-1}},
		"is NaN":                 {&Unary{Func: IsNaN, X: all(2)}, []float64{nan, inf}, []float64{1, 0}},
		"power of 0":             {&Unary{Func: Power, Width32: true, X: all(2)}, []float64{0, -200}, []float64{1, 0}},
		"power in float64":       {&Unary{Func: Power, X: all(1)}, []float64{0}, []float64{1}},
		"log":                    {&Unary{Func: Log, Width32: true, X: all(2)}, []float64{1, 0}, []float64{0, -inf}},
		"sigmoid is mirrored":    {&Unary{Func: Sigmoid, X: all(2)}, []float64{0, -800}, []float64{0.5, 0}},
		"sigmoid beyond one":     {&Unary{Func: Sigmoid, Width32: true, X: all(1)}, []float64{float64(math.Float32frombits(0x418f8a40))}, []float64{float64(math.Nextafter32(1, 2))}},
		"clip keeps NaN and -0":  {&Clip{Low: 0, High: 1, X: all(4)}, []float64{nan, minus0, -3, 3}, []float64{nan, minus0, 0, 1}},

		"a sum in float32":     {&Binary{Func: Plus, Width32: true, A: []int32{0}, B: []int32{1}}, []float64{1 << 24, 1}, []float64{1 << 24}},
		"a sum in float64":     {&Binary{Func: Plus, A: []int32{0}, B: []int32{1}}, []float64{1 << 24, 1}, []float64{1<<24 + 1}},
		"a difference":         {&Binary{Func: Minus, A: []int32{0}, B: []int32{1}}, []float64{3, 5}, []float64{-2}},
		"a product in float32": {&Binary{Func: Times, Width32: true, A: []int32{0}, B: []int32{0}}, []float64{tenth32}, []float64{float64(float32(0.1) * float32(0.1))}},
		"a quotient":           {&Binary{Func: Over, Width32: true, A: []int32{0}, B: []int32{1}}, []float64{1, 3}, []float64{float64(float32(1) / 3)}},
		"below":                {&Binary{Func: Below, A: all(3), B: []int32{1, 1, 1}}, []float64{1, 2, nan}, []float64{1, 0, 0}},
		"at most":              {&Binary{Func: AtMost, A: all(2), B: []int32{1, 1}}, []float64{3, 2}, []float64{0, 1}},
		"above":                {&Binary{Func: Above, A: all(2), B: []int32{1, 1}}, []float64{3, 2}, []float64{1, 0}},
		"at least":             {&Binary{Func: AtLeast, A: all(2), B: []int32{1, 1}}, []float64{1, 2}, []float64{0, 1}},
		"same":                 {&Binary{Func: Same, A: all(3), B: []int32{1, 1, 1}}, []float64{0, minus0, nan}, []float64{1, 1, 0}},
		"and":                  {&Binary{Func: And, A: all(2), B: []int32{1, 1}}, []float64{0, 1}, []float64{0, 1}},
		"and of tiny numbers":  {&Binary{Func: And, A: all(1), B: all(1)}, []float64{1e-200}, []float64{1}},
		"or":                   {&Binary{Func: Or, A: all(2), B: []int32{0, 0}}, []float64{0, 1}, []float64{0, 1}},
		"a choice unsigns 0":   {&Choice{Where: []int32{0, 1}, A: []int32{2, 2}, B: []int32{3, 3}}, []float64{1, 0, minus0, 7}, []float64{0, 7}},

		"a scaling in float32":         {&Scaling{X: all(1), Offset: []float64{0.5}, Scale: []float64{3}, Width32: true}, []float64{tenth32}, []float64{float64((float32(0.1) - 0.5) * 3)}},
		"a scaling rounds first":       {&Scaling{X: all(1), Offset: []float64{1}, Scale: []float64{3}, Width32: true}, []float64{1 + 1e-9}, []float64{0}},
		"a scaling of float64":         {&Scaling{X: all(1), Offset: []float64{0.5}, Scale: []float64{3}}, []float64{0.1}, []float64{float64(float32((0.1 - 0.5) * 3))}},
		"an imputation of NaN":         {&Imputation{X: all(2), Missing: nan, Numbers: []float64{7, 8}}, []float64{nan, 1}, []float64{7, 1}},
		"an imputation of a number":    {&Imputation{X: all(3), Missing: -1, Numbers: []float64{7, 8, 9}}, []float64{nan, -1, 2}, []float64{nan, 8, 2}},
		"a normalization by the most":  {&Normalization{X: all(3), Norm: NormMax, Width32: true}, []float64{-4, 2, 1}, []float64{-2, 1, 0.5}},
		"a normalization by the sum":   {&Normalization{X: all(2), Norm: NormL1, Width32: true}, []float64{-3, 1}, []float64{-0.75, 0.25}},
		"a normalization by length":    {&Normalization{X: all(2), Norm: NormL2, Width32: true}, []float64{-3, 4}, []float64{float64(-float32(math.Sqrt(float64(float32(9) / 25)))), float64(float32(math.Sqrt(float64(float32(16) / 25))))}},
		"a normalization of nothing":   {&Normalization{X: all(2), Norm: NormL2, Width32: true}, []float64{0, minus0}, []float64{0, minus0}},
		"a normalization without most": {&Normalization{X: all(2), Norm: NormMax, Width32: true}, []float64{0, nan}, []float64{0, nan}},

		"a look-up":                 {&Lookup{X: all(5), Tables: []*Table{colours, colours, colours, colours, colours}}, []float64{0, 2, 3, 5, nan}, []float64{10, 20, -1, 30, -2}},
		"a look-up in float32":      {&Lookup{X: all(1), Tables: []*Table{{Keys: []float64{tenth32}, Values: []float64{1}}}, Width32: true}, []float64{0.1}, []float64{1}},
		"one-hot":                   {&OneHot{X: all(2), Tables: []*Table{places(), places()}, Count: 2}, []float64{7, 4}, []float64{0, 1, 0, 0}},
		"one-hot beyond its places": {&OneHot{X: all(2), Tables: []*Table{{Other: 2}, {Other: 1}}, Count: 2}, []float64{7, 4}, []float64{0, 0, 0, 1}},
		"one-hot of whole numbers":  {&OneHot{X: all(2), Tables: []*Table{places(), places()}, Count: 2, Whole: true}, []float64{3.9, nan}, []float64{1, 0, 0, 0}},
		"a pick":                    {&Pick{Index: []int32{0, 1, 2, 3}, From: []int32{4, 5, 4, 5, 4, 5, 4, 5}, Count: 2}, []float64{0, 1, -1, 2, 8, 9}, []float64{8, 9, 9, nan}},

		"a mean in pairs":        {&Reduction{Func: Sum, Mean: true, Width32: true, X: all(4), Size: 2}, []float64{1, 2, 5, 7}, []float64{1.5, 6}},
		"a sum in order":         {&Reduction{Func: Add, Width32: true, X: all(3), Size: 3}, []float64{1 << 24, 1, 1}, []float64{1 << 24}},
		"a sum of float64":       {&Reduction{Func: Sum, X: all(3), Size: 3}, []float64{1 << 24, 1, 1}, []float64{1<<24 + 2}},
		"a product of three":     {&Reduction{Func: Multiply, X: all(3), Size: 3}, []float64{2, 3, 4}, []float64{24}},
		"the largest":            {&Reduction{Func: Largest, X: all(3), Size: 3}, []float64{2, 4, 3}, []float64{4}},
		"the least":              {&Reduction{Func: Least, X: all(3), Size: 3}, []float64{2, 1, 3}, []float64{1}},
		"where the largest is":   {&Reduction{Func: FirstLargest, X: all(4), Size: 4}, []float64{2, 4, 4, 3}, []float64{1}},
		"where the least is":     {&Reduction{Func: FirstLeast, X: all(4), Size: 4}, []float64{2, 1, 4, 1}, []float64{1}},
		"a softmax of one":       {&SoftmaxOf{X: all(2), Size: 1, Width32: true}, []float64{5, -5}, []float64{1, 1}},
		"a softmax of two":       {&SoftmaxOf{X: all(2), Size: 2, Width32: true}, []float64{3, 3}, []float64{0.5, 0.5}},
		"a softmax of float64":   {&SoftmaxOf{X: all(2), Size: 2}, []float64{1000, -1000}, []float64{1, 0}},
		"a running sum":          {&RunningSum{X: all(3)}, []float64{1, 2, 3}, []float64{1, 3, 6}},
		"a running sum, float32": {&RunningSum{X: all(2), Width32: true}, []float64{1 << 24, 1}, []float64{1 << 24, 1 << 24}},
		"a ranking":              {&Ranking{X: all(4), Count: 3}, []float64{1, 3, 3, 2}, []float64{3, 3, 2, 1, 2, 3}},
		"a ranking of the least": {&Ranking{X: all(3), Count: 1, Least: true}, []float64{3, 1, 2}, []float64{1, 1}},

		"a product by rows":    {NewProduct("LinearRegressor", all(2), []float64{2, 3, 4, 5}, []float64{1, -1}, true, false), []float64{1, 10}, []float64{33, 53}},
		"a packed product":     {NewProduct("MatMul", all(2), []float64{2, 3, 4, 5}, nil, true, true), []float64{1, 10}, []float64{32, 54}},
		"a product of float64": {NewProduct("MatMul", all(2), []float64{2, 0.1}, []float64{1}, false, true), []float64{1, 10}, []float64{4}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Once(c.step, c.row)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(bitsOf(c.want), bitsOf(got)); d != "" {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func places() *Table {
	return &Table{Keys: []float64{3, 7}, Values: []float64{0, 1}, Other: -1, Missing: -1}
}

// bitsOf tells 0 from -0, and any NaN from numbers only.
func bitsOf(x []float64) []uint64 {
	out := make([]uint64, len(x))
	for i, v := range x {
		if out[i] = math.Float64bits(v); v != v {
			out[i] = math.Float64bits(math.NaN())
		}
	}
	return out
}

func TestVotesAreCountedAsONNXRuntimeDoes(t *testing.T) {
	half := float64(mirrored32(0.5))
	for name, c := range map[string]struct {
		vote       Vote
		sums, want []float64
	}{
		"a target":                              {Vote{Base: []float64{1}}, []float64{2}, []float64{3}},
		"a target nobody votes for":             {Vote{}, []float64{minus0}, []float64{0}},
		"a target, whatever the link":           {Vote{Link: Mirrored32}, []float64{2}, []float64{2}},
		"targets":                               {Vote{Base: []float64{1, 1}}, []float64{2, 3}, []float64{3, 4}},
		"a target nobody votes for has no base": {Vote{Base: []float64{1, 1}}, []float64{minus0, 3}, []float64{0, 4}},
		"a class nobody votes for has":          {Vote{Classifier: true, Base: []float64{1, 2, 3}}, []float64{minus0, 3, 0}, []float64{1, 5, 3}},
		"two classes":                           {Vote{Classifier: true}, []float64{0.25, 0.75}, []float64{0.25, 0.75}},
		"the second of two":                     {Vote{Classifier: true, OneClass: true, Link: Mirrored32}, []float64{minus0, 0.5}, []float64{0.5, half}},
		"the first of two":                      {Vote{Classifier: true, OneClass: true}, []float64{0.5, minus0}, []float64{-0.5, 0.5}},
		"the first of two, positive":            {Vote{Classifier: true, OneClass: true, Positive: true}, []float64{0.25, minus0}, []float64{0.75, 0.25}},
		"the first of two, logistic":            {Vote{Classifier: true, OneClass: true, Positive: true, Link: Mirrored32}, []float64{0.5, minus0}, []float64{1 - half, half}},
		"the first of two, with a base":         {Vote{Classifier: true, OneClass: true, Base: []float64{1}}, []float64{0.5, minus0}, []float64{-1.5, 1.5}},
		"two bases make the first the second":   {Vote{Classifier: true, Base: []float64{1, 2}}, []float64{0.5, 7}, []float64{-2.5, 2.5}},
		"two bases without a second":            {Vote{Classifier: true, OneClass: true, Base: []float64{1, 2}}, []float64{0.5, minus0}, []float64{1.5, 0}},
		"scores are float32":                    {Vote{}, []float64{0.1}, []float64{tenth32}},
	} {
		t.Run(name, func(t *testing.T) {
			c.vote.Sums = all(len(c.sums))
			got, err := Once(&c.vote, c.sums)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(bitsOf(c.want), bitsOf(got)); d != "" {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestTreesAreAStep(t *testing.T) {
	f := boosted().Forest
	step, err := NewTrees("TreeEnsembleRegressor", f, []int32{2, 0})
	if err != nil {
		t.Fatal(err)
	}
	s := Spec{
		Columns: []Column{{Name: "a"}, {Name: "b"}, {Name: "c"}}, Rows: forest.Float32, Numbers: forest.Float32, ValueOnly: true,
		Steps: []Step{step}, Results: []int32{4, 3},
	}
	p, plain := compiled(t, s), compiled(t, boosted())
	const n = 2*blockRows + 7
	rows, seen := make([]float64, 3*n), make([]float64, 2*n)
	for i := range n {
		rows[3*i], rows[3*i+2] = float64(i%5), float64(i)/n*2
		seen[2*i], seen[2*i+1] = rows[3*i+2], rows[3*i]
	}
	got, margins := make([]float64, 2*n), make([]float64, 2*n)
	if err := Predict(p, got, rows[:3], 0, 0); err != nil { // one row needs less room than those that follow
		t.Fatal(err)
	}
	if err := Predict(p, got, rows, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := Margin(plain, margins, seen, 0, 2); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if got[2*i] != margins[2*i+1] || got[2*i+1] != margins[2*i] {
			t.Fatalf("row %d: %v, want %v exchanged", i, got[2*i:2*i+2], margins[2*i:2*i+2])
		}
	}
	if _, err := NewTrees("trees", f, all(3)); err == nil || !strings.Contains(err.Error(), "3 numbers for 2 features") {
		t.Errorf("%v", err)
	}
}

func TestStepsThatDoNotAddUp(t *testing.T) {
	for name, c := range map[string]struct {
		step Step
		want string
	}{
		"a slot that is not there":      {&Unary{X: []int32{3}}, "input 0 is value 3 of 2"},
		"a function of one":             {&Unary{Func: unaryCount}, "unknown function"},
		"a function of two":             {&Binary{Func: binaryCount}, "unknown function"},
		"a function of many":            {&Reduction{Func: reduceCount, Size: 1}, "unknown function"},
		"a norm":                        {&Normalization{Norm: normCount}, "unknown norm"},
		"a link":                        {&Vote{Sums: all(1), Link: Softplus}, "link softplus"},
		"more bases than sums":          {&Vote{Sums: all(1), Base: []float64{1, 2}}, "2 base values for 1 sums"},
		"pairs of different lengths":    {&Binary{A: all(2), B: all(1)}, "2 numbers and 1"},
		"triples of different lengths":  {&Choice{Where: all(2), A: all(2), B: all(1)}, "2 conditions for 2 numbers and 1"},
		"scales of another length":      {&Scaling{X: all(2), Offset: []float64{1}, Scale: []float64{1}}, "1 offsets"},
		"imputed values for others":     {&Imputation{X: all(2)}, "0 imputed values"},
		"a table too few":               {&Lookup{X: all(2), Tables: []*Table{{}}}, "1 tables for 2"},
		"no table":                      {&Lookup{X: all(1), Tables: []*Table{nil}}, "no table"},
		"keys without values":           {&Lookup{X: all(1), Tables: []*Table{{Keys: []float64{1}}}}, "1 keys for 0 values"},
		"keys that do not ascend":       {&OneHot{X: all(1), Count: 1, Tables: []*Table{{Keys: []float64{2, 1}, Values: []float64{0, 0}}}}, "key 1 is 1"},
		"keys that come twice":          {&Lookup{X: all(1), Tables: []*Table{{Keys: []float64{1, 1}, Values: []float64{0, 0}}}}, "key 1 is 1"},
		"no categories":                 {&OneHot{X: all(1), Tables: []*Table{{}}}, "0 categories"},
		"indices for other numbers":     {&Pick{Index: all(1), From: all(1), Count: 2}, "1 numbers for 1 indices into 2"},
		"groups that do not divide":     {&Reduction{X: all(2), Size: 3}, "2 numbers in groups of 3"},
		"softmax that does not divide":  {&SoftmaxOf{X: all(2), Size: 3}, "2 numbers in groups of 3"},
		"more ranks than numbers":       {&Ranking{X: all(1), Count: 2}, "2 of 1 numbers"},
		"weights that do not divide":    {NewProduct("MatMul", all(2), []float64{1, 2, 3}, nil, true, true), "3 weights"},
		"biases for others":             {NewProduct("MatMul", all(2), []float64{1, 2}, []float64{1, 2}, true, true), "2 biases"},
		"nothing to multiply":           {NewProduct("MatMul", nil, nil, nil, true, true), "0 weights"},
		"a sum of what is not there":    {&RunningSum{X: []int32{-1}}, "value -1"},
		"a clip of what is not there":   {&Clip{X: []int32{2}}, "value 2"},
		"a vote of what is not there":   {&Vote{Sums: []int32{2}}, "value 2"},
		"a choice of what is not there": {&Choice{Where: []int32{0}, A: []int32{0}, B: []int32{9}}, "value 9"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.step.Check(2); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: want %q", err, c.want)
			}
		})
	}
}
