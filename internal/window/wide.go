package window

import (
	"math"
	"math/bits"
)

// A wide is an integer of 128 bits in two's complement.
type wide struct{ hi, lo uint64 }

func widen(x int64) wide { return wide{hi: uint64(x >> 63), lo: uint64(x)} }

func (x wide) add(y wide) wide {
	lo, carry := bits.Add64(x.lo, y.lo, 0)
	hi, _ := bits.Add64(x.hi, y.hi, carry)
	return wide{hi, lo}
}

func (x wide) sub(y wide) wide {
	lo, borrow := bits.Sub64(x.lo, y.lo, 0)
	hi, _ := bits.Sub64(x.hi, y.hi, borrow)
	return wide{hi, lo}
}

func (x wide) negative() bool { return int64(x.hi) < 0 }

func (x wide) abs() wide {
	if x.negative() {
		return wide{}.sub(x)
	}
	return x
}

func square(x int64) wide {
	if x < 0 {
		x = -x
	}
	hi, lo := bits.Mul64(uint64(x), uint64(x))
	return wide{hi, lo}
}

// float returns the nearest float64, ties to even.
func (x wide) float() float64 {
	if x.hi == uint64(int64(x.lo)>>63) {
		return float64(int64(x.lo))
	}
	a := x.abs()
	f := float(0, a.hi, a.lo)
	if x.negative() {
		return -f
	}
	return f
}

// float returns the nearest float64, ties to even, of an integer of 192 bits, highest first.
func float(w2, w1, w0 uint64) float64 {
	shift := 128
	for w2 == 0 && shift > 0 {
		w2, w1, w0 = w1, w0, 0
		shift -= 64
	}
	n := uint(bits.LeadingZeros64(w2))
	top := w2<<n | w1>>(64-n)
	if w1<<n != 0 || w0 != 0 {
		top |= 1 // below what rounding sees, but not nothing
	}
	return math.Ldexp(float64(top), shift-int(n))
}

// spread returns n·squares − sum², or 0 if that is negative, as it is of no numbers. |sum| is below 2^96.
func spread(n int64, sum, squares wide) float64 {
	h0, w0 := bits.Mul64(uint64(n), squares.lo)
	h1, l1 := bits.Mul64(uint64(n), squares.hi)
	w1, carry := bits.Add64(h0, l1, 0)
	w2 := h1 + carry

	a := sum.abs()
	p, q0 := bits.Mul64(a.lo, a.lo)
	r, s := bits.Mul64(2*a.hi, a.lo)
	q1, carry := bits.Add64(p, s, 0)
	q2 := a.hi*a.hi + r + carry

	w0, borrow := bits.Sub64(w0, q0, 0)
	w1, borrow = bits.Sub64(w1, q1, borrow)
	w2, borrow = bits.Sub64(w2, q2, borrow)
	if borrow != 0 {
		return 0
	}
	return float(w2, w1, w0)
}
