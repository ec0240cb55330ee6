// Package mlas computes elementary functions with the bits of ONNX Runtime's operators, which are polynomials of its
// own (MLAS) and not the C library's.
//
// The reference is ONNX Runtime on x86-64 with AVX-512. Its kernels for AVX2 have the same bits but where a result is
// subnormal. Every product that is added is fused there, so the order of operations is part of the result here.
//
// The algorithms and coefficients are those of onnxruntime/core/mlas, which is under the MIT licence (NOTICE has it), and of
// Eigen.
package mlas

import "math"

// Fma returns x·y + z, rounded once.
func Fma(x, y, z float32) float32 {
	p := float64(x) * float64(y) // exact
	s := p + float64(z)
	if math.IsNaN(s) || math.IsInf(s, 0) {
		return float32(s)
	}
	// What s has lost makes its last bit odd, so that the second rounding cannot take it for a tie.
	b := s - p
	lost := float64(p-float64(s-b)) + float64(float64(z)-b)
	if bits := math.Float64bits(s); lost != 0 && bits&1 == 0 {
		if (lost > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
		s = math.Float64frombits(bits)
	}
	return float32(s)
}

const (
	roundingBias = 12582912 // 1.5·2^23: adding it leaves the nearest whole number in the last bits
	log2e        = float32(1.44269504088896341)
	ln2High      = float32(-6.93145752e-1)
	ln2Low       = float32(-1.42860677e-6)
)

// Exp is the operator Exp: e^x.
func Exp(x float32) float32 {
	const low, high = float32(-103.9720840454), float32(88.7762626647950)
	if x != x {
		return x
	}
	m, p := expParts(min(max(x, low), high))
	return scaled(p, m)
}

// expParts returns m and p so that e^x is p·2^m.
func expParts(x float32) (m, p float32) {
	biased := Fma(x, log2e, roundingBias)
	m = biased - roundingBias
	x = Fma(m, ln2High, x)
	x = Fma(m, ln2Low, x)
	p = float32(0x1.694000p-10)
	for _, c := range [...]float32{0x1.125edcp-7, 0x1.555b5ap-5, 0x1.555450p-3, 0x1.fffff6p-2, 1, 1} {
		p = Fma(p, x, c)
	}
	return m, p
}

// scaled returns p·2^m, rounded once.
func scaled(p, m float32) float32 { return float32(math.Ldexp(float64(p), int(m))) }

// Logistic is the operator Sigmoid: 1 / (1 + e^-x).
func Logistic(x float32) float32 {
	if x != x {
		return x
	}
	x = min(max(x, -18), 18)
	square := float32(x * x)
	p := float32(4.37031012579801e-11)
	for _, c := range [...]float32{1.15627324459942e-07, 6.08574864600143e-05, 8.51377133304701e-03, 2.48287947061529e-01} {
		p = Fma(p, square, c)
	}
	p = float32(p * x)
	q := float32(6.10247389755681e-13)
	for _, c := range [...]float32{
		5.76102136993427e-09, 6.29106785017040e-06, 1.70198817374094e-03, 1.16817656904453e-01, 9.93151921023180e-01,
	} {
		q = Fma(q, square, c)
	}
	return max(float32(p/q)+0.5, 0)
}

// Log is the natural logarithm as Eigen computes it for four numbers at once, where ONNX Runtime's operator Log has so
// many: a rational function, and nothing is fused.
func Log(x float32) float32 {
	switch {
	case x != x || x < 0:
		return float32(math.NaN())
	case x == 0:
		return float32(math.Inf(-1))
	case x > math.MaxFloat32:
		return x
	}
	fraction, exponent := math.Frexp(float64(x))
	m, e := float32(fraction), float32(exponent)
	if m < 0.707106781186547524 {
		e--
		m = float32(m-1) + m
	} else {
		m--
	}
	p := float32(m*0.18256296349849254) + 1.0000000190281063
	p = float32(m*p) + 1.0000000190281136
	p = float32(m * p)
	q := float32(m*0.049616247954120038) + 0.59923249590823520
	q = float32(m*q) + 1.4999999999999927
	q = float32(m*q) + 1
	return float32(e*float32(math.Ln2)) + float32(p/q)
}
