// Package linear evaluates linear models in the order and width of the library that trained them.
package linear

import (
	"fmt"
	"math"

	"github.com/besra-ml/besra/forest"
)

// A Linear is a linear model: the margin of output k is Bias[k] + Base[k], plus Weights[f·Outputs+k] times
// the value of feature f, for every f that is not missing, from the first to the last.
type Linear struct {
	Features int
	Outputs  int
	Width    forest.Width // rows are rounded to this width, and every product and sum as well
	Weights  []float64    // Features×Outputs
	Bias     []float64    // Outputs
	Base     []float64    // Outputs; nil: 0
	Sentinel *float64     // a value of that width that is missing beside NaN; nil: none
}

// Validate checks that the lengths agree and every number can be used.
func (l *Linear) Validate() error {
	if l.Features < 1 || l.Features > forest.MaxFeatures {
		return fmt.Errorf("%d features: want 1 to %d", l.Features, forest.MaxFeatures)
	}
	if l.Outputs < 1 || l.Outputs > forest.MaxOutputs {
		return fmt.Errorf("%d outputs: want 1 to %d", l.Outputs, forest.MaxOutputs)
	}
	if len(l.Weights) != l.Features*l.Outputs || len(l.Bias) != l.Outputs {
		return fmt.Errorf("%d weights and %d biases for %d features and %d outputs",
			len(l.Weights), len(l.Bias), l.Features, l.Outputs)
	}
	if len(l.Base) != 0 && len(l.Base) != l.Outputs {
		return fmt.Errorf("%d base values for %d outputs", len(l.Base), l.Outputs)
	}
	for i, b := range l.Base {
		if math.IsNaN(b) {
			return fmt.Errorf("base value %d is NaN", i)
		}
	}
	for i, w := range l.Weights {
		if math.IsNaN(w) || math.IsInf(w, 0) {
			return fmt.Errorf("weight %d is %v", i, w)
		}
	}
	for i, b := range l.Bias {
		if math.IsNaN(b) || math.IsInf(b, 0) {
			return fmt.Errorf("bias %d is %v", i, b)
		}
	}
	return nil
}

// Margin writes the margins of each row into dst: n×Outputs for rows of n×Features values, row-major.
// The lengths are the caller's to check.
func Margin[T float32 | float64](l *Linear, dst []float64, rows []T) {
	for len(rows) >= l.Features {
		for k := range l.Outputs {
			if l.Width == forest.Float32 {
				dst[k] = float64(sum32(l, rows[:l.Features], k))
			} else {
				dst[k] = sum64(l, rows[:l.Features], k)
			}
		}
		rows, dst = rows[l.Features:], dst[l.Outputs:]
	}
}

// The conversions around products keep compilers from fusing them into the sums.

func sum32[T float32 | float64](l *Linear, row []T, k int) float32 {
	s := float32(l.Bias[k])
	if len(l.Base) > 0 {
		s += float32(l.Base[k])
	}
	for f, v := range row {
		x := float32(v)
		if x != x || l.Sentinel != nil && x == float32(*l.Sentinel) {
			continue
		}
		s += float32(x * float32(l.Weights[f*l.Outputs+k]))
	}
	return s
}

func sum64[T float32 | float64](l *Linear, row []T, k int) float64 {
	s := l.Bias[k]
	if len(l.Base) > 0 {
		s += l.Base[k]
	}
	for f, v := range row {
		x := float64(v)
		if x != x || l.Sentinel != nil && x == *l.Sentinel {
			continue
		}
		s += float64(x * l.Weights[f*l.Outputs+k])
	}
	return s
}
