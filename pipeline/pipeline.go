// Package pipeline holds what a model file says, whatever library wrote it: columns, steps, a forest or a
// linear model, and a link.
//
// A format's parser yields a [Spec] and nothing else; [Compile] checks it and turns it into a [Pipeline].
package pipeline

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/linear"
)

// What is returned, wrapped, for a call that the model has no answer to.
var (
	ErrShape    = errors.New("shape")                                                  // the lengths of rows and results do not match
	ErrNoMargin = errors.New("the model has values and no margin")                     // see Spec.ValueOnly
	ErrWidth    = errors.New("rows of float32 cannot hold the model's category codes") // see Spec.Float64Rows
)

// A Spec is a model as its file tells it: columns, steps, a forest or a linear model, and a link. Where steps are all
// there is, Results are its values.
type Spec struct {
	Format    string // "xgboost"
	Trainer   string // version of the library that wrote the file, "" when it does not say
	Objective string // the file's own word for it
	Columns   []Column
	Forest    *forest.Forest
	Linear    *linear.Linear
	Link      Link
	Labels    []string // names of the outputs, where the file has them
	Best      int      // best iteration, where the file records one; else -1
	Notes     []string // what a user should know about this file, one sentence each

	Steps   []Step       // what is computed from a row before the forest or the linear model sees it
	Inputs  []int32      // behind steps: the slots that the model reads, as its features; nil: the columns
	Results []int32      // without a forest and a linear model: the slots that are the values
	Rows    forest.Width // before steps: what numbers in a row are rounded to
	Numbers forest.Width // of a model that has values only: their width

	ValueOnly   bool // the model has values and no margin
	Float64Rows bool // codes of strings pass 2^24, so that rows of float32 cannot hold them

	sentinel *float64 // before steps: a value in a row that is missing
}

// A Pipeline is a checked [Spec] that predicts. It is immutable and may be used from many goroutines.
type Pipeline struct {
	Spec
	eval    *forest.Evaluator
	slots   int       // of a row, columns and all that steps append
	scratch sync.Pool // *staged
}

// Compile checks s and makes it ready to predict.
func Compile(s Spec) (*Pipeline, error) {
	if err := validateColumns(s.Columns); err != nil {
		return nil, err
	}
	p := &Pipeline{Spec: s}
	features := len(s.Columns)
	if p.staged() {
		if err := p.checkSteps(); err != nil {
			return nil, err
		}
		features = len(p.Inputs)
		p.scratch.New = func() any { return p.newStaged() }
	}
	switch {
	case s.Forest != nil && s.Linear != nil || (s.Forest == nil && s.Linear == nil) != (s.Results != nil):
		return nil, errors.New("a model is a forest, or linear, or steps")
	case s.Forest != nil:
		if s.Forest.Features != features {
			return nil, fmt.Errorf("%d columns for %d features", features, s.Forest.Features)
		}
		e, err := forest.Compile(s.Forest)
		if err != nil {
			return nil, err
		}
		p.eval = e
	case s.Linear != nil:
		if s.Linear.Features != features {
			return nil, fmt.Errorf("%d columns for %d features", features, s.Linear.Features)
		}
		if err := s.Linear.Validate(); err != nil {
			return nil, err
		}
	}
	if err := s.Link.validate(); err != nil {
		return nil, err
	}
	if len(s.Labels) != 0 && len(s.Labels) != p.Values() && len(s.Labels) != p.Outputs() {
		return nil, fmt.Errorf("%d labels for %d outputs", len(s.Labels), p.Outputs())
	}
	return p, nil
}

// staged reports whether rows pass through steps.
func (s *Spec) staged() bool { return len(s.Steps) > 0 || s.Inputs != nil || s.Results != nil }

// Outputs returns the number of margins of a row; of a model that has none, the number of values before its link.
func (p *Pipeline) Outputs() int {
	switch {
	case p.Results != nil:
		return len(p.Results)
	case p.Linear != nil:
		return p.Linear.Outputs
	}
	return p.Forest.Outputs
}

// Values returns the number of values of a row: as many as margins, but for a link that picks a class.
func (p *Pipeline) Values() int {
	if p.Link.Kind == Class {
		return 1
	}
	return p.Outputs()
}

// Width returns the width that rows are rounded to.
func (p *Pipeline) Width() forest.Width {
	switch {
	case p.staged():
		return p.Rows
	case p.Linear != nil:
		return p.Linear.Width
	}
	return p.Forest.Input
}

// OutputWidth returns the width of margins and values.
func (p *Pipeline) OutputWidth() forest.Width {
	switch {
	case p.ValueOnly:
		return p.Numbers
	case p.Linear != nil:
		return p.Linear.Width
	}
	return p.Forest.Sum
}

// Trees returns the number of trees; 0 for a linear model.
func (p *Pipeline) Trees() int {
	if p.Forest == nil {
		return 0
	}
	return len(p.Forest.Trees)
}

// Rounds returns the number of boosting rounds; 0 for a linear model.
func (p *Pipeline) Rounds() int {
	if p.Forest == nil {
		return 0
	}
	return p.Forest.NumRounds()
}

