package pipeline

import (
	"errors"
	"fmt"
)

// A BinaryFunc is a function of two numbers.
type BinaryFunc uint8

// The functions of two numbers.
const (
	Plus    BinaryFunc = iota
	Minus              // a - b
	Times              // a · b
	Over               // a / b
	Below              // 1 when a < b, else 0
	AtMost             // 1 when a <= b, else 0
	Above              // 1 when a > b, else 0
	AtLeast            // 1 when a >= b, else 0
	Same               // 1 when a == b, else 0
	And                // 1 when neither is 0, else 0
	Or                 // 1 when either is not 0, else 0
	binaryCount
)

// A Binary applies a function to pairs of slots.
type Binary struct {
	Operator string
	Func     BinaryFunc
	Width32  bool // float32, otherwise float64
	A, B     []int32
}

// Name returns the operator.
func (s *Binary) Name() string { return s.Operator }

// Width returns the number of pairs.
func (s *Binary) Width() int { return len(s.A) }

// Check checks the function and the slots.
func (s *Binary) Check(slots int) error {
	if s.Func >= binaryCount {
		return fmt.Errorf("unknown function %d", s.Func)
	}
	if len(s.A) != len(s.B) {
		return fmt.Errorf("%d numbers and %d", len(s.A), len(s.B))
	}
	return errors.Join(CheckSlots(s.A, slots), CheckSlots(s.B, slots))
}

// Run applies the function.
func (s *Binary) Run(b *Block, at int) {
	for i := range b.Len() {
		row := b.Row(i)
		dst := row[at : at+len(s.A)]
		for j, slot := range s.A {
			if s.Width32 {
				dst[j] = s.one32(float32(row[slot]), float32(row[s.B[j]]))
			} else {
				dst[j] = s.one64(row[slot], row[s.B[j]])
			}
		}
	}
}

func (s *Binary) one32(a, b float32) float64 {
	switch s.Func {
	case Plus:
		return float64(a + b)
	case Minus:
		return float64(a - b)
	case Times:
		return float64(float32(a * b))
	case Over:
		return float64(a / b)
	default:
		return float64(float32(s.one64(float64(a), float64(b))))
	}
}

func (s *Binary) one64(a, b float64) float64 {
	switch s.Func {
	case Plus:
		return a + b
	case Minus:
		return a - b
	case Times:
		return float64(a * b)
	case Over:
		return a / b
	case Below:
		return truth(a < b)
	case AtMost:
		return truth(a <= b)
	case Above:
		return truth(a > b)
	case AtLeast:
		return truth(a >= b)
	case Same:
		return truth(a == b)
	case And:
		return truth(a != 0 && b != 0)
	default:
		return truth(a != 0 || b != 0)
	}
}

// A Choice takes, for each triple of slots, A where Where is not 0 and else B; -0 becomes 0, since ONNX Runtime adds 0 to
// what it takes.
type Choice struct{ Where, A, B []int32 }

// Name returns "Where".
func (s *Choice) Name() string { return "Where" }

// Width returns the number of triples.
func (s *Choice) Width() int { return len(s.Where) }

// Check checks the slots.
func (s *Choice) Check(slots int) error {
	if len(s.A) != len(s.Where) || len(s.B) != len(s.Where) {
		return fmt.Errorf("%d conditions for %d numbers and %d", len(s.Where), len(s.A), len(s.B))
	}
	return errors.Join(CheckSlots(s.Where, slots), CheckSlots(s.A, slots), CheckSlots(s.B, slots))
}

// Run chooses.
func (s *Choice) Run(b *Block, at int) {
	for i := range b.Len() {
		row := b.Row(i)
		for j, slot := range s.Where {
			from := s.B[j]
			if row[slot] != 0 {
				from = s.A[j]
			}
			row[at+j] = row[from] + 0
		}
	}
}
