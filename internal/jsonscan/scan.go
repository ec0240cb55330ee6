// Package jsonscan reads JSON documents of numbers, such as models, from front to back.
//
// Every call takes the next value whole and wants it to be of the kind that the method names. Numbers go straight
// into slices, correctly rounded; no tree of the document is ever built. Depth is bounded, and a key that comes twice
// is an error.
package jsonscan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth bounds how deep a document may nest. XGBoost's own go to seven, CatBoost's trees to forty.
const MaxDepth = 64

// What is wrong with a document, wrapped, where it is not a matter of syntax.
var (
	ErrDepth = fmt.Errorf("nested more than %d levels deep", MaxDepth)
	ErrShort = errors.New("the file ends early")
)

// A Scanner reads one document, with the literals NaN and Infinity that XGBoost writes.
type Scanner struct {
	data  []byte
	pos   int
	depth int
}

// New returns a scanner of the document in data, which must not change.
func New(data []byte) *Scanner { return &Scanner{data: data} }

// fail says what is wrong, and where.
func (s *Scanner) fail(format string, args ...any) error {
	return fmt.Errorf("at byte %d: %w", s.pos, fmt.Errorf(format, args...))
}

// want complains about the next byte.
func (s *Scanner) want(what string) error {
	if s.pos >= len(s.data) {
		return s.fail("want %s: %w", what, ErrShort)
	}
	return s.fail("want %s, not %q", what, s.data[s.pos])
}

// Peek returns the byte that the next value begins with, without taking it; 0 at the end.
func (s *Scanner) Peek() byte {
	if s.pos < len(s.data) && s.data[s.pos] > ' ' {
		return s.data[s.pos]
	}
	return s.space()
}

// space passes over white space, of which indented documents consist for the most part.
func (s *Scanner) space() byte {
	const eight = 0x2020202020202020
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\n', '\t', '\r':
			s.pos++
		default:
			return c
		}
		for s.pos+8 <= len(s.data) && binary.LittleEndian.Uint64(s.data[s.pos:]) == eight {
			s.pos += 8
		}
	}
	return 0
}

// open takes an opening bracket, close gives its level back.
func (s *Scanner) open(c byte, what string) error {
	if s.Peek() != c {
		return s.want(what)
	}
	if s.depth++; s.depth > MaxDepth {
		return s.fail("%w", ErrDepth)
	}
	s.pos++
	return nil
}

// more is called before every element and reports whether there is one; it takes the commas between
// them and the closing bracket.
func (s *Scanner) more(first bool, end byte) (bool, error) {
	c := s.Peek()
	if c == end && s.pos < len(s.data) {
		s.pos++
		s.depth--
		return false, nil
	}
	if first {
		return true, nil
	}
	if c != ',' {
		return false, s.want(fmt.Sprintf("a comma or %q", end))
	}
	s.pos++
	if s.Peek() == end {
		return false, s.want("a value after the comma")
	}
	return true, nil
}

// Object takes an object: it calls member with every key, in the order of the file, and member must take the value. The
// key is valid during the call.
func (s *Scanner) Object(member func(key []byte) error) error {
	if err := s.open('{', "an object"); err != nil {
		return err
	}
	var seen Keys
	for first := true; ; first = false {
		more, err := s.more(first, '}')
		if err != nil || !more {
			return err
		}
		s.Peek()
		key, err := s.raw()
		if err != nil {
			return err
		}
		if err := seen.Add(key); err != nil {
			return s.fail("%w", err)
		}
		if s.Peek() != ':' {
			return s.want("a colon")
		}
		s.pos++
		if err := member(key); err != nil {
			return err
		}
	}
}

// Array takes an array: it calls element before every element, and element must take it.
func (s *Scanner) Array(element func() error) error {
	if err := s.open('[', "an array"); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := s.more(first, ']')
		if err != nil || !more {
			return err
		}
		if err := element(); err != nil {
			return err
		}
	}
}

