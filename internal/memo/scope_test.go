package memo

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"testing"
)

func TestAKeyIsTheHashOfScopeAndRow(t *testing.T) {
	s := NewScope([]byte("model"), []byte("schema"), "options")
	parts := "besra memo 1 trees" + "\x05\x00\x00\x00\x00\x00\x00\x00model" + "\x06\x00\x00\x00\x00\x00\x00\x00schema" +
		"\x07\x00\x00\x00\x00\x00\x00\x00options"
	for _, columns := range []int{0, 1, 15, 31, 32, 33, 63, 64, 65, 300} {
		digest := sha256.Sum256([]byte(parts))
		all, row := digest[:], make([]float64, columns)
		for i := range row {
			row[i] = float64(i) / 3
			all = binary.LittleEndian.AppendUint64(all, math.Float64bits(row[i]))
		}
		want := sha256.Sum256(all)
		hi, lo := s.hash(row)
		if hi != binary.LittleEndian.Uint64(want[:]) || lo != binary.LittleEndian.Uint64(want[8:]) {
			t.Errorf("%d columns: %x %x, want %x", columns, hi, lo, want[:16])
		}
	}
}

func TestEachColumnCountsInEachHash(t *testing.T) {
	seed := &newGhost(1).seed
	a, b := scopeOf(1), scopeOf(2)
	for _, columns := range []int{1, 32, 33, 64, 65, 100} {
		row := make([]float64, columns)
		hi, _ := a.hash(row)
		quick := a.quick(seed, row)
		if other, _ := b.hash(row); other == hi || b.quick(seed, row) == quick {
			t.Errorf("%d columns: scopes are not told apart", columns)
		}
		for i := range row {
			row[i] = math.Copysign(0, -1)
			if same, _ := a.hash(row); same != hi || a.quick(seed, row) != quick {
				t.Errorf("%d columns: a zero's sign counts in column %d", columns, i)
			}
			row[i] = 1
			if other, _ := a.hash(row); other == hi || a.quick(seed, row) == quick {
				t.Errorf("%d columns: column %d does not count", columns, i)
			}
			row[i] = 0
		}
		if other, _ := a.hash(row[1:]); other == hi || a.quick(seed, row[1:]) == quick {
			t.Errorf("%d columns: the width does not count", columns)
		}
	}
}
