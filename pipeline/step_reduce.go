package pipeline

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/besra-ml/besra/internal/mlas"
)

// A ReduceFunc makes one number of several.
type ReduceFunc uint8

// The functions of several numbers.
const (
	Sum          ReduceFunc = iota // of numbers side by side, in ONNX Runtime's order
	Add                            // the sum from the first to the last
	Multiply                       // from the first to the last
	Largest                        // the largest number
	Least                          // the least number
	FirstLargest                   // the place of the first largest number
	FirstLeast                     // the place of the first least number
	reduceCount
)

// A Reduction makes one number of each Size slots in X.
type Reduction struct {
	Operator string
	Func     ReduceFunc
	Mean     bool // what comes out is divided by Size
	X        []int32
	Size     int
	Width32  bool // float32, otherwise float64
}

// Name returns the operator.
func (s *Reduction) Name() string { return s.Operator }

// Width returns the number of groups.
func (s *Reduction) Width() int { return len(s.X) / max(1, s.Size) }

// Check checks the function and the slots.
func (s *Reduction) Check(slots int) error {
	if s.Func >= reduceCount {
		return fmt.Errorf("unknown function %d", s.Func)
	}
	if s.Size < 1 || len(s.X)%s.Size != 0 {
		return fmt.Errorf("%d numbers in groups of %d", len(s.X), s.Size)
	}
	return CheckSlots(s.X, slots)
}

// Run reduces.
func (s *Reduction) Run(b *Block, at int) {
	var few [64]float32
	for i := range b.Len() {
		row := b.Row(i)
		for j := range s.Width() {
			x := s.X[j*s.Size : (j+1)*s.Size]
			var y float64
			switch {
			case s.Func == FirstLargest || s.Func == FirstLeast:
				y = s.place(row, x)
			case s.Func == Sum && s.Width32:
				near := few[:0]
				for _, slot := range x {
					near = append(near, float32(row[slot]))
				}
				y = float64(mlas.Sum(near))
			default:
				y = s.fold(row, x)
			}
			if s.Mean {
				y = s.narrow(y / float64(s.Size))
			}
			row[at+j] = y
		}
	}
}

func (s *Reduction) narrow(x float64) float64 {
	if s.Width32 {
		return float64(float32(x))
	}
	return x
}

func (s *Reduction) fold(row []float64, x []int32) float64 {
	y := s.narrow(row[x[0]])
	for _, slot := range x[1:] {
		v := s.narrow(row[slot])
		switch s.Func {
		case Multiply:
			y = s.narrow(y * v)
		case Largest:
			y = max(y, v)
		case Least:
			y = min(y, v)
		default:
			y = s.narrow(y + v)
		}
	}
	return y
}

func (s *Reduction) place(row []float64, x []int32) float64 {
	best := 0
	for k := range x {
		v, than := s.narrow(row[x[k]]), s.narrow(row[x[best]])
		if s.Func == FirstLeast {
			v, than = than, v
		}
		if v > than {
			best = k
		}
	}
	return float64(best)
}

// A SoftmaxOf makes each Size slots in X their exponentials over the sum of them: ONNX's operator, in float32.
type SoftmaxOf struct {
	X    []int32
	Size int
}

// Name returns "Softmax".
func (s *SoftmaxOf) Name() string { return "Softmax" }

// Width returns the number of slots.
func (s *SoftmaxOf) Width() int { return len(s.X) }

// Check checks the slots.
func (s *SoftmaxOf) Check(slots int) error {
	if s.Size < 1 || len(s.X)%s.Size != 0 {
		return fmt.Errorf("%d numbers in groups of %d", len(s.X), s.Size)
	}
	return CheckSlots(s.X, slots)
}

// Run computes.
func (s *SoftmaxOf) Run(b *Block, at int) {
	var few [64]float32
	for i := range b.Len() {
		row := b.Row(i)
		for j := 0; j < len(s.X); j += s.Size {
			x := few[:0]
			for _, slot := range s.X[j : j+s.Size] {
				x = append(x, float32(row[slot]))
			}
			mlas.Softmax(x, x)
			for k, v := range x {
				row[at+j+k] = float64(v)
			}
		}
	}
}

// A RunningSum is ONNX's CumSum: each of some slots, and those before it added.
type RunningSum struct {
	X       []int32
	Width32 bool // float32, otherwise float64
}

// Name returns "CumSum".
func (s *RunningSum) Name() string { return "CumSum" }

// Width returns the number of slots.
func (s *RunningSum) Width() int { return len(s.X) }

// Check checks the slots.
func (s *RunningSum) Check(slots int) error { return CheckSlots(s.X, slots) }

// Run adds.
func (s *RunningSum) Run(b *Block, at int) {
	for i := range b.Len() {
		row := b.Row(i)
		sum := math.Copysign(0, -1) // so that -0 stays
		for j, slot := range s.X {
			if s.Width32 {
				sum = float64(float32(sum) + float32(row[slot]))
			} else {
				sum += row[slot]
			}
			row[at+j] = sum
		}
	}
}

// A Ranking is ONNX's TopK: the Count largest of some slots, or the least, in order, and then their places. Of equal
// numbers the first comes first.
type Ranking struct {
	X       []int32
	Count   int
	Least   bool
	Width32 bool // of the numbers

	scratch sync.Pool // *[]ranked
}

type ranked struct {
	number float64
	place  int
}

// Name returns "TopK".
func (s *Ranking) Name() string { return "TopK" }

// Width returns twice Count.
func (s *Ranking) Width() int { return 2 * s.Count }

// Check checks the slots.
func (s *Ranking) Check(slots int) error {
	if s.Count < 1 || s.Count > len(s.X) {
		return fmt.Errorf("%d of %d numbers", s.Count, len(s.X))
	}
	return CheckSlots(s.X, slots)
}

// Run ranks.
func (s *Ranking) Run(b *Block, at int) {
	all, ok := s.scratch.Get().(*[]ranked)
	if !ok {
		list := make([]ranked, len(s.X))
		all = &list
	}
	for i := range b.Len() {
		row := b.Row(i)
		for j, slot := range s.X {
			x := row[slot]
			if s.Width32 {
				x = float64(float32(x))
			}
			(*all)[j] = ranked{x, j}
		}
		slices.SortFunc(*all, func(a, b ranked) int {
			if a.number != b.number && !math.IsNaN(a.number) && !math.IsNaN(b.number) {
				if (a.number > b.number) != s.Least {
					return -1
				}
				return 1
			}
			return cmp.Compare(a.place, b.place)
		})
		for j, r := range (*all)[:s.Count] {
			row[at+j], row[at+s.Count+j] = r.number, float64(r.place)
		}
	}
	s.scratch.Put(all)
}
