// Package besra predicts with tree ensembles trained elsewhere, with the very bits of the library that
// trained them.
//
//	m, err := besra.Open("fraud.ubj")
//	p := make([]float64, m.Values())
//	err = m.Predict(p, row)
//
// A [Model] is immutable: one serves any number of goroutines, and predicting allocates nothing;
// [Model.Predict] names the one exception.
package besra

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/pipeline"
)

// ErrShape is returned, wrapped, when the lengths of rows and results do not match.
var ErrShape = pipeline.ErrShape

// ErrNoMargin is returned, wrapped, when margins are asked of a model that has values only ([Model.ValueOnly]).
var ErrNoMargin = pipeline.ErrNoMargin

// ErrWidth is returned, wrapped, for rows of float32 when the model's category codes need float64: CatBoost's pass 2^24.
var ErrWidth = pipeline.ErrWidth

// ErrFormat is returned, wrapped, for a file that is in none of the known formats.
var ErrFormat = errors.New("not a model file that besra knows")

// MaxFile is the size in bytes beyond which a model file is not read.
const MaxFile = 1<<31 - 1

// A Column is one feature of a model: its name, its type, and a string column's dictionary.
type Column = pipeline.Column

// The types of columns. All but String take numbers.
const (
	Float    = pipeline.Float
	Int      = pipeline.Int
	Bool     = pipeline.Bool
	Category = pipeline.Category // category codes, from 0
	String   = pipeline.String   // names, which the column turns into codes: Column.Code
)

// Options say what a model file leaves out. The zero value is right for files that leave nothing out.
type Options struct {
	// Missing is a value that the trainer was told to take for missing, beside NaN, such as
	// XGBoost's missing=-999; nil: none. Model files do not record it.
	Missing *float64
}

// A Model is a trained model, ready to predict.
type Model struct {
	p        *pipeline.Pipeline
	from, to int // the boosting rounds that count
}

// Open reads the model file at path, whatever format it is in.
func Open(path string) (*Model, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	m, err := read(data, Options{})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return m, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, cause(err)
	case info.IsDir():
		return nil, errors.New("is a directory, not a model file")
	case !info.Mode().IsRegular():
		return nil, errors.New("is not a regular file; besra.Read takes any reader")
	case info.Size() > MaxFile:
		return nil, errTooLarge
	}
	data := make([]byte, info.Size())
	n, err := io.ReadFull(f, data)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil // it has shrunk meanwhile; the format will say what is missing
	}
	return data[:n], cause(err)
}

// cause strips the path from an error, for a caller who names it.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

var errTooLarge = fmt.Errorf("larger than %d bytes", MaxFile)

// Read reads a model file, whatever format it is in.
func Read(r io.Reader, o Options) (*Model, error) {
	var b bytes.Buffer
	if known, ok := r.(interface{ Len() int }); ok { // as those of package bytes and strings do
		b.Grow(min(known.Len(), MaxFile) + bytes.MinRead)
	}
	if _, err := b.ReadFrom(io.LimitReader(r, MaxFile+1)); err != nil {
		return nil, err
	}
	return read(b.Bytes(), o)
}

func read(data []byte, o Options) (*Model, error) {
	if len(data) > MaxFile {
		return nil, errTooLarge
	}
	spec, err := parse(data)
	if err != nil {
		return nil, err
	}
	if o.Missing != nil && !math.IsNaN(*o.Missing) {
		spec.SetSentinel(*o.Missing)
	}
	p, err := pipeline.Compile(spec)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Format, err)
	}
	return &Model{p: p, to: p.Rounds()}, nil
}

// Format returns the library whose format the file was in: "xgboost", "lightgbm", "catboost" or "onnx".
func (m *Model) Format() string { return m.p.Format }

// Trainer returns the version of the library that wrote the file, "" when the file does not say.
func (m *Model) Trainer() string { return m.p.Trainer }

// Objective returns the training objective in the library's own words, "" when the file has none.
func (m *Model) Objective() string { return m.p.Objective }

// Link names the function from margins to values: "logistic", "softmax", "identity", …
func (m *Model) Link() string { return m.p.Link.String() }

// Notes returns what a user should know about this file, a sentence each.
func (m *Model) Notes() []string { return m.p.Notes }

// Columns returns the model's features in the order of a row. The caller must not change it.
func (m *Model) Columns() []Column { return m.p.Columns }

// Labels returns the names of the outputs, nil when the file has none.
func (m *Model) Labels() []string { return m.p.Labels }

// ValueOnly reports whether the model has values and no margin, as those of ONNX files.
func (m *Model) ValueOnly() bool { return m.p.ValueOnly }

