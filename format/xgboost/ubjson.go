package xgboost

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/besra-ml/besra/internal/jsonscan"
)

// ubjSource reads UBJSON, draft 12, as far as XGBoost writes it: no sized objects, no-ops or
// high-precision numbers. All numbers are big-endian.
type ubjSource struct {
	data  []byte
	pos   int
	depth int
}

func (s *ubjSource) fail(format string, args ...any) error {
	return fmt.Errorf("at byte %d: %w", s.pos, fmt.Errorf(format, args...))
}

// marker returns the next byte without taking it; 0, which marks nothing, at the end.
func (s *ubjSource) marker() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *ubjSource) want(what string) error {
	if s.pos >= len(s.data) {
		return s.fail("want %s: %w", what, jsonscan.ErrShort)
	}
	return s.fail("want %s, not the marker %q", what, s.data[s.pos])
}

// size returns the size of a number of type t; 0 for other types.
func size(t byte) int {
	switch t {
	case 'i', 'U', 'C':
		return 1
	case 'I':
		return 2
	case 'l', 'd':
		return 4
	case 'L', 'D':
		return 8
	}
	return 0
}

// whole returns the integer of type t at the start of b.
func whole(t byte, b []byte) int64 {
	switch t {
	case 'i':
		return int64(int8(b[0]))
	case 'I':
		return int64(int16(binary.BigEndian.Uint16(b)))
	case 'l':
		return int64(int32(binary.BigEndian.Uint32(b)))
	case 'L':
		return int64(binary.BigEndian.Uint64(b))
	}
	return int64(b[0])
}

// real32 returns the number of type t at the start of b.
func real32(t byte, b []byte) float32 {
	switch t {
	case 'd':
		return math.Float32frombits(binary.BigEndian.Uint32(b))
	case 'D':
		return float32(math.Float64frombits(binary.BigEndian.Uint64(b)))
	}
	return float32(whole(t, b))
}

// take returns the next n bytes.
func (s *ubjSource) take(n int) ([]byte, error) {
	if n > len(s.data)-s.pos {
		return nil, s.fail("want %d bytes, %d are left: %w", n, len(s.data)-s.pos, jsonscan.ErrShort)
	}
	b := s.data[s.pos : s.pos+n]
	s.pos += n
	return b, nil
}

func (s *ubjSource) Integer() (int64, error) {
	t := s.marker()
	switch t {
	case 'T', 'F':
		s.pos++
		return truth(t), nil
	case 'i', 'U', 'C', 'I', 'l', 'L':
	default:
		return 0, s.want("an integer")
	}
	s.pos++
	b, err := s.take(size(t))
	if err != nil {
		return 0, err
	}
	return whole(t, b), nil
}

func truth(t byte) int64 {
	if t == 'T' {
		return 1
	}
	return 0
}

// length reads a length of things that take each bytes apiece, and wants them all to be there.
func (s *ubjSource) length(each int) (int, error) {
	if m := s.marker(); m == 'T' || m == 'F' {
		return 0, s.want("a length")
	}
	n, err := s.Integer()
	if err != nil {
		return 0, err
	}
	if left := len(s.data) - s.pos; n < 0 || n > int64(left/each) {
		return 0, s.fail("length %d, with %d bytes left: %w", n, left, jsonscan.ErrShort)
	}
	return int(n), nil
}

// raw takes a length and as many bytes of text.
func (s *ubjSource) raw() ([]byte, error) {
	n, err := s.length(1)
	if err != nil {
		return nil, err
	}
	if b := s.data[s.pos : s.pos+n]; !utf8.Valid(b) {
		return nil, s.fail("a string is not valid UTF-8")
	}
	return s.take(n)
}

func (s *ubjSource) Text() (string, error) {
	if s.marker() != 'S' {
		return "", s.want("a string")
	}
	s.pos++
	b, err := s.raw()
	return string(b), err
}

func (s *ubjSource) open(marker byte, what string) error {
	if s.marker() != marker {
		return s.want(what)
	}
	if s.depth++; s.depth > jsonscan.MaxDepth {
		return s.fail("%w", jsonscan.ErrDepth)
	}
	s.pos++
	return nil
}

func (s *ubjSource) Object(member func(key []byte) error) error {
	if err := s.open('{', "an object"); err != nil {
		return err
	}
	var seen jsonscan.Keys
	for s.marker() != '}' {
		key, err := s.raw()
		if err != nil {
			return err
		}
		if err := seen.Add(key); err != nil {
			return s.fail("%w", err)
		}
		if err := member(key); err != nil {
			return err
		}
	}
	s.pos++
	s.depth--
	return nil
}

