package pipeline

import (
	"fmt"
	"math"
	"sync"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/internal/mlas"
)

// Trees evaluates a forest on slots: its margins are what it appends.
type Trees struct {
	operator string
	eval     *forest.Evaluator
	forest   *forest.Forest
	inputs   []int32
	scratch  sync.Pool // *[]float64
}

// NewTrees checks a forest and makes it a step, which the file calls operator. The caller must not change the forest
// afterwards.
func NewTrees(operator string, f *forest.Forest, inputs []int32) (*Trees, error) {
	if len(inputs) != f.Features {
		return nil, fmt.Errorf("%d numbers for %d features", len(inputs), f.Features)
	}
	e, err := forest.Compile(f)
	if err != nil {
		return nil, err
	}
	return &Trees{operator: operator, eval: e, forest: f, inputs: inputs}, nil
}

// Name returns the operator.
func (s *Trees) Name() string { return s.operator }

// Width returns the forest's outputs.
func (s *Trees) Width() int { return s.forest.Outputs }

// Check checks the slots; the forest is checked already.
func (s *Trees) Check(slots int) error { return CheckSlots(s.inputs, slots) }

// Run evaluates the forest for all rows at once.
func (s *Trees) Run(b *Block, at int) {
	n, in, out := b.Len(), len(s.inputs), s.forest.Outputs
	room, ok := s.scratch.Get().(*[]float64)
	if !ok || len(*room) < n*(in+out) {
		list := make([]float64, n*(in+out))
		room = &list
	}
	rows, margins := (*room)[:n*in], (*room)[n*in:n*(in+out)]
	for i := range n {
		row := b.Row(i)
		for j, slot := range s.inputs {
			rows[i*in+j] = row[slot]
		}
	}
	forest.Margin(s.eval, margins, rows, 0, s.forest.NumRounds())
	for i := range n {
		copy(b.Row(i)[at:at+out], margins[i*out:])
	}
	s.scratch.Put(room)
}

// A Product is a vector of slots times a matrix, plus a bias: ONNX's linear models, MatMul and Gemm.
type Product struct {
	operator      string
	inputs        []int32
	packed        bool
	weights, bias []float32
	wide          []float64 // the weights of float64
	wideBias      []float64
	outputs       int
	scratch       sync.Pool // *[]float32
}

// NewProduct makes a step of a matrix, which has for each output a number for each input, and of a bias, which may be
// nil. With narrow all is float32; packed says which of ONNX Runtime's ways to add it is: that of MatMul and Gemm, or that
// of the linear operators.
func NewProduct(operator string, inputs []int32, weights, bias []float64, narrow, packed bool) *Product {
	s := &Product{operator: operator, inputs: inputs, packed: packed, outputs: len(weights) / max(1, len(inputs))}
	if narrow {
		s.weights, s.bias = narrowed(weights), narrowed(bias)
	} else {
		s.wide, s.wideBias = weights, bias
	}
	return s
}

func narrowed(x []float64) []float32 {
	if x == nil {
		return nil
	}
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

// Name returns the operator.
func (s *Product) Name() string { return s.operator }

// Width returns the number of outputs.
func (s *Product) Width() int { return s.outputs }

// Check checks slots and lengths.
func (s *Product) Check(slots int) error {
	weights, biases := len(s.weights)+len(s.wide), len(s.bias)+len(s.wideBias)
	if s.outputs == 0 || weights != s.outputs*len(s.inputs) || biases != 0 && biases != s.outputs {
		return fmt.Errorf("%d weights and %d biases for %d numbers", weights, biases, len(s.inputs))
	}
	return CheckSlots(s.inputs, slots)
}

// Run multiplies.
func (s *Product) Run(b *Block, at int) {
	if s.wide != nil {
		s.runWide(b, at)
		return
	}
	k := len(s.inputs)
	room, ok := s.scratch.Get().(*[]float32)
	if !ok {
		list := make([]float32, k+s.outputs)
		room = &list
	}
	x, y := (*room)[:k], (*room)[k:]
	for i := range b.Len() {
		row := b.Row(i)
		for j, slot := range s.inputs {
			x[j] = float32(row[slot])
		}
		if s.packed {
			mlas.Packed(y, x, s.weights, s.bias)
		} else {
			mlas.Rows(y, x, s.weights)
			for j, v := range s.bias {
				y[j] += v
			}
		}
		for j, v := range y {
			row[at+j] = float64(v)
		}
	}
	s.scratch.Put(room)
}

// runWide adds fused products of float64, from the first to the last.
func (s *Product) runWide(b *Block, at int) {
	k := len(s.inputs)
	for i := range b.Len() {
		row := b.Row(i)
		for j := range s.outputs {
			sum := 0.0
			for l, w := range s.wide[j*k : (j+1)*k] {
				sum = math.FMA(row[s.inputs[l]], w, sum)
			}
			if s.wideBias != nil {
				sum += s.wideBias[j]
			}
			row[at+j] = sum
		}
	}
}
