package events

import (
	"errors"
	"fmt"
	"io"

	"github.com/besra-ml/besra/internal/rows"
)

// CSV returns a file of events as RFC 4180 has it: a header with the names of the columns in any order, then an
// event a line. An empty cell is missing.
func CSV(in io.Reader) Source { return csvSource{in} }

type csvSource struct{ in io.Reader }

// A csvReader reads CSV.
type csvReader struct {
	file    string
	split   *rows.Splitter
	columns []column
	first   *rows.Chunk // what came with the header
}

func (s csvSource) open(r *Replay) (reader, error) {
	in := &csvReader{file: r.File, split: rows.NewSplitter(s.in, r.blockBytes())}
	names, rest, err := in.split.Header()
	if err == nil {
		in.columns, err = r.schema(names)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.File, err)
	}
	in.first = &rest
	r.labelled(in.columns)
	return in, nil
}

// A csvBlock is a block's text.
type csvBlock struct {
	chunk rows.Chunk
	room  []byte
	cells rows.Cells
}

func (in *csvReader) read(b *Block) error {
	c, ok := b.in.(*csvBlock)
	if !ok {
		c = &csvBlock{}
		b.in = c
	}
	if in.first != nil {
		c.chunk, in.first = *in.first, nil
		return nil
	}
	var err error
	c.chunk, err = in.split.Next(c.room)
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case err != nil:
		return fmt.Errorf("%s: %w", in.file, err)
	}
	c.room = c.chunk.Text()
	return nil
}

func (in *csvReader) parse(b *Block, p *parser) {
	c := b.in.(*csvBlock)
	c.cells.Reset(c.chunk)
	for c.cells.More() {
		line := c.cells.Line()
		if len(in.columns) > 1 && c.cells.Blank() {
			continue
		}
		b.add()
		err := in.record(b, &c.cells, p.hasher)
		if err == nil {
			err = p.finish(b)
		}
		if err != nil {
			b.drop()
			b.err = fmt.Errorf("%s:%d: %w", in.file, line, err)
			return
		}
	}
}

// record reads one record into the last event of b.
func (in *csvReader) record(b *Block, cells *rows.Cells, h hasher) error {
	for i := 0; ; i++ {
		cell, last := cells.Next()
		if err := cells.Err(); err != nil {
			if i < len(in.columns) {
				err = fmt.Errorf("%s: %w", in.columns[i].name, err)
			}
			return err
		}
		if i >= len(in.columns) {
			return in.ragged(cells, i+1, last)
		}
		if c := &in.columns[i]; c.role != ignored || c.keep >= 0 {
			if err := b.text(c, cell, h); err != nil {
				return err
			}
		}
		switch {
		case !last:
		case i+1 < len(in.columns):
			return in.ragged(cells, i+1, true)
		default:
			return nil
		}
	}
}

// ragged reports a record with n cells or, unless it was read to its end, more.
func (in *csvReader) ragged(cells *rows.Cells, n int, last bool) error {
	for !last && cells.Err() == nil {
		_, last = cells.Next()
		n++
	}
	return fmt.Errorf("has %d cells, the header %d", n, len(in.columns))
}
