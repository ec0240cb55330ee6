package pipeline

import (
	"math"

	"github.com/besra-ml/besra/internal/libm"
)

// What ONNX Runtime does to the sums of a tree ensemble (onnxruntime/core/providers/cpu/ml/ml_common.h): in float32, with
// the C library's functions, even where the sums are float64.

func mirrored32(x float32) float32 {
	v := 1 / (1 + libm.Expf(-float32(math.Abs(float64(x)))))
	if x < 0 {
		return 1 - v
	}
	return v
}

// top32 returns the largest number, NaN aside.
func top32(x []float64) float32 {
	top := float32(-math.MaxFloat32)
	for _, v := range x {
		if f := float32(v); f > top {
			top = f
		}
	}
	return top
}

func softmaxSum32(dst, x []float64) {
	top := top32(x)
	sum := float32(0)
	for i, v := range x {
		e := libm.Expf(float32(v) - top)
		dst[i] = float64(e)
		sum += e
	}
	for i := range x {
		dst[i] = float64(float32(dst[i]) / sum)
	}
}

func softmaxZero(dst, x []float64, narrow bool) {
	const nothing = float32(0.0000001)
	top := top32(x)
	down := libm.Expf(-top)
	sum := float32(0)
	for i, v := range x {
		switch f := float32(v); {
		case f > nothing || f < -nothing:
			e := libm.Expf(f - top)
			dst[i] = float64(e)
			sum += e
		case narrow:
			dst[i] = float64(f * down)
		default:
			dst[i] = v * float64(down)
		}
	}
	for i := range x {
		if dst[i] /= float64(sum); narrow {
			dst[i] = float64(float32(dst[i])) // a quotient of float32 has the same bits by way of float64
		}
	}
}

func probit32(x float32) float32 {
	return float32(math.Sqrt2) * erfInv32(float32(2*x)-1)
}

func erfInv32(x float32) float32 {
	sign := float32(1)
	if x < 0 {
		sign = -1
	}
	log := libm.Logf(float32((1 - x) * (1 + x)))
	const a = float32(0.147)
	v := 2/(float32(math.Pi)*a) + float32(0.5*log)
	w := float32(1 / a * log)
	inner := -v + root32(float32(v*v)-w)
	return sign * root32(inner)
}

func root32(x float32) float32 { return float32(math.Sqrt(float64(x))) }
