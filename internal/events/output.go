package events

import (
	"bytes"
	"io"
	"math"
	"strconv"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/rows"
)

// CSVTo returns a sink that writes what predict reads: a header, then a row a line, behind the columns that are
// kept. Numbers are the shortest decimals that read back to the same bits in the model's width, nothing where
// one is missing; a string column has its names.
func (r *Replay) CSVTo(w io.Writer) Sink { return &csvSink{r: r, w: w} }

type csvSink struct {
	r *Replay
	w io.Writer
}

// Begin writes the header.
func (s *csvSink) Begin() error {
	var dst []byte
	for _, k := range s.r.kept {
		dst = append(appendCell(dst, []byte(k.name)), ',')
	}
	for _, c := range s.r.Columns {
		dst = append(appendCell(dst, []byte(c.Name)), ',')
	}
	dst[len(dst)-1] = '\n'
	_, err := s.w.Write(dst)
	return err
}

// Format writes the lines of a block.
func (s *csvSink) Format(dst []byte, b *Block) []byte {
	width, keeps := len(s.r.Columns), len(s.r.kept)
	for i := range b.N {
		for _, cell := range b.kept[i*keeps : (i+1)*keeps] {
			dst = append(appendCell(dst, cell), ',')
		}
		for j, x := range b.Rows[i*width : (i+1)*width] {
			if f := s.r.hashed[j]; f >= 0 {
				dst = append(appendCell(dst, b.texts[i*b.fields+f]), ',')
				continue
			}
			dst = append(appendValue(dst, &s.r.Columns[j], x, s.r.Bits), ',')
		}
		dst[len(dst)-1] = '\n'
	}
	return dst
}

// Write writes them.
func (s *csvSink) Write(b *Block) error {
	_, err := s.w.Write(b.Text)
	return err
}

// appendValue appends a number of the row as predict reads it back.
func appendValue(dst []byte, c *besra.Column, x float64, bits int) []byte {
	const whole = 1 << 24 // up to here every whole number is one of either width
	switch {
	case x != x:
		return dst
	case c.Type == besra.String:
		return appendCell(dst, []byte(name(c, x)))
	case x == math.Trunc(x) && math.Abs(x) <= whole && (x != 0 || !math.Signbit(x)):
		return strconv.AppendInt(dst, int64(x), 10)
	case bits == 32:
		return rows.AppendNumber(dst, float64(float32(x)), 32)
	}
	return rows.AppendNumber(dst, x, bits)
}

// name returns the name of a category.
func name(c *besra.Column, code float64) string {
	if names := c.Dictionary(); code >= 0 && code < float64(len(names)) {
		return names[int(code)]
	}
	return ""
}

// appendCell appends a cell, in quotes where it needs them.
func appendCell(dst, cell []byte) []byte {
	if !bytes.ContainsAny(cell, "\",\r\n") {
		return append(dst, cell...)
	}
	dst = append(dst, '"')
	for _, c := range cell {
		if c == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}
