package strictjson

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// walk reads a text value by value and writes it again, compact and without needless escapes, as far as it is valid.
func walk(text []byte) ([]byte, error) {
	var s Scanner
	s.Reset(text)
	out, err := walkValue(&s, nil)
	if err != nil {
		return out, err
	}
	return out, s.End()
}

func walkValue(s *Scanner, out []byte) ([]byte, error) {
	quote := func(b []byte) {
		out, _ = jsontext.AppendQuote(out, b)
	}
	switch s.Kind() {
	case Null:
		return append(out, "null"...), s.Null()
	case True, False:
		v, err := s.Bool()
		if v {
			return append(out, "true"...), err
		}
		return append(out, "false"...), err
	case String:
		v, err := s.String()
		quote(v)
		return out, err
	case Object:
		out = append(out, '{')
		if err := s.Object(); err != nil {
			return out, err
		}
		for comma := false; ; comma = true {
			name, ok, err := s.Name()
			if err != nil {
				return out, err
			}
			if !ok {
				return append(out, '}'), nil
			}
			if comma {
				out = append(out, ',')
			}
			quote(name)
			out = append(out, ':')
			if out, err = walkValue(s, out); err != nil {
				return out, err
			}
		}
	case Array:
		out = append(out, '[')
		if err := s.Array(); err != nil {
			return out, err
		}
		for comma := false; ; comma = true {
			ok, err := s.Element()
			if err != nil {
				return out, err
			}
			if !ok {
				return append(out, ']'), nil
			}
			if comma {
				out = append(out, ',')
			}
			if out, err = walkValue(s, out); err != nil {
				return out, err
			}
		}
	default: // also for what is no value: the error is Float's
		start := s.Offset()
		text := s.text
		if _, err := s.Float(); err != nil && kindOf(err) != Range {
			return out, err
		}
		return append(out, text[start:s.Offset()]...), nil
	}
}

func kindOf(err error) ErrorKind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return 0
}

func skipAll(text []byte, names bool) ([]byte, error) {
	var s Scanner
	s.Reset(text)
	span, err := s.skip(names)
	if err != nil {
		return nil, err
	}
	return span, s.End()
}

// compare reads a text in every way, and by jsontext, which must agree in what is valid and what it says.
func compare(t *testing.T, text []byte) {
	t.Helper()
	valid := jsontext.Value(text).IsValid()
	written, walkErr := walk(text)
	span, skipErr := skipAll(text, true)
	_, syntaxErr := skipAll(text, false)
	if kindOf(skipErr) == Depth || kindOf(walkErr) == Depth || kindOf(syntaxErr) == Depth {
		if bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) <= MaxDepth {
			t.Errorf("%q: %v", text, skipErr)
		}
		return
	}
	if (walkErr == nil) != valid {
		t.Errorf("%q: read by value: %v; jsontext says valid: %v", text, walkErr, valid)
	}
	if (skipErr == nil) != valid {
		t.Errorf("%q: skipped: %v; jsontext says valid: %v", text, skipErr, valid)
	}
	if ok := jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true)); (syntaxErr == nil) != ok {
		t.Errorf("%q: skipped without names: %v; jsontext says valid: %v", text, syntaxErr, ok)
	}
	if !valid {
		for _, err := range []error{walkErr, skipErr} {
			checkError(t, text, err)
		}
		return
	}
	if want := bytes.Trim(text, " \t\r\n"); !bytes.Equal(span, want) {
		t.Errorf("%q: skipped %q", text, span)
	}
	want, err := jsontext.AppendFormat(nil, text, jsontext.PreserveRawStrings(false))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(written)); diff != "" {
		t.Errorf("%q: what was read (-want +got):\n%s", text, diff)
	}
}

// checkError checks what an Error promises.
func checkError(t *testing.T, text []byte, err error) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return // the caller has said so
	}
	if e.Offset < 0 || e.Offset > len(text) {
		t.Errorf("%q: offset %d is outside: %v", text, e.Offset, err)
	}
	if len(e.Message) > 128 {
		t.Errorf("%q: long message: %v", text, err)
	}
	if s := e.Error(); !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("%q: not printable: %q", text, s)
	}
}

