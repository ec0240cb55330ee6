package libm

import "math"

// Expm1 returns e**x - 1, exact to the last places for small x too: +Inf above 709.78, -1 far below 0, and
// NaN for NaN.
//
// With x = k·ln2 + r, |r| ≤ ln2/2, it is 2**k · (e**r - 1) + 2**k - 1, added up in an order that suits k. The
// reduced r is short of c, which is made good at the end.
func Expm1(x float64) float64 {
	ax := math.Abs(x)
	switch {
	case x != x:
		return quiet64(x)
	case x > 0x1.62e42fefa39efp9: // e**x ≥ 2**1024
		return math.Inf(1)
	case x <= -0x1.3687ap5: // -56·ln2
		return -1
	case ax < 0x1p-54:
		return x
	case ax < 0x1.62e43p-2: // ln2/2
		e, h := expm1Tail(x)
		return x - math.FMA(e, x, -h)
	}

	var k int
	var hi, lo float64
	switch {
	case ax >= 0x1.0a2b2p0: // 1.5·ln2
		k = int(float64(0x1.71547652b82fep0*x) + math.Copysign(0.5, x))
		hi = math.FMA(float64(k), -ln2Hi, x)
		lo = float64(float64(k) * ln2Lo)
	case x > 0:
		k, hi, lo = 1, x-ln2Hi, ln2Lo
	default:
		k, hi, lo = -1, x+ln2Hi, -ln2Lo
	}
	r := hi - lo
	c := hi - r - lo

	e, h := expm1Tail(r)
	e = math.FMA(e-c, r, -c) - h // now e**r is 1 + (r - e)
	switch {
	case k == -1:
		return math.FMA(r-e, 0.5, -0.5)
	case k == 1 && r < -0.25:
		return float64(-2 * (e - (r + 0.5)))
	case k == 1:
		return math.FMA(r-e, 2, 1)
	case k < 0 || k > 56:
		return times2(1-(e-r), k) - 1
	case k < 20:
		return times2(1-exp2i(-k)-(e-r), k)
	}
	return times2(r-(e+exp2i(-k))+1, k)
}

// expm1Tail returns e and h such that e**r - 1 is r - (r·e - h): h is r²/2, and e comes from the series of
// r·(e**r + 1)/(e**r - 1).
func expm1Tail(r float64) (e, h float64) {
	half := 0.5 * r
	h = float64(r * half)
	h2 := h * h
	p := math.FMA(h, -0x1.11111111110f4p-5, 1)
	p = math.FMA(h2, math.FMA(h, -0x1.4ce199eaadbb7p-14, 0x1.a01a019fe5585p-10), p)
	p = math.FMA(h2*h2, math.FMA(h, -0x1.afdb76e09c32dp-23, 0x1.0cfca86e65239p-18), p)
	t := math.FMA(-half, p, 3)
	return float64((p - t) / math.FMA(-r, t, 6) * h), h
}

// times2 returns y·2**k by way of the exponent.
func times2(y float64, k int) float64 {
	return math.Float64frombits(math.Float64bits(y) + uint64(k)<<52)
}

// exp2i returns 2**k for a normal result.
func exp2i(k int) float64 { return math.Float64frombits(uint64(1023+k) << 52) }
