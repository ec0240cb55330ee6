package xgboost

import (
	"math"
	"testing"

	"github.com/besra-ml/besra/pipeline"
)

// dart makes a model of dart, with these weights of its trees.
func dart(d object, weights ...float32) object {
	learnerOf(d)["gradient_booster"] = object{"name": "dart", "gbtree": learnerOf(d)["gradient_booster"], "weight_drop": weights}
	return d
}

func TestDartIgnoresWeightsOfFormerTrees(t *testing.T) {
	s, err := Read(toUBJ(dart(synthetic(2, 1, 2), 0.5, 0.25, 9, 9)))
	if err != nil {
		t.Fatal(err)
	}
	if trees := s.Forest.Trees; trees[0].Weight != 0.5 || trees[1].Weight != 0.25 {
		t.Errorf("weights %v and %v", trees[0].Weight, trees[1].Weight)
	}
}

func TestDartTakesALeafOfMinusZeroForZero(t *testing.T) {
	for name, c := range map[string]struct {
		dart bool
		want uint64
	}{"dart": {true, 0}, "gbtree": {false, 1 << 63}} {
		t.Run(name, func(t *testing.T) {
			d := synthetic(2, 1, 2)
			zero := float32(math.Copysign(0, -1))
			for i := range 2 {
				treeOf(d, i)["split_conditions"] = []float32{1, zero, zero}
			}
			if c.dart {
				d = dart(d, 1, 1)
			}
			s, err := Read(toUBJ(d))
			if err != nil {
				t.Fatal(err)
			}
			p, err := pipeline.Compile(s)
			if err != nil {
				t.Fatal(err)
			}
			var margin [1]float64
			if err := pipeline.Margin(p, margin[:], []float32{0, 0}, 0, 2); err != nil {
				t.Fatal(err)
			}
			if got := math.Float64bits(margin[0]); got != c.want {
				t.Errorf("the margin, with a base of -0, is %v", margin[0])
			}
		})
	}
}