var texts = []string{
	// valid
	`null`, `true`, `false`, ` 1 `, "\t\r\n \"\" \n", `{}`, `[]`, `[ ]`, `{ }`, `[[],{}]`, `[{},[]]`, `{"":{}}`, `{"a":[1,{"a":2}],"b":{"a":3}}`,
	`{"a" : 1 , "b" : [ 1 , 2 ] }`, `[true,false,null,"x",-0,1.5e+3]`, `{"a":{"b":1,"c":2},"b":{"b":1}}`, `[{"a":1},{"a":2}]`,
	`{"größe":"ü","日本":"𝄞"}`, "\"\u2028\u007f\"", `"\u0000\b\f\n\r\t\/\\\""`, `"\ud834\udd1e\uD834\uDD1E"`, "\"\ufffd\"", `"\ufffd"`,
	// truncated
	``, ` `, `{`, `[`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `[1`, `[1,`, `"`, `"a`, `"\`, `"\u`, `"\u00`, `"\u0041`, `"\ud834`, `"\ud834\u`,
	`"\ud834\udd1`, `nul`, `tru`, `fals`, `n`, `-`, `1.`, `1e`, `1e+`, `1.5E-`, "\"\xe2\x82", `[[`, `{"a":{`, `{"a":[`,
	// separators
	`[1,]`, `[,1]`, `[,]`, `[1,,2]`, `[1 2]`, `[1:2]`, `{,}`, `{"a":1,}`, `{"a":1,,"b":2}`, `{"a" 1}`, `{"a",1}`, `{"a"::1}`, `{"a":1 "b":2}`, `{"a":1:"b":2}`,
	`{"a"}`, `{a:1}`, `{'a':1}`, `{1:1}`, `{null:1}`, `{"a":}`, `{:1}`, `{"a":1]`, `[1}`, `]`, `}`, `,`, `:`, `{]`, `[}`, `[{]}`, `{"a":[}]`,
	// after the value
	`1 2`, `{}{}`, `{} x`, `[]]`, `{}}`, `null,`, `"a""b"`, "1\x00", `nulll`, `truefalse`, `{"a":nullx}`, `[1x]`,
	// literals and numbers
	`NaN`, `-NaN`, `nan`, `Infinity`, `-Infinity`, `+Infinity`, `inf`, `-inf`, `None`, `True`, `undefined`, `NULL`, `nil`, `[NaN]`, `{"a":NaN}`,
	`01`, `-01`, `00`, `-00`, `0x1`, `+1`, `.5`, `-.5`, `1.`, `1.e5`, `1.5.5`, `1e5.5`, `1e`, `1e+`, `1e+-5`, `--1`, `-`, `- 1`, `1_000`, `1,5`, `0e`, `0.0e-0`, `1E400`,
	`-1e400`, `1e-400`, `0`, `-0`, `-0.0`, `0e0`, `0E+99999999999`, `9007199254740993`, `123456789012345678901234567890`, `[01]`, `[1.]`, `١`, `１`,
	`1e99999999999999999999`, `0.1e-99999999999999999999`, `1.2345678`, `1.123456789`, `1.12345678a`, `1.1234567/`, `1.1234567:`,
	// strings
	"\"\x00\"", "\"\x1f\"", "\"\n\"", "\"\t\"", `"\a"`, `"\x41"`, `"\U0041"`, `"\'"`, `"\ "`, `"\u004g"`, `"\u 041"`, `"\u+041"`, `"\u00`, `'a'`, "`a`",
	"\"\\é\"", "\"\\\x80\"", "\"\\\x00\"",
	// Unicode
	"\"\x80\"", "\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xc3(\"", "\"\xf0\x9f\x98\"", "{\"\xff\":1}", "[\"a\xffb\"]", "\ufeff{}", "\xff", "{\xff}",
	`"\ud800"`, `"\udc00"`, `"\ud800\ud800"`, `"\ud800x"`, `"\ud800\n"`, `"\udc00\ud800"`, `"\ud800\u0041"`, `{"\ud800":1}`, `"\uDBFF\uDFFF"`,
	// duplicates
	`{"a":1,"a":2}`, `{"a":1,"b":2,"a":3}`, `{"a":1,"\u0061":2}`, `{"\u0061":1,"a":2}`, `{"":1,"":2}`, `[{"x":{"a":1,"b":{},"a":2}}]`, `{"a":{"a":{"a":1}}}`,
	`{"x":{"a":1,"b":2},"a":{},"b":{}}`, `{"A":1,"a":2}`, `{"\"":1,"\u0022":2}`, `{"/":1,"\/":2}`, `{"\ud834\udd1e":1,"𝄞":2}`, `{"a":{"b":1},"b":{"b":1},"a":1}`,
	`{"a\u0000":1,"a":2}`, `{"\\":1,"\u005c":2}`, `{"é":1,"e\u0301":2}`, `{"é":1,"\u00E9":2}`,
	// comments, and others
	`// x`, `/**/1`, `1//`, `{"a":1}#`, `[1;2]`, `(1)`, `<1>`, "\v1", "\f1", "\u00a01", `{"a"` + "\u00a0" + `:1}`, `a`, `\u0061`, "\x00",
}

