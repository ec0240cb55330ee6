package memo

import (
	"math"
	"testing"
)

func TestARecordIsOfOneRowUnderOneScope(t *testing.T) {
	scope := NewScope([]byte("model"), []byte("schema"), "margins")
	row, margins := []float64{1, math.NaN(), -0.5}, []float64{0.25, math.Inf(-1)}
	record := scope.AppendRecord([]byte("before")[:0], row, margins)
	got := make([]float64, 2)
	if !scope.ReadRecord(record, []float64{1, math.Float64frombits(0x7ff8000000000abc), -0.5}, got) || got[0] != margins[0] || got[1] != margins[1] {
		t.Fatal(got)
	}
	clear(got)
	for name, ok := range map[string]bool{
		"another row":     scope.ReadRecord(record, []float64{1, math.NaN(), 0.5}, got),
		"a narrower row":  scope.ReadRecord(record, row[:2], got),
		"fewer margins":   scope.ReadRecord(record, row, got[:1]),
		"another model":   NewScope([]byte("other"), []byte("schema"), "margins").ReadRecord(record, row, got),
		"a literal scope": scope.Literal().ReadRecord(record, row, got),
		"nothing":         scope.ReadRecord(nil, row, got),
	} {
		if ok {
			t.Error(name)
		}
	}
	for i := range record {
		for bit := range 8 {
			record[i] ^= 1 << bit
			if scope.ReadRecord(record, row, got) {
				t.Fatalf("bit %d of byte %d is not looked at", bit, i)
			}
			record[i] ^= 1 << bit
		}
		if scope.ReadRecord(record[:i], row, got) {
			t.Fatalf("%d bytes of a record are read", i)
		}
	}
	if got[0] != 0 || got[1] != 0 {
		t.Error(got)
	}
}

func FuzzRecord(f *testing.F) {
	scope := NewScope([]byte("model"), nil, "")
	f.Add(scope.AppendRecord(nil, []float64{1, 2}, []float64{3}), 1., 2.)
	f.Fuzz(func(t *testing.T, record []byte, a, b float64) {
		got := []float64{0}
		if !scope.ReadRecord(record, []float64{a, b}, got) {
			return
		}
		if again := scope.AppendRecord(nil, []float64{a, b}, got); string(again) != string(record) {
			t.Fatalf("%x was read as %x", record, again)
		}
	})
}
