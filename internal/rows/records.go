package rows

import "io"

// A Splitter cuts a CSV file of any kind into chunks of whole records, for readers that share the work.
type Splitter struct{ s *splitter }

// NewSplitter returns a splitter that reads size bytes at once.
func NewSplitter(r io.Reader, size int) *Splitter { return &Splitter{newSplitter(r, size)} }

// Header reads the first record, and returns with it the rest of its chunk.
func (s *Splitter) Header() (names []string, rest Chunk, err error) {
	d := &Reader{split: s.s}
	if names, err = d.header(); err != nil {
		return nil, Chunk{}, err
	}
	return names, Chunk{chunk{text: d.cells.text[d.cells.pos:], line: d.cells.line}}, nil
}

// Next returns the next chunk in buf, or in a larger buffer when it needs one. At the end it returns io.EOF.
func (s *Splitter) Next(buf []byte) (Chunk, error) {
	c, err := s.s.next(buf)
	return Chunk{c}, err
}

// A Chunk is a run of whole records of a file.
type Chunk struct{ c chunk }

// Text returns the records as they are in the file.
func (c Chunk) Text() []byte { return c.c.text }

// A Cells reads the records of a chunk cell by cell.
type Cells struct{ c cells }

// Reset begins with the first record of k.
func (c *Cells) Reset(k Chunk) { c.c.reset(k.c) }

// More reports whether a record follows.
func (c *Cells) More() bool { return c.c.more() }

// Blank reports whether the next record is an empty line, and steps over it.
func (c *Cells) Blank() bool { return c.c.blank() }

// Line returns the line that the next cell starts on, from 1.
func (c *Cells) Line() int { return c.c.line }

// Next returns the next cell, valid until the next call; last says that it ends its record. After an error,
// which Err keeps, it returns nothing.
func (c *Cells) Next() (cell []byte, last bool) { return c.c.next() }

// Err returns what is wrong with the text.
func (c *Cells) Err() error { return c.c.err }
