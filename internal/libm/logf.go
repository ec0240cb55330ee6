package libm

import "math"

// Logf returns the natural logarithm of x: -Inf for ±0, NaN for NaN and below 0.
//
// With x = 2**k · z and z near some c of a table, log x is k·ln2 + log c + log(1+r), r = z/c - 1.
func Logf(x float32) float32 {
	b := math.Float32bits(x)
	switch {
	case b-0x00800000 < 0x7f000000: // normal and positive
	case b<<1 == 0:
		return float32(math.Inf(-1))
	case b == 0x7f800000:
		return x
	case b<<1 > 0xff000000:
		return quiet32(x)
	case b>>31 != 0:
		return math.Float32frombits(0xffc00000) // what x86 makes of an invalid operation
	default: // subnormal
		b = math.Float32bits(x*0x1p23) - 23<<23
	}

	t := b - 0x3f330000
	c := &logfTable[t>>19%16]
	k := float64(int32(t) >> 23)
	z := float64(math.Float32frombits(b - t&0xff800000))

	r := math.FMA(z, c.inv, -1)
	y0 := math.FMA(k, ln2, c.log)
	r2 := r * r
	y := math.FMA(0x1.5575b0be00b6ap-2, r, -0x1.ffffef20a4123p-2)
	y = math.FMA(-0x1.00ea348b88334p-2, r2, y)
	return float32(math.FMA(y, r2, y0+r))
}

const ln2 = 0x1.62e42fefa39efp-1

// quiet32 returns the NaN x as arithmetic would pass it on.
func quiet32(x float32) float32 {
	return math.Float32frombits(math.Float32bits(x) | 1<<22)
}

// logfTable has 1/c and log c for 16 centres c in [0.7, 1.4), evenly spread but for the one that is 1.
var logfTable = [16]struct{ inv, log float64 }{
	{0x1.661ec79f8f3bep+0, -0x1.57bf7808caadep-2},
	{0x1.571ed4aaf883dp+0, -0x1.2bef0a7c06ddbp-2},
	{0x1.49539f0f010bp+0, -0x1.01eae7f513a67p-2},
	{0x1.3c995b0b80385p+0, -0x1.b31d8a68224e9p-3},
	{0x1.30d190c8864a5p+0, -0x1.6574f0ac07758p-3},
	{0x1.25e227b0b8eap+0, -0x1.1aa2bc79c81p-3},
	{0x1.1bb4a4a1a343fp+0, -0x1.a4e76ce8c0e5ep-4},
	{0x1.12358f08ae5bap+0, -0x1.1973c5a611cccp-4},
	{0x1.0953f419900a7p+0, -0x1.252f438e10c1ep-5},
	{0x1p+0, 0x0p+0},
	{0x1.e608cfd9a47acp-1, 0x1.aa5aa5df25984p-5},
	{0x1.ca4b31f026aap-1, 0x1.c5e53aa362eb4p-4},
	{0x1.b2036576afce6p-1, 0x1.526e57720db08p-3},
	{0x1.9c2d163a1aa2dp-1, 0x1.bc2860d22477p-3},
	{0x1.886e6037841edp-1, 0x1.1058bc8a07ee1p-2},
	{0x1.767dcf5534862p-1, 0x1.4043057b6ee09p-2},
}

// invalid returns the NaN that x86 makes of an invalid operation; its sign is set.
func invalid() float64 { return math.Float64frombits(0xfff8000000000000) }