// header takes the head of an array. t is the type of its elements, 0 when each has its own marker; n is
// the number of elements, -1 when a closing bracket ends them.
func (s *ubjSource) header() (t byte, n int, err error) {
	if err := s.open('[', "an array"); err != nil {
		return 0, 0, err
	}
	each := 1
	if s.marker() == '$' {
		s.pos++
		t = s.marker()
		if each = size(t); each == 0 {
			return 0, 0, s.want("a type of numbers")
		}
		s.pos++
		if s.marker() != '#' {
			return 0, 0, s.want("a length")
		}
	}
	if s.marker() != '#' {
		return 0, -1, nil
	}
	s.pos++
	n, err = s.length(each)
	return t, n, err
}

// elements calls element before each of n elements that have their own markers.
func (s *ubjSource) elements(n int, element func() error) error {
	for i := 0; i < n || n < 0; i++ {
		if n < 0 && s.marker() == ']' {
			s.pos++
			break
		}
		if err := element(); err != nil {
			return err
		}
	}
	s.depth--
	return nil
}

func (s *ubjSource) Array(element func() error) error {
	start := s.pos
	t, n, err := s.header()
	if err != nil {
		return err
	}
	if t != 0 {
		s.pos = start
		return s.fail("want an array of values, not of plain numbers")
	}
	return s.elements(n, element)
}

func (s *ubjSource) Floats(dst []float32) ([]float32, error) {
	t, n, err := s.header()
	if err != nil {
		return dst, err
	}
	if t != 0 {
		return appendNumbers(s, dst, n, size(t), func(b []byte) float32 { return real32(t, b) })
	}
	err = s.elements(n, func() error {
		if t := s.marker(); t == 'd' || t == 'D' {
			s.pos++
			b, err := s.take(size(t))
			if err == nil {
				dst = append(dst, real32(t, b))
			}
			return err
		}
		v, err := s.Integer()
		dst = append(dst, float32(v))
		return err
	})
	return dst, err
}

func (s *ubjSource) Ints(dst []int32) ([]int32, error) {
	t, n, err := s.header()
	if err != nil {
		return dst, err
	}
	switch t {
	case 'd', 'D':
		return dst, s.fail("want integers, not numbers of type %q", t)
	case 'i', 'U', 'C', 'I', 'l':
		return appendNumbers(s, dst, n, size(t), func(b []byte) int32 { return int32(whole(t, b)) })
	}
	add := func(v int64) error {
		if v != int64(int32(v)) {
			return s.fail("%d is beyond 32 bits", v)
		}
		dst = append(dst, int32(v))
		return nil
	}
	if t != 0 {
		for range n {
			b, err := s.take(size(t))
			if err != nil {
				return dst, err
			}
			if err := add(whole(t, b)); err != nil {
				return dst, err
			}
		}
		s.depth--
		return dst, nil
	}
	err = s.elements(n, func() error {
		v, err := s.Integer()
		if err != nil {
			return err
		}
		return add(v)
	})
	return dst, err
}

func (s *ubjSource) Longs(dst []int64) ([]int64, error) {
	t, n, err := s.header()
	if err != nil {
		return dst, err
	}
	switch t {
	case 'd', 'D':
		return dst, s.fail("want integers, not numbers of type %q", t)
	case 0:
		err = s.elements(n, func() error {
			v, err := s.Integer()
			dst = append(dst, v)
			return err
		})
		return dst, err
	}
	return appendNumbers(s, dst, n, size(t), func(b []byte) int64 { return whole(t, b) })
}

// appendNumbers appends the n numbers of a typed array to dst; header has seen that they are there.
func appendNumbers[T any](s *ubjSource, dst []T, n, each int, get func([]byte) T) ([]T, error) {
	b, err := s.take(n * each)
	if err != nil {
		return dst, err
	}
	s.depth--
	dst = slices.Grow(dst, n)
	for ; len(b) >= each; b = b[each:] {
		dst = append(dst, get(b))
	}
	return dst, nil
}

func (s *ubjSource) Count() (int, error) {
	t, n, err := s.header()
	if err != nil {
		return 0, err
	}
	if t != 0 {
		s.depth--
		_, err := s.take(n * size(t))
		return n, err
	}
	total := 0
	err = s.elements(n, func() error {
		total++
		return s.Skip()
	})
	return total, err
}

func (s *ubjSource) Skip() error {
	t := s.marker()
	switch t {
	case '{':
		return s.Object(func([]byte) error { return s.Skip() })
	case '[':
		_, err := s.Count()
		return err
	case 'S':
		s.pos++
		_, err := s.raw()
		return err
	case 'Z', 'T', 'F':
		s.pos++
		return nil
	}
	if size(t) == 0 {
		return s.want("a value")
	}
	s.pos++
	_, err := s.take(size(t))
	return err
}

func (s *ubjSource) End() error {
	if s.pos < len(s.data) {
		return s.fail("%d bytes follow the model", len(s.data)-s.pos)
	}
	return nil
}

func (s *ubjSource) At() int     { return s.pos }
func (s *ubjSource) Seek(to int) { s.pos = to }
