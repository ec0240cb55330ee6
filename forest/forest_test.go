package forest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// shape is what a random forest may be made of.
type shape struct {
	features, outputs, trees, depth int
	input, sum                      Width
	ops                             []Op
	missing                         []Missing
	vectors, lines                  bool
	sentinel                        bool
}

// values that comparisons trip over; thresholds and rows draw from the same list, so that they meet.
var awkward = []float64{
	0, math.Copysign(0, -1), 1, -1, 0.1, 1e-35, ZeroLimit, -ZeroLimit, math.SmallestNonzeroFloat32,
	-math.SmallestNonzeroFloat32, math.SmallestNonzeroFloat64, math.MaxFloat32, -math.MaxFloat32, 1e39, -1e39,
	16777216, 16777217, 0.30000001192092896, 3, 4, 5, -0.5, 0.5, 63, 64, 5.999, -999,
}

func someValue(r *rand.Rand) float64 {
	if r.IntN(3) == 0 {
		return awkward[r.IntN(len(awkward))]
	}
	return math.Round(r.NormFloat64()*8) / 4
}

func randomForest(r *rand.Rand, s shape) *Forest {
	f := &Forest{Features: s.features, Outputs: s.outputs, Input: s.input, Sum: s.sum}
	narrow := func(x float64) float64 {
		if s.sum == Float32 {
			return float64(float32(x))
		}
		return x
	}
	for range 4 {
		bits := make([]uint64, 1+r.IntN(2))
		for i := range bits {
			bits[i] = r.Uint64()
		}
		f.Sets = append(f.Sets, Set{First: uint32(r.IntN(2)), Bits: bits, Cast: Cast(r.IntN(int(castCount)))})
	}
	for range 6 {
		if s.vectors {
			for range s.outputs {
				f.Vectors = append(f.Vectors, narrow(r.NormFloat64()))
			}
		}
		if s.lines {
			f.Lines = append(f.Lines, Line{
				Constant: narrow(r.NormFloat64()), Coefficients: []float64{narrow(r.NormFloat64()), 2},
				Features: []int32{int32(r.IntN(s.features)), int32(r.IntN(s.features))},
			})
		}
	}
	if s.sentinel {
		x := -999.0
		f.Sentinel = &x
	}
	for i := range s.trees {
		t := Tree{Output: i % s.outputs, Weight: 1}
		if r.IntN(4) == 0 {
			t.Weight = narrow(r.Float64())
		}
		grow(r, s, f, &t, s.depth, narrow)
		f.Trees = append(f.Trees, t)
	}
	for range s.outputs {
		f.Base = append(f.Base, narrow(r.NormFloat64()))
	}
	f.BaseLast, f.Average = r.IntN(2) == 0, r.IntN(2) == 0
	if r.IntN(2) == 0 {
		f.Scale = 0.5
	}
	return f
}

func grow(r *rand.Rand, s shape, f *Forest, t *Tree, depth int, narrow func(float64) float64) int32 {
	at := int32(len(t.Nodes))
	t.Nodes = append(t.Nodes, Node{Feature: Leaf, Value: narrow(r.NormFloat64()), ID: at, Ref: -1})
	if depth == 0 || r.IntN(6) == 0 {
		if s.vectors || s.lines && r.IntN(2) == 0 {
			t.Nodes[at].Ref = int32(r.IntN(6))
		}
		return at
	}
	n := Node{
		Feature: int32(r.IntN(s.features)), Value: someValue(r), Op: s.ops[r.IntN(len(s.ops))],
		Missing: s.missing[r.IntN(len(s.missing))], DefaultLeft: r.IntN(2) == 0, Ref: int32(r.IntN(4)),
	}
	n.Left = grow(r, s, f, t, depth-1, narrow)
	n.Right = grow(r, s, f, t, depth-1, narrow)
	t.Nodes[at] = n
	return at
}

