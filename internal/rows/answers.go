package rows

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// Header returns the header of a file of results: the kind itself for one number, kind_0,kind_1,… for
// several; leaves are always several.
func Header(kind string, numbers int) []byte {
	if numbers == 1 && kind != "leaf" {
		return append([]byte(kind), '\n')
	}
	var dst []byte
	for i := range numbers {
		dst = fmt.Appendf(dst, "%s_%d,", kind, i)
	}
	if numbers == 0 {
		return []byte{'\n'}
	}
	dst[len(dst)-1] = '\n'
	return dst
}

// Answers reads a file of results that has the given header: n×width numbers, each the nearest of the width
// bits, 32 or 64. It refuses more than limit of them.
func Answers(r io.Reader, file, kind string, width, bits, limit int) ([]float64, error) {
	d := &Reader{split: newSplitter(r, chunkSize)}
	names, err := d.header()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := sameHeader(names, kind, width); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var all []float64
	for {
		for d.cells.more() {
			line := d.cells.line
			if d.cells.blank() {
				continue
			}
			if len(all)+width > limit {
				return nil, fmt.Errorf("%s: more than %d numbers", file, limit)
			}
			if all, err = answer(all, &d.cells, width, bits); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, line, err)
			}
		}
		c, err := d.split.next(d.buf)
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		d.buf = c.text
		d.cells.reset(c)
	}
}

func sameHeader(names []string, kind string, width int) error {
	if len(names) != width {
		return fmt.Errorf("has %d columns, but the model's %s has %d", len(names), kind, width)
	}
	for i, name := range names {
		want := kind + "_" + strconv.Itoa(i)
		if name != want && (width != 1 || name != kind) {
			return fmt.Errorf("column %q should be %q", name, want)
		}
	}
	return nil
}

// answer appends the numbers of one record.
func answer(dst []float64, c *cells, width, bits int) ([]float64, error) {
	for i := range width {
		cell, last := c.next()
		switch {
		case c.err != nil:
			return nil, c.err
		case last != (i == width-1):
			return nil, fmt.Errorf("has not the header's %d cells", width)
		}
		x, ok := ParseNumber(cell, bits)
		if !ok && len(cell) > 0 {
			return nil, fmt.Errorf("%s is no number", quote(cell))
		}
		if len(cell) == 0 {
			x = math.NaN()
		}
		dst = append(dst, x)
	}
	return dst, nil
}
