package forest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// trained returns a forest of the shape that XGBoost grows: full to its depth but for a sixth of the
// branches, and 2,000 rows to cycle through. (One row replayed would let branch predictors learn it.)
func trained(b *testing.B, trees, depth int, input Width) (*Evaluator, []float64) {
	b.Helper()
	r := rand.New(rand.NewPCG(11, 11))
	f := &Forest{Features: 30, Outputs: 1, Input: input, Sum: input}
	for range trees {
		t := Tree{Weight: 1}
		var grow func(d int) int32
		grow = func(d int) int32 {
			at := int32(len(t.Nodes))
			t.Nodes = append(t.Nodes, Node{Feature: Leaf, Value: float64(float32(r.NormFloat64()))})
			if d == depth || d > 2 && r.IntN(12) == 0 {
				return at
			}
			n := Node{Feature: int32(r.IntN(30)), Value: float64(float32(r.NormFloat64())), DefaultLeft: r.IntN(2) == 0}
			n.Left = grow(d + 1)
			n.Right = grow(d + 1)
			t.Nodes[at] = n
			return at
		}
		grow(0)
		f.Trees = append(f.Trees, t)
	}
	e, err := Compile(f)
	if err != nil {
		b.Fatal(err)
	}
	rows := make([]float64, 2000*30)
	for i := range rows {
		rows[i] = r.NormFloat64()
	}
	return e, rows
}

func BenchmarkMargin(b *testing.B) {
	for _, c := range []struct {
		trees, depth int
		input        Width
	}{{100, 6, Float32}, {500, 6, Float32}, {1000, 8, Float32}, {500, 6, Float64}} {
		e, rows := trained(b, c.trees, c.depth, c.input)
		name := fmt.Sprintf("%dxd%d", c.trees, c.depth)
		if c.input == Float64 {
			name += "-float64"
		}
		for _, n := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/rows=%d", name, n), func(b *testing.B) {
				dst := make([]float64, n)
				i := 0
				for b.Loop() {
					Margin(e, dst, rows[i*30:(i+n)*30], 0, c.trees)
					if i += n; i+n > 2000 {
						i = 0
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/row")
			})
		}
	}
}

// BenchmarkCategories is a forest of which every third split asks for a category: one of 20 by itself, or a
// set of 200.
func BenchmarkCategories(b *testing.B) {
	for _, kind := range []string{"one-hot", "partition"} {
		r := rand.New(rand.NewPCG(12, 12))
		plain, rows := trained(b, 500, 6, Float32)
		f := *plain.forest
		for i := range f.Trees {
			for j := range f.Trees[i].Nodes {
				n := &f.Trees[i].Nodes[j]
				if n.Feature == Leaf || r.IntN(3) > 0 {
					continue
				}
				n.Feature, n.Op, n.Ref = int32(r.IntN(8)), In, int32(len(f.Sets))
				set := Set{Bits: make([]uint64, 4), Cast: Truncate}
				if kind == "one-hot" {
					set.Bits = []uint64{1 << r.IntN(20)}
				} else {
					for k := range set.Bits {
						set.Bits[k] = r.Uint64()
					}
				}
				f.Sets = append(f.Sets, set)
			}
		}
		e, err := Compile(&f)
		if err != nil {
			b.Fatal(err)
		}
		for i := range rows {
			if i%30 < 8 {
				rows[i] = float64(r.IntN(200))
			}
		}
		b.Run(kind, func(b *testing.B) {
			dst := make([]float64, 1)
			i := 0
			for b.Loop() {
				Margin(e, dst, rows[i*30:(i+1)*30], 0, 500)
				i = (i + 1) % 2000
			}
		})
	}
}

// BenchmarkShapes has forests as other libraries grow them: LightGBM's, leaf by leaf; CatBoost's, level by level; and
// those of scikit-learn, whose trees go on until every leaf is pure.
func BenchmarkShapes(b *testing.B) {
	for _, c := range []struct {
		name string
		f    func(r *rand.Rand) *Forest
	}{
		{"LightGBM-500x63", func(r *rand.Rand) *Forest { return leafByLeaf(r, 500, 63) }},
		{"LightGBM-100x31", func(r *rand.Rand) *Forest { return leafByLeaf(r, 100, 31) }},
		{"CatBoost-500xd6", func(r *rand.Rand) *Forest { return levelByLevel(r, 500, 6) }},
		{"sklearn-100x1700", func(r *rand.Rand) *Forest { return untilPure(r, 100, 1700, 1) }},
		{"sklearn-100x1700-vectors", func(r *rand.Rand) *Forest { return untilPure(r, 100, 1700, 3) }},
		{"sklearn-100x12000", func(r *rand.Rand) *Forest { return untilPure(r, 100, 12000, 1) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := c.f(rand.New(rand.NewPCG(13, 13)))
			e, err := Compile(f)
			if err != nil {
				b.Fatal(err)
			}
			benchmarkKernel(b, "fastest", e)
			benchmarkKernel(b, "portable", newEvaluator(f, assemble(f, kernels{symmetric: true})))
			benchmarkKernel(b, "lockstep", newEvaluator(f, assemble(f, kernels{})))
		})
	}
}

