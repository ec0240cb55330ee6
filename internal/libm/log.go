package libm

import "math"

// Log returns the natural logarithm of x: -Inf for ±0, NaN for NaN and below 0.
//
// It is Logf with 128 centres; near 1, where a sum would cancel, a polynomial in x-1.
func Log(x float64) float64 {
	b := math.Float64bits(x)
	const low, high = 0x3fee000000000000, 0x3ff1090000000000 // 1 - 2**-4, 1 + 1.04·2**-4
	switch {
	case b-low < high-low:
		return logNear1(x)
	case b-0x0010000000000000 < 0x7fe0000000000000: // normal and positive
	case b<<1 == 0:
		return math.Inf(-1)
	case b == 0x7ff0000000000000:
		return x
	case x != x:
		return quiet64(x)
	case b>>63 != 0:
		return invalid()
	default: // subnormal
		b = math.Float64bits(x*0x1p52) - 52<<52
	}

	t := b - 0x3fe6000000000000
	c := &logTable[t>>45%128]
	k := float64(int64(t) >> 52)
	z := math.Float64frombits(b - t&0xfff0000000000000)

	r := math.FMA(z, c.inv, -1)
	w := math.FMA(k, 0x1.62e42fefa3800p-1, c.log)
	hi := w + r
	lo := math.FMA(k, 0x1.ef35793c76730p-45, w-hi+r)

	r2 := r * r
	p := math.FMA(r, -0x1.55575e506c89fp-3, 0x1.999b324f10111p-3)
	p = math.FMA(p, r2, math.FMA(r, -0x1.fffffffeb459p-3, 0x1.555555551305bp-2))
	return math.FMA(r*r2, p, math.FMA(r2, -0x1.0000000000001p-1, lo)) + hi
}

// logNear1 returns log x for x in [1-2**-4, 1+1.04·2**-4).
func logNear1(x float64) float64 {
	r := x - 1
	r2 := r * r
	r3 := r * r2
	p := math.FMA(r, -0x1.999eb43b068ffp-4, 0x1.c7184282ad6cap-4)
	p = math.FMA(r2, 0x1.78182f7afd085p-4, p)
	p = math.FMA(r3, -0x1.5521375d145cdp-4, p)
	q := math.FMA(r, 0x1.24924a344de3p-3, -0x1.55555556745a7p-3)
	p = math.FMA(p, r3, math.FMA(r2, -0x1.fffffa4423d65p-4, q))
	q = math.FMA(r, -0x1.ffffffffffdcbp-3, 0x1.5555555555577p-2)
	p = math.FMA(p, r3, math.FMA(r2, 0x1.999999995dd0cp-3, q))

	// r - r²/2 as hi + lo, with r split in two halves so that the square of the upper is exact.
	rhi := math.FMA(-0x1p27, r, math.FMA(r, 0x1p27, r))
	rlo := r - rhi
	sq := rhi * rhi
	hi := math.FMA(sq, -0.5, r)
	lo := math.FMA(sq, -0.5, r-hi)
	lo = math.FMA(-0.5*rlo, rhi+r, lo)
	return hi + math.FMA(p, r3, lo)
}

// invalid returns the NaN that x86 makes of an invalid operation; its sign is set.
func invalid() float64 { return math.Float64frombits(0xfff8000000000000) }
