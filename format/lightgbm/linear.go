package lightgbm

import (
	"math"

	"github.com/besra-ml/besra/forest"
)

// linearLeaves makes the leaves of a linear tree lines: each is a constant, and coefficients for some features.
func (t *treeReader) linearLeaves(leaves []forest.Node) error {
	if !t.fields[isLinear].there() {
		return nil
	}
	if is, err := t.whole(isLinear, 0, 1); err != nil || is == 0 {
		return err
	}
	constants, err := t.list(leafConst, len(leaves))
	if err != nil {
		return err
	}
	counts, err := t.list(numFeatures, len(leaves))
	if err != nil {
		return err
	}
	total := t.fields[leafCoeff].count()
	coefficients, features := make([]float64, total), make([]int32, total)
	if err := t.coefficients(coefficients, features); err != nil {
		return err
	}
	for i := range leaves {
		n := int(counts.int(0, math.MaxInt32))
		if n > len(coefficients) {
			counts.fail("value %d is %d, but leaf_coeff has no more than %d numbers for it", i, n, len(coefficients))
			break
		}
		leaves[i].Ref = int32(len(t.tree.lines))
		t.tree.lines = append(t.tree.lines, forest.Line{
			Constant: constants.finite(), Coefficients: coefficients[:n:n], Features: features[:n:n],
		})
		coefficients, features = coefficients[n:], features[n:]
	}
	if err := counts.close(); err != nil {
		return err
	}
	if len(coefficients) > 0 {
		counts.fail("they add up to %d, but leaf_coeff has %d numbers", total-len(coefficients), total)
		return counts.close()
	}
	return constants.close()
}

// coefficients reads the coefficients of all leaves, and the features that they are for.
func (t *treeReader) coefficients(coefficients []float64, features []int32) error {
	if len(coefficients) == 0 {
		f := t.fields[leafFeatures]
		src := f.values(keyNames[leafFeatures], 0)
		return src.close()
	}
	src, err := t.list(leafCoeff, len(coefficients))
	if err != nil {
		return err
	}
	for i := range coefficients {
		coefficients[i] = src.finite()
	}
	if err := src.close(); err != nil {
		return err
	}
	if src, err = t.list(leafFeatures, len(features)); err != nil {
		return err
	}
	for i := range features {
		features[i] = int32(src.int(0, int64(t.columns-1)))
	}
	return src.close()
}
