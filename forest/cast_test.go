package forest

import (
	"math"
	"testing"
)

func TestCastsOfCategories(t *testing.T) {
	all := func(first uint32, cast Cast) Set {
		return Set{First: first, Bits: []uint64{math.MaxUint64}, Cast: cast}
	}
	const beyond = 1 << 31 / 64 // the word of 2^31
	for _, c := range []struct {
		set  Set
		x    float64
		want bool
	}{
		{all(0, Exact), 3, true},
		{all(0, Exact), 3.5, false},
		{all(0, Truncate), 3.5, true},
		{all(0, Truncate), -0.5, false},
		{all(0, TruncateInt32), 3.5, true},
		{all(0, TruncateInt32), -0.5, true},
		{all(0, TruncateInt32), -1, false},
		{all(0, TruncateInt32), 1<<32 + 3, false},
		{all(0, TruncateInt32), math.Inf(1), false},
		{all(0, TruncateInt32), math.NaN(), false},
		{all(beyond-1, TruncateInt32), 1<<31 - 1, true},
		{all(beyond-1, TruncateInt32), 1<<31 - 0.5, true},
		{all(beyond, TruncateInt32), 1 << 31, false},
		{all(beyond, Truncate), 1 << 31, true},
	} {
		if got := c.set.Has(c.x); got != c.want {
			t.Errorf("cast %d from word %d: %v is in: %v", c.set.Cast, c.set.First, c.x, got)
		}
	}
}

func TestLinesReadTinyNumbersAsZero(t *testing.T) {
	l := Line{Constant: 1, Coefficients: []float64{1e300, 2}, Features: []int32{1, 0}}
	above := math.Nextafter(ZeroLimit, 1)
	for _, c := range []struct {
		x    []float64
		want float64
	}{
		{[]float64{3, 0}, 7},
		{[]float64{3, 1e-36}, 7},
		{[]float64{3, -ZeroLimit}, 7},
		{[]float64{3, above}, 1 + 1e300*above + 6},
		{[]float64{3, math.NaN()}, -5},
		{[]float64{math.NaN(), 1e-36}, -5},
	} {
		if got := l.at(c.x, -5); got != c.want {
			t.Errorf("%v: %v, want %v", c.x, got, c.want)
		}
	}
}
