package events

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/feature"
)

// groupRows is how many rows a row group has: it is held in memory until it is written.
const groupRows = 1 << 17

// ParquetTo returns a sink that writes a Parquet file: the columns that are kept, then the row's, in its order.
// Numbers have the model's width, and NaN where they are missing; a string column has its names, and null. The
// caller closes it.
func (r *Replay) ParquetTo(w io.Writer) *ParquetSink {
	s := &ParquetSink{bits: r.Bits, columns: r.Columns, hashed: r.hashed, kept: r.kept}
	var root ordered
	for _, k := range r.kept {
		root.add(k.name, k.node(r.plan))
		s.write = append(s.write, k.value(r.plan))
	}
	for i := range r.Columns {
		root.add(r.Columns[i].Name, s.node(&r.Columns[i]))
		s.write = append(s.write, s.value(i))
	}
	s.w = parquet.NewGenericWriter[any](w, parquet.NewSchema("rows", &root), parquet.Compression(&parquet.Snappy),
		parquet.CreatedBy("besra", "", ""), parquet.PageBufferSize(128<<10))
	return s
}

// A ParquetSink writes Parquet.
type ParquetSink struct {
	w       *parquet.GenericWriter[any]
	bits    int
	columns []besra.Column
	hashed  []int
	kept    []kept
	write   []func(b *Block, i int) parquet.Value // by column: its value for event i
	values  []parquet.Value
	rows    int // of the row group
}

// Begin does nothing.
func (s *ParquetSink) Begin() error { return nil }

// Format does nothing.
func (s *ParquetSink) Format(dst []byte, _ *Block) []byte { return dst }

// Write writes a block.
func (s *ParquetSink) Write(b *Block) error {
	s.values = grow(s.values, b.N)
	for c, w := range s.w.ColumnWriters() {
		value := s.write[c]
		for i := range s.values {
			s.values[i] = value(b, i)
		}
		if _, err := w.WriteRowValues(s.values); err != nil {
			return fmt.Errorf("parquet: %w", err)
		}
	}
	if s.rows += b.N; s.rows < groupRows {
		return nil
	}
	s.rows = 0
	return s.w.Flush()
}

// Close ends the file.
func (s *ParquetSink) Close() error { return s.w.Close() }

func (s *ParquetSink) node(c *besra.Column) parquet.Node {
	switch {
	case c.Type == besra.String:
		return parquet.Optional(parquet.String())
	case s.bits == 32:
		return parquet.Leaf(parquet.FloatType)
	}
	return parquet.Leaf(parquet.DoubleType)
}

// value returns what makes the values of the row's column c.
func (s *ParquetSink) value(c int) func(b *Block, i int) parquet.Value {
	spec, width, at := &s.columns[c], len(s.columns), len(s.kept)+c
	switch f := s.hashed[c]; {
	case f >= 0:
		return func(b *Block, i int) parquet.Value {
			text := b.texts[i*b.fields+f]
			if text == nil {
				return null(at)
			}
			return some(parquet.ByteArrayValue(text), at)
		}
	case spec.Type == besra.String:
		return func(b *Block, i int) parquet.Value {
			x := b.Rows[i*width+c]
			if x != x {
				return null(at)
			}
			return some(parquet.ByteArrayValue([]byte(name(spec, x))), at)
		}
	case s.bits == 32:
		return func(b *Block, i int) parquet.Value {
			return parquet.FloatValue(float32(b.Rows[i*width+c])).Level(0, 0, at)
		}
	}
	return func(b *Block, i int) parquet.Value {
		return parquet.DoubleValue(b.Rows[i*width+c]).Level(0, 0, at)
	}
}

// node returns the type of a column that is kept: numbers as doubles, the time as a timestamp, else text.
func (k kept) node(p *feature.Plan) parquet.Node {
	if k.field >= 0 {
		switch p.Fields[k.field].Type {
		case feature.Time:
			return parquet.Timestamp(parquet.Millisecond)
		case feature.Number:
			return parquet.Leaf(parquet.DoubleType)
		case feature.Bool:
			return parquet.Optional(parquet.Leaf(parquet.BooleanType))
		case feature.Entity, feature.Text:
		}
	}
	return parquet.Optional(parquet.String())
}

// value returns what makes the values of a column that is kept.
func (k kept) value(p *feature.Plan) func(b *Block, i int) parquet.Value {
	at := k.at
	if k.field >= 0 {
		switch p.Fields[k.field].Type {
		case feature.Time:
			return func(b *Block, i int) parquet.Value { return parquet.Int64Value(b.Times[i]).Level(0, 0, at) }
		case feature.Number:
			return func(b *Block, i int) parquet.Value {
				return parquet.DoubleValue(b.numbers[i*b.fields+k.field]).Level(0, 0, at)
			}
		case feature.Bool:
			return func(b *Block, i int) parquet.Value {
				x := b.numbers[i*b.fields+k.field]
				if x != x {
					return null(at)
				}
				return some(parquet.BooleanValue(x != 0), at)
			}
		case feature.Entity, feature.Text:
		}
	}
	return func(b *Block, i int) parquet.Value {
		text := b.kept[i*b.keeps+at]
		if len(text) == 0 {
			return null(at)
		}
		return some(parquet.ByteArrayValue(text), at)
	}
}

// null is an absent value of an optional column.
func null(column int) parquet.Value { return parquet.NullValue().Level(0, 0, column) }

// some is a present one.
func some(v parquet.Value, column int) parquet.Value { return v.Level(0, 1, column) }
