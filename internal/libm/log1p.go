package libm

import "math"

const (
	ln2Hi = 0x1.62e42feep-1 // ln 2 cut, so that k·ln2Hi is exact
	ln2Lo = 0x1.a39ef35793c76p-33
)

// Log1p returns log(1+x), exact to the last places for small x too: -Inf for -1, NaN for NaN and below -1.
//
// With 1+x = 2**k · (1+f), 1+f in [√½, √2], it is k·ln2 + log(1+f) + c/(1+x), where c is what the sum 1+x
// lost to rounding.
func Log1p(x float64) float64 {
	switch {
	case x != x:
		return quiet64(x)
	case x < -1:
		return invalid()
	case x == -1:
		return math.Inf(-1)
	case math.IsInf(x, 1):
		return x
	case math.Abs(x) < 0x1p-54:
		return x
	case math.Abs(x) < 0x1p-29:
		return math.FMA(-0.5, x*x, x)
	case -0x1.2bec4p-2 < x && x < 0x1.a827ap-2: // √½-1 and √2-1: k is 0
		h := float64(0.5 * x * x)
		return x - (h - log1pTail(x, h))
	}

	u, c := x, 0.0
	if x < 0x1p53 {
		u = 1 + x
		if u >= 2 {
			c = 1 - (u - x)
		} else {
			c = x - (u - 1)
		}
		c /= u
	}

	// Bring u to [√½, √2]. All that is asked of its fraction is asked of the upper 20 bits.
	b := math.Float64bits(u)
	k := int(b>>52) - 1023
	frac := b & (1<<52 - 1)
	fine := false // u is 1 but for 20 bits
	if hi := frac >> 32; hi < 0x6a09e {
		u = math.Float64frombits(frac | 0x3ff<<52)
		fine = hi == 0
	} else {
		u = math.Float64frombits(frac | 0x3fe<<52)
		fine = hi > 1<<20-4
		k++
	}
	f := u - 1
	h := float64(0.5 * f * f)
	n := float64(k)
	switch {
	case fine && f == 0:
		if k == 0 {
			return 0
		}
		return math.FMA(n, ln2Hi, math.FMA(n, ln2Lo, c))
	case fine:
		r := float64(math.FMA(-0x1.5555555555555p-1, f, 1) * h)
		if k == 0 {
			return f - r
		}
		return math.FMA(n, ln2Hi, -(r - math.FMA(n, ln2Lo, c) - f))
	case k == 0:
		return f - (h - log1pTail(f, h))
	}
	return math.FMA(n, ln2Hi, -(h - (math.FMA(n, ln2Lo, c) + log1pTail(f, h)) - f))
}

// log1pTail returns log(1+f) - f + h, where h is f²/2. With s = f/(2+f) it is s·(h+R(s²)), R from the series
// of log(1+s) - log(1-s).
func log1pTail(f, h float64) float64 {
	s := f / (2 + f)
	z := s * s
	z2 := z * z
	z4 := z2 * z2
	r := math.FMA(z, 0x1.5555555555593p-1, float64(z2*math.FMA(z, 0x1.2492494229359p-2, 0x1.999999997fa04p-2)))
	r = math.FMA(z4, math.FMA(z, 0x1.7466496cb03dep-3, 0x1.c71c51d8e78afp-3), r)
	r = math.FMA(z2*z4, math.FMA(z, 0x1.2f112df3e5244p-3, 0x1.39a09d078c69fp-3), r)
	return float64((r + h) * s)
}