func TestAgreesWithJSONText(t *testing.T) {
	for _, text := range texts {
		compare(t, []byte(text))
	}
}

func TestCutAnywhereAgreesWithJSONText(t *testing.T) {
	text := []byte(` {"a\u00e9\ud834\udd1e" : [ 1.50e-10 , "x\n", true,false , null ,{ "é":-0 }], "b":{} } `)
	for i := range text {
		compare(t, text[:i])
		for _, c := range []byte("{}[],:\"\\0-.eu \x00\xff") {
			changed := bytes.Clone(text)
			changed[i] = c
			compare(t, changed)
		}
	}
}

func TestManyNames(t *testing.T) {
	object := func(n int, last string) []byte {
		var b bytes.Buffer
		for i := range n {
			b.WriteByte("{,"[min(i, 1)])
			b.WriteString(`"n` + strings.Repeat("x", i%7) + string(rune('0'+i%10)) + strings.Repeat("y", i/10) + `":{"a":1,"b":2}`)
		}
		return append(b.Bytes(), `,`+last+`:0}`...)
	}
	for _, n := range []int{1, 2, 3, 7, 8, 9, 31, 32, 33, 300} {
		compare(t, object(n, `"new"`))
		compare(t, object(n, `"n0"`))
		compare(t, object(n, `"\u006e0"`))
	}
}

func TestDepth(t *testing.T) {
	nested := func(open, inner, end string, n int) []byte {
		return []byte(strings.Repeat(open, n) + inner + strings.Repeat(end, n))
	}
	for _, shape := range [][3]string{{"[", "", "]"}, {`{"a":`, "1", "}"}, {`[{"a":`, "1", "}]"}, {" [ 1 ,", "1", "]"}} {
		each := strings.Count(shape[0], "[") + strings.Count(shape[0], "{")
		for name, read := range map[string]func([]byte) error{
			"Skip":       func(b []byte) error { _, err := skipAll(b, true); return err },
			"SkipSyntax": func(b []byte) error { _, err := skipAll(b, false); return err },
			"values":     func(b []byte) error { _, err := walk(b); return err },
		} {
			t.Run(name+" of "+shape[0], func(t *testing.T) {
				if err := read(nested(shape[0], shape[1], shape[2], MaxDepth/each)); err != nil {
					t.Errorf("%d deep: %v", MaxDepth, err)
				}
				for _, n := range []int{MaxDepth/each + 1, 100_000} {
					err := read(nested(shape[0], shape[1], shape[2], n))
					if kindOf(err) != Depth {
						t.Errorf("%d deep: %v", n*each, err)
					}
					err = read([]byte(strings.Repeat(shape[0], n)))
					if kindOf(err) != Depth {
						t.Errorf("%d deep and open: %v", n*each, err)
					}
				}
			})
		}
	}
}

