package forest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
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
	growth                          growth
}

// growth is how trees grow.
type growth uint8

const (
	branching growth = iota // now and then a branch ends early
	leafwise                // up to 2^depth leaves, each in place of any other
	level                   // all splits of a level are the same
	given                   // likewise, and given by levels where leaves are scalar
	mixed                   // in every way
	growthCount
)

// values that comparisons trip over; thresholds and rows draw from the same list, so that they meet.
var awkward = []float64{
	0, math.Copysign(0, -1), 1, -1, 0.1, 1e-35, ZeroLimit, -ZeroLimit, math.SmallestNonzeroFloat32,
	-math.SmallestNonzeroFloat32, math.SmallestNonzeroFloat64, math.MaxFloat32, -math.MaxFloat32, 1e39, -1e39,
	16777216, 16777217, 0.30000001192092896, 3, 4, 5, -0.5, 0.5, 63, 64, 5.999, -999, math.MaxFloat64, -math.MaxFloat64,
	math.Inf(1), math.Inf(-1), 1<<31 - 0.5, 1 << 31, 1<<32 - 1, 1 << 32,
}

// someValue returns an awkward value or another, and at times a neighbour of it in one of the widths.
func someValue(r *rand.Rand) float64 {
	x := math.Round(r.NormFloat64()*8) / 4
	if r.IntN(3) == 0 {
		x = awkward[r.IntN(len(awkward))]
	}
	toward := math.Inf(1 - 2*r.IntN(2))
	switch r.IntN(8) {
	case 0:
		return math.Nextafter(x, toward)
	case 1:
		return float64(math.Nextafter32(float32(x), float32(toward)))
	}
	return x
}

// someNumber returns what a leaf may add: at times a zero of either sign, or so much that sums become infinite, or NaN.
func someNumber(r *rand.Rand) float64 {
	if r.IntN(20) == 0 {
		return []float64{0, math.Copysign(0, -1), math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32}[r.IntN(5)]
	}
	return r.NormFloat64()
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
				f.Vectors = append(f.Vectors, narrow(someNumber(r)))
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
			t.Weight = narrow(4 * r.Float64())
		}
		how := s.growth
		if how == mixed {
			how = growth(r.IntN(int(mixed)))
		}
		switch how {
		case leafwise:
			growLeafwise(r, s, &t, narrow)
		case level:
			growLevels(r, s, &t, narrow)
		case given:
			growLevels(r, s, &t, narrow)
			if !s.vectors && !s.lines {
				giveLevels(&t)
			}
		default:
			grow(r, s, f, &t, s.depth, narrow)
		}
		if t.Nodes != nil && r.IntN(4) == 0 {
			t.Nodes = shuffled(r, t.Nodes)
		}
		f.Trees = append(f.Trees, t)
	}
	if r.IntN(2) == 0 {
		inOneList(f)
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
	t.Nodes = append(t.Nodes, randomLeaf(r, s, at, narrow))
	if depth == 0 || r.IntN(6) == 0 {
		return at
	}
	n := randomSplit(r, s)
	n.Left = grow(r, s, f, t, depth-1, narrow)
	n.Right = grow(r, s, f, t, depth-1, narrow)
	t.Nodes[at] = n
	return at
}

func randomLeaf(r *rand.Rand, s shape, id int32, narrow func(float64) float64) Node {
	n := Node{Feature: Leaf, Value: narrow(someNumber(r)), ID: id, Ref: -1}
	if s.vectors || s.lines && r.IntN(2) == 0 {
		n.Ref = int32(r.IntN(6))
	}
	return n
}

func randomSplit(r *rand.Rand, s shape) Node {
	return Node{
		Feature: int32(r.IntN(s.features)), Value: someValue(r), Op: s.ops[r.IntN(len(s.ops))],
		Missing: s.missing[r.IntN(len(s.missing))], DefaultLeft: r.IntN(2) == 0, Ref: int32(r.IntN(4)),
	}
}