// Margin writes the margins of each row into dst, using the boosting rounds [from, to).
//
// rows holds n×len(Columns) values, row-major; NaN is missing. dst has room for n×Outputs.
func Margin[T float32 | float64](p *Pipeline, dst []float64, rows []T, from, to int) error {
	if p.ValueOnly {
		return ErrNoMargin
	}
	n, err := shape(p, rows)
	if err != nil {
		return err
	}
	if len(dst) < n*p.Outputs() {
		return fmt.Errorf("%w: %d results have no room for %d rows of %d", ErrShape, len(dst), n, p.Outputs())
	}
	margin(p, dst, rows, from, to)
	return nil
}

// margin computes what the link is applied to.
func margin[T float32 | float64](p *Pipeline, dst []float64, rows []T, from, to int) {
	if !p.staged() {
		sum(p, dst, rows, from, to)
		return
	}
	k := p.Outputs()
	stage(p, rows, func(s *staged, first int) {
		if p.Results == nil {
			sum(p, dst[first*k:], s.inputs[:s.n*len(p.Inputs)], from, to)
			return
		}
		for i := range s.n {
			row := s.Row(i)
			for j, slot := range p.Results {
				dst[(first+i)*k+j] = row[slot]
			}
		}
	})
}

// sum evaluates the forest or the linear model.
func sum[T float32 | float64](p *Pipeline, dst []float64, rows []T, from, to int) {
	if p.Linear != nil {
		linear.Margin(p.Linear, dst, rows)
		return
	}
	forest.Margin(p.eval, dst, rows, from, to)
}

// Predict writes the values of each row into dst: the margins after the link.
//
// dst has room for n×Values.
func Predict[T float32 | float64](p *Pipeline, dst []float64, rows []T, from, to int) error {
	n, err := shape(p, rows)
	if err != nil {
		return err
	}
	k, v := p.Outputs(), p.Values()
	if len(dst) < n*v {
		return fmt.Errorf("%w: %d results have no room for %d rows of %d", ErrShape, len(dst), n, v)
	}
	if k == v {
		margin(p, dst, rows, from, to)
		p.Apply(dst, dst[:n*k], to-from)
		return nil
	}
	var few [32]float64
	margins := few[:]
	if k > len(few) {
		margins = make([]float64, k)
	}
	w := len(p.Columns)
	for i := range n {
		margin(p, margins[:k], rows[i*w:(i+1)*w], from, to)
		p.Apply(dst[i*v:(i+1)*v], margins[:k], to-from)
	}
	return nil
}

// Apply writes the values of the given margins, sums over so many rounds, into dst; dst and margins may be the same slice
// when Values is Outputs.
func (p *Pipeline) Apply(dst, margins []float64, rounds int) {
	k, v := p.Outputs(), p.Values()
	for i := 0; (i+1)*k <= len(margins); i++ {
		p.Link.apply(dst[i*v:(i+1)*v], margins[i*k:(i+1)*k], rounds)
	}
}

// Leaves writes the library's own leaf number of each row and tree of the rounds [from, to) into dst.
//
// dst has room for n×trees.
func Leaves[T float32 | float64](p *Pipeline, dst []int32, rows []T, from, to int) error {
	switch {
	case p.Linear != nil:
		return errors.New("a linear model has no leaves")
	case p.Forest == nil:
		return errors.New("a model that is no forest has no leaves")
	}
	n, err := shape(p, rows)
	if err != nil {
		return err
	}
	trees := p.Forest.Round(to) - p.Forest.Round(from)
	if len(dst) < n*trees {
		return fmt.Errorf("%w: %d results have no room for %d rows of %d trees", ErrShape, len(dst), n, trees)
	}
	if !p.staged() {
		forest.Leaves(p.eval, dst, rows, from, to)
		return nil
	}
	stage(p, rows, func(s *staged, first int) {
		forest.Leaves(p.eval, dst[first*trees:], s.inputs[:s.n*len(p.Inputs)], from, to)
	})
	return nil
}

// shape returns the number of rows.
func shape[T float32 | float64](p *Pipeline, rows []T) (int, error) {
	var one T
	if p.Float64Rows && unsafe.Sizeof(one) == 4 {
		return 0, ErrWidth
	}
	w := len(p.Columns)
	if w == 0 || len(rows)%w != 0 {
		return 0, fmt.Errorf("%w: %d values are no whole rows of %d columns", ErrShape, len(rows), w)
	}
	return len(rows) / w, nil
}

// SetSentinel makes x, rounded to the model's width, count as missing beside NaN.
func (s *Spec) SetSentinel(x float64) {
	switch {
	case s.staged():
		s.sentinel = rounded(x, s.Rows)
	case s.Forest != nil:
		s.Forest.Sentinel = rounded(x, s.Forest.Input)
	case s.Linear != nil:
		s.Linear.Sentinel = rounded(x, s.Linear.Width)
	}
}

func rounded(x float64, w forest.Width) *float64 {
	if w == forest.Float32 {
		x = float64(float32(x))
	}
	return &x
}
