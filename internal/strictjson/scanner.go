// Package strictjson reads JSON texts held in memory, strictly and without allocating.
//
// It reads what RFC 8259 describes and nothing more: no literals such as NaN, no leading zeros, no
// trailing commas, no comments, no bytes after the value. Like RFC 7493 it also refuses what readers are
// known to understand differently, which on a scoring service would be a way around it: a member name
// that comes twice in an object (however it is spelled), text that is not UTF-8, and escapes of lone
// surrogates. Numbers are the nearest float64, and refused where there is none.
//
// A [Scanner] pulls one value after the other. [Names] and [Members] read objects whose member names are
// known in advance.
package strictjson

import "strconv"

// MaxDepth is the number of objects and arrays that may be open inside each other.
const MaxDepth = 64

// Kind is the kind of a JSON value, told from its first byte.
type Kind byte

// The kinds of values. Invalid is also the kind of what follows the end of the text.
const (
	Invalid Kind = 0
	Null    Kind = 'n'
	False   Kind = 'f'
	True    Kind = 't'
	Number  Kind = '0'
	String  Kind = '"'
	Object  Kind = '{'
	Array   Kind = '['
)

// String returns the kind as it is named in errors: "a number", "null".
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case False:
		return "false"
	case True:
		return "true"
	case Number:
		return "a number"
	case String:
		return "a string"
	case Object:
		return "an object"
	case Array:
		return "an array"
	default:
		return "no value"
	}
}

// kinds tells the kind of a value from its first byte.
var kinds = [256]Kind{
	'n': Null, 'f': False, 't': True, '"': String, '{': Object, '[': Array, '-': Number,
	'0': Number, '1': Number, '2': Number, '3': Number, '4': Number,
	'5': Number, '6': Number, '7': Number, '8': Number, '9': Number,
}

// A Scanner reads one JSON text, value by value. The zero Scanner holds an empty text; Reset gives it one.
//
// For each value the caller calls one of Object, Array, Float, String, Bool, Null, Skip and SkipSyntax. After Object
// it alternates Name and a value until Name says that there are no more, after Array likewise Element and a
// value, and after the outermost value it calls End. Calls in any other order fail on every valid text, so
// the first test finds them.
//
// Errors are of type *[Error]. An error of kind Type consumes nothing, and one of kind Range consumes the
// number: the caller may go on. After any other error all methods return that same error again.
//
// A Scanner keeps a reference to the text, which must not change while it is used, and is for one
// goroutine at a time. It may be reused for as many texts as wanted, then without allocating.
type Scanner struct {
	text  []byte
	pos   int
	fresh bool // the innermost open container has not been looked into
	depth int  // of open containers

	err   error         // what ended the scan; text is then empty
	buf   []byte        // the last string that had escapes
	names nameList      // names of open objects, to find duplicates
	first [MaxDepth]int // where the names of each open container begin in names
}

// Reset makes the scanner read text from its start.
func (s *Scanner) Reset(text []byte) { s.ResetAt(text, 0) }

// ResetAt makes the scanner read the value that begins at the given offset of text, as Offset told it
// before that value was skipped. With text cut after the value, as Offset told it afterwards, End works too. Offsets
// of errors count from the start of text.
func (s *Scanner) ResetAt(text []byte, offset int) {
	s.text, s.pos = text, min(max(offset, 0), len(text))
	s.fresh, s.depth, s.err = false, 0, nil
	s.names.reset()
	if cap(s.buf) > keepBytes {
		s.buf = nil
	}
}

// keepBytes bounds each buffer that an idle scanner keeps: a rare huge text should not stay in memory.
const keepBytes = 64 << 10

// Offset returns the offset in the text of the next byte to be read: after a value, the byte that follows it;
// after Name or Element, the value or white space before it; after Kind, the value itself.
func (s *Scanner) Offset() int { return s.pos }

// Kind returns the kind of the next value without reading it.
func (s *Scanner) Kind() Kind {
	i := space(s.text, s.pos)
	s.pos = i
	if uint(i) < uint(len(s.text)) {
		return kinds[s.text[i]]
	}
	return Invalid
}

// Object enters the next value, an object.
func (s *Scanner) Object() error { return s.open(Object) }

// Array enters the next value, an array.
func (s *Scanner) Array() error { return s.open(Array) }

