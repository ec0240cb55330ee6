package pipeline

import (
	"errors"
	"fmt"
	"math"

	"github.com/besra-ml/besra/forest"
)

// A Step computes values from a row before the model sees it: a category's place in a list, a scaled number,
// another model's answer.
//
// The values of a row stand in slots: first its columns, then what each step appends, in the order of the steps.
// A Step is immutable and may be used from many goroutines.
type Step interface {
	Name() string          // the operator, as the file calls it
	Width() int            // how many slots it appends
	Check(slots int) error // whether all is sound when that many slots stand before it: indices are checked here, once
	Run(b *Block, at int)  // computes the slots [at, at+Width) of each row from those before at
}

// A Block is the slots of some rows.
type Block struct {
	slots    []float64
	width, n int
}

// Len returns the number of rows.
func (b *Block) Len() int { return b.n }

// Row returns the slots of row i. A step may write its own.
func (b *Block) Row(i int) []float64 { return b.slots[i*b.width : (i+1)*b.width] }

// MaxSlots bounds the slots of a row.
const MaxSlots = 1 << 20

// blockRows bounds the rows that pass through the steps at once, and blockSlots their memory, in float64s.
const (
	blockRows  = 64
	blockSlots = 64 << 10
)

// A staged is the memory of one call of a pipeline with steps.
type staged struct {
	Block
	inputs []float64 // what the model reads, row by row
}

func (p *Pipeline) newStaged() *staged {
	s := &staged{Block: Block{width: p.slots}}
	s.slots = make([]float64, p.block()*p.slots)
	if p.Results == nil {
		s.inputs = make([]float64, p.block()*len(p.Inputs))
	}
	return s
}

// block returns how many rows pass through the steps at once.
func (p *Pipeline) block() int { return max(1, min(blockRows, blockSlots/p.slots)) }

// checkSteps checks the steps, and what is read behind them.
func (p *Pipeline) checkSteps() error {
	p.slots = len(p.Columns)
	for i, s := range p.Steps {
		if err := s.Check(p.slots); err != nil {
			return fmt.Errorf("step %d, %s: %w", i, s.Name(), err)
		}
		w := s.Width()
		if w < 0 || w > MaxSlots-p.slots {
			return fmt.Errorf("step %d, %s: more than %d values of a row", i, s.Name(), MaxSlots)
		}
		p.slots += w
	}
	if p.Results != nil {
		if !p.ValueOnly || len(p.Results) == 0 || p.Inputs != nil {
			return errors.New("a model whose values are slots has values and no margin")
		}
		return CheckSlots(p.Results, p.slots)
	}
	if p.Inputs == nil {
		p.Inputs = make([]int32, len(p.Columns))
		for i := range p.Inputs {
			p.Inputs[i] = int32(i)
		}
	}
	return CheckSlots(p.Inputs, p.slots)
}

// CheckSlots reports an index in list that is none of the slots there are.
func CheckSlots(list []int32, slots int) error {
	for i, s := range list {
		if s < 0 || int(s) >= slots {
			return fmt.Errorf("input %d is value %d of %d", i, s, slots)
		}
	}
	return nil
}

// stage takes rows through the steps, block by block. each gets the rows from first on, and what the model reads of
// them where there is one.
func stage[T float32 | float64](p *Pipeline, rows []T, each func(s *staged, first int)) {
	s := p.scratch.Get().(*staged)
	w, n := len(p.Columns), len(rows)/len(p.Columns)
	for first := 0; first < n; first += p.block() {
		s.n = min(p.block(), n-first)
		for i := range s.n {
			load(p, s.Row(i), rows[(first+i)*w:(first+i+1)*w])
		}
		at := w
		for _, step := range p.Steps {
			step.Run(&s.Block, at)
			at += step.Width()
		}
		if p.Results == nil {
			k := len(p.Inputs)
			for i := range s.n {
				row, inputs := s.Row(i), s.inputs[i*k:(i+1)*k]
				for j, slot := range p.Inputs {
					inputs[j] = row[slot]
				}
			}
		}
		each(s, first)
	}
	p.scratch.Put(s)
}

// load fills a row's first slots: numbers are rounded to the width of rows, codes of strings stay as they are, and have
// one for what is missing where any name has one.
func load[T float32 | float64](p *Pipeline, slots []float64, row []T) {
	for i, v := range row {
		x := float64(v)
		if p.Rows == forest.Float32 && p.Columns[i].Type != String {
			x = float64(float32(v))
		}
		if p.sentinel != nil && x == *p.sentinel {
			x = math.NaN()
		}
		if x != x && p.Columns[i].hash != nil {
			x = p.Columns[i].Absent()
		}
		slots[i] = x
	}
}

// Once runs a step on one row of the given slots and returns what it appends: what is the same in every row is computed
// while a file is read.
func Once(s Step, slots []float64) ([]float64, error) {
	if err := s.Check(len(slots)); err != nil {
		return nil, err
	}
	w := s.Width()
	if w < 0 || w > MaxSlots-len(slots) {
		return nil, fmt.Errorf("more than %d values of a row", MaxSlots)
	}
	b := &Block{slots: make([]float64, len(slots)+w), width: len(slots) + w, n: 1}
	copy(b.slots, slots)
	s.Run(b, len(slots))
	return b.slots[len(slots):], nil
}
