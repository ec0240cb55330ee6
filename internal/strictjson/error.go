package strictjson

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// ErrorKind says what is wrong with a text.
type ErrorKind byte

// What can be wrong with a text.
const (
	Syntax    ErrorKind = iota + 1 // it is not JSON, or goes on after the value, or is not UTF-8
	Duplicate                      // a member name comes twice in an object
	Depth                          // nested deeper than MaxDepth
	Range                          // a number has no nearest float64
	Type                           // a valid value, but of another kind than the caller asked for
)

// An Error says what is wrong with a text and where. All of it is printable, and it repeats 64 bytes of the text
// at most, so that it may be shown to whoever sent the text.
type Error struct {
	Offset  int       // in bytes from the start of the text
	Kind    ErrorKind // what is wrong
	Message string    // the same in words
	Name    string    // the member name that comes twice, as in Message; empty for other kinds
}

func (e *Error) Error() string { return "offset " + strconv.Itoa(e.Offset) + ": " + e.Message }

// fail ends the scan with an error.
func (s *Scanner) fail(offset int, kind ErrorKind, message string) error {
	return s.end(&Error{Offset: offset, Kind: kind, Message: message})
}

// end ends the scan. With nothing left to read, all methods come to unexpected, which returns err again.
func (s *Scanner) end(err *Error) error {
	s.err = err
	s.text, s.pos, s.depth, s.fresh = nil, 0, 0, false
	return err
}

// unexpected ends the scan where something else should be.
func (s *Scanner) unexpected(at int, want string) error {
	if s.err != nil {
		return s.err
	}
	if at >= len(s.text) {
		return s.fail(len(s.text), Syntax, "expected "+want+" but the text ends")
	}
	return s.fail(at, Syntax, "expected "+want+" but found "+quoteByte(s.text[at]))
}

// mismatch says that a value is not of the wanted kind. It ends the scan if it is no value at all.
func (s *Scanner) mismatch(at int, want Kind) error {
	found := Invalid
	if at < len(s.text) {
		found = kinds[s.text[at]]
	}
	if found == Invalid {
		return s.badLiteral(at)
	}
	wanted := want.String()
	if want == True {
		wanted = "true or false"
	}
	return &Error{Offset: at, Kind: Type, Message: "expected " + wanted + " but found " + found.String()}
}

// badLiteral ends the scan at something that is no value.
func (s *Scanner) badLiteral(at int) error {
	if s.err == nil && at < len(s.text) {
		for _, word := range []string{"NaN", "nan", "Infinity", "inf", "-Infinity", "-inf", "None", "True", "False", "undefined"} {
			if bytes.HasPrefix(s.text[at:], []byte(word)) {
				return s.fail(at, Syntax, word+" is not JSON")
			}
		}
		for _, word := range []string{"null", "true", "false"} {
			if s.text[at] == word[0] {
				return s.fail(at, Syntax, "expected "+word)
			}
		}
	}
	return s.unexpected(at, "a value")
}

// badNumber ends the scan, or says that there is no number at all, at an offset where number and Float found none.
func (s *Scanner) badNumber(at int) error {
	if at >= len(s.text) || kinds[s.text[at]] != Number {
		return s.mismatch(at, Number)
	}
	text, i := s.text, at
	if text[i] == '-' {
		i++
	}
	whole := i
	if i = skipDigits(text, i); i == whole {
		if i < len(text) && (text[i]|0x20 == 'i' || text[i]|0x20 == 'n') {
			return s.badLiteral(at) // -Infinity
		}
		return s.unexpected(i, "a digit")
	}
	if i > whole+1 && text[whole] == '0' {
		return s.fail(at, Syntax, "a number begins with a needless 0")
	}
	if i < len(text) && text[i] == '.' {
		fraction := i + 1
		if i = skipDigits(text, fraction); i == fraction {
			return s.unexpected(i, "a digit")
		}
	}
	i++ // the e
	if i < len(text) && (text[i] == '+' || text[i] == '-') {
		i++
	}
	return s.unexpected(i, "a digit")
}

func (s *Scanner) badEscape(at int) error {
	escape := s.text[at:min(at+6, len(s.text))]
	if len(escape) > 1 && escape[1] != 'u' {
		_, n := utf8.DecodeRune(escape[1:])
		escape = escape[:1+n]
	} else if _, ok := hex(escape); ok {
		return s.fail(at, Syntax, "escape "+string(escape)+" is half of a surrogate pair")
	}
	return s.fail(at, Syntax, "invalid escape "+Quote(escape))
}

// beyond says that a number has no nearest float64.
func (s *Scanner) beyond(at int, token []byte) error {
	number := string(token[:min(len(token), 40)])
	if len(token) > len(number) {
		number += "… (" + strconv.Itoa(len(token)) + " bytes)"
	}
	return &Error{Offset: at, Kind: Range, Message: "number " + number + " is beyond the float64 range"}
}

// duplicate ends the scan at a name that came before.
func (s *Scanner) duplicate(at int) error {
	quoted := Quote(nameAt(s.text, at))
	return s.end(&Error{
		Offset: at, Kind: Duplicate, Message: "duplicate member " + quoted, Name: quoted[1 : len(quoted)-1],
	})
}

// Quote returns a string from a text in quotes, in a form that may be shown: what is not printable is
// escaped as in Go, and what goes beyond 64 bytes is left out.
func Quote(text []byte) string {
	const limit = 64
	out := []byte{'"'}
	for len(text) > 0 {
		_, n := utf8.DecodeRune(text)
		r := strconv.Quote(string(text[:n]))
		r = r[1 : len(r)-1]
		if len(out)+len(r) > limit {
			out = append(out, "…"...)
			break
		}
		out = append(out, r...)
		text = text[n:]
	}
	return string(append(out, '"'))
}

func quoteByte(c byte) string {
	switch {
	case c == '\'':
		return `"'"`
	case ' ' <= c && c <= '~':
		return "'" + string(rune(c)) + "'"
	default:
		const digits = "0123456789abcdef"
		return "byte 0x" + string([]byte{digits[c>>4], digits[c&15]})
	}
}