func growLeafwise(r *rand.Rand, s shape, t *Tree, narrow func(float64) float64) {
	t.Nodes = append(t.Nodes, randomLeaf(r, s, 0, narrow))
	leaves := []int32{0}
	for range r.IntN(1 << s.depth) {
		i := r.IntN(len(leaves))
		if r.IntN(2) == 0 {
			i = len(leaves) - 1 // so that some get deep
		}
		n := randomSplit(r, s)
		n.Left, n.Right = int32(len(t.Nodes)), int32(len(t.Nodes)+1)
		if r.IntN(2) == 0 {
			n.Left, n.Right = n.Right, n.Left
		}
		t.Nodes = append(t.Nodes, randomLeaf(r, s, n.Left, narrow), randomLeaf(r, s, n.Right, narrow))
		t.Nodes[leaves[i]] = n
		leaves[i] = n.Left
		leaves = append(leaves, n.Right)
	}
}

func growLevels(r *rand.Rand, s shape, t *Tree, narrow func(float64) float64) {
	depth := s.depth - r.IntN(2)*r.IntN(s.depth+1)
	for d := range depth {
		n := randomSplit(r, s)
		for range 1 << d {
			at := int32(len(t.Nodes))
			n.Left, n.Right = 2*at+1, 2*at+2
			t.Nodes = append(t.Nodes, n)
		}
	}
	for range 1 << depth {
		t.Nodes = append(t.Nodes, randomLeaf(r, s, int32(len(t.Nodes)), narrow))
	}
}

// shuffled returns the nodes of a tree in another order, the root first, among others that it does not reach.
func shuffled(r *rand.Rand, nodes []Node) []Node {
	to := append([]int{0}, r.Perm(len(nodes)+2)...)
	for i := range to[1:] {
		to[i+1]++
	}
	out := make([]Node, len(nodes)+3)
	for i := range out {
		out[i] = []Node{
			{Feature: Leaf, Value: math.Inf(1), Ref: math.MaxInt32},
			{Feature: math.MaxInt32, Left: -7, Right: math.MaxInt32, Value: math.NaN()},
		}[r.IntN(2)]
	}
	for i, n := range nodes {
		if n.Feature != Leaf {
			n.Left, n.Right = int32(to[n.Left]), int32(to[n.Right])
		}
		out[to[i]] = n
	}
	return out
}

// giveLevels gives a tree that grew by levels as such.
func giveLevels(t *Tree) {
	inner := len(t.Nodes) / 2
	for i := 0; i < inner; i = 2*i + 1 {
		n := t.Nodes[i]
		n.Left, n.Right = 0, 0
		t.Levels = append(t.Levels, n)
	}
	for _, n := range t.Nodes[inner:] {
		t.Leaves = append(t.Leaves, n.Value)
	}
	t.Nodes = nil
}

