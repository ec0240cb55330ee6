//go:build !race

package pipeline

import "testing"

// The race detector allocates by itself.
func TestPredictingAllocatesNothing(t *testing.T) {
	p := compiled(t, boosted())
	rows, dst := make([]float32, 2*64), make([]float64, 2*64)
	if n := testing.AllocsPerRun(100, func() { _ = Predict(p, dst, rows, 0, 2) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	s := boosted()
	s.Link = Link{Kind: Class}
	p = compiled(t, s)
	if n := testing.AllocsPerRun(100, func() { _ = Predict(p, dst, rows[:2], 0, 2) }); n != 0 {
		t.Errorf("%v allocations for a class", n)
	}
	p = compiled(t, staging())
	if n := testing.AllocsPerRun(100, func() { _ = Predict(p, dst, rows, 0, 2) }); n != 0 {
		t.Errorf("%v allocations with steps", n)
	}
	step, err := NewTrees("TreeEnsembleRegressor", boosted().Forest, []int32{1, 0})
	if err != nil {
		t.Fatal(err)
	}
	p = compiled(t, Spec{Columns: []Column{{Name: "a"}, {Name: "b"}}, Rows: 1, Numbers: 1, ValueOnly: true, Steps: []Step{step}, Results: []int32{3, 2}})
	if n := testing.AllocsPerRun(100, func() { _ = Predict(p, dst, rows, 0, 0) }); n != 0 {
		t.Errorf("%v allocations with trees as a step", n)
	}
}
