package events

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// Parquet returns a Parquet file of size bytes. Its columns are those of a CSV file, flat, as strings, whole
// numbers, floats or booleans; times may be timestamps in UTC too. Null and the empty string are missing.
func Parquet(in io.ReaderAt, size int64) Source { return parquetSource{in, size} }

type parquetSource struct {
	in   io.ReaderAt
	size int64
}

// A parquetReader reads row group after row group, a run of rows from every column at a time.
type parquetReader struct {
	file    string
	columns []column // those of use
	leaves  []int    // where each is among the file's
	cells   []cell   // how each is read
	groups  []parquet.RowGroup
	open    []pages // of the row group at hand
	left    int64   // rows of it
	row     int64   // the next, from 1
	block   int     // rows to read at once
}

// pages are the values of one column in a row group.
type pages struct {
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
}

// A parquetBlock is a run of rows, column by column.
type parquetBlock struct {
	row    int64
	values [][]parquet.Value
	bytes  []byte // what the values point to
	text   []byte // a cell on its way
}

func (s parquetSource) open(r *Replay) (_ reader, err error) {
	defer recovered(r.File, &err)
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", r.File, err)
	}
	f, err := parquet.OpenFile(s.in, s.size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(256<<10))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.File, err)
	}
	in := &parquetReader{file: r.File, groups: f.RowGroups(), row: 1, block: max(1, r.blockBytes()/64)}
	all := f.Root().Columns()
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Name()
	}
	columns, err := r.schema(names)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.File, err)
	}
	for i, c := range columns {
		if c.role == ignored || c.role == identity && c.keep < 0 {
			continue
		}
		cell, err := cellOf(&c, all[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", r.File, c.name, err)
		}
		in.columns, in.leaves, in.cells = append(in.columns, c), append(in.leaves, all[i].Index()), append(in.cells, cell)
	}
	r.labelled(columns)
	return in, nil
}

// check looks at both ends of the file before the library does, which takes the memory that they ask for.
func (s parquetSource) check() error {
	const magic = "PAR1"
	var head [len(magic)]byte
	var tail [4 + len(magic)]byte
	if s.size < int64(len(head)+len(tail)) {
		return errNoParquet
	}
	if _, err := s.in.ReadAt(head[:], 0); err != nil {
		return err
	}
	if _, err := s.in.ReadAt(tail[:], s.size-int64(len(tail))); err != nil {
		return err
	}
	footer := int64(binary.LittleEndian.Uint32(tail[:]))
	if string(head[:]) != magic || string(tail[4:]) != magic || footer > s.size-int64(len(head)+len(tail)) {
		return errNoParquet
	}
	return nil
}

var errNoParquet = errors.New("is no Parquet file, or not a whole one")

func (in *parquetReader) read(b *Block) (err error) {
	defer recovered(in.file, &err)
	for in.left == 0 {
		in.close()
		if len(in.groups) == 0 {
			return io.EOF
		}
		if err := in.begin(in.groups[0]); err != nil {
			return err
		}
		in.groups = in.groups[1:]
	}
	p, ok := b.in.(*parquetBlock)
	if !ok {
		p = &parquetBlock{values: make([][]parquet.Value, len(in.columns))}
		b.in = p
	}
	n := int(min(int64(in.block), in.left))
	p.row, p.bytes = in.row, p.bytes[:0]
	for i := range in.open {
		p.values[i] = grow(p.values[i], n)
		if err := in.open[i].read(p.values[i], &p.bytes); err != nil {
			return fmt.Errorf("%s: row %d: %s: %w", in.file, in.row, in.columns[i].name, err)
		}
	}
	in.row += int64(n)
	in.left -= int64(n)
	return nil
}

// begin opens a row group.
func (in *parquetReader) begin(g parquet.RowGroup) error {
	in.left = g.NumRows()
	chunks := g.ColumnChunks()
	for i, leaf := range in.leaves {
		if n := chunks[leaf].NumValues(); n != in.left || n < 0 {
			return fmt.Errorf("%s: row %d: %s: is damaged: %d values for %d rows", in.file, in.row, in.columns[i].name, n, in.left)
		}
		in.open = append(in.open, pages{pages: chunks[leaf].Pages()})
	}
	return nil
}

// close lets go of the row group at hand.
func (in *parquetReader) close() {
	for i := range in.open {
		parquet.Release(in.open[i].page)
		_ = in.open[i].pages.Close() // it was only read
	}
	in.open = in.open[:0]
}

// read fills all of values. Bytes that they point to are copied to the end of room, since a page's are reused.
func (p *pages) read(values []parquet.Value, room *[]byte) error {
	for len(values) > 0 {
		if p.values == nil {
			page, err := p.pages.ReadPage()
			if errors.Is(err, io.EOF) {
				return errShort
			}
			if err != nil {
				return err
			}
			p.page, p.values = page, page.Values()
		}
		n, err := p.values.ReadValues(values)
		for i := range values[:n] {
			own(&values[i], room)
		}
		values = values[n:]
		switch {
		case errors.Is(err, io.EOF):
			parquet.Release(p.page)
			p.page, p.values = nil, nil
		case err != nil:
			return err
		case n == 0 && len(values) > 0:
			return io.ErrNoProgress
		}
	}
	return nil
}

var errShort = errors.New("has fewer values than the file has rows")

// own copies what v points to.
func own(v *parquet.Value, room *[]byte) {
	if k := v.Kind(); v.IsNull() || k != parquet.ByteArray && k != parquet.FixedLenByteArray {
		return
	}
	start := len(*room)
	*room = append(*room, v.ByteArray()...)
	*v = parquet.ByteArrayValue((*room)[start:len(*room):len(*room)])
}

func (in *parquetReader) parse(b *Block, p *parser) {
	from := b.in.(*parquetBlock)
	for i := range from.rows() {
		b.add()
		err := in.event(b, from, i, p.hasher)
		if err == nil {
			err = p.finish(b)
		}
		if err != nil {
			b.drop()
			b.err = fmt.Errorf("%s: row %d: %w", in.file, from.row+int64(i), err)
			return
		}
	}
}

// rows returns how many rows are in p.
func (p *parquetBlock) rows() int {
	if len(p.values) == 0 {
		return 0
	}
	return len(p.values[0])
}

// event reads row i into the last event of b, by way of the text that it would be in a CSV file.
func (in *parquetReader) event(b *Block, from *parquetBlock, i int, h hasher) error {
	for j := range in.columns {
		v := from.values[j][i]
		var text []byte
		if !v.IsNull() {
			text = in.cells[j](from.text[:0], v)
			from.text = text
		}
		if err := b.text(&in.columns[j], text, h); err != nil {
			return err
		}
	}
	return nil
}

// recovered makes an error of a panic: a damaged file can lead the Parquet library to one.
func recovered(file string, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%s: is damaged: %v", file, p)
	}
}
