package libm

import "math"

// Exp returns e**x: +Inf above 709.78, 0 below -745.13, and NaN for NaN.
//
// With x = k·ln2/128 + r, |r| ≤ ln2/256, e**x is 2**(k/128) · e**r: a table that carries what its entries
// lack to be exact, and a polynomial of degree 5.
func Exp(x float64) float64 {
	e := math.Float64bits(x) >> 52 & 0x7ff
	if e-0x3c9 >= 0x3f { // below 2**-54, at least 512, or not a number
		if y, ok := expEdge(x); ok {
			return y
		}
	}

	kd := math.FMA(0x1.71547652b82fep7, x, shift)
	k := math.Float64bits(kd)
	kd -= shift
	r := math.FMA(kd, -0x1.62e42fefa0000p-8, x)
	r = math.FMA(kd, -0x1.cf79abc9e3b3ap-47, r)

	c := &exp2[k%128]
	scale := c.scale + k<<45
	r2 := r * r
	t := math.FMA(r2, math.FMA(r, 0x1.555555555543cp-3, 0x1.ffffffffffdbdp-2), c.tail+r)
	t = math.FMA(r2*r2, math.FMA(r, 0x1.1111167a4d017p-7, 0x1.55555cf172b91p-5), t)
	if e >= 0x408 {
		return expScaled(scale, t, k)
	}
	s := math.Float64frombits(scale)
	return math.FMA(s, t, s)
}

// expEdge answers where e**x is 1, 0, +Inf or NaN.
func expEdge(x float64) (y float64, ok bool) {
	switch {
	case x != x:
		return quiet64(x), true
	case x >= 1024:
		return math.Inf(1), true
	case x <= -1024:
		return 0, true
	case math.Abs(x) < 0x1p-54:
		return 1 + x, true
	}
	return 0, false
}

// expScaled returns s·(1+t) for |x| ≥ 512, where s, whose bits are scale, may have run over the ends of the
// exponent: the product is formed in the middle of the range and moved from there.
func expScaled(scale uint64, t float64, k uint64) float64 {
	if k&(1<<31) == 0 {
		s := math.Float64frombits(scale - 1009<<52)
		return float64(0x1p1009 * math.FMA(s, t, s))
	}

	s := math.Float64frombits(scale + 1022<<52)
	st := float64(s * t)
	y := s + st
	if y < 1 {
		// The result is subnormal. Round it where it will end, once: y is added to 1, whose last
		// place is that of a subnormal, and lo has what the additions lost.
		lo := s - y + st
		hi := 1 + y
		lo = 1 - hi + y + lo
		y = hi + lo - 1
	}
	return float64(0x1p-1022 * y)
}

// quiet64 returns the NaN x as arithmetic would pass it on.
func quiet64(x float64) float64 {
	return math.Float64frombits(math.Float64bits(x) | 1<<51)
}
