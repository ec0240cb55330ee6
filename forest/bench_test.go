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