func TestASkippedValueIsReadLater(t *testing.T) {
	text := []byte(` {"features": {"a":1,"b":[2]} , "model":"fraud"}`)
	var s Scanner
	s.Reset(text)
	must(t, s.Object())
	_, _, err := s.Name()
	must(t, err)
	s.Kind()
	start := s.Offset()
	span, err := s.SkipSyntax()
	must(t, err)
	end := s.Offset()
	if string(span) != `{"a":1,"b":[2]}` || string(text[start:end]) != string(span) {
		t.Fatalf("skipped %q, offsets say %q", span, text[start:end])
	}
	s.ResetAt(text[:end], start)
	must(t, s.Object())
	_, _, err = s.Name()
	must(t, err)
	if v, err := s.Float(); v != 1 || err != nil {
		t.Fatal(v, err)
	}
	_, _, err = s.Name()
	must(t, err)
	if _, err := s.Float(); err == nil || err.Error() != "offset 25: expected a number but found an array" {
		t.Fatal(err)
	}
	_, err = s.Skip() // an error of kind Type consumes nothing
	must(t, err)
	if _, ok, err := s.Name(); ok || err != nil {
		t.Fatal(ok, err)
	}
	must(t, s.End())
}

func TestErrorsEndTheScan(t *testing.T) {
	var s Scanner
	s.Reset([]byte(`{"a":1,"a":2} `))
	_, first := s.Skip()
	if kindOf(first) != Duplicate {
		t.Fatal(first)
	}
	names, err := NewNames([]string{"a"})
	must(t, err)
	m := names.Members()
	for name, call := range map[string]func() error{
		"Object":     s.Object,
		"Array":      s.Array,
		"Null":       s.Null,
		"End":        s.End,
		"Float":      func() error { _, err := s.Float(); return err },
		"String":     func() error { _, err := s.String(); return err },
		"Bool":       func() error { _, err := s.Bool(); return err },
		"Skip":       func() error { _, err := s.Skip(); return err },
		"SkipSyntax": func() error { _, err := s.SkipSyntax(); return err },
		"Name":       func() error { _, _, err := s.Name(); return err },
		"Element":    func() error { _, err := s.Element(); return err },
		"Open":       func() error { return m.Open(&s) },
		"Next":       func() error { _, _, err := m.Next(&s); return err },
	} {
		if err := call(); !errors.Is(err, first) {
			t.Errorf("%s after an error: %v", name, err)
		}
	}
	if s.Kind() != Invalid {
		t.Errorf("Kind after an error: %v", s.Kind())
	}
	s.Reset([]byte(`1`))
	if v, err := s.Float(); v != 1 || err != nil {
		t.Errorf("after Reset: %v, %v", v, err)
	}
}

func TestErrorTexts(t *testing.T) {
	long := strings.Repeat("9", 400)
	for _, c := range []struct {
		text, want string
		kind       ErrorKind
	}{
		{`{"x":0,"amount":1,"amount":2}`, `offset 18: duplicate member "amount"`, Duplicate},
		{`{"a\n\"":1,"a\u000a\u0022":1}`, `offset 11: duplicate member "a\n\""`, Duplicate},
		{`{"` + long + `":1,"` + long + `":1}`, `offset 406: duplicate member "` + long[:63] + `…"`, Duplicate},
		{`[1e999]`, `offset 1: number 1e999 is beyond the float64 range`, Range},
		{`[-` + long + `]`, `offset 1: number -` + long[:39] + `… (401 bytes) is beyond the float64 range`, Range},
		{`["x"]`, `offset 1: expected a number but found a string`, Type},
		{`[ null]`, `offset 2: expected a number but found null`, Type},
		{`[NaN]`, `offset 1: NaN is not JSON`, Syntax},
		{`[-Infinity]`, `offset 1: -Infinity is not JSON`, Syntax},
		{`[-x]`, `offset 2: expected a digit but found 'x'`, Syntax},
		{`[-]`, `offset 2: expected a digit but found ']'`, Syntax},
		{`[01]`, `offset 1: a number begins with a needless 0`, Syntax},
		{`[1.]`, `offset 3: expected a digit but found ']'`, Syntax},
		{`[1.e5]`, `offset 3: expected a digit but found 'e'`, Syntax},
		{`[1e+`, `offset 4: expected a digit but the text ends`, Syntax},
		{`[1;`, `offset 2: expected ',' or ']' but found ';'`, Syntax},
		{`[1,`, `offset 3: expected a value but the text ends`, Syntax},
		{`[1,]`, `offset 3: expected a value but found ']'`, Syntax},
		{`[1'`, `offset 2: expected ',' or ']' but found "'"`, Syntax},
		{"[1\x00", `offset 2: expected ',' or ']' but found byte 0x00`, Syntax},
		{`[1] x`, `offset 4: expected the end but found 'x'`, Syntax},
		{`{a:1}`, `offset 1: expected a member name but found 'a'`, Syntax},
		{`{"a" 1}`, `offset 5: expected ':' but found '1'`, Syntax},
		{`{"a`, `offset 3: expected '"' but the text ends`, Syntax},
		{"{\"a\nb\":1}", `offset 3: a control character in a string must be escaped`, Syntax},
		{"{\"a\xff\":1}", `offset 3: a string is not valid UTF-8`, Syntax},
		{`{"\ud800":1}`, `offset 2: escape \ud800 is half of a surrogate pair`, Syntax},
		{`{"\qx":1}`, `offset 2: invalid escape "\\q"`, Syntax},
		{`{"\u12":1}`, `offset 2: invalid escape "\\u12\":"`, Syntax},
		{strings.Repeat("[", 65), `offset 64: nested deeper than 64`, Depth},
	} {
		err := readFloats([]byte(c.text))
		if err == nil || err.Error() != c.want || kindOf(err) != c.kind {
			t.Errorf("%.80s:\n got %v\nwant %s", c.text, err, c.want)
		}
		checkError(t, []byte(c.text), err)
	}
}

