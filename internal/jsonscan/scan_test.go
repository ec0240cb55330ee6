package jsonscan

import (
	"strings"
	"testing"
)

// skipAll reads a whole document and throws it away.
func skipAll(data []byte) error {
	s := New(data)
	if err := s.Skip(); err != nil {
		return err
	}
	return s.End()
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got the error %v, want one with %q", err, want)
	}
}

func TestSyntax(t *testing.T) {
	good := []string{
		`{}`, ` { } `, "\n{\"a\":1}\r\n", `{"a":[],"b":{}}`, `{"a":[1,-2,3.5,1e9,1E-9,-0.0]}`, `{"a":[NaN,Infinity,-Infinity]}`,
		`{"a":true,"b":false,"c":null}`, `{"é":"\u00e9\ud83d\ude00\n\/"}`, `{"a":[[1],{"a":"]"}]}`, `{"a" : [ 1 , 2 ] }`,
	}
	for _, doc := range good {
		t.Run("takes "+doc, func(t *testing.T) {
			if err := skipAll([]byte(doc)); err != nil {
				t.Error(err)
			}
		})
	}
	bad := []struct{ doc, want string }{
		{`{`, "ends early"},
		{`{"a`, "ends early"},
		{`{"a"`, "want a colon"},
		{`{"a":`, "want a number"},
		{`{"a":1`, "want a comma"},
		{`{"a":1}x`, "1 bytes follow"},
		{`{"a":1}{}`, "2 bytes follow"},
		{`{"a":1,}`, "want a value after the comma"},
		{`{"a":[1,]}`, "want a value after the comma"},
		{`{"a":[,1]}`, "want a number"},
		{`{"a":[1 2]}`, "want a comma"},
		{`{a:1}`, "want a string"},
		{`{"a":01}`, "want a number"},
		{`{"a":1.}`, "want a digit"},
		{`{"a":.5}`, "want a number"},
		{`{"a":+1}`, "want a number"},
		{`{"a":1e}`, "want a digit"},
		{`{"a":-}`, "want a number"},
		{`{"a":nan}`, "want a value"},
		{`{"a":-inf}`, "want a number"},
		{`{"a":tru}`, "want a value"},
		{`{"a":"\x"}`, "unknown escape"},
		{`{"a":"\u12g4"}`, "hexadecimal"},
		{`{"a":"\ud83d"}`, "surrogate"},
		{"{\"a\":\"\n\"}", "control character"},
		{"{\"a\":\"\\n\n\"}", "control character"},
		{`{"a":"\`, "ends early"},
		{`{"a":1,"a":2}`, `key "a" comes twice`},
		{`{"\u0061":1,"a":2}`, `key "a" comes twice`},
		{``, "ends early"},
	}
	for _, c := range bad {
		t.Run("refuses "+c.doc, func(t *testing.T) { wantError(t, skipAll([]byte(c.doc)), c.want) })
	}
}

// Levels are given back whatever method takes an array.
func TestDepthIsGivenBack(t *testing.T) {
	for name, take := range map[string]func(*Scanner) error{
		"ints":    func(s *Scanner) error { _, err := s.Ints(nil); return err },
		"longs":   func(s *Scanner) error { _, err := s.Longs(nil); return err },
		"floats":  func(s *Scanner) error { _, err := s.Floats(nil); return err },
		"doubles": func(s *Scanner) error { _, err := s.Doubles(nil); return err },
		"count":   func(s *Scanner) error { _, err := s.Count(); return err },
		"skip":    func(s *Scanner) error { return s.Skip() },
	} {
		t.Run(name, func(t *testing.T) {
			for _, doc := range []string{"[1]", "[1,2]", "[]", " [ 1 , 2 ]"} {
				s := New([]byte(doc))
				if err := take(s); err != nil || s.depth != 0 || s.pos != len(s.data) {
					t.Errorf("%s: %v, depth %d, at %d of %d", doc, err, s.depth, s.pos, len(s.data))
				}
			}
		})
	}
	nested := func(levels int) []byte { return []byte(strings.Repeat("[", levels) + strings.Repeat("]", levels)) }
	if err := skipAll(nested(MaxDepth)); err != nil {
		t.Errorf("%d levels: %v", MaxDepth, err)
	}
	wantError(t, skipAll(nested(MaxDepth+1)), "nested more than 64 levels deep")
	wantError(t, skipAll(nested(1_000_000)), "nested more than 64 levels deep")
}
