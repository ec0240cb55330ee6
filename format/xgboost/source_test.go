package xgboost

import (
	"bytes"
	"math"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// skipAll reads a whole document and throws it away.
func skipAll(data []byte) error {
	s, err := open(data)
	if err != nil {
		return err
	}
	if err := s.skip(); err != nil {
		return err
	}
	return s.end()
}

func TestJSONSyntax(t *testing.T) {
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
		{`[1]`, "neither JSON nor UBJSON"},
		{``, "empty"},
	}
	for _, c := range bad {
		t.Run("refuses "+c.doc, func(t *testing.T) { wantError(t, skipAll([]byte(c.doc)), c.want) })
	}
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
	if err := skipAll(nested(maxDepth)); err != nil {
		t.Errorf("%d levels: %v", maxDepth, err)
	}
	wantError(t, skipAll(nested(maxDepth+1)), "levels deep")
	if err := skipAll([]byte(`{"a":[` + strings.TrimSuffix(strings.Repeat("[[]],", 1000), ",") + "]}")); err != nil {
		t.Errorf("a wide document: %v", err)
	}
}

// Levels are given back whatever method takes an array.
func TestDepthIsGivenBack(t *testing.T) {
	arrays := list{[]float32{1}, []int32{1}, []int64{1}, []uint8{1}, list{1, 2}, list{}}
	methods := map[string]func(source) error{
		"ints":   func(s source) error { _, err := s.ints(nil); return err },
		"longs":  func(s source) error { _, err := s.longs(nil); return err },
		"floats": func(s source) error { _, err := s.floats(nil); return err },
		"count":  func(s source) error { _, err := s.count(); return err },
		"skip":   func(s source) error { return s.skip() },
	}
	for name, take := range methods {
		t.Run(name, func(t *testing.T) {
			for i, array := range arrays {
				if i == 0 && (name == "ints" || name == "longs") {
					continue
				}
				u := &ubjSource{data: toUBJ(array)}
				j := &jsonSource{data: toJSON(array)}
				if err := take(u); err != nil || u.depth != 0 || u.pos != len(u.data) {
					t.Errorf("UBJSON array %d: %v, depth %d, at %d of %d", i, err, u.depth, u.pos, len(u.data))
				}
				if err := take(j); err != nil || j.depth != 0 || j.pos != len(j.data) {
					t.Errorf("JSON array %d: %v, depth %d, at %d of %d", i, err, j.depth, j.pos, len(j.data))
				}
			}
		})
	}
}

func TestNumbersAreTheNearestFloat32(t *testing.T) {
	texts := []string{
		"0", "-0", "0.0", "-0E0", "1", "16777217", "16777219", "33554435", "0.1", "5E-1", "1e-45", "1E-46", "7E-46", "1.1754942E-38",
		"1.17549435E-38", "3.4028235E38", "3.4028236E38", "3.4028235677973366E38", "1e39", "-1e999", "1e-999", "1.00000005960464477539062500000000001",
		"1.000000059604644775390625", "1.0000000596046447", "1.0000000596046448", "8388608.5", "8388609.5", "8388609.49999999999999999",
		"123456789012345678901234567890", "0.000000000000000000000000000000000000000000001", "9007199254740993", "4.9406564584124654e-324",
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200_000 {
		f := math.Float32frombits(rng.Uint32())
		if f != f || math.IsInf(float64(f), 0) {
			continue
		}
		d := float64(f)
		switch rng.IntN(4) {
		case 0: // the shortest text, as XGBoost writes it
			texts = append(texts, strconv.FormatFloat(d, 'E', -1, 32))
		case 1: // as old versions wrote it
			texts = append(texts, strconv.FormatFloat(d, 'g', 9, 64))
		case 2: // midway between two numbers, and just beside
			mid := d + (float64(math.Nextafter32(f, math.MaxFloat32))-d)/2
			texts = append(texts, strconv.FormatFloat(mid, 'g', -1, 64), strconv.FormatFloat(mid, 'g', 17+rng.IntN(4), 64))
		case 3:
			texts = append(texts, strconv.FormatFloat(rng.NormFloat64(), 'f', rng.IntN(20), 64))
		}
	}
	wrong := 0
	for _, text := range texts {
		want, _ := strconv.ParseFloat(text, 32)
		s := &jsonSource{data: []byte("[" + text + "]")}
		got, err := s.floats(nil)
		if err != nil || len(got) != 1 || math.Float32bits(got[0]) != math.Float32bits(float32(want)) {
			if wrong++; wrong < 10 {
				t.Errorf("%s: %v, %v, want %v", text, got, err, float32(want))
			}
		}
	}
}

func TestIntegers(t *testing.T) {
	read := func(text string) (int64, error) { return (&jsonSource{data: []byte(text)}).integer() }
	for text, want := range map[string]int64{
		"0": 0, "-0": 0, "7": 7, "-12": -12, "true": 1, "false": 0, "9223372036854775807": math.MaxInt64, "-9223372036854775807": -math.MaxInt64,
	} {
		if got, err := read(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"1.0", "1e3", "9223372036854775808", "18446744073709551617", "100000000000000000000", `"1"`, "NaN", ""} {
		if got, err := read(text); err == nil {
			t.Errorf("%s: %d, want an error", text, got)
		}
	}
	for text, want := range map[string]string{
		"[2147483648]": "beyond 32 bits", "[-2147483649]": "beyond 32 bits", "[1.5]": "not an integer", "[1": "want a comma", "[01]": "want a",
		"[1,]": "after the comma", "[-]": "want a number",
	} {
		_, err := (&jsonSource{data: []byte(text)}).ints(nil)
		wantError(t, err, want)
	}
	got, err := (&jsonSource{data: []byte("[ -2147483648,2147483647, 1 ,true,0]")}).ints(nil)
	if err != nil || len(got) != 5 || got[0] != math.MinInt32 || got[1] != math.MaxInt32 || got[3] != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got the error %v, want one with %q", err, want)
	}
}

// allocated returns the bytes that f allocates, freed or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