func randomRows(r *rand.Rand, features, n int) []float64 {
	rows := make([]float64, features*n)
	for i := range rows {
		switch r.IntN(10) {
		case 0:
			rows[i] = math.NaN()
		case 1:
			rows[i] = math.Inf(1 - 2*r.IntN(2))
		default:
			rows[i] = someValue(r)
		}
	}
	return rows
}

func sameBits(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
			t.Fatalf("%s: result %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

var (
	ordering = []Op{Less, LessEqual, Greater, GreaterEqual}
	anyOp    = []Op{Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual, In}
	onlyNaN  = []Missing{NaN}
	anyRule  = []Missing{NaN, NaNAsZero, ZeroAndNaN}
)

func TestKernelsGiveTheBitsOfThePlainWalk(t *testing.T) {
	shapes := map[string]shape{
		"as XGBoost has them":            {30, 1, 100, 6, Float32, Float32, []Op{Less}, onlyNaN, false, false, false},
		"several outputs":                {5, 3, 33, 4, Float32, Float32, []Op{Less}, onlyNaN, false, false, false},
		"vector leaves":                  {5, 3, 20, 4, Float32, Float32, ordering, onlyNaN, true, false, false},
		"categories":                     {5, 2, 70, 4, Float32, Float32, anyOp, onlyNaN, false, false, true},
		"as LightGBM has them":           {8, 1, 130, 7, Float64, Float64, []Op{LessEqual, In}, anyRule, false, false, false},
		"linear leaves":                  {8, 2, 20, 5, Float64, Float64, []Op{LessEqual}, onlyNaN, false, true, true},
		"float32 rows, double sums":      {8, 1, 64, 6, Float32, Float64, []Op{Greater}, anyRule, false, false, true},
		"double rows, float32 sums":      {8, 1, 65, 6, Float64, Float32, anyOp, anyRule, false, false, true},
		"more columns than narrow holds": {3000, 1, 40, 5, Float32, Float32, ordering, onlyNaN, false, false, false},
		"more outcomes than pay":         {40, 1, 6, 9, Float32, Float32, []Op{In, Equal}, anyRule, false, false, true},
		"leaves only":                    {2, 1, 9, 0, Float32, Float32, ordering, onlyNaN, false, false, false},
		"no trees":                       {2, 2, 0, 0, Float32, Float32, ordering, onlyNaN, false, false, false},
		"deep":                           {6, 1, 11, 14, Float32, Float32, ordering, anyRule, false, false, true},
	}
	for name, s := range shapes {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(len(name))))
			for range 12 {
				compareKernels(t, r, s)
			}
		})
	}
}

// withoutMask returns an evaluator of the same forest by the portable kernels.
func withoutMask(e *Evaluator) *Evaluator {
	return newEvaluator(e.forest, assemble(e.forest, false))
}

func TestTheMaskKernelTakesWhatItShould(t *testing.T) {
	if !hasMask() {
		t.Log("this machine has no mask kernel: the portable ones alone are compared")
		return
	}
	r := rand.New(rand.NewPCG(2, 2))
	takes := func(s shape) bool {
		e, err := Compile(randomForest(r, s))
		if err != nil {
			t.Fatal(err)
		}
		return e.program.mask != nil
	}
	yes := shape{30, 1, 100, 6, Float32, Float32, ordering, onlyNaN, false, false, true}
	for name, change := range map[string]func(*shape){
		"six levels":      func(*shape) {},
		"vector leaves":   func(s *shape) { s.vectors, s.outputs = true, 3 },
		"double sums":     func(s *shape) { s.sum = Float64 },
		"some categories": func(s *shape) { s.ops, s.trees = []Op{Less, Less, Less, In}, 4 },
	} {
		if s := yes; true {
			if change(&s); !takes(s) {
				t.Errorf("%s: it does not take them", name)
			}
		}
	}
	for name, change := range map[string]func(*shape){
		"seven levels":   func(s *shape) { s.depth = 9 },
		"double columns": func(s *shape) { s.input = Float64 },
		"zeros missing":  func(s *shape) { s.missing = anyRule },
		"many columns":   func(s *shape) { s.features = 400 },
		"no splits":      func(s *shape) { s.depth = 0 },
	} {
		if s := yes; true {
			if change(&s); takes(s) {
				t.Errorf("%s: it takes them", name)
			}
		}
	}
}

