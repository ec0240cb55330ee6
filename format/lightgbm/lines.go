package lightgbm

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/besra-ml/besra/internal/strictjson"
)

var errShort = errors.New("the file ends early")

// lines takes a text apart, line by line. A carriage return before the end of a line does not count: some file systems
// and version controls put it there.
type lines struct {
	data    []byte
	pos     int
	number  int // of the last line taken, from 1
	returns int // carriage returns that were passed over
}

// next takes a line; false at the end of the text.
func (l *lines) next() (line []byte, ok bool) {
	if l.pos >= len(l.data) {
		return nil, false
	}
	line = l.data[l.pos:]
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
		l.pos++
	}
	l.pos += len(line)
	l.number++
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
		l.returns++
	}
	return line, true
}

// skipEmpty passes over empty lines.
func (l *lines) skipEmpty() {
	for {
		rest := *l
		if line, ok := rest.next(); !ok || len(line) > 0 {
			return
		}
		*l = rest
	}
}

// solid takes the next line that is not empty; false when there is none.
func (l *lines) solid() (line []byte, ok bool) {
	l.skipEmpty()
	return l.next()
}

// A field is what stands behind a key's equals sign, and its line; a line of 0 says that the file does not have it.
type field struct {
	value []byte
	line  int
}

func (f field) there() bool { return f.line > 0 }

// in puts the place of a key before an error.
func (f field) in(key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("line %d: %s: %w", f.line, key, err)
}

// whole returns a field that is one integer from least to most.
func (f field) whole(key string, least, most int) (int, error) {
	n, err := strconv.Atoi(string(bytes.TrimSpace(f.value)))
	if err != nil || n < least || n > most {
		return 0, f.in(key, fmt.Errorf("%.40q is not an integer from %d to %d", f.value, least, most))
	}
	return n, nil
}

// count returns the number of words in a field.
func (f field) count() int {
	n, between := 0, true
	for _, c := range f.value {
		if c == ' ' {
			between = true
		} else if between {
			between = false
			n++
		}
	}
	return n
}

// counts reports whether there are n words in a field.
func (f field) counts(n int) bool { return bytes.Count(f.value, []byte(" "))+1 == n || f.count() == n }

// values reads a field that is a list of n numbers. The first thing that is wrong is kept for close: until then what is
// read may be used, as long as it is within the limits that were asked for.
type values struct {
	field
	key  string
	n, i int
	err  error

	scanner *strictjson.Scanner // for numbers with a fraction
}

func (f field) values(key string, n int) values { return values{field: f, key: key, n: n} }

// word takes the next number's text, which is empty when there is none.
func (v *values) word() []byte {
	rest := v.value
	for len(rest) > 0 && rest[0] == ' ' {
		rest = rest[1:]
	}
	end := bytes.IndexByte(rest, ' ')
	if end < 0 {
		end = len(rest)
	}
	v.value = rest[end:]
	if end == 0 {
		v.fail("there are %d values, not %d", v.i, v.n)
	}
	v.i++
	return rest[:end]
}

// fail notes what is wrong, unless something already is.
func (v *values) fail(format string, args ...any) {
	if v.err == nil {
		v.err = fmt.Errorf(format, args...)
	}
}

// int takes an integer from least to most; least when there is none.
func (v *values) int(least, most int64) int64 {
	text := v.value
	for len(text) > 0 && text[0] == ' ' {
		text = text[1:]
	}
	x, i := int64(0), 0
	minus := len(text) > 0 && text[0] == '-'
	if minus {
		i = 1
	}
	first := i
	for i < len(text) && i < first+12 && text[i]-'0' <= 9 {
		x = 10*x + int64(text[i]-'0')
		i++
	}
	if minus {
		x = -x
	}
	if i == first || i < len(text) && text[i] != ' ' || x < least || x > most {
		v.odd(least, most)
		return least
	}
	v.value = text[i:]
	v.i++
	return x
}

// odd says what is wrong with the next value, which is not an integer from least to most.
func (v *values) odd(least, most int64) {
	i := v.i
	word := v.word()
	switch digits := bytes.TrimPrefix(word, []byte("-")); {
	case len(word) == 0:
	case len(digits) > 0 && len(bytes.Trim(digits, "0123456789")) == 0:
		v.fail("value %d is %.40s, which is not from %d to %d", i, word, least, most)
	default:
		v.fail("value %d is %.40q, which is no integer", i, word)
	}
}

// float takes a number, rounded correctly as LightGBM does. NaN is none.
func (v *values) float() float64 {
	word := v.word()
	v.scanner.Reset(word)
	x, err := v.scanner.Float()
	if err != nil || v.scanner.Offset() < len(word) {
		x = v.oddFloat(word)
	}
	return x
}

// oddFloat reads what is no number of JSON: infinities, .5, +1, and what is none at all.
func (v *values) oddFloat(word []byte) float64 {
	x, err := strconv.ParseFloat(string(word), 64)
	if string(word) == "-nan" { // as LightGBM may write it
		x, err = math.NaN(), nil
	}
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		v.fail("value %d is %.40q, which is no number", v.i-1, word)
	case x != x:
		v.fail("value %d is NaN", v.i-1)
	}
	return x
}

// finite takes a number that is neither NaN nor infinite.
func (v *values) finite() float64 {
	x := v.float()
	if math.IsInf(x, 0) {
		v.fail("value %d is %v", v.i-1, x)
	}
	return x
}

// close returns what went wrong, with its place; more numbers than asked for do, too.
func (v *values) close() error {
	if v.err == nil && len(bytes.Trim(v.value, " ")) > 0 {
		v.fail("there are more than %d values", v.n)
	}
	return v.in(v.key, v.err)
}
