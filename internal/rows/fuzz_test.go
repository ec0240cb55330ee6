package rows

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"testing"
)

// ours reads all records with a splitter that reads size bytes at once.
func ours(data []byte, size int) (records [][]string, err error) {
	s := newSplitter(bytes.NewReader(data), size)
	var c cells
	for {
		k, err := s.next(nil)
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return records, err
		}
		c.reset(k)
		for c.more() {
			if c.blank() {
				continue
			}
			var record []string
			for last := false; !last; {
				var cell []byte
				cell, last = c.next()
				record = append(record, string(cell))
			}
			if c.err != nil {
				return records, c.err
			}
			records = append(records, record)
		}
	}
}

func FuzzCellsAreThoseOfEncodingCSV(f *testing.F) {
	for _, s := range []string{
		"a,b\n1,2\n", "\"a\r\nb\",c\r\n\"\"\"\"\r\n", "\n\r\na,\n,b\r", "a\"b,c\n", "\"a\"b\n", "\"a\n", "\r\r\n", "a\rb\n\"\"\r", ",,\n\"\",\"\"",
		"\"\"\n", "x,\"y\"\r", "\"a\r\n\r\r\nb\"\n",
	} {
		f.Add([]byte(s), uint8(7))
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		r := csv.NewReader(bytes.NewReader(data))
		r.FieldsPerRecord = -1
		want, wantErr := r.ReadAll()
		got, err := ours(data, int(size)+1)
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("%q: got error %v, want %v", data, err, wantErr)
		}
		if err == nil && !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("%q: got %q, want %q", data, got, want)
		}
	})
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"1", "-0", "1e5", "nan", "-inf", "+Infinity", "0x1", "1_0", ".", "1e999", "-", "in"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		x, ok := ParseNumber([]byte(s), 64)
		if !ok {
			return
		}
		again, ok := ParseNumber(AppendNumber(nil, x, 64), 64)
		if !ok || again != x && x == x {
			t.Fatalf("%q is %v, which comes back as %v", s, x, again)
		}
	})
}