// TestRanksOfManyThresholds has more thresholds in a column than a byte counts, and every value around them.
func TestRanksOfManyThresholds(t *testing.T) {
	const n = 700
	f := &Forest{Features: 2, Outputs: 1, Input: Float32, Sum: Float32}
	var rows []float64
	for i := range n {
		x := float64(float32(i) / 7)
		f.Trees = append(f.Trees, Tree{Weight: 1, Nodes: []Node{
			{Feature: int32(i % 2), Value: x, Left: 1, Right: 2, DefaultLeft: i%3 == 0},
			{Feature: Leaf, Value: float64(i)},
			{Feature: Leaf, Value: float64(-2 * i)},
		}})
		up, down := float64(math.Nextafter32(float32(x), 1e9)), float64(math.Nextafter32(float32(x), -1e9))
		rows = append(rows, x, up, up, down, down, x)
	}
	inf := math.Inf(1)
	rows = append(rows, math.NaN(), 3, 3, math.NaN(), inf, -inf, -inf, inf, math.NaN(), math.NaN())
	e, err := Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	if e.program.mask == nil && hasMask() {
		t.Fatal("the mask kernel does not take it")
	}
	want, got := make([]float64, len(rows)/2), make([]float64, len(rows)/2)
	Plain(e, want, rows, 0, n)
	Margin(e, got, rows, 0, n)
	sameBits(t, "mask", got, want)
	Margin(withoutMask(e), got, rows, 0, n)
	sameBits(t, "lockstep", got, want)
}

func compareKernels(t *testing.T, r *rand.Rand, s shape) {
	t.Helper()
	f := randomForest(r, s)
	e, err := Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	n := []int{1, 7, 8, 9, 64, 65, 200}[r.IntN(7)]
	from := r.IntN(f.NumRounds() + 1)
	to := from + r.IntN(f.NumRounds()-from+1)
	if r.IntN(2) == 0 {
		from, to = 0, f.NumRounds()
	}
	rows := randomRows(r, s.features, n)
	want := make([]float64, n*s.outputs)
	Plain(e, want, rows, from, to)

	got := make([]float64, n*s.outputs)
	Margin(e, got, rows, from, to)
	sameBits(t, fmt.Sprintf("%d rows at once", n), got, want)
	Margin(withoutMask(e), got, rows, from, to)
	sameBits(t, fmt.Sprintf("%d rows at once, in lockstep", n), got, want)
	for i := range n {
		Margin(e, got[i*s.outputs:(i+1)*s.outputs], rows[i*s.features:(i+1)*s.features], from, to)
	}
	sameBits(t, "row by row", got, want)
	lockstep := withoutMask(e)
	for i := range n {
		Margin(lockstep, got[i*s.outputs:(i+1)*s.outputs], rows[i*s.features:(i+1)*s.features], from, to)
	}
	sameBits(t, "row by row, in lockstep", got, want)

	if s.input == Float64 {
		return
	}
	rows32 := make([]float32, len(rows))
	for i, v := range rows {
		rows32[i] = float32(v)
	}
	Margin(e, got, rows32, from, to)
	sameBits(t, "float32 rows", got, want)
}

func TestRandomShapes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 300 {
		s := shape{
			features: 1 + r.IntN(12), outputs: 1 + r.IntN(4), trees: r.IntN(150), depth: r.IntN(9),
			input: Width(r.IntN(2)), sum: Width(r.IntN(2)), ops: ordering, missing: onlyNaN, sentinel: r.IntN(2) == 0,
		}
		if r.IntN(2) == 0 {
			s.ops = anyOp
		}
		if r.IntN(2) == 0 {
			s.missing = anyRule
		}
		switch r.IntN(4) {
		case 0:
			s.vectors = true
		case 1:
			s.lines, s.sum = true, Float64
		}
		compareKernels(t, r, s)
	}
}
