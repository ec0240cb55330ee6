//go:build !race

package forest

import (
	"math/rand/v2"
	"runtime"
	"testing"
)

func TestPredictionAllocatesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for name, s := range map[string]shape{
		"branching":    {30, 1, 100, 6, Float32, Float32, []Op{Less}, onlyNaN, false, false, false, branching},
		"leaf by leaf": {30, 1, 100, 6, Float64, Float64, []Op{LessEqual}, anyRule, false, false, false, leafwise},
		"levels":       {30, 1, 100, 6, Float32, Float64, []Op{Greater}, onlyNaN, false, false, false, level},
		"deep":         {30, 3, 100, 8, Float32, Float32, []Op{LessEqual}, onlyNaN, true, false, false, leafwise},
		"double":       {30, 2, 100, 9, Float64, Float64, []Op{LessEqual}, onlyNaN, false, false, false, branching},
	} {
		f := randomForest(r, s)
		rows := randomRows(r, 30, 100)
		dst := make([]float64, 100*s.outputs)
		for kernel, e := range evaluators(t, f) {
			for _, n := range []int{1, 7, 100} {
				Margin(e, dst, rows, 0, 100) // the scratch grows once
				if a := testing.AllocsPerRun(100, func() { Margin(e, dst, rows[:n*30], 0, 100) }); a != 0 {
					t.Errorf("%s, %s, %d rows: %v allocations", name, kernel, n, a)
				}
			}
		}
	}
}

// TestColumnsCostNothingUntilTheyAreUsed compiles small forests of as many columns as there may be.
func TestColumnsCostNothingUntilTheyAreUsed(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for name, growth := range map[string]growth{"levels": level, "given by levels": given, "leaf by leaf": leafwise, "branching": branching} {
		for _, input := range []Width{Float32, Float64} {
			f := randomForest(r, shape{MaxFeatures, 1, 10, 5, input, Float64, ordering, anyRule, false, false, false, growth})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			e, err := Compile(f)
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
				t.Errorf("%s: %d bytes were allocated", name, used)
			}
			runtime.KeepAlive(e)
		}
	}
}