// Text takes a string.
func (s *Scanner) Text() (string, error) {
	s.Peek()
	raw, err := s.raw()
	return string(raw), err
}

// raw takes a string. What it returns is part of the document when there are no escapes.
func (s *Scanner) raw() ([]byte, error) {
	if s.pos >= len(s.data) || s.data[s.pos] != '"' {
		return nil, s.want("a string")
	}
	s.pos++
	rest := s.data[s.pos:]
	n := bytes.IndexByte(rest, '"')
	if n < 0 {
		s.pos = len(s.data)
		return nil, s.fail("a string has no end: %w", ErrShort)
	}
	if i := bytes.IndexByte(rest[:n], '\\'); i >= 0 {
		return s.unescape(i)
	}
	for i, c := range rest[:n] {
		if c < ' ' {
			s.pos += i
			return nil, s.fail("control character %q in a string", c)
		}
	}
	if !utf8.Valid(rest[:n]) {
		return nil, s.fail("a string is not valid UTF-8")
	}
	s.pos += n + 1
	return rest[:n], nil
}

// unescape takes the rest of a string whose first escape is plain bytes away.
func (s *Scanner) unescape(plain int) ([]byte, error) {
	out := bytes.Clone(s.data[s.pos : s.pos+plain])
	s.pos += plain
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		switch {
		case c == '"':
			if !utf8.Valid(out) {
				return nil, s.fail("a string is not valid UTF-8")
			}
			s.pos++
			return out, nil
		case c < ' ':
			return nil, s.fail("control character %q in a string", c)
		case c != '\\':
			out = append(out, c)
			s.pos++
		default:
			var err error
			if out, err = s.escape(out); err != nil {
				return nil, err
			}
		}
	}
	return nil, s.fail("a string has no end: %w", ErrShort)
}

// escape takes one escape sequence.
func (s *Scanner) escape(out []byte) ([]byte, error) {
	if s.pos+1 >= len(s.data) {
		return nil, s.fail("a string has no end: %w", ErrShort)
	}
	c := s.data[s.pos+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		r, ok := s.hex(s.pos)
		if !ok {
			return nil, s.fail("a \\u without four hexadecimal digits")
		}
		s.pos += 6
		if utf16.IsSurrogate(r) {
			low, ok := s.hex(s.pos)
			if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
				return nil, s.fail("half of a surrogate pair")
			}
			s.pos += 6
		}
		return utf8.AppendRune(out, r), nil
	default:
		return nil, s.fail("unknown escape \\%c", c)
	}
	s.pos += 2
	return append(out, c), nil
}