func benchmarkKernel(b *testing.B, name string, e *Evaluator) {
	b.Helper()
	f, r := e.forest, rand.New(rand.NewPCG(14, 14))
	rows := make([]float64, 2000*f.Features)
	for i := range rows {
		if rows[i] = r.Float64(); r.IntN(33) == 0 {
			rows[i] = math.NaN()
		}
	}
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprintf("%s/rows=%d", name, n), func(b *testing.B) {
			dst := make([]float64, n*f.Outputs)
			i := 0
			for b.Loop() {
				Margin(e, dst, rows[i*f.Features:(i+n)*f.Features], 0, f.NumRounds())
				if i += n; i+n > 2000 {
					i = 0
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/row")
		})
	}
}

// A region is a leaf of a tree that grows: what share of the rows, each column uniform between 0 and 1, it has, and
// between which values.
type region struct {
	node   int32
	share  float64
	bounds [30][2]float64
}

// split makes region a split, one of whose sides it becomes, and returns the other; ok is false when there is no
// threshold to split it at, of steps to choose from.
func (g *region) split(r *rand.Rand, t *Tree, op Op, steps float64) (other region, ok bool) {
	x := r.IntN(30)
	lo, hi := g.bounds[x][0], g.bounds[x][1]
	at := math.Round((lo+(hi-lo)*r.Float64())*steps) / steps
	if at <= lo || at >= hi {
		return region{}, false
	}
	n := int32(len(t.Nodes))
	t.Nodes = append(t.Nodes, Node{Feature: Leaf, Value: float64(float32(r.NormFloat64()))},
		Node{Feature: Leaf, Value: float64(float32(r.NormFloat64()))})
	t.Nodes[g.node] = Node{Feature: int32(x), Op: op, Value: float64(float32(at)), Left: n, Right: n + 1, DefaultLeft: x%2 == 0}
	other = *g
	g.node, other.node = n, n+1
	g.bounds[x][1], other.bounds[x][0] = at, at
	g.share *= (at - lo) / (hi - lo)
	other.share -= g.share
	return other, true
}

func unitRegion() region {
	g := region{share: 1}
	for x := range g.bounds {
		g.bounds[x][1] = 1
	}
	return g
}

func leafByLeaf(r *rand.Rand, trees, leaves int) *Forest {
	f := &Forest{Features: 30, Outputs: 1, Input: Float64, Sum: Float64}
	for range trees {
		t := Tree{Weight: 1, Nodes: []Node{{Feature: Leaf}}}
		all := []region{unitRegion()}
		for len(all) < leaves {
			best := 0
			for i := range all {
				if all[i].share*r.ExpFloat64() > all[best].share {
					best = i
				}
			}
			if other, ok := all[best].split(r, &t, LessEqual, 255); ok {
				all = append(all, other)
			}
		}
		f.Trees = append(f.Trees, t)
	}
	return f
}

func levelByLevel(r *rand.Rand, trees, depth int) *Forest {
	f := &Forest{Features: 30, Outputs: 1, Input: Float32, Sum: Float64, Scale: 1, Base: []float64{0.5}, BaseLast: true}
	leaves := make([]float64, trees<<depth)
	for i := range leaves {
		leaves[i] = r.NormFloat64()
	}
	for range trees {
		t := Tree{Weight: 1}
		for range depth {
			t.Levels = append(t.Levels, Node{
				Feature: int32(r.IntN(30)), Op: LessEqual, Value: float64(float32(1+r.IntN(254)) / 255), DefaultLeft: true,
			})
		}
		t.Leaves, leaves = leaves[:1<<depth], leaves[1<<depth:]
		f.Trees = append(f.Trees, t)
	}
	return f
}

func untilPure(r *rand.Rand, trees, leaves, outputs int) *Forest {
	f := &Forest{Features: 30, Outputs: outputs, Input: Float32, Sum: Float32}
	for range trees {
		t := Tree{Weight: 1, Nodes: []Node{{Feature: Leaf}}}
		all := []region{unitRegion()}
		for i := 0; i < len(all); i++ {
			for all[i].share*float64(leaves)*r.ExpFloat64() > 1 {
				if other, ok := all[i].split(r, &t, LessEqual, 1<<20); ok {
					all = append(all, other)
				}
			}
		}
		for i := range t.Nodes {
			if t.Nodes[i].Feature == Leaf && outputs > 1 {
				t.Nodes[i].Ref = int32(len(f.Vectors) / outputs)
				for range outputs {
					f.Vectors = append(f.Vectors, float64(r.Float32()))
				}
			}
		}
		f.Trees = append(f.Trees, t)
	}
	return f
}
