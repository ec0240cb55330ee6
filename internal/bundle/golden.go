package bundle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/rows"
)

// maxGolden bounds the numbers of one golden file.
const maxGolden = 1 << 25

// Golden is rows with the trainer's own answers. Answers are numbers of the model's width.
type Golden struct {
	Rows   []float64 // n×columns, row-major
	Margin []float64 // n×outputs; nil: the model has values alone
	Value  []float64 // n×values
	Leaf   []float64 // n×trees; nil: not given

	dir string // what stands before a file's name in errors
}

// ReadGolden reads golden rows for b from a folder that is not part of a bundle.
func (b *Bundle) ReadGolden(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, cause(err))
	}
	defer root.Close()
	if err := b.golden(newContents(Files(root)), "."); err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	return nil
}

func (b *Bundle) readGolden(c *contents) error { return b.golden(c, path.Dir(rowsFile)) }

func (b *Bundle) golden(c *contents, dir string) error {
	at := func(file string) string { return path.Join(dir, path.Base(file)) }
	g := &Golden{dir: dir}
	columns := b.Columns()
	err := c.must(at(rowsFile), func(r io.Reader, _ int64) (err error) {
		g.Rows, err = readRows(r, columns, rows.Options{File: at(rowsFile)})
		return err
	})
	if err != nil {
		return err
	}
	n := len(g.Rows) / len(columns)
	m := b.Model
	_, bits := m.Bits()
	for _, f := range []struct {
		file, kind string
		width      int
		dst        *[]float64
		optional   bool
		none       bool // the model has none of these
	}{
		{marginFile, "margin", m.Outputs(), &g.Margin, m.ValueOnly(), m.ValueOnly()},
		{valueFile, "value", m.Values(), &g.Value, false, false},
		{leafFile, "leaf", m.Trees(), &g.Leaf, true, m.ValueOnly() || m.Leaf64(nil, nil) != nil},
	} {
		file := at(f.file)
		if _, listed := c.files[file]; f.optional && !listed && !c.has(file) {
			continue
		}
		if f.none {
			return fmt.Errorf("%s: a model of %s such as this has no %s: leave the file out", file, m.Format(), f.kind)
		}
		err := c.must(file, func(r io.Reader, _ int64) (err error) {
			*f.dst, err = rows.Answers(r, file, f.kind, f.width, bits, maxGolden)
			if err == nil && len(*f.dst) != n*f.width {
				return fmt.Errorf("%s: has %d rows, but %s has %d", file, len(*f.dst)/max(f.width, 1), at(rowsFile), n)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	b.Golden = g
	return nil
}

// must is use for a file that a bundle cannot do without.
func (c *contents) must(file string, read func(io.Reader, int64) error) error {
	err := c.use(file, read)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing: golden rows prove that a model predicts as its trainer did", file)
	}
	return err
}

func readRows(r io.Reader, columns []besra.Column, o rows.Options) ([]float64, error) {
	d, err := rows.NewReader(r, columns, o)
	if err != nil {
		return nil, err
	}
	var all []float64
	for {
		all, err = d.Read(all, 256)
		switch {
		case errors.Is(err, io.EOF) && len(all) == 0:
			return nil, fmt.Errorf("%s: has no rows", o.File)
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		case len(all) > maxGolden:
			return nil, fmt.Errorf("%s: more than %d numbers", o.File, maxGolden)
		}
	}
}
