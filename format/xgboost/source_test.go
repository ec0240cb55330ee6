package xgboost

import (
	"bytes"
	"strings"
	"testing"

	"github.com/besra-ml/besra/internal/jsonscan"
)

// skipAll reads a whole document and throws it away.
func skipAll(data []byte) error {
	s, err := open(data)
	if err != nil {
		return err
	}
	if err := s.Skip(); err != nil {
		return err
	}
	return s.End()
}

func TestUBJSONSyntax(t *testing.T) {
	doc := object{
		"bools": list{true, false, nil}, "ints": list{1, -200, 70000, 1 << 40}, "text": "é",
		"typed": list{[]float32{1}, []int32{1}, []int64{1}, []int8{1}, []uint8{1}},
	}
	if err := skipAll(toUBJ(doc)); err != nil {
		t.Fatal(err)
	}
	if err := skipAll([]byte("{i\x01a[U\x01T]}")); err != nil {
		t.Errorf("an array without a length: %v", err)
	}
	bad := []struct{ name, doc, want string }{
		{"a missing end", "{i\x01aT", "ends early"},
		{"bytes after the end", "{i\x01aT}T", "1 bytes follow"},
		{"a key that comes twice", "{i\x01aTi\x01aT}", "comes twice"},
		{"an unknown marker", "{i\x01aX}", "want a value"},
		{"a high-precision number", "{i\x01aHi\x011}", "want a value"},
		{"a sized object", "{#i\x01i\x01aT}", "want a"},
		{"a negative length", "{i\x01a[$d#i\xff}", "length -1"},
		{"a length beyond the file", "{i\x01aSL\x7f\xff\xff\xff\xff\xff\xff\xff}", "length 9223372036854775807"},
		{"a typed array beyond the file", "{i\x01a[$d#i\x02\x00\x00\x00}", "length 2"},
		{"a length that overflows in bytes", "{i\x01a[$D#L\x20\x00\x00\x00\x00\x00\x00\x01}", "length 23"},
		{"a list beyond the file", "{i\x01a[#l\x7f\xff\xff\xffT}", "length 2147483647"},
		{"a typed array of strings", "{i\x01a[$S#i\x01i\x01a}", "want a type of numbers"},
		{"a type without a length", "{i\x01a[$d]}", "want a length"},
		{"a truth as length", "{i\x01aST}", "want a length"},
	}
	for _, c := range bad {
		t.Run("refuses "+c.name, func(t *testing.T) { wantError(t, skipAll([]byte(c.doc)), c.want) })
	}
}

func TestDepthIsBounded(t *testing.T) {
	const deep = 100_000
	docs := map[string][]byte{
		"JSON arrays":    []byte(`{"a":` + strings.Repeat("[", deep)),
		"JSON objects":   bytes.Repeat([]byte(`{"a":`), deep),
		"UBJSON arrays":  []byte("{i\x01a" + strings.Repeat("[", deep)),
		"UBJSON objects": bytes.Repeat([]byte("{i\x01a"), deep),
		"UBJSON lists":   []byte("{i\x01a" + strings.Repeat("[#i\x01", deep)),
	}
	for name, doc := range docs {
		t.Run(name, func(t *testing.T) {
			_, err := Read(doc)
			wantError(t, err, "nested more than 64 levels deep")
		})
	}
	nested := func(levels int) []byte {
		return []byte(`{"a":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + "}")
	}
	if err := skipAll(nested(jsonscan.MaxDepth)); err != nil {
		t.Errorf("%d levels: %v", jsonscan.MaxDepth, err)
	}
	wantError(t, skipAll(nested(jsonscan.MaxDepth+1)), "levels deep")
	if err := skipAll([]byte(`{"a":[` + strings.TrimSuffix(strings.Repeat("[[]],", 1000), ",") + "]}")); err != nil {
		t.Errorf("a wide document: %v", err)
	}
}

// Levels are given back whatever method takes an array.
func TestDepthIsGivenBack(t *testing.T) {
	arrays := list{[]float32{1}, []int32{1}, []int64{1}, []uint8{1}, list{1, 2}, list{}}
	methods := map[string]func(source) error{
		"ints":   func(s source) error { _, err := s.Ints(nil); return err },
		"longs":  func(s source) error { _, err := s.Longs(nil); return err },
		"floats": func(s source) error { _, err := s.Floats(nil); return err },
		"count":  func(s source) error { _, err := s.Count(); return err },
		"skip":   func(s source) error { return s.Skip() },
	}
	for name, take := range methods {
		t.Run(name, func(t *testing.T) {
			for i, array := range arrays {
				if i == 0 && (name == "ints" || name == "longs") {
					continue
				}
				u := &ubjSource{data: toUBJ(array)}
				if err := take(u); err != nil || u.depth != 0 || u.pos != len(u.data) {
					t.Errorf("UBJSON array %d: %v, depth %d, at %d of %d", i, err, u.depth, u.pos, len(u.data))
				}
			}
		})
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got the error %v, want one with %q", err, want)
	}
}
