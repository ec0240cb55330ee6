package strictjson

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// knownNames has what is awkward in a name.
var knownNames = []string{"a", "b", "amount", "", "größe", `quote"`, `back\slash`, "tab\t", "𝄞", "a b", "c"}

type members struct {
	Known   map[int]string    // raw values by index
	Unknown map[string]string // raw values by name
}

// readMembers reads an object by names.
func readMembers(m *Members, text []byte) (got members, err error) {
	var s Scanner
	s.Reset(text)
	got = members{map[int]string{}, map[string]string{}}
	if err := m.Open(&s); err != nil {
		return got, err
	}
	for {
		index, ok, err := m.Next(&s)
		if err != nil {
			return got, err
		}
		if !ok {
			return got, s.End()
		}
		name := string(m.Unknown())
		span, err := s.Skip()
		if err != nil {
			return got, err
		}
		if index == Unknown {
			got.Unknown[name] = string(span)
		} else {
			got.Known[index] = string(span)
		}
	}
}

// readMap reads an object by jsontext.
func readMap(names *Names, text []byte) (got members, err error) {
	got = members{map[int]string{}, map[string]string{}}
	d := jsontext.NewDecoder(strings.NewReader(string(text)))
	if d.PeekKind() != '{' {
		return got, fmt.Errorf("no object")
	}
	if _, err := d.ReadToken(); err != nil {
		return got, err
	}
	for d.PeekKind() == '"' {
		token, err := d.ReadToken()
		if err != nil {
			return got, err
		}
		name := token.String()
		value, err := d.ReadValue()
		if err != nil {
			return got, err
		}
		if index, ok := names.Index([]byte(name)); ok {
			got.Known[index] = string(value)
		} else {
			got.Unknown[name] = string(value)
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return got, err
	}
	if !jsontext.Value(text).IsValid() {
		return got, fmt.Errorf("more text")
	}
	return got, nil
}

func newMembers(t testing.TB, names ...string) *Members {
	t.Helper()
	n, err := NewNames(names)
	if err != nil {
		t.Fatal(err)
	}
	return n.Members()
}

// compareMembers reads a text by names twice, so that the second time the order is known, and by jsontext.
func compareMembers(t *testing.T, m *Members, text []byte) {
	t.Helper()
	want, wantErr := readMap(m.names, text)
	for range 2 {
		got, err := readMembers(m, text)
		if kindOf(err) == Depth {
			return
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: got error %v, want %v", text, err, wantErr)
		}
		if err != nil {
			checkError(t, text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q (-jsontext +names):\n%s", text, diff)
		}
		if m.Count() != len(got.Known) {
			t.Errorf("%q: Count is %d, want %d", text, m.Count(), len(got.Known))
		}
		for i := range m.names.Len() {
			if _, ok := got.Known[i]; ok != m.Seen(i) {
				t.Errorf("%q: Seen(%d) is %v", text, i, m.Seen(i))
			}
		}
	}
}

var objectTexts = []string{
	`{}`, ` { } `, `{"a":1}`, `{"a":1,"b":2,"amount":3}`, `{"amount":3,"b":2,"a":1}`, `{ "b" : 2 , "a" : 1 }`, `{"\u0061":1}`, `{"a":1,"\u0061":2}`,
	`{"x":1}`, `{"x":1,"y":2}`, `{"x":1,"x":2}`, `{"x":1,"\u0078":2}`, `{"\u0078":1,"a":5,"x":2}`, `{"a":1,"x":{"a":1},"b":{"a":[{}]}}`, `{"a":1,"a":2}`, `{"b":1,"a":1,"b":2}`,
	`{"größe":1,"quote\"":2,"back\\slash":3,"tab\t":4,"\ud834\udd1e":5,"":6,"a b":7}`, `{"gr\u00f6\u00dfe":1,"𝄞":2}`, `{"":1,"":1}`, `{"tab\t":1,"tab\u0009":1}`,
	`{"a":1,}`, `{"a":}`, `{"a"}`, `{"a`, `{"a":1`, `{,"a":1}`, `{"a":1 "b":2}`, `{"a":1}x`, `[]`, `1`, ``, `{"a":NaN}`, `{"x":01}`, `{"a":{"k":1,"k":2}}`, `{ :1}`, "{\"\xff\":1}",
	`{"A":1,"a":2}`, `{"amount ":1,"amount":2}`, `{"c":1,"a":2}`, `{"c":1,"c":2}`, `{"c":1,"x":2,"y":3,"x":4}`, `{ }`, `{" ":1}`, `{ "c":1, "c":1}`,
}

func TestMembersAgreeWithJSONText(t *testing.T) {
	for _, names := range [][]string{knownNames, {}, {"x"}} {
		m := newMembers(t, names...)
		for _, text := range objectTexts {
			compareMembers(t, m, []byte(text))
		}
		for _, text := range texts {
			compareMembers(t, m, []byte(text))
		}
	}
}

func TestMembersOfManyNames(t *testing.T) {
	var names []string
	for i := range 2000 {
		names = append(names, fmt.Sprintf("f%d", i))
	}
	m := newMembers(t, names...)
	for _, last := range []string{`"new":1`, `"f1999":1`, `"f0":1`, `"new":1,"new":2`} {
		var b strings.Builder
		b.WriteByte('{')
		for i := range 1999 {
			fmt.Fprintf(&b, `"f%d":%d,`, (i*7+5)%1999, i)
		}
		compareMembers(t, m, []byte(b.String()+last+`}`))
	}
}

func TestNamesThatNoObjectCanHaveAreRefused(t *testing.T) {
	for want, names := range map[string][]string{
		`names 0 and 2 are both "a"`:    {"a", "b", "a"},
		`name 1, "b\xff", is not UTF-8`: {"a", "b\xff"},
	} {
		if _, err := NewNames(names); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestMembersLearnTheOrder(t *testing.T) {
	m := newMembers(t, "a", "b", "c", "d")
	text := []byte(`{"d":1,"b":2,"x":3,"a":4}`)
	compareMembers(t, m, text)
	if diff := cmp.Diff([]int{3, 1, 0, 3, 1}, m.after); diff != "" {
		t.Errorf("expected names (-want +got):\n%s", diff)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	long := objects(longNumber)[:8]
	tricky := []byte(`{"a\n":[1,{"b\u00e9":"\ud834\udd1e","c":-1.5e300}],"b":[true,false,null,1e-310,12345678901234567890123]}`)
	other, batch := shuffled(long), batches(long)[:1]
	d := newDecoder()
	var s Scanner
	for name, read := range map[string]func() error{
		"by names":    func() error { return each(long, d.object) },
		"other order": func() error { return each(other, d.object) },
		"batch":       func() error { return each(batch, d.batch) },
		"Skip":        func() error { s.Reset(tricky); _, err := s.Skip(); return err },
		"SkipSyntax":  func() error { s.Reset(tricky); _, err := s.SkipSyntax(); return err },
		"long number": func() error { s.Reset(hugeNumber); _, err := s.Float(); return err },
	} {
		if err := read(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n := testing.AllocsPerRun(20, func() { _ = read() }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

var hugeNumber = []byte(strings.Repeat("123456789", 30) + "." + strings.Repeat("987654321", 50))

func each(texts [][]byte, read func([]byte) error) error {
	for _, text := range texts {
		if err := read(text); err != nil {
			return err
		}
	}
	return nil
}