// inOneList puts the leaves of symmetric trees one behind the other, unweighted, as formats do.
func inOneList(f *Forest) {
	var all []float64
	for i := range f.Trees {
		all = append(all, f.Trees[i].Leaves...)
	}
	for i := range f.Trees {
		if t := &f.Trees[i]; t.symmetric() {
			t.Leaves, all, t.Weight = all[:len(t.Leaves)], all[len(t.Leaves):], 1
		}
	}
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
		"as XGBoost has them":             {30, 1, 100, 6, Float32, Float32, []Op{Less}, onlyNaN, false, false, false, branching},
		"several outputs":                 {5, 3, 33, 4, Float32, Float32, []Op{Less}, onlyNaN, false, false, false, branching},
		"vector leaves":                   {5, 3, 20, 4, Float32, Float32, ordering, onlyNaN, true, false, false, branching},
		"categories":                      {5, 2, 70, 4, Float32, Float32, anyOp, onlyNaN, false, false, true, branching},
		"as LightGBM has them":            {8, 1, 130, 7, Float64, Float64, []Op{LessEqual, In}, anyRule, false, false, false, branching},
		"linear leaves":                   {8, 2, 20, 5, Float64, Float64, []Op{LessEqual}, onlyNaN, false, true, true, branching},
		"float32 rows, double sums":       {8, 1, 64, 6, Float32, Float64, []Op{Greater}, anyRule, false, false, true, branching},
		"double rows, float32 sums":       {8, 1, 65, 6, Float64, Float32, anyOp, anyRule, false, false, true, branching},
		"more columns than narrow holds":  {33000, 1, 40, 5, Float32, Float32, ordering, onlyNaN, false, false, false, branching},
		"more outcomes than pay":          {40, 1, 6, 9, Float32, Float32, []Op{In, Equal}, anyRule, false, false, true, branching},
		"the same, few levels":            {40, 1, 9, 5, Float32, Float64, []Op{In, Equal}, anyRule, false, false, true, branching},
		"the same, few leaves":            {40, 1, 9, 6, Float64, Float64, []Op{In, Equal}, anyRule, false, false, true, leafwise},
		"the same, in levels":             {40, 1, 9, 10, Float32, Float32, []Op{NotEqual, Equal}, anyRule, false, false, true, level},
		"leaves only":                     {2, 1, 9, 0, Float32, Float32, ordering, onlyNaN, false, false, false, branching},
		"no trees":                        {2, 2, 0, 0, Float32, Float32, ordering, onlyNaN, false, false, false, branching},
		"leaf by leaf":                    {30, 1, 130, 6, Float64, Float64, []Op{LessEqual}, anyRule, false, false, false, leafwise},
		"leaf by leaf, float32":           {30, 1, 130, 6, Float32, Float32, ordering, onlyNaN, false, false, true, leafwise},
		"leaf by leaf, several outputs":   {30, 3, 130, 6, Float64, Float64, []Op{LessEqual}, anyRule, false, false, false, leafwise},
		"leaf by leaf, larger":            {8, 1, 70, 8, Float64, Float64, []Op{LessEqual}, anyRule, false, false, false, leafwise},
		"a hundred columns":               {100, 1, 130, 6, Float32, Float32, ordering, onlyNaN, false, false, true, branching},
		"a hundred columns, leaf by leaf": {100, 1, 130, 6, Float64, Float64, ordering, onlyNaN, false, false, true, leafwise},
		"a hundred columns, levels":       {100, 2, 130, 6, Float64, Float32, ordering, onlyNaN, false, false, true, level},
		"as CatBoost has them":            {30, 1, 130, 6, Float32, Float64, []Op{Greater}, onlyNaN, false, false, false, level},
		"levels of any kind":              {20, 3, 130, 9, Float64, Float32, anyOp, anyRule, true, false, true, level},
		"given by levels":                 {30, 1, 130, 6, Float32, Float64, []Op{LessEqual}, onlyNaN, false, false, false, given},
		"given by levels, of any kind":    {20, 3, 130, 9, Float64, Float32, anyOp, anyRule, false, false, true, given},
		"given by levels, all orders":     {20, 1, 130, 7, Float32, Float64, ordering, anyRule, false, false, true, given},
		"given by levels, double sums":    {20, 3, 130, 7, Float64, Float64, ordering, anyRule, false, false, true, given},
		"given in every way":              {20, 2, 130, 6, Float32, Float64, anyOp, anyRule, false, false, true, mixed},
		"deep":                            {6, 1, 11, 14, Float32, Float32, ordering, anyRule, false, false, true, branching},
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

// evaluators returns evaluators of a forest by all kernels that may take it. Those that compare bytes run in Go where
// there is no assembly for them; where there is, not every machine runs it.
func evaluators(t *testing.T, f *Forest) map[string]*Evaluator {
	t.Helper()
	compiled, err := Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	es := map[string]*Evaluator{
		"compiled":    compiled,
		"in lockstep": newEvaluator(f, assemble(f, kernels{})),
		"by levels":   newEvaluator(f, assemble(f, kernels{symmetric: true})),
	}
	if canCompareBytes() {
		es["by bytes"] = newEvaluator(f, assemble(f, kernels{bytes: true}))
		es["by levels and by bytes"] = newEvaluator(f, assemble(f, kernels{symmetric: true, bytes: true}))
	}
	return es
}

func TestKernelsTakeWhatTheyShould(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	kernel := func(s shape, have kernels) string {
		f := randomForest(r, s)
		if _, err := Compile(f); err != nil {
			t.Fatal(err)
		}
		switch k := assemble(f, have).rows.(type) {
		case *symmetric:
			if k.blocks != nil {
				return "symmetric by bytes"
			}
			return "symmetric"
		case *mask, *sieve:
			return strings.TrimPrefix(fmt.Sprintf("%T", k), "*forest.")
		default:
			p := assemble(f, have)
			switch {
			case p.deep:
				return "deep"
			case p.narrow:
				return "narrow"
			}
			return "wide"
		}
	}
	boosted := shape{30, 1, 100, 6, Float32, Float32, ordering, onlyNaN, false, false, true, branching}
	for name, c := range map[string]struct {
		change func(*shape)
		want   string
	}{
		"six levels":                {func(*shape) {}, "mask"},
		"vector leaves":             {func(s *shape) { s.vectors, s.outputs = true, 3 }, "mask"},
		"double sums":               {func(s *shape) { s.sum = Float64 }, "mask"},
		"double columns":            {func(s *shape) { s.input = Float64 }, "mask"},
		"zeros missing":             {func(s *shape) { s.missing, s.features = anyRule, 20 }, "mask"},
		"some categories":           {func(s *shape) { s.ops, s.trees = []Op{Less, Less, Less, In}, 4 }, "mask"},
		"sixty-four leaves":         {func(s *shape) { s.growth = leafwise }, "sieve"},
		"more leaves":               {func(s *shape) { s.growth, s.depth = leafwise, 9 }, "deep"},
		"nine levels":               {func(s *shape) { s.depth = 9 }, "narrow"},
		"many columns":              {func(s *shape) { s.features = 400 }, "narrow"},
		"more leaves, double":       {func(s *shape) { s.growth, s.depth, s.input = leafwise, 9, Float64 }, "deep"},
		"a hundred columns":         {func(s *shape) { s.features = 100 }, "mask"},
		"a hundred double columns":  {func(s *shape) { s.features, s.growth, s.input = 100, leafwise, Float64 }, "sieve"},
		"many double columns":       {func(s *shape) { s.features, s.input = 400, Float64 }, "narrow"},
		"too many columns":          {func(s *shape) { s.features = 40000 }, "wide"},
		"too many double columns":   {func(s *shape) { s.features, s.input = 40000, Float64 }, "wide"},
		"deep, many columns":        {func(s *shape) { s.growth, s.depth, s.features = leafwise, 9, 3000 }, "narrow"},
		"levels of the same splits": {func(s *shape) { s.growth = level }, "symmetric by bytes"},
		"nine such levels":          {func(s *shape) { s.growth, s.depth = level, 9 }, "symmetric by bytes"},
		"such levels, many columns": {func(s *shape) { s.growth, s.features = level, 400 }, "symmetric"},
		"many tiny trees":           {func(s *shape) { s.growth, s.depth, s.trees = leafwise, 2, 1500 }, "narrow"},
		"given by levels":           {func(s *shape) { s.growth = given }, "symmetric by bytes"},
		"given and many columns":    {func(s *shape) { s.growth, s.features = given, 400 }, "symmetric"},
		"given in every way":        {func(s *shape) { s.growth, s.trees = mixed, 12 }, "sieve"},
		"no splits":                 {func(s *shape) { s.depth = 0 }, "symmetric"},
	} {
		t.Run(name, func(t *testing.T) {
			s := boosted
			c.change(&s)
			if got := kernel(s, kernels{bytes: true, symmetric: true}); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestLeavesAreCopiedOnlyWhereTheyMustBe(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Forest)
		shared bool
	}{
		"as CatBoost has them":     {func(*Forest) {}, true},
		"weighted":                 {func(f *Forest) { f.Trees[3].Weight = 0.5 }, false},
		"in another order":         {func(f *Forest) { f.Trees[3].Levels[1].Op = Greater }, false},
		"elsewhere":                {func(f *Forest) { f.Trees[3].Leaves = slices.Clone(f.Trees[3].Leaves) }, false},
		"at the end of their list": {func(f *Forest) { f.Trees[0].Leaves = f.Trees[0].Leaves[:64:64] }, false},
		"some of a tree of nodes":  {func(f *Forest) { f.Trees[3] = f.spelled().Trees[3] }, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := levelByLevel(rand.New(rand.NewPCG(8, 8)), 20, 6)
			c.change(f)
			e, err := Compile(f)
			if err != nil {
				t.Fatal(err)
			}
			k, ok := e.program.rows.(*symmetric)
			if !ok {
				t.Fatal("not by the symmetric kernel")
			}
			if shared := &k.doubles[0] == &f.Trees[0].Leaves[0]; shared != c.shared {
				t.Errorf("shared: %v, want %v", shared, c.shared)
			}
			rows := randomRows(rand.New(rand.NewPCG(9, 9)), f.Features, 50)
			got, want := make([]float64, 50), make([]float64, 50)
			Margin(e, got, rows, 0, 20)
			Plain(e, want, rows, 0, 20)
			sameBits(t, name, got, want)
		})
	}
}

func compareKernels(t *testing.T, r *rand.Rand, s shape) {
	t.Helper()
	f := randomForest(r, s)
	es := evaluators(t, f)
	n := min([]int{1, 7, 8, 9, 64, 65, 200}[r.IntN(7)], 9+10000/s.features)
	from := r.IntN(f.NumRounds() + 1)
	to := from + r.IntN(f.NumRounds()-from+1)
	if r.IntN(2) == 0 {
		from, to = 0, f.NumRounds()
	}
	rows := randomRows(r, s.features, n)
	want := make([]float64, n*s.outputs)
	Plain(es["compiled"], want, rows, from, to)

	got := make([]float64, n*s.outputs)
	nodes, err := Compile(f.spelled())
	if err != nil {
		t.Fatal(err)
	}
	Plain(nodes, got, rows, from, to)
	sameBits(t, "the plain walk of nodes alone", got, want)
	sameLeaves(t, es["compiled"], nodes, rows, from, to)
	for name, e := range es {
		Margin(e, got, rows, from, to)
		sameBits(t, fmt.Sprintf("%s, %d rows at once", name, n), got, want)
		for i := range n {
			Margin(e, got[i*s.outputs:(i+1)*s.outputs], rows[i*s.features:(i+1)*s.features], from, to)
		}
		sameBits(t, name+", row by row", got, want)
	}
	if s.input == Float64 {
		return
	}
	rows32 := make([]float32, len(rows))
	for i, v := range rows {
		rows32[i] = float32(v)
	}
	Margin(es["compiled"], got, rows32, from, to)
	sameBits(t, "float32 rows", got, want)
}

// sameLeaves wants forests that differ in how their trees are given to have the same leaves.
func sameLeaves(t *testing.T, a, b *Evaluator, rows []float64, from, to int) {
	t.Helper()
	n := len(rows) / a.forest.Features * (to - from)
	got, want := make([]int32, n), make([]int32, n)
	Leaves(a, got, rows, from, to)
	Leaves(b, want, rows, from, to)
	if !slices.Equal(got, want) {
		t.Fatal("the leaves of symmetric trees are others when these are spelled out")
	}
}

func TestRandomShapes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 300 {
		compareKernels(t, r, randomShape(r))
	}
}

// FuzzKernels is TestRandomShapes for as long as one likes.
func FuzzKernels(f *testing.F) {
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 7))
		compareKernels(t, r, randomShape(r))
	})
}

