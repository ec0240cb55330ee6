//go:build !race

package besra_test

import "testing"

func TestPredictingAllocatesNothing(t *testing.T) {
	for _, path := range []string{
		earlyStopped, withStrings,
		"testdata/xgboost/multi-softmax-3.2.0/model.ubj",
		"testdata/xgboost/linear-classes-3.2.0/model.ubj",
		"testdata/xgboost/vector-base-3.2.0/model.json",
	} {
		t.Run(path, func(t *testing.T) {
			m := open(path)
			const n = 100
			rows := make([]float32, n*len(m.Columns()))
			rows64 := make([]float64, len(rows))
			margins, values := make([]float64, n*m.Outputs()), make([]float64, n*m.Values())
			for _, n := range []int{n, 1} {
				w := n * len(m.Columns())
				calls := func() {
					for _, err := range []error{
						m.Margin(margins, rows[:w]), m.Predict(values, rows[:w]),
						m.Margin64(margins, rows64[:w]), m.Predict64(values, rows64[:w]),
						m.Apply(values, margins[:n*m.Outputs()]),
					} {
						if err != nil {
							t.Fatal(err)
						}
					}
				}
				calls() // scratch memory grows once
				if a := testing.AllocsPerRun(100, calls); a != 0 {
					t.Errorf("%d rows: %v allocations", n, a)
				}
			}
		})
	}
}
