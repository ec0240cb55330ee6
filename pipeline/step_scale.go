package pipeline

import (
	"fmt"
	"math"
)

// A Scaling is ONNX's Scaler: (x - Offset) · Scale, step by step, in float32 or, of float64 numbers, in float64 and
// rounded at the end.
type Scaling struct {
	X             []int32
	Offset, Scale []float64 // a number for each slot
	Width32       bool
}

// Name returns "Scaler".
func (s *Scaling) Name() string { return "Scaler" }

// Width returns the number of slots.
func (s *Scaling) Width() int { return len(s.X) }

// Check checks the slots and lengths.
func (s *Scaling) Check(slots int) error {
	if len(s.Offset) != len(s.X) || len(s.Scale) != len(s.X) {
		return fmt.Errorf("%d offsets and %d scales for %d numbers", len(s.Offset), len(s.Scale), len(s.X))
	}
	return CheckSlots(s.X, slots)
}

// Run scales.
func (s *Scaling) Run(b *Block, at int) {
	for i := range b.Len() {
		row := b.Row(i)
		for j, slot := range s.X {
			if s.Width32 {
				row[at+j] = float64(float32(float32(float32(row[slot])-float32(s.Offset[j])) * float32(s.Scale[j])))
			} else {
				row[at+j] = float64(float32((row[slot] - s.Offset[j]) * s.Scale[j]))
			}
		}
	}
}

// An Imputation is ONNX's Imputer: a number in place of those that equal Missing, or of NaN when that is NaN.
type Imputation struct {
	X       []int32
	Missing float64
	Numbers []float64 // one for each slot
	Width32 bool
}

// Name returns "Imputer".
func (s *Imputation) Name() string { return "Imputer" }

// Width returns the number of slots.
func (s *Imputation) Width() int { return len(s.X) }

// Check checks the slots and lengths.
func (s *Imputation) Check(slots int) error {
	if len(s.Numbers) != len(s.X) {
		return fmt.Errorf("%d imputed values for %d numbers", len(s.Numbers), len(s.X))
	}
	return CheckSlots(s.X, slots)
}

// Run imputes.
func (s *Imputation) Run(b *Block, at int) {
	nan := s.Missing != s.Missing
	for i := range b.Len() {
		row := b.Row(i)
		for j, slot := range s.X {
			x := row[slot]
			if s.Width32 {
				x = float64(float32(x))
			}
			if x == s.Missing || nan && x != x {
				x = s.Numbers[j]
			}
			row[at+j] = x
		}
	}
}

// A Norm is what a [Normalization] divides by.
type Norm uint8

// The norms.
const (
	NormMax Norm = iota // the largest number
	NormL1              // the sum of absolute values
	NormL2              // the root of the sum of squares
	normCount
)

// A Normalization is ONNX's Normalizer: numbers divided by their norm, which is added up in float32.
type Normalization struct {
	X       []int32
	Norm    Norm
	Width32 bool // of the numbers
}

// Name returns "Normalizer".
func (s *Normalization) Name() string { return "Normalizer" }

// Width returns the number of slots.
func (s *Normalization) Width() int { return len(s.X) }

// Check checks the norm and the slots.
func (s *Normalization) Check(slots int) error {
	if s.Norm >= normCount {
		return fmt.Errorf("unknown norm %d", s.Norm)
	}
	return CheckSlots(s.X, slots)
}

// Run normalises.
func (s *Normalization) Run(b *Block, at int) {
	for i := range b.Len() {
		row := b.Row(i)
		dst := row[at : at+len(s.X)]
		for j, slot := range s.X {
			if dst[j] = row[slot]; s.Width32 {
				dst[j] = float64(float32(dst[j]))
			}
		}
		s.Norm.divide(dst)
	}
}

func (n Norm) divide(x []float64) {
	if n == NormL2 {
		divideL2(x)
		return
	}
	norm := float32(0)
	if n == NormMax {
		norm = -math.MaxFloat32
	}
	for _, v := range x {
		if n == NormL1 {
			norm += float32(math.Abs(v))
		} else if f := float32(v); norm < f { // NaN is no larger
			norm = f
		}
	}
	for i, v := range x {
		if x[i] = float64(float32(v)); norm != 0 {
			x[i] = float64(float32(v) / norm)
		}
	}
}

func divideL2(x []float64) {
	sum := float32(0)
	for _, v := range x {
		sum += float32(v * v)
	}
	for i, v := range x {
		if x[i] = float64(float32(v)); sum == 0 {
			continue
		}
		x[i] = float64(float32(math.Sqrt(float64(float32(v*v) / sum))))
		if v < 0 {
			x[i] = -x[i]
		}
	}
}
