package libm

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
)

// TestExpFmathIsCatBoosts compares with what CatBoost made of such margins.
func TestExpFmathIsCatBoosts(t *testing.T) {
	b := read(t, "fmath.pairs", 2000*16)
	for ; len(b) > 0; b = b[16:] {
		x, want := math.Float64frombits(binary.LittleEndian.Uint64(b)), math.Float64frombits(binary.LittleEndian.Uint64(b[8:]))
		if got := ExpFmath(x); math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("ExpFmath(%v) = %v, want %v", x, got, want)
		}
	}
}

func TestExpFmathTakesFourAtATime(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	const least = 2.2250738585072014e-308 // where four at a time stay
	for _, c := range []struct{ x, want []float64 }{
		{nil, nil},
		{[]float64{-inf}, []float64{0}},
		{[]float64{inf, -inf, -709}, []float64{inf, 0, 0}},
		{[]float64{-inf, inf, nan, 0}, []float64{least, inf, inf, 1}},
		{[]float64{0, -1000, 1, 1000, -1000, 1000}, []float64{1, least, ExpFmath(1), inf, 0, inf}},
	} {
		got := slices.Clone(c.x)
		ExpFmathAll(got)
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%v: number %d is %v, want %v", c.x, i, got[i], c.want[i])
			}
		}
	}
	if got := ExpFmath(nan); got == got {
		t.Errorf("NaN alone becomes %v", got)
	}
}
