package lightgbm

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/besra-ml/besra/pipeline"

	"github.com/besra-ml/besra/internal/formattest"
)

// synthetic returns a model of trees with so many leaves, in LightGBM's own spelling.
func synthetic(trees, leaves, features int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	fmt.Fprintf(&b, "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=%d\nobjective=binary sigmoid:1\nfeature_names=", features-1)
	for i := range features {
		fmt.Fprintf(&b, "Column_%d ", i)
	}
	b.WriteString("\nfeature_infos=" + strings.Repeat("[0:1] ", features) + "\ntree_sizes=\n\n")
	for i := range trees {
		left, right := make([]int, leaves-1), make([]int, leaves-1)
		place := make([]*int, leaves) // where each leaf hangs
		for s := range left {
			leaf := 0
			if s > 0 {
				leaf = r.IntN(s + 1)
				*place[leaf] = s
			}
			left[s], right[s] = -leaf-1, -s-2
			place[leaf], place[s+1] = &left[s], &right[s]
		}
		list := func(key string, n int, one func(int) any) {
			b.WriteString(key + "=")
			for j := range n {
				if j > 0 {
					b.WriteByte(' ')
				}
				fmt.Fprint(&b, one(j))
			}
			b.WriteString("\n")
		}
		long := func(int) any { return fmt.Sprintf("%.17g", r.NormFloat64()) }
		short := func(int) any { return fmt.Sprintf("%g", float32(r.Float64())) }
		fmt.Fprintf(&b, "Tree=%d\nnum_leaves=%d\nnum_cat=0\n", i, leaves)
		list("split_feature", leaves-1, func(int) any { return r.IntN(features) })
		list("split_gain", leaves-1, short)
		list("threshold", leaves-1, long)
		list("decision_type", leaves-1, func(int) any { return 8 + 2*r.IntN(2) })
		list("left_child", leaves-1, func(j int) any { return left[j] })
		list("right_child", leaves-1, func(j int) any { return right[j] })
		list("leaf_value", leaves, long)
		list("leaf_weight", leaves, long)
		list("leaf_count", leaves, func(int) any { return r.IntN(1000) })
		list("internal_value", leaves-1, short)
		list("internal_weight", leaves-1, short)
		list("internal_count", leaves-1, func(int) any { return r.IntN(10000) })
		b.WriteString("is_linear=0\nshrinkage=0.1\n\n\n")
	}
	b.WriteString("end of trees\n")
	return sized(b.String())
}

func TestMemoryIsAFewTimesTheFile(t *testing.T) {
	data := synthetic(500, 63, 30)
	used := formattest.Allocated(func() { mustCompile(t, data) })
	if used > 3*uint64(len(data)) {
		t.Errorf("%d bytes were allocated for a file of %d", used, len(data))
	}
}

func BenchmarkRead(b *testing.B) {
	data := synthetic(500, 63, 30)
	for name, compile := range map[string]bool{"read": false, "read and compile": true} {
		b.Run("500 trees of 63 leaves/"+name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				spec, err := Read(data)
				if err == nil && compile {
					_, err = pipeline.Compile(spec)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
