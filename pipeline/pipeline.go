// Package pipeline holds what a model file says, whatever library wrote it: columns, steps, a forest or a
// linear model, and a link.
//
// A format's parser yields a [Spec] and nothing else; [Compile] checks it and turns it into a [Pipeline].
package pipeline

import (
	"errors"
	"fmt"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/linear"
)

// ErrShape is returned when the lengths of rows and results do not match.
var ErrShape = errors.New("shape")

// A Spec is a model as its file tells it. Exactly one of Forest and Linear is set.
type Spec struct {
	Format    string // "xgboost"
	Trainer   string // version of the library that wrote the file, "" when it does not say
	Objective string // the file's own word for it
	Columns   []Column
	Steps     []Step // what is done to a row before the trees see it; only ONNX has them
	Forest    *forest.Forest
	Linear    *linear.Linear
	Link      Link
	Labels    []string // names of the outputs, where the file has them
	Best      int      // best iteration, where the file records one; else -1
	Notes     []string // what a user should know about this file, one sentence each
}

// A Pipeline is a checked [Spec] that predicts. It is immutable and may be used from many goroutines.
type Pipeline struct {
	Spec
	eval *forest.Evaluator
}

// Compile checks s and makes it ready to predict.
func Compile(s Spec) (*Pipeline, error) {
	if err := validateColumns(s.Columns); err != nil {
		return nil, err
	}
	if len(s.Steps) > 0 {
		return nil, fmt.Errorf("step %q is not supported", s.Steps[0].Name)
	}
	p := &Pipeline{Spec: s}
	switch {
	case (s.Forest == nil) == (s.Linear == nil):
		return nil, errors.New("a model is either a forest or linear")
	case s.Forest != nil:
		if s.Forest.Features != len(s.Columns) {
			return nil, fmt.Errorf("%d columns for %d features", len(s.Columns), s.Forest.Features)
		}
		e, err := forest.Compile(s.Forest)
		if err != nil {
			return nil, err
		}
		p.eval = e
	default:
		if s.Linear.Features != len(s.Columns) {
			return nil, fmt.Errorf("%d columns for %d features", len(s.Columns), s.Linear.Features)
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

// Outputs returns the number of margins of a row.
func (p *Pipeline) Outputs() int {
	if p.Linear != nil {
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
	if p.Linear != nil {
		return p.Linear.Width
	}
	return p.Forest.Input
}

// OutputWidth returns the width of margins and values.
func (p *Pipeline) OutputWidth() forest.Width {
	if p.Linear != nil {
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
	n, err := shape(p, len(rows))
	if err != nil {
		return err
	}
	if len(dst) < n*p.Outputs() {
		return fmt.Errorf("%w: %d results have no room for %d rows of %d", ErrShape, len(dst), n, p.Outputs())
	}
	if p.Linear != nil {
		linear.Margin(p.Linear, dst, rows)
		return nil
	}
	forest.Margin(p.eval, dst, rows, from, to)
	return nil
}

// Predict writes the values of each row into dst: the margins after the link.
//
// dst has room for n×Values.
func Predict[T float32 | float64](p *Pipeline, dst []float64, rows []T, from, to int) error {
	n, err := shape(p, len(rows))
	if err != nil {
		return err
	}
	k, v := p.Outputs(), p.Values()
	if len(dst) < n*v {
		return fmt.Errorf("%w: %d results have no room for %d rows of %d", ErrShape, len(dst), n, v)
	}
	if k == v {
		if err := Margin(p, dst, rows, from, to); err != nil {
			return err
		}
		p.Apply(dst, dst[:n*k])
		return nil
	}
	var few [32]float64
	margins := few[:]
	if k > len(few) {
		margins = make([]float64, k)
	}
	w := len(p.Columns)
	for i := range n {
		if err := Margin(p, margins[:k], rows[i*w:(i+1)*w], from, to); err != nil {
			return err
		}
		p.Apply(dst[i*v:(i+1)*v], margins[:k])
	}
	return nil
}

// Apply writes the values of the given margins into dst; dst and margins may be the same slice when
// Values is Outputs.
func (p *Pipeline) Apply(dst, margins []float64) {
	k, v := p.Outputs(), p.Values()
	for i := 0; (i+1)*k <= len(margins); i++ {
		p.Link.apply(dst[i*v:(i+1)*v], margins[i*k:(i+1)*k])
	}
}

// Leaves writes the library's own leaf number of each row and tree of the rounds [from, to) into dst.
//
// dst has room for n×trees.
func Leaves[T float32 | float64](p *Pipeline, dst []int32, rows []T, from, to int) error {
	if p.Forest == nil {
		return errors.New("a linear model has no leaves")
	}
	n, err := shape(p, len(rows))
	if err != nil {
		return err
	}
	trees := p.Forest.Round(to) - p.Forest.Round(from)
	if len(dst) < n*trees {
		return fmt.Errorf("%w: %d results have no room for %d rows of %d trees", ErrShape, len(dst), n, trees)
	}
	forest.Leaves(p.eval, dst, rows, from, to)
	return nil
}

// shape returns the number of rows in n values.
func shape(p *Pipeline, n int) (int, error) {
	w := len(p.Columns)
	if w == 0 || n%w != 0 {
		return 0, fmt.Errorf("%w: %d values are no whole rows of %d columns", ErrShape, n, w)
	}
	return n / w, nil
}

// SetSentinel makes x, rounded to the model's width, count as missing beside NaN.
func (s *Spec) SetSentinel(x float64) {
	switch {
	case s.Forest != nil:
		if s.Forest.Input == forest.Float32 {
			x = float64(float32(x))
		}
		s.Forest.Sentinel = &x
	case s.Linear != nil:
		if s.Linear.Width == forest.Float32 {
			x = float64(float32(x))
		}
		s.Linear.Sentinel = &x
	}
}