// Outputs returns the number of margins of a row; of a model that has none, the number of values.
func (m *Model) Outputs() int { return m.p.Outputs() }

// Values returns the number of values of a row. It is Outputs, but for a model that answers with a class,
// such as XGBoost's multi:softmax: there it is 1.
func (m *Model) Values() int { return m.p.Values() }

// Probability reports whether the one value of a row is the probability of the positive class, or that of each
// class when there are several.
func (m *Model) Probability() bool { return m.p.Link.Probability() }

// Bits returns the width of the model's numbers, 32 or 64: rows are rounded to the first, and margins and
// values are numbers of the second.
func (m *Model) Bits() (rows, results int) { return bits(m.p.Width()), bits(m.p.OutputWidth()) }

func bits(w forest.Width) int {
	if w == forest.Float32 {
		return 32
	}
	return 64
}

// Trees returns the number of trees; 0 for a model that is not one forest.
func (m *Model) Trees() int {
	if m.p.Forest == nil {
		return 0
	}
	return m.p.Forest.Round(m.to) - m.p.Forest.Round(m.from)
}

// Iterations returns the number of boosting rounds; 0 for a model that is not one forest. A round grows a tree for each
// output, or several.
func (m *Model) Iterations() int { return m.to - m.from }

// BestIteration returns the round that early stopping found best, from 0; ok is false when the file
// records none. Prediction uses all rounds unless told otherwise: m.Range(0, best+1).
func (m *Model) BestIteration() (best int, ok bool) { return m.p.Best, m.p.Best >= 0 }

// Range returns the model that the rounds [from, to) make, as XGBoost's iteration_range does: the base
// score counts whatever the range. It shares everything with m.
func (m *Model) Range(from, to int) (*Model, error) {
	if from < 0 || to < from || to > m.Iterations() {
		return nil, fmt.Errorf("iterations %d:%d of %d", from, to, m.Iterations())
	}
	return &Model{p: m.p, from: m.from + from, to: m.from + to}, nil
}

// Margin writes the raw score of each row into dst: the sum of its leaves, before the link.
//
// rows holds n×len(m.Columns()) values, row-major; NaN is missing, string columns hold their codes
// ([Column.Code]). dst has room for n×m.Outputs(); a longer one keeps its tail. The sum runs in the order
// and width of the library that trained the model, so that the bits agree with its own; a float64 holds a
// float32's bits exactly. It returns ErrShape when the lengths do not match, ErrNoMargin when the model has
// values only, and ErrWidth when rows have to be float64.
func (m *Model) Margin(dst []float64, rows []float32) error {
	return pipeline.Margin(m.p, dst, rows, m.from, m.to)
}

// Margin64 is Margin for float64 rows. Values are rounded to the model's own width first.
func (m *Model) Margin64(dst []float64, rows []float64) error {
	return pipeline.Margin(m.p, dst, rows, m.from, m.to)
}

// Predict writes the values of each row into dst: what the library's own predict means, such as the
// positive class's probability.
//
// rows is as for Margin; dst has room for n×m.Values(). It allocates nothing, but for models that pick one of
// more than 32 classes.
func (m *Model) Predict(dst []float64, rows []float32) error {
	return pipeline.Predict(m.p, dst, rows, m.from, m.to)
}

// Predict64 is Predict for float64 rows. Values are rounded to the model's own width first.
func (m *Model) Predict64(dst []float64, rows []float64) error {
	return pipeline.Predict(m.p, dst, rows, m.from, m.to)
}

// Apply writes the values of the given margins into dst: n×m.Outputs() margins make n×m.Values() values.
// dst may be margins itself when the two are equally many.
func (m *Model) Apply(dst, margins []float64) error {
	n := len(margins) / m.Outputs()
	if len(margins) != n*m.Outputs() || len(dst) < n*m.Values() {
		return fmt.Errorf("%w: %d results for %d margins", ErrShape, len(dst), len(margins))
	}
	m.p.Apply(dst, margins, m.to-m.from)
	return nil
}

// Leaf writes the leaf that each row reaches in each tree into dst, by the number that the library's own
// leaf prediction gives it.
//
// rows is as for Margin; dst has room for n×m.Trees(). Models that are not one forest have no leaves: an error.
func (m *Model) Leaf(dst []int32, rows []float32) error {
	return pipeline.Leaves(m.p, dst, rows, m.from, m.to)
}

// Leaf64 is Leaf for float64 rows. Values are rounded to the model's own width first.
func (m *Model) Leaf64(dst []int32, rows []float64) error {
	return pipeline.Leaves(m.p, dst, rows, m.from, m.to)
}
