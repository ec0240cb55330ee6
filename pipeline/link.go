package pipeline

import (
	"errors"
	"fmt"
	"math"

	"github.com/besra-ml/besra/internal/libm"
)

// A LinkKind is a function from the margins of a row to its values.
type LinkKind uint8

// The links. Those that end in 32 compute in float32 as XGBoost does, step by step, so that the bits
// agree; their margins are float32 values.
const (
	Identity      LinkKind = iota
	Logistic32             // 1 / (expf(min(-x, 88.7)) + 1 + 1e-16), XGBoost src/common/math.h
	Exp32                  // expf(x)
	Hinge32                // 1 if x > 0, else 0
	Softmax32              // expf(x - max), divided by the sum, which is taken in double and rounded once
	Class                  // the index of the first greatest margin: one value however many margins
	Logistic               // 1 / (1 + exp(-Scale·x)) in double, LightGBM and CatBoost
	Exp                    // exp(x) in double
	SignedSquare           // sign(x)·x², LightGBM's reg_sqrt
	Softplus               // log1p(exp(x)) in double, LightGBM's cross_entropy_lambda
	Softmax                // exp(x - max), divided by the sum, all in double, LightGBM's multiclass
	SoftmaxFmath           // exp(x - max), divided by the sum, in double with fmath's exp, CatBoost's MultiClass
	ExpFmath               // exp(x) in double, fmath's, CatBoost's Poisson
	Uncertainty            // pairs of a mean and exp(2x), fmath's, of a deviation's logarithm: CatBoost's RMSEWithUncertainty
	Rounded32              // x, rounded to float32
	Mirrored32             // 1 / (1 + expf(-|x|)), and 1 minus that below 0: LOGISTIC of ONNX's tree ensembles
	SoftmaxSum32           // expf(x - max), divided by the sum in float32: SOFTMAX of ONNX's tree ensembles
	SoftmaxZero32          // the same but for zeros, which stay zeros: SOFTMAX_ZERO
	SoftmaxZero            // the same, but divided in double: SOFTMAX_ZERO of TreeEnsemble of doubles
	Probit32               // √2·erf⁻¹(2x - 1) by the formula of ONNX Runtime: PROBIT
	linkCount
)

var linkNames = [linkCount]string{
	"identity", "logistic", "exp", "hinge", "softmax", "class", "logistic", "exp", "signed-square", "softplus",
	"softmax", "softmax", "exp", "uncertainty",
	"identity", "logistic", "softmax", "softmax-zero", "softmax-zero", "probit",
}

// A Link is a link function and its parameters.
type Link struct {
	Kind    LinkKind
	Scale   float64 // for Logistic; 0 counts as 1
	Average bool    // margins are divided by the number of rounds first: LightGBM's random forests have sums for margins

	Chances bool // the values are probabilities, though the function does not say so
}

// String names the link function.
func (l Link) String() string {
	if l.Kind >= linkCount {
		return fmt.Sprintf("Link(%d)", uint8(l.Kind))
	}
	return linkNames[l.Kind]
}

// Probability reports whether the link's values are probabilities of classes.
func (l Link) Probability() bool {
	switch l.Kind {
	case Logistic32, Logistic, Softmax32, Softmax, SoftmaxFmath, Mirrored32, SoftmaxSum32, SoftmaxZero32, SoftmaxZero:
		return true
	default:
		return l.Chances
	}
}

func (l Link) validate() error {
	if l.Kind >= linkCount {
		return fmt.Errorf("unknown link %d", l.Kind)
	}
	if math.IsNaN(l.Scale) || math.IsInf(l.Scale, 0) {
		return fmt.Errorf("link scale is %v", l.Scale)
	}
	if l.Average && l.Kind == Class {
		return errors.New("a class of averages")
	}
	return nil
}

// apply writes the values of one row's margins, those of so many rounds, into dst, which may be x itself.
func (l Link) apply(dst, x []float64, rounds int) {
	if l.Average {
		for i, v := range x {
			dst[i] = v / float64(rounds)
		}
		x = dst
	}
	switch l.Kind {
	case Identity:
		copy(dst, x)
	case Softmax32:
		softmax32(dst, x)
	case Softmax:
		softmax(dst, x)
	case SoftmaxFmath:
		softmaxFmath(dst, x)
	case SoftmaxSum32:
		softmaxSum32(dst, x)
	case SoftmaxZero32:
		softmaxZero(dst, x, true)
	case SoftmaxZero:
		softmaxZero(dst, x, false)
	case Class:
		dst[0] = argmax(x)
	case Uncertainty:
		for i, v := range x {
			if i%2 != 0 {
				v = libm.ExpFmath(2 * v)
			}
			dst[i] = v
		}
	default:
		for i, v := range x {
			dst[i] = l.one(v)
		}
	}
}

// one is the link of a single margin.
func (l Link) one(x float64) float64 {
	switch l.Kind {
	case Logistic32:
		return float64(logistic32(float32(x)))
	case Exp32:
		return float64(libm.Expf(float32(x)))
	case Hinge32:
		if x > 0 {
			return 1
		}
		return 0
	case Logistic:
		s := l.Scale
		if s == 0 {
			s = 1
		}
		return 1 / (1 + libm.Exp(float64(-s*x)))
	case Exp:
		return libm.Exp(x)
	case ExpFmath:
		return libm.ExpFmath(x)
	case SignedSquare:
		return math.Copysign(float64(x*x), x)
	case Softplus:
		return libm.Log1p(libm.Exp(x))
	case Rounded32:
		return float64(float32(x))
	case Mirrored32:
		return float64(mirrored32(float32(x)))
	case Probit32:
		return float64(probit32(float32(x)))
	default:
		return x
	}
}

func logistic32(x float32) float32 {
	v := -x
	if v > 88.7 {
		v = 88.7
	}
	d := float32(libm.Expf(v) + 1)
	d = float32(d + 1e-16)
	return 1 / d
}

func softmax32(dst, x []float64) {
	top := float32(x[0])
	for _, v := range x[1:] {
		// fmaxf: a NaN loses against a number.
		if m := float32(v); m > top || top != top {
			top = m
		}
	}
	sum := 0.0
	for i, v := range x {
		e := float64(libm.Expf(float32(v) - top))
		dst[i] = e
		sum += e
	}
	whole := float32(sum)
	for i := range x {
		dst[i] = float64(float32(dst[i]) / whole)
	}
}

func softmax(dst, x []float64) {
	top := x[0]
	for _, v := range x[1:] {
		if v > top {
			top = v
		}
	}
	sum := 0.0
	for i, v := range x {
		dst[i] = libm.Exp(v - top)
		sum += dst[i]
	}
	for i := range x {
		dst[i] /= sum
	}
}

func softmaxFmath(dst, x []float64) {
	top := x[0]
	for _, v := range x[1:] {
		if v > top {
			top = v
		}
	}
	for i, v := range x {
		dst[i] = v - top
	}
	dst = dst[:len(x)]
	libm.ExpFmathAll(dst)
	sum := 0.0
	for _, e := range dst {
		sum += e
	}
	for i := range dst {
		dst[i] /= sum
	}
}

func argmax(x []float64) float64 {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return float64(best)
}
