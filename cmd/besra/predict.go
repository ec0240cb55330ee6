package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/packed"
	"github.com/besra-ml/besra/internal/rows"
)

func predictVerb() *verb {
	return &verb{
		name: "predict", args: "MODEL [ROWS|-]", short: "scores a file of rows",
		long: `
MODEL is a model file of XGBoost, LightGBM, CatBoost or ONNX, or a bundle, also in S3 (s3://bucket/fraud.ubj). ROWS is
CSV (default: stdin): a header with the names of the features in any order, then a row a line. An empty cell is missing
(the empty name in a category column of CatBoost, which has no missing ones); nan, inf and -inf are numbers. Both may be
packed by gzip or zstd. The results are CSV on stdout, a line for each row and in their order: value, or value_0,value_1,…
when there are several, and likewise margin and leaf. Numbers are the shortest decimals that read back to the model's own
bits. A model of ONNX has values, and neither margins nor leaves.

  besra predict fraud.ubj rows.csv > values.csv
  besra predict fraud.txt.gz rows.csv.zst
  besra predict --output margin --iterations 0:100 fraud.cbm rows.csv
  cat rows.csv | besra predict models/fraud/3`,
		run: runPredict,
	}
}

// A predictJob is what a command line asks of predict.
type predictJob struct {
	output      string
	ignoreExtra bool
	model       modelFlags
	path, rows  string
}

func runPredict(ctx context.Context, e *environ, v *verb, args []string) error {
	var j predictJob
	fs := v.flags()
	fs.StringVar(&j.output, "output", "value", "`kind` of result: value, margin, leaf or contributions")
	fs.BoolVar(&j.ignoreExtra, "ignore-extra", false, "ignore columns that the model does not have")
	j.model.add(fs)
	rest, err := v.parse(e, fs, args)
	switch {
	case err != nil:
		return err
	case len(rest) == 0:
		return usagef("name the model: a model file or a bundle")
	case len(rest) > 2:
		return usagef("unexpected argument %q", rest[2])
	}
	j.path, j.rows = rest[0], "-"
	if len(rest) > 1 {
		j.rows = rest[1]
	}
	switch j.output {
	case "value", "margin", "leaf":
	case "contributions":
		return errors.New("--output contributions: not in this version of besra")
	default:
		return usagef("--output %q: want value, margin, leaf or contributions", j.output)
	}
	return local(ctx, e, j.path, func(path string) error {
		j.path = path
		return j.run(ctx, e)
	})
}

func (j *predictJob) run(ctx context.Context, e *environ) error {
	b, m, err := j.model.open(j.path)
	if err != nil {
		return err
	}
	scorer, numbers, err := scorerOf(m, j.output)
	if err != nil {
		return fmt.Errorf("%s: %w", j.path, err)
	}
	in, name, size, err := openRows(e, j.rows)
	if err != nil {
		return err
	}
	defer in.Close()
	s := rows.Stream{
		Options: rows.Options{File: name, IgnoreExtra: j.ignoreExtra},
		Columns: b.Columns(), Header: rows.Header(j.output, numbers), Numbers: numbers, Scorer: scorer,
	}
	counted := &countingReader{r: in}
	defer follow(e, "rows", s.Rows.Load, counted, size, true)()
	err = s.Run(ctx, e.stdout, packed.NewReader(counted))
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted")
	}
	return err
}

// modelFlags are the flags that say what a model file leaves out.
type modelFlags struct{ missing, iterations string }

func (f *modelFlags) add(fs *flag.FlagSet) {
	fs.StringVar(&f.missing, "missing", "nan", "the `number` that the trainer took for missing, beside nan")
	fs.StringVar(&f.iterations, "iterations", "all", "the boosting `rounds` that count: all, best, or A:B, from A up to B-1")
}

// parse reads the flags.
func (f *modelFlags) parse() (o bundle.Options, err error) {
	if o.Iterations, err = bundle.ParseIterations(f.iterations); err != nil {
		return o, usagef("--iterations: %v", err)
	}
	x, ok := rows.ParseNumber([]byte(f.missing), 64)
	if !ok {
		return o, usagef("--missing: want a number, not %q", f.missing)
	}
	if x == x {
		o.Missing = &x
	}
	return o, nil
}

