// Package rows reads and writes the CSV files that predict does: a header of column names, then a row a line.
package rows

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/nearest"
)

// Options say how a file of rows is read.
type Options struct {
	File        string // what errors call it: rows.csv:3: …
	IgnoreExtra bool   // a column that the model does not have is no error
}

// A layout says what the columns of a file are to a model.
type layout struct {
	file    string
	columns []besra.Column
	at      []int // for each column of the file, its place in a row; -1: none
	names   []string
}

// newLayout finds the model's columns among a file's.
func newLayout(names []string, columns []besra.Column, o Options) (*layout, error) {
	place := make(map[string]int, len(columns))
	known := make([]string, len(columns))
	for i, c := range columns {
		place[c.Name], known[i] = i, c.Name
	}
	l := &layout{file: o.File, columns: columns, at: make([]int, len(names)), names: names}
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		p, ok := place[name]
		switch {
		case seen[name]:
			return nil, fmt.Errorf("column %q stands twice", name)
		case !ok && !o.IgnoreExtra:
			return nil, fmt.Errorf("unknown column %q%s", name, hint(name, known))
		case !ok:
			p = -1
		}
		seen[name] = true
		l.at[i] = p
	}
	var missing []string
	for _, name := range known {
		if !seen[name] {
			missing = append(missing, fmt.Sprintf("%q", name))
		}
	}
	switch n := len(missing); {
	case n == 1:
		return nil, fmt.Errorf("column %s is missing", missing[0])
	case n > 5:
		return nil, fmt.Errorf("columns %s and %d more are missing", strings.Join(missing[:5], ", "), n-5)
	case n > 1:
		return nil, fmt.Errorf("columns %s are missing", strings.Join(missing, ", "))
	}
	return l, nil
}

func hint(name string, known []string) string {
	if n := nearest.Name(name, known); n != "" {
		return fmt.Sprintf(", did you mean %q?", n)
	}
	return ""
}

// rows appends the rows of c's chunk to dst, whole ones, until it holds limit values or the chunk ends.
func (l *layout) rows(dst []float64, c *cells, limit int) ([]float64, error) {
	width := len(l.columns)
	for c.more() && len(dst)+width <= limit {
		line := c.line
		// One empty cell is a row of one column; of several, the line is no row at all.
		if len(l.at) > 1 && c.blank() {
			continue
		}
		start := len(dst)
		for range width {
			dst = append(dst, math.NaN())
		}
		if err := l.row(dst[start:], c); err != nil {
			return dst[:start], fmt.Errorf("%s:%d: %w", l.file, line, err)
		}
	}
	return dst, nil
}

// row reads one record into row.
func (l *layout) row(row []float64, c *cells) error {
	for i := 0; ; i++ {
		cell, last := c.next()
		switch {
		case c.err != nil && i < len(l.names):
			return fmt.Errorf("%s: %w", l.names[i], c.err)
		case c.err != nil:
			return c.err
		case i >= len(l.at):
			return l.ragged(c, i+1, last)
		}
		if p := l.at[i]; p >= 0 {
			x, ok := value(&l.columns[p], cell)
			if !ok {
				return fmt.Errorf("%s: %s is no number", l.names[i], quote(cell))
			}
			row[p] = x
		}
		switch {
		case !last:
		case i+1 < len(l.at):
			return l.ragged(c, i+1, true)
		default:
			return nil
		}
	}
}

// ragged reports a record with n cells or, unless it was read to its end, more.
func (l *layout) ragged(c *cells, n int, last bool) error {
	for !last && c.err == nil {
		_, last = c.next()
		n++
	}
	return fmt.Errorf("has %d cells, the header %d", n, len(l.at))
}

// value turns a cell into what the model's rows hold. An empty one is missing: NaN, or the empty name where a library has
// no missing ones.
func value(c *besra.Column, cell []byte) (x float64, ok bool) {
	switch {
	case len(cell) == 0:
		return c.Absent(), true
	case c.Type == besra.String:
		return c.CodeOf(cell), true
	}
	x, ok = ParseNumber(cell, 64)
	if !ok && c.Type == besra.Bool {
		return boolean(cell)
	}
	return x, ok
}

// boolean reads the words that data frames write for a column of bools.
func boolean(cell []byte) (x float64, ok bool) {
	switch string(cell) {
	case "true", "True", "TRUE":
		return 1, true
	case "false", "False", "FALSE":
		return 0, true
	}
	return 0, false
}

func quote(cell []byte) string {
	if len(cell) > 40 {
		return fmt.Sprintf("%q…", cell[:40])
	}
	return fmt.Sprintf("%q", cell)
}

// A Reader reads rows.
type Reader struct {
	split  *splitter
	layout *layout
	cells  cells
	buf    []byte
	err    error
}

// NewReader reads the header of a file of rows for a model with the given columns.
func NewReader(r io.Reader, columns []besra.Column, o Options) (*Reader, error) {
	return newReader(r, chunkSize, columns, o)
}

func newReader(r io.Reader, size int, columns []besra.Column, o Options) (*Reader, error) {
	d := &Reader{split: newSplitter(r, size)}
	names, err := d.header()
	if err == nil {
		d.layout, err = newLayout(names, columns, o)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.File, err)
	}
	return d, nil
}

// header reads the first record; the rest of its chunk is in d.cells.
func (d *Reader) header() ([]string, error) {
	for {
		c, err := d.split.next(d.buf)
		switch {
		case errors.Is(err, io.EOF):
			return nil, errEmpty
		case err != nil:
			return nil, err
		}
		d.buf = c.text
		d.cells.reset(c)
		if names, err := d.cells.header(); !errors.Is(err, errEmpty) {
			return names, err
		}
	}
}

// Read appends up to n rows, each of len(columns) values, to dst. It returns io.EOF when there are no more,
// and the rows before an error with it.
func (d *Reader) Read(dst []float64, n int) ([]float64, error) {
	limit := len(dst) + n*len(d.layout.columns)
	for d.err == nil {
		start := len(dst)
		dst, d.err = d.layout.rows(dst, &d.cells, limit)
		if d.err != nil || len(dst) > start || n < 1 {
			break
		}
		c, err := d.split.next(d.buf)
		if err != nil {
			d.err = d.layout.wrap(err)
			break
		}
		d.buf = c.text
		d.cells.reset(c)
	}
	return dst, d.err
}

// wrap names the file in an error of its splitter.
func (l *layout) wrap(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return fmt.Errorf("%s: %w", l.file, err)
}