func randomShape(r *rand.Rand) shape {
	s := shape{
		features: 1 + r.IntN(12), outputs: 1 + r.IntN(4), trees: r.IntN(150), depth: r.IntN(9),
		input: Width(r.IntN(2)), sum: Width(r.IntN(2)), ops: ordering, missing: onlyNaN, sentinel: r.IntN(2) == 0,
	}
	s.growth = growth(r.IntN(int(growthCount)))
	if r.IntN(4) == 0 {
		s.features = 1 + r.IntN(200)
	}
	if r.IntN(2) == 0 {
		s.outputs = 1
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
	return s
}

func TestALastBaseOfLaterRounds(t *testing.T) {
	leaf := func(v float64) Tree { return Tree{Weight: 1, Nodes: []Node{{Feature: Leaf, Value: v}}} }
	f := &Forest{
		Features: 1, Outputs: 1, Trees: []Tree{leaf(1), leaf(10), leaf(100)}, Scale: 2, BaseLast: true,
		Base: []float64{0.5}, Later: []float64{math.Copysign(0, -1)},
	}
	e, err := Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, to int
		want     float64
	}{{0, 3, 222.5}, {0, 1, 2.5}, {1, 3, 220}, {2, 3, 200}, {0, 0, 0.5}, {3, 3, 0}} {
		got, plain := []float64{-1}, []float64{-1}
		Margin(e, got, []float32{0}, c.from, c.to)
		Plain(e, plain, []float32{0}, c.from, c.to)
		if got[0] != c.want || plain[0] != c.want {
			t.Errorf("rounds %d to %d: %v, by the plain walk %v, want %v", c.from, c.to, got[0], plain[0], c.want)
		}
	}
	for _, later := range [][]float64{{1, 2}, {math.NaN()}} {
		f.Later = later
		if _, err := Compile(f); err == nil {
			t.Errorf("%v are taken", later)
		}
	}
}