func (s *Scanner) open(kind Kind) error {
	i := space(s.text, s.pos)
	if uint(i) >= uint(len(s.text)) || s.text[i] != byte(kind) {
		return s.mismatch(i, kind)
	}
	if s.depth >= MaxDepth {
		return s.fail(i, Depth, "nested deeper than "+strconv.Itoa(MaxDepth))
	}
	s.first[s.depth] = len(s.names.list)
	s.depth++
	s.fresh = true
	s.pos = i + 1
	return nil
}

// next moves to the next member or element of the innermost container and reports whether there is one; if not, it
// leaves the container, which ends with the given byte.
func (s *Scanner) next(end byte) (ok bool, err error) {
	i := space(s.text, s.pos)
	if uint(i) < uint(len(s.text)) {
		switch c := s.text[i]; {
		case c == end:
			s.pos = i + 1
			return false, s.close()
		case s.fresh:
			s.fresh = false
			s.pos = i
			return true, nil
		case c == ',':
			s.pos = i + 1
			return true, nil
		}
	}
	return false, s.unexpected(i, "',' or '"+string(rune(end))+"'")
}

// close leaves the innermost container. Its names are compared now that all are known.
func (s *Scanner) close() error {
	s.fresh = false
	if s.depth == 0 {
		return s.unexpected(s.pos-1, "a value")
	}
	s.depth--
	if first := s.first[s.depth]; len(s.names.list) > first {
		if at, found := s.names.duplicate(s.text, first); found {
			return s.duplicate(at)
		}
		s.names.list = s.names.list[:first]
	}
	return nil
}

// Element moves to the next element of an array and reports whether there is one. After the last it leaves the array.
func (s *Scanner) Element() (ok bool, err error) { return s.next(']') }

// Name reads the name of the next member of an object, without escapes, and reports whether there is one. After
// the last it leaves the object, and fails if a name came twice. The name is valid until the scanner's next call.
func (s *Scanner) Name() (name []byte, ok bool, err error) {
	if ok, err = s.next('}'); !ok {
		return nil, false, err
	}
	at := space(s.text, s.pos)
	name, err = s.name(at)
	if err != nil {
		return nil, false, err
	}
	s.names.add(name, at)
	return name, true, nil
}

// name reads the name at offset i, and the colon.
func (s *Scanner) name(i int) ([]byte, error) {
	end, escaped, err := s.memberName(i)
	if err != nil {
		return nil, err
	}
	name := s.text[i+1 : end-1]
	if escaped {
		name = s.unescaped(name)
	}
	return name, nil
}

// memberName checks the name at offset i and reads the colon after it. It returns where the name ends.
func (s *Scanner) memberName(i int) (end int, escaped bool, err error) {
	if uint(i) >= uint(len(s.text)) || s.text[i] != '"' {
		return 0, false, s.unexpected(i, "a member name")
	}
	end, escaped, err = s.quoted(i)
	if err != nil {
		return 0, false, err
	}
	colon := space(s.text, end)
	if uint(colon) >= uint(len(s.text)) || s.text[colon] != ':' {
		return 0, false, s.unexpected(colon, "':'")
	}
	s.pos = colon + 1
	return end, escaped, nil
}

// Bool reads true or false.
func (s *Scanner) Bool() (bool, error) {
	switch s.Kind() {
	case True:
		return true, s.literal("true")
	case False:
		return false, s.literal("false")
	default:
		return false, s.mismatch(s.pos, True)
	}
}

// Null reads null.
func (s *Scanner) Null() error {
	if s.Kind() != Null {
		return s.mismatch(s.pos, Null)
	}
	return s.literal("null")
}

func (s *Scanner) literal(word string) error {
	end := s.pos + len(word)
	if end > len(s.text) || string(s.text[s.pos:end]) != word {
		return s.badLiteral(s.pos)
	}
	s.pos = end
	return nil
}

// End checks that nothing but white space follows the outermost value.
func (s *Scanner) End() error {
	s.pos = space(s.text, s.pos)
	if s.err != nil || s.depth > 0 || s.pos < len(s.text) {
		return s.unexpected(s.pos, "the end")
	}
	return nil
}

// space returns the offset of the first byte from i on that is not white space.
func space(text []byte, i int) int {
	const white uint64 = 1<<' ' | 1<<'\t' | 1<<'\n' | 1<<'\r'
	for uint(i) < uint(len(text)) && text[i] <= ' ' && white>>text[i]&1 != 0 {
		i++
	}
	return i
}
