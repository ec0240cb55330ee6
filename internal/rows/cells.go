package rows

import (
	"bytes"
	"errors"
	"fmt"
)

// A cells reads the records of a chunk cell by cell, as RFC 4180 has them: cells end at commas, records at
// line ends (CRLF or LF), and quotes hold both. A quote within a cell without quotes is an error, as is
// anything behind the closing one.
type cells struct {
	text  []byte
	pos   int
	line  int
	plain []byte // room for a quoted cell without its quotes
	err   error
}

var (
	errBareQuote = errors.New(`a quote within a cell that is not quoted; write "a ""b"" c"`)
	errOpenQuote = errors.New("a quoted cell without its closing quote")
	errBehind    = errors.New("text behind a closing quote")
)

func (c *cells) reset(k chunk) { c.text, c.pos, c.line, c.err = k.text, 0, k.line, nil }

// more reports whether a record follows.
func (c *cells) more() bool { return c.err == nil && c.pos < len(c.text) }

// blank reports whether the next record is an empty line, and steps over it.
func (c *cells) blank() bool {
	rest := c.text[c.pos:]
	switch {
	case len(rest) > 0 && rest[0] == '\n':
		c.pos++
	case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
		c.pos += 2
	case len(rest) == 1 && rest[0] == '\r':
		c.pos++
		return true
	default:
		return false
	}
	c.line++
	return true
}

// next returns the next cell, valid until the next call; last says that it ends its record. After an error,
// which c.err keeps, it returns nothing.
func (c *cells) next() (cell []byte, last bool) {
	rest := c.text[c.pos:]
	if len(rest) > 0 && rest[0] == '"' {
		return c.quoted()
	}
	for i, b := range rest {
		switch b {
		case ',':
			c.pos += i + 1
			return rest[:i], false
		case '\n':
			c.pos += i + 1
			c.line++
			return bytes.TrimSuffix(rest[:i], []byte{'\r'}), true
		case '"':
			c.err = errBareQuote
			return nil, true
		}
	}
	c.pos = len(c.text)
	return bytes.TrimSuffix(rest, []byte{'\r'}), true
}

// quoted returns the next cell, which starts with a quote.
func (c *cells) quoted() (cell []byte, last bool) {
	c.plain = c.plain[:0]
	lines := 0
	for {
		rest := c.text[c.pos+1:] // behind a quote that opens, or is the second of two
		n := bytes.IndexByte(rest, '"')
		if n < 0 {
			c.err = errOpenQuote
			return nil, true
		}
		part := rest[:n]
		lines += bytes.Count(part, []byte{'\n'})
		c.plain = append(c.plain, part...)
		c.pos += n + 2
		if rest = rest[n+1:]; len(rest) > 0 && rest[0] == '"' {
			c.plain = append(c.plain, '"')
			continue
		}
		c.line += lines
		if lines > 0 {
			c.plain = bytes.ReplaceAll(c.plain, []byte("\r\n"), []byte{'\n'})
		}
		return c.plain, c.close(rest)
	}
}

// close steps over what ends a quoted cell, and reports whether it ends the record.
func (c *cells) close(rest []byte) (last bool) {
	switch {
	case len(rest) == 0:
	case rest[0] == ',':
		c.pos++
		return false
	case rest[0] == '\n':
		c.pos++
		c.line++
	case rest[0] == '\r' && len(rest) == 1:
		c.pos++
	case rest[0] == '\r' && rest[1] == '\n':
		c.pos += 2
		c.line++
	default:
		c.err = errBehind
	}
	return true
}

// header reads the first record of a file: the names of its columns. It skips empty lines before it.
func (c *cells) header() ([]string, error) {
	c.text = bytes.TrimPrefix(c.text, []byte("\ufeff"))
	for c.blank() {
	}
	var names []string
	for line := c.line; c.more(); {
		cell, last := c.next()
		if c.err != nil {
			return nil, fmt.Errorf("line %d: %w", line, c.err)
		}
		names = append(names, string(cell))
		if last {
			return names, nil
		}
		if c.pos == len(c.text) { // the file ends behind a comma
			return append(names, ""), nil
		}
	}
	return nil, errEmpty
}

var errEmpty = errors.New("is empty: want a header with the names of the columns")