func TestBadLiterals(t *testing.T) {
	for text, want := range map[string]string{
		` nulL`: "offset 1: expected null",
		`tru`:   "offset 0: expected true",
		`falsy`: "offset 0: expected false",
		`None`:  "offset 0: None is not JSON",
		`(1)`:   "offset 0: expected a value but found '('",
	} {
		if _, err := skipAll([]byte(text), true); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// readFloats reads nested objects and arrays of numbers.
func readFloats(text []byte) error {
	var s Scanner
	s.Reset(text)
	var value func() error
	value = func() (err error) {
		next := s.Element
		switch s.Kind() {
		case Object:
			err = s.Object()
			next = func() (bool, error) { _, ok, err := s.Name(); return ok, err }
		case Array:
			err = s.Array()
		default:
			_, err := s.Float()
			return err
		}
		for err == nil {
			var ok bool
			if ok, err = next(); !ok {
				return err
			}
			if err == nil {
				err = value()
			}
		}
		return err
	}
	if err := value(); err != nil {
		return err
	}
	return s.End()
}

func TestTypeErrors(t *testing.T) {
	for _, text := range []string{`null`, `true`, `false`, `1`, `"a"`, `{}`, `[]`} {
		var s Scanner
		s.Reset([]byte(text))
		for want, call := range map[Kind]func() error{
			Object: s.Object,
			Array:  s.Array,
			Null:   s.Null,
			Number: func() error { _, err := s.Float(); return err },
			String: func() error { _, err := s.String(); return err },
			True:   func() error { _, err := s.Bool(); return err },
		} {
			if s.Kind() == want || s.Kind() == False && want == True {
				continue
			}
			if err := call(); kindOf(err) != Type {
				t.Errorf("%s read as %v: %v", text, want, err)
			}
		}
		if _, err := s.Skip(); err != nil {
			t.Errorf("%s after errors of kind Type: %v", text, err)
		}
	}
}

func TestALargeTextIsForgotten(t *testing.T) {
	var b bytes.Buffer
	for i := range 100_000 {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(`"\u0041` + strings.Repeat("a", i%10) + string(rune(0x4e00+i/10)) + `":0`)
	}
	b.WriteString(`,"` + strings.Repeat(`\n`, 100_000) + `":0}`)
	var s Scanner
	s.Reset(b.Bytes())
	if _, err := s.Skip(); err != nil {
		t.Fatal(err)
	}
	s.Reset(nil)
	if kept := cap(s.buf) + 16*cap(s.names.list) + 4*cap(s.names.slots); kept > 3*keepBytes {
		t.Errorf("keeps %d bytes", kept)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
