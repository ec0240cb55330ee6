package libm

import "math"

// ExpFmath returns e**x as the library fmath does for a single number: +Inf from 709.78 on, 0 up to -708.39, and some
// units in the last place off between them. CatBoost takes probabilities of several classes and means of counts from
// it.
//
// With x = k·ln2/2048 - t, |t| ≤ ln2/4096, e**x is 2**(k/2048) · e**-t: a table and a polynomial of degree 3.
func ExpFmath(x float64) float64 {
	switch {
	case x <= -708.39641853226408:
		return 0
	case x >= 709.78271289338397:
		return math.Inf(1)
	}
	return expFmath(x)
}

// ExpFmathAll replaces each x by e**x as fmath does for an array: four at a time, where those beyond the range stay
// at its ends and NaN counts as beyond, and what is left one by one.
func ExpFmathAll(x []float64) {
	whole := len(x) &^ 3
	for i, v := range x {
		if i >= whole {
			x[i] = ExpFmath(v)
			continue
		}
		if !(v < 709.78272569338397) {
			v = 709.78272569338397
		}
		if !(v > -708.39641853226408) {
			v = -708.39641853226408
		}
		x[i] = expFmath(v)
	}
}

// expFmath is what both have in common. Nothing is fused.
func expFmath(x float64) float64 {
	const bias = 1023 << 11 // of the exponent, where k has it
	d := float64(x*0x1.71547652b82fep11) + shift
	k := math.Float64bits(d)
	t := float64((d-shift)*0x1.62e42fefa39efp-12) - x
	y := float64(float64((0x1.8000000600dd3p1-t)*float64(t*t)) * 0x1.5555555bb5fdbp-3)
	y = y - t + 1
	return y * math.Float64frombits((k+bias)>>11<<52|exp2fmath[k%2048])
}
