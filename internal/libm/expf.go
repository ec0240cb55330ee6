package libm

import "math"

// Expf returns e**x: +Inf above 88.72, 0 below -103.97, and NaN for NaN.
//
// With x·32/ln2 = k + r, |r| ≤ 1/2, e**x is 2**(k/32) · 2**(r/32): a table and a cubic, in float64. Two
// arguments of all, 32.564632 and -63.09946, would come out otherwise if the products were rounded.
func Expf(x float32) float32 {
	if !(x > -88 && x < 88) {
		if y, ok := expfEdge(x); ok {
			return y
		}
	}

	kd := math.FMA(0x1.71547652b82fep5, float64(x), shift) // in its low bits, x·32/ln2 rounded to an integer
	k := math.Float64bits(kd)
	r := math.FMA(0x1.71547652b82fep5, float64(x), -(kd - shift))

	p := math.FMA(0x1.c6af84b912394p-20, r, 0x1.ebfce50fac4f3p-13)
	q := math.FMA(0x1.62e42ff0c52d6p-6, r, 1)
	y := math.FMA(p, r*r, q)
	return float32(y * math.Float64frombits(exp2f[k%32]+k<<47))
}

// shift is added to bring a number's integer part down to the low bits of a float64.
const shift = 0x1.8p52

// expfEdge answers where e**x is no finite, nonzero float32.
func expfEdge(x float32) (y float32, ok bool) {
	switch {
	case x != x:
		return quiet32(x), true
	case x > 0x1.62e42ep6: // e**x ≥ 2**128
		return float32(math.Inf(1)), true
	case x < -0x1.9fe368p6: // e**x < 2**-150
		return 0, true
	}
	return 0, false
}
