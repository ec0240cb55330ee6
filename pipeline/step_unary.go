package pipeline

import (
	"fmt"
	"math"

	"github.com/besra-ml/besra/internal/libm"
	"github.com/besra-ml/besra/internal/mlas"
)

// A UnaryFunc is a function of one number.
type UnaryFunc uint8

// The functions of one number. Those of float32 round their argument first; where ONNX Runtime has a polynomial of its
// own for a function it is that one (internal/mlas).
const (
	Round     UnaryFunc = iota // the argument, rounded to the width
	Whole                      // toward zero as x86 casts to int64; -2^63 for NaN and what does not fit
	Whole32                    // toward zero as x86 casts to int32; -2^31 for NaN and what does not fit
	Wrapped32                  // the low 32 bits of a whole number, as int32
	Truth                      // 1 for all but 0
	Not                        // 1 for 0, else 0
	Negative                   // -x
	Absolute                   // |x|
	Root                       // the square root
	Power                      // e^x
	Log                        // the natural logarithm
	Sigmoid                    // 1 / (1 + e^-x)
	Floor                      // the whole number below
	Ceil                       // the whole number above
	IsNaN                      // 1 for NaN, else 0
	unaryCount
)

// A Unary applies a function to each of some slots.
type Unary struct {
	Operator string
	Func     UnaryFunc
	Width32  bool // float32, otherwise float64
	X        []int32
}

// Name returns the operator.
func (s *Unary) Name() string { return s.Operator }

// Width returns the number of arguments.
func (s *Unary) Width() int { return len(s.X) }

// Check checks the function and the slots.
func (s *Unary) Check(slots int) error {
	if s.Func >= unaryCount {
		return fmt.Errorf("unknown function %d", s.Func)
	}
	return CheckSlots(s.X, slots)
}

// Run applies the function.
func (s *Unary) Run(b *Block, at int) {
	for i := range b.Len() {
		row := b.Row(i)
		for j, slot := range s.X {
			x := row[slot]
			switch {
			case !s.Width32:
				x = s.one64(x)
			case s.Func == Log && j < len(s.X)/4*4:
				x = float64(mlas.Log(float32(x))) // four at once; what is left comes from the C library
			default:
				x = s.one32(float32(x))
			}
			row[at+j] = x
		}
	}
}

func (s *Unary) one32(x float32) float64 {
	switch s.Func {
	case Power:
		return float64(mlas.Exp(x))
	case Sigmoid:
		return float64(mlas.Logistic(x))
	case Log:
		return float64(libm.Logf(x))
	default:
		return float64(float32(s.one64(float64(x))))
	}
}

func (s *Unary) one64(x float64) float64 {
	switch s.Func {
	case Whole:
		return whole(x)
	case Whole32:
		if x = whole(x); x < math.MinInt32 || x > math.MaxInt32 {
			return math.MinInt32
		}
		return x
	case Wrapped32:
		return float64(int32(int64(whole(x))))
	case Truth:
		return truth(x != 0)
	case Not:
		return truth(x == 0)
	case Negative:
		return -x
	case Absolute:
		return math.Abs(x)
	case Root:
		return math.Sqrt(x)
	case Power:
		return libm.Exp(x)
	case Log:
		return math.Log(x)
	case Sigmoid:
		return sigmoid(x)
	case Floor:
		return math.Floor(x)
	case Ceil:
		return math.Ceil(x)
	case IsNaN:
		return truth(x != x)
	default:
		return x
	}
}

// whole is x without its fraction, as x86 casts to int64.
func whole(x float64) float64 {
	if !(math.Abs(x) < 1<<63) {
		return math.MinInt64
	}
	return math.Trunc(x) + 0 // no -0
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// sigmoid mirrors what is below 0, as ONNX Runtime does in float64.
func sigmoid(x float64) float64 {
	y := 1 / (1 + libm.Exp(-math.Abs(x)))
	if x < 0 {
		return 1 - y
	}
	return y
}

// A Clip bounds each of some slots.
type Clip struct {
	Low, High float64
	X         []int32
	Width32   bool // float32, otherwise float64
}

// Name returns "Clip".
func (s *Clip) Name() string { return "Clip" }

// Width returns the number of slots.
func (s *Clip) Width() int { return len(s.X) }

// Check checks the slots.
func (s *Clip) Check(slots int) error { return CheckSlots(s.X, slots) }

// Run bounds the slots; NaN stays NaN.
func (s *Clip) Run(b *Block, at int) {
	for i := range b.Len() {
		row := b.Row(i)
		for j, slot := range s.X {
			x := row[slot]
			if s.Width32 {
				x = float64(float32(x))
			}
			if x < s.Low {
				x = s.Low
			}
			if x > s.High {
				x = s.High
			}
			row[at+j] = x
		}
	}
}
