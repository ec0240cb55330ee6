package pipeline

import (
	"fmt"
	"math"
)

// A Vote makes scores of what an ensemble's trees add up to for each class or target, as ONNX Runtime's aggregators do
// (tree_ensemble_aggregator.h). There it matters whether any tree has voted for a class at all; here a sum of -0 says that
// none has, for a sum that begins at -0 is never that again.
type Vote struct {
	Operator   string
	Sums       []int32
	Base       []float64 // added to the sums
	Link       LinkKind  // Identity, Mirrored32, SoftmaxSum32, SoftmaxZero32, SoftmaxZero or Probit32
	Classifier bool
	OneClass   bool // of two classes the trees vote for one
	Positive   bool // no vote is negative
	Width32    bool // of the sums
	Wide       bool // scores are float64, as ONNX Runtime's TreeEnsemble of doubles has them; the links are float32 all the same
}

// Name returns the operator.
func (s *Vote) Name() string { return s.Operator }

// Width returns the number of sums.
func (s *Vote) Width() int { return len(s.Sums) }

// Check checks the link and the slots.
func (s *Vote) Check(slots int) error {
	switch s.Link {
	case Identity, Mirrored32, SoftmaxSum32, SoftmaxZero32, SoftmaxZero, Probit32:
	default:
		return fmt.Errorf("link %v", Link{Kind: s.Link})
	}
	if len(s.Base) > len(s.Sums) {
		return fmt.Errorf("%d base values for %d sums", len(s.Base), len(s.Sums))
	}
	return CheckSlots(s.Sums, slots)
}

// Run counts the votes.
func (s *Vote) Run(b *Block, at int) {
	for i := range b.Len() {
		row := b.Row(i)
		dst := row[at : at+len(s.Sums)]
		for j, slot := range s.Sums {
			dst[j] = row[slot]
		}
		switch {
		case len(dst) == 1:
			s.one(dst)
		case s.Classifier && len(dst) == 2:
			s.two(dst)
		case s.Classifier:
			s.many(dst)
		default:
			s.targets(dst)
		}
		if s.Wide {
			continue
		}
		for j := range dst {
			dst[j] = float64(float32(dst[j]))
		}
	}
}

func voted(x float64) bool { return x != 0 || !math.Signbit(x) }

func (s *Vote) plus(a, b float64) float64 {
	if s.Width32 {
		return float64(float32(a) + float32(b))
	}
	return a + b
}

// one is a single target, or a single class.
func (s *Vote) one(x []float64) {
	x[0] += 0
	if len(s.Base) == 1 {
		x[0] = s.plus(x[0], s.Base[0])
	}
	if s.Link == Probit32 {
		x[0] = Link{Kind: Probit32}.one(x[0])
	}
}

// targets are several targets. One that no tree has voted for is 0, whatever its base value.
func (s *Vote) targets(x []float64) {
	for i, v := range x {
		switch {
		case !voted(v):
			x[i] = 0
		case len(s.Base) == len(x):
			x[i] = s.plus(v, s.Base[i])
		}
	}
	Link{Kind: s.Link}.apply(x, x, 1)
}

// many are more than two classes.
func (s *Vote) many(x []float64) {
	for i := range x {
		x[i] += 0
		if len(s.Base) == len(x) {
			x[i] = s.plus(x[i], s.Base[i])
		}
	}
	Link{Kind: s.Link}.apply(x, x, 1)
}

// two are two classes, which follow rules of their own.
func (s *Vote) two(x []float64) {
	first, second := voted(x[0]), voted(x[1])
	a, b := x[0]+0, x[1]+0
	switch len(s.Base) {
	case 2:
		if second {
			b = s.plus(s.Base[1], a)
			a = -b
		} else {
			a = s.plus(a, s.Base[0])
		}
	case 1:
		a = s.plus(a, s.Base[0])
	}
	if !second && len(s.Base) < 2 {
		s.single(x, a)
		return
	}
	x[0], x[1] = 0, 0 // what nobody has voted for
	if first {
		x[0] = a
	}
	if second {
		x[1] = b
	}
	Link{Kind: s.Link}.apply(x, x, 1)
}

// single makes two scores of the one that there is.
func (s *Vote) single(x []float64, a float64) {
	switch {
	case s.Link == Mirrored32:
		x[0], x[1] = Link{Kind: Mirrored32}.one(-a), Link{Kind: Mirrored32}.one(a)
	case s.OneClass && s.Positive:
		x[0], x[1] = s.plus(1, -a), a
	default:
		x[0], x[1] = -a, a
	}
}
