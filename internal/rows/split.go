package rows

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A chunk is a run of whole records of a file.
type chunk struct {
	text []byte
	line int // the line that it starts on, from 1
}

const (
	chunkSize = 128 << 10 // bytes that are read at once, when nothing asks for less
	maxRecord = 64 << 20  // bytes of a record
)

// A splitter cuts a CSV file into chunks, at line ends that are not within quotes. A chunk is passed on as
// soon as a read ends a record, so that rows which come slowly are not held back.
type splitter struct {
	r    io.Reader
	size int    // bytes to read at once
	rest []byte // the beginning of a record, read behind the last chunk
	line int    // the line that rest starts on
	err  error  // what reading ended with
}

func newSplitter(r io.Reader, size int) *splitter { return &splitter{r: r, size: size, line: 1} }

// next returns the next chunk in buf, or in a larger buffer when it needs one. At the end it returns io.EOF.
func (s *splitter) next(buf []byte) (chunk, error) {
	buf = append(buf[:0], s.rest...)
	seen, quoted := 0, false
	for {
		end, q := lastRecord(buf[seen:], quoted)
		if end > 0 {
			return s.cut(buf, seen+end), nil
		}
		seen, quoted = len(buf), q
		switch {
		case errors.Is(s.err, io.EOF) && len(buf) > 0:
			return s.cut(buf, len(buf)), nil // the last line of a file may lack its end
		case s.err != nil:
			return chunk{}, s.err
		case len(buf) > maxRecord:
			return chunk{}, fmt.Errorf("line %d: a record of more than %d bytes", s.line, maxRecord)
		}
		buf = s.read(buf)
	}
}

func (s *splitter) cut(buf []byte, end int) chunk {
	c := chunk{text: buf[:end], line: s.line}
	s.rest = append(s.rest[:0], buf[end:]...)
	s.line += bytes.Count(c.text, []byte{'\n'})
	return c
}

// read reads once, behind what buf holds.
func (s *splitter) read(buf []byte) []byte {
	buf = slices.Grow(buf, max(s.size, len(buf))) // a long record is read in ever longer parts
	free := buf[len(buf):min(cap(buf), len(buf)+max(s.size, len(buf)))]
	for range 100 { // a reader may return nothing, but not for ever
		n, err := s.r.Read(free)
		buf, s.err = buf[:len(buf)+n], err
		if n > 0 || err != nil {
			return buf
		}
	}
	s.err = io.ErrNoProgress
	return buf
}

// lastRecord returns where the last record in text ends, 0 when none does. quoted says whether text starts
// within quotes, and the result whether it ends there.
func lastRecord(text []byte, quoted bool) (end int, _ bool) {
	at := 0
	for {
		quote := bytes.IndexByte(text[at:], '"')
		part := text[at:]
		if quote >= 0 {
			part = part[:quote]
		}
		if !quoted {
			if n := bytes.LastIndexByte(part, '\n'); n >= 0 {
				end = at + n + 1
			}
		}
		if quote < 0 {
			return end, quoted
		}
		at += quote + 1
		quoted = !quoted
	}
}
