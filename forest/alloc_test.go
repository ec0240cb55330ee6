//go:build !race

package forest

import (
	"math/rand/v2"
	"testing"
)

func TestPredictionAllocatesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	f := randomForest(r, shape{30, 1, 100, 6, Float32, Float32, []Op{Less}, onlyNaN, false, false, false, branching})
	e, err := Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	rows := randomRows(r, 30, 100)
	dst := make([]float64, 100)
	for _, n := range []int{1, 7, 100} {
		Margin(e, dst, rows, 0, 100) // the scratch grows once
		if a := testing.AllocsPerRun(100, func() { Margin(e, dst, rows[:n*30], 0, 100) }); a != 0 {
			t.Errorf("%d rows: %v allocations", n, a)
		}
	}
}
