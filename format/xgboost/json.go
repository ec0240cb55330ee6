package xgboost

import (
	"bytes"
	"fmt"
	"math"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonSource reads JSON, with the literals NaN and Infinity that XGBoost writes.
type jsonSource struct {
	data  []byte
	pos   int
	depth int
}

// fail says what is wrong, and where.
func (s *jsonSource) fail(format string, args ...any) error {
	return fmt.Errorf("at byte %d: %w", s.pos, fmt.Errorf(format, args...))
}

// want complains about the next byte.
func (s *jsonSource) want(what string) error {
	if s.pos >= len(s.data) {
		return s.fail("want %s: %w", what, errShort)
	}
	return s.fail("want %s, not %q", what, s.data[s.pos])
}

// next returns the next byte that is not white space, without taking it; 0 at the end.
func (s *jsonSource) next() byte {
	for ; s.pos < len(s.data); s.pos++ {
		if c := s.data[s.pos]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
	}
	return 0
}

// open takes an opening bracket, close gives its level back.
func (s *jsonSource) open(c byte, what string) error {
	if s.next() != c {
		return s.want(what)
	}
	if s.depth++; s.depth > maxDepth {
		return s.fail("%w", errDepth)
	}
	s.pos++
	return nil
}

// more is called before every element and reports whether there is one; it takes the commas between
// them and the closing bracket.
func (s *jsonSource) more(first bool, end byte) (bool, error) {
	c := s.next()
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
	if s.next() == end {
		return false, s.want("a value after the comma")
	}
	return true, nil
}

func (s *jsonSource) object(member func(key []byte) error) error {
	if err := s.open('{', "an object"); err != nil {
		return err
	}
	var seen keys
	for first := true; ; first = false {
		more, err := s.more(first, '}')
		if err != nil || !more {
			return err
		}
		s.next()
		key, err := s.raw()
		if err != nil {
			return err
		}
		if err := seen.add(key); err != nil {
			return s.fail("%w", err)
		}
		if s.next() != ':' {
			return s.want("a colon")
		}
		s.pos++
		if err := member(key); err != nil {
			return err
		}
	}
}

func (s *jsonSource) array(element func() error) error {
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

func (s *jsonSource) text() (string, error) {
	s.next()
	raw, err := s.raw()
	return string(raw), err
}

// raw takes a string. What it returns is part of the document when there are no escapes.
func (s *jsonSource) raw() ([]byte, error) {
	if s.pos >= len(s.data) || s.data[s.pos] != '"' {
		return nil, s.want("a string")
	}
	s.pos++
	rest := s.data[s.pos:]
	n := bytes.IndexByte(rest, '"')
	if n < 0 {
		s.pos = len(s.data)
		return nil, s.fail("a string has no end: %w", errShort)
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
func (s *jsonSource) unescape(plain int) ([]byte, error) {
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
	return nil, s.fail("a string has no end: %w", errShort)
}

// escape takes one escape sequence.
func (s *jsonSource) escape(out []byte) ([]byte, error) {
	if s.pos+1 >= len(s.data) {
		return nil, s.fail("a string has no end: %w", errShort)
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
func (s *jsonSource) hex(pos int) (rune, bool) {
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

func (s *jsonSource) integer() (int64, error) {
	switch s.next() {
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
func (s *jsonSource) word(w string) error {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(w)) {
		return s.want("a value")
	}
	s.pos += len(w)
	return nil
}

func (s *jsonSource) floats(dst []float32) ([]float32, error) {
	err := s.array(func() error {
		switch s.next() {
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

func (s *jsonSource) ints(dst []int32) ([]int32, error) {
	if plain, ok := s.plainInts(dst); ok {
		return plain, nil
	}
	err := s.array(func() error {
		v, err := s.integer()
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
func (s *jsonSource) plainInts(dst []int32) ([]int32, bool) {
	if s.next() != '[' || s.depth >= maxDepth {
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

func (s *jsonSource) longs(dst []int64) ([]int64, error) {
	err := s.array(func() error {
		v, err := s.integer()
		dst = append(dst, v)
		return err
	})
	return dst, err
}

func (s *jsonSource) count() (n int, err error) {
	if err := s.open('[', "an array"); err != nil {
		return 0, err
	}
	for ; ; n++ {
		more, err := s.more(n == 0, ']')
		if err != nil || !more {
			return n, err
		}
		if c := s.next(); c-'0' < 10 {
			_, err = s.number()
		} else {
			err = s.skip()
		}
		if err != nil {
			return n, err
		}
	}
}

func (s *jsonSource) skip() error {
	switch s.next() {
	case '{':
		return s.object(func([]byte) error { return s.skip() })
	case '[':
		return s.array(s.skip)
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

func (s *jsonSource) end() error {
	if s.next(); s.pos < len(s.data) {
		return s.fail("%d bytes follow the model", len(s.data)-s.pos)
	}
	return nil
}

func (s *jsonSource) at() int     { return s.pos }
func (s *jsonSource) seek(to int) { s.pos = to }
