package gateway

import (
	"strings"
	"testing"

	"github.com/besra-ml/besra/internal/strictjson"
)

func digestOf(t *testing.T, kind contentKind, text string) [16]byte {
	t.Helper()
	var s strictjson.Scanner
	var d digester
	s.Reset([]byte(text))
	sum, err := d.content(&s, kind)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return sum
}

func TestTheSpellingOfContentDoesNotCount(t *testing.T) {
	for _, same := range [][]string{
		{`{"a":1,"b":"x"}`, `{ "b" : "x", "a" : 1.0 }`, `{"\u0061":10e-1,"b":"\u0078"}`, `{"a":1,"c":null,"b":"x"}`},
		{`{"a":{"x":1,"y":[1,2]},"b":0}`, `{"b":-0,"a":{"y":[1,2.0],"x":1,"z":null}}`},
		{`[1,null,"x"]`, `[ 1.00 , null , "\u0078" ]`},
		{`{}`, `{"a":null}`},
	} {
		for _, text := range same[1:] {
			if digestOf(t, contentEvent, text) != digestOf(t, contentEvent, same[0]) {
				t.Errorf("%s and %s differ", same[0], text)
			}
		}
	}
}

func TestContentsThatDifferHaveDifferentDigests(t *testing.T) {
	seen := map[[16]byte]string{}
	for _, text := range []string{
		`{}`, `[]`, `[null]`, `[[]]`, `[{}]`, `{"a":{}}`, `{"a":[]}`, `{"a":1}`, `{"a":"1"}`, `{"a":true}`, `{"a":false}`,
		`{"a":1,"b":2}`, `{"a":2,"b":1}`, `{"ab":1}`, `{"a":"b"}`, `{"a":"","b":""}`, `{"a":"b\u0000"}`, `{"a":{"b":1}}`,
		`{"a":1.0000000000000002}`, `[1,2]`, `[2,1]`, `[1,[2]]`, `[[1],2]`, `["1,2"]`, `{"a":[1],"b":2}`, `{"a":[1,2]}`,
	} {
		for _, kind := range []contentKind{contentEvent, contentFeatures} {
			d := digestOf(t, kind, text)
			if other, ok := seen[d]; ok {
				t.Errorf("%s (%d) and %s have one digest", text, kind, other)
			}
			seen[d] = text
		}
	}
}

func TestWhatIsNoContentHasNoDigest(t *testing.T) {
	for _, text := range []string{``, `{"a":1e999}`, `{"a":1,"a":2}`, `{"a":`, `[1,`, `nul`, strings.Repeat("[", 70)} {
		var s strictjson.Scanner
		var d digester
		s.Reset([]byte(text))
		if _, err := d.content(&s, contentEvent); err == nil {
			t.Errorf("%s has a digest", text)
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	text := []byte(`{"time":"2026-11-27T00:00:01.250Z","card":"c_17","terminal":"t_9","amount":129.95}`)
	var s strictjson.Scanner
	var d digester
	b.ReportAllocs()
	for i := range b.N {
		text[len(text)-4], text[len(text)-5] = byte('0'+i%10), byte('0'+i/10%10)
		s.Reset(text)
		if _, err := d.content(&s, contentEvent); err != nil {
			b.Fatal(err)
		}
	}
}