// hex reads \uXXXX at pos.
func (s *Scanner) hex(pos int) (rune, bool) {
	if pos+6 > len(s.data) || s.data[pos] != '\\' || s.data[pos+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range s.data[pos+2 : pos+6] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// Integer takes a whole number of 64 bits; a truth value counts as 0 or 1.
func (s *Scanner) Integer() (int64, error) {
	switch s.Peek() {
	case 't':
		return 1, s.word("true")
	case 'f':
		return 0, s.word("false")
	}
	n, err := s.number()
	if err != nil {
		return 0, err
	}
	v, ok := n.integer()
	if !ok {
		return 0, s.fail("%s is not an integer of 64 bits", n.text)
	}
	return v, nil
}

// word takes a literal.
func (s *Scanner) word(w string) error {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(w)) {
		return s.want("a value")
	}
	s.pos += len(w)
	return nil
}

// Floats takes an array of numbers and appends them to dst.
func (s *Scanner) Floats(dst []float32) ([]float32, error) {
	err := s.Array(func() error {
		switch s.Peek() {
		case 'N':
			dst = append(dst, float32(math.NaN()))
			return s.word("NaN")
		case 'I':
			dst = append(dst, float32(math.Inf(1)))
			return s.word("Infinity")
		case '-':
			if s.pos+1 < len(s.data) && s.data[s.pos+1] == 'I' {
				dst = append(dst, float32(math.Inf(-1)))
				return s.word("-Infinity")
			}
		}
		n, err := s.number()
		if err != nil {
			return err
		}
		dst = append(dst, n.float32())
		return nil
	})
	return dst, err
}

// Float takes a number: the nearest float64.
func (s *Scanner) Float() (float64, error) {
	s.Peek()
	n, err := s.number()
	return n.float64(), err
}

// Doubles takes an array of numbers, without the literals that JSON does not know, and appends the nearest float64s
// to dst.
func (s *Scanner) Doubles(dst []float64) ([]float64, error) {
	err := s.Array(func() error {
		x, err := s.Float()
		dst = append(dst, x)
		return err
	})
	return dst, err
}

// Ints takes an array of whole numbers of 32 bits and appends them to dst.
func (s *Scanner) Ints(dst []int32) ([]int32, error) {
	if plain, ok := s.plainInts(dst); ok {
		return plain, nil
	}
	err := s.Array(func() error {
		v, err := s.Integer()
		if err != nil {
			return err
		}
		if v != int64(int32(v)) {
			return s.fail("%d is beyond 32 bits", v)
		}
		dst = append(dst, int32(v))
		return nil
	})
	return dst, err
}

// plainInts is ints for arrays as XGBoost writes them, with neither white space nor anything but integers
// of up to nine digits. Others it leaves alone.
func (s *Scanner) plainInts(dst []int32) ([]int32, bool) {
	if s.Peek() != '[' || s.depth >= MaxDepth {
		return dst, false
	}
	data, p := s.data, s.pos
	for p < len(data) && data[p] != ']' {
		p++ // the bracket or a comma
		sign := int32(1)
		if p < len(data) && data[p] == '-' {
			sign = -1
			p++
		}
		first, v := p, int32(0)
		for ; p < len(data) && data[p]-'0' < 10; p++ {
			v = v*10 + int32(data[p]-'0')
		}
		n := p - first
		if n == 0 || n > 9 || n > 1 && data[first] == '0' || p >= len(data) || data[p] != ',' && data[p] != ']' {
			return dst, false
		}
		dst = append(dst, sign*v)
	}
	if p >= len(data) {
		return dst, false
	}
	s.pos = p + 1
	return dst, true
}

// Longs takes an array of whole numbers of 64 bits and appends them to dst.
func (s *Scanner) Longs(dst []int64) ([]int64, error) {
	err := s.Array(func() error {
		v, err := s.Integer()
		dst = append(dst, v)
		return err
	})
	return dst, err
}

// Count takes an array and returns its length.
func (s *Scanner) Count() (n int, err error) {
	if err := s.open('[', "an array"); err != nil {
		return 0, err
	}
	for ; ; n++ {
		more, err := s.more(n == 0, ']')
		if err != nil || !more {
			return n, err
		}
		if c := s.Peek(); c-'0' < 10 {
			_, err = s.number()
		} else {
			err = s.Skip()
		}
		if err != nil {
			return n, err
		}
	}
}

// Skip takes any value.
func (s *Scanner) Skip() error {
	switch s.Peek() {
	case '{':
		return s.Object(func([]byte) error { return s.Skip() })
	case '[':
		return s.Array(s.Skip)
	case '"':
		_, err := s.raw()
		return err
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	case 'N':
		return s.word("NaN")
	case 'I':
		return s.word("Infinity")
	case '-':
		if s.pos+1 < len(s.data) && s.data[s.pos+1] == 'I' {
			return s.word("-Infinity")
		}
	}
	_, err := s.number()
	return err
}

// End wants nothing to follow.
func (s *Scanner) End() error {
	if s.Peek(); s.pos < len(s.data) {
		return s.fail("%d bytes follow the model", len(s.data)-s.pos)
	}
	return nil
}

// At returns the place of the next value.
func (s *Scanner) At() int { return s.pos }

// Seek returns to a place in the same array or object.
func (s *Scanner) Seek(to int) { s.pos = to }
