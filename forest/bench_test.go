package forest

import (
	"fmt"
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