// open opens a model file or a bundle, which must prove itself, and picks the rounds that the flags ask for:
// of a bundle, among those that it uses.
func (f *modelFlags) open(path string) (*bundle.Bundle, *besra.Model, error) {
	o, err := f.parse()
	if err != nil {
		return nil, nil, err
	}
	b, err := bundle.OpenWith(path, bundle.Options{Missing: o.Missing})
	if err != nil {
		return nil, nil, err
	}
	if _, err := b.Prove(); err != nil && !errors.Is(err, bundle.ErrBare) {
		return nil, nil, fmt.Errorf("open %s: %w", path, err)
	}
	m, err := o.Iterations.Of(b.Model)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, m, nil
}

// scorerOf returns what makes scorers of the given kind, and how many numbers a row gets.
func scorerOf(m *besra.Model, kind string) (_ func() rows.Scorer, numbers int, err error) {
	_, bits := m.Bits()
	switch kind {
	case "margin":
		if err := m.Margin64(nil, nil); err != nil {
			return nil, 0, fmt.Errorf("--output margin: %w", err)
		}
		return numberScorer(m.Margin64, m.Outputs(), len(m.Columns()), bits), m.Outputs(), nil
	case "value":
		return numberScorer(m.Predict64, m.Values(), len(m.Columns()), bits), m.Values(), nil
	}
	if m.ValueOnly() {
		return nil, 0, fmt.Errorf("--output leaf: the model has values alone, as all of %s: its library tells no leaves", m.Format())
	}
	if err := m.Leaf64(nil, nil); err != nil {
		return nil, 0, fmt.Errorf("--output leaf: %w", err)
	}
	return leafScorer(m), m.Trees(), nil
}

func numberScorer(predict func(dst, rows []float64) error, width, columns, bits int) func() rows.Scorer {
	return func() rows.Scorer {
		var got []float64
		return func(dst []byte, block []float64) ([]byte, error) {
			n := len(block) / columns * width
			got = grow(got, n)
			if err := predict(got, block); err != nil {
				return dst, err
			}
			for i, x := range got {
				dst = append(rows.AppendNumber(dst, x, bits), separator(i, width))
			}
			return dst, nil
		}
	}
}

func leafScorer(m *besra.Model) func() rows.Scorer {
	columns, trees := len(m.Columns()), m.Trees()
	return func() rows.Scorer {
		var got []int32
		return func(dst []byte, block []float64) ([]byte, error) {
			n := len(block) / columns
			got = grow(got, n*trees)
			if err := m.Leaf64(got, block); err != nil {
				return dst, err
			}
			for i, leaf := range got {
				dst = append(strconv.AppendInt(dst, int64(leaf), 10), separator(i, trees))
			}
			if trees == 0 {
				for range n {
					dst = append(dst, '\n')
				}
			}
			return dst, nil
		}
	}
}

// grow returns s with length n.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// separator returns what follows number i of lines of width numbers.
func separator(i, width int) byte {
	if (i+1)%width == 0 {
		return '\n'
	}
	return ','
}

// openRows opens a file of rows; size is 0 when nobody can tell it.
func openRows(e *environ, path string) (in io.ReadCloser, name string, size int64, err error) {
	if path == "-" {
		in, name = io.NopCloser(e.stdin), "stdin"
	} else {
		f, err := os.Open(path)
		if err != nil {
			return nil, "", 0, err
		}
		in, name = f, path
	}
	source := any(in)
	if path == "-" {
		source = e.stdin
	}
	if f, ok := source.(*os.File); ok {
		info, err := f.Stat()
		switch {
		case err == nil && info.IsDir():
			return nil, "", 0, fmt.Errorf("%s: is a directory, not a file of rows", path)
		case err == nil && info.Mode().IsRegular():
			size = info.Size()
		}
	}
	return in, name, size, nil
}

// A countingReader counts what is read through it.
type countingReader struct {
	r io.Reader
	n atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
