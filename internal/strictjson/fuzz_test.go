package strictjson

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// FuzzScanner: jsontext and the scanner, read in every way, accept the same texts and find the same in them; numbers
// are those of strconv bit for bit.
func FuzzScanner(f *testing.F) {
	for _, text := range append(texts, objectTexts...) {
		f.Add([]byte(text))
	}
	f.Add(objects(longNumber)[0])
	f.Fuzz(func(t *testing.T, text []byte) {
		compare(t, text)
		d := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true))
		for {
			value, err := d.ReadToken()
			if err != nil {
				return
			}
			if value.Kind() == '0' {
				sameAsStrconv(t, value.String())
			}
		}
	})
}

// FuzzMembers: an object read by names has the members that jsontext finds in it.
func FuzzMembers(f *testing.F) {
	for _, text := range append(objectTexts, texts...) {
		f.Add([]byte(text), []byte(`{"c":1,"b":2}`))
	}
	n, err := NewNames(knownNames)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, before []byte) {
		m := n.Members()
		compareMembers(t, m, before) // what it learned here must not matter
		compareMembers(t, m, text)
	})
}
