package forest

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Limits on what a forest may hold. They are far beyond any trained model and keep indices in 32 bits.
const (
	MaxFeatures = 1 << 24
	MaxOutputs  = 1 << 16
	MaxNodes    = 1 << 30
	maxCategory = 1 << 32
)

// validate is the one gate between a parsed file and an evaluator: what passes can be evaluated
// without any further check of an index, and every walk ends.
func (f *Forest) validate() error {
	if f.Features < 1 || f.Features > MaxFeatures { // the number of rows follows from their length
		return fmt.Errorf("%d features: want 1 to %d", f.Features, MaxFeatures)
	}
	if f.Outputs < 1 || f.Outputs > MaxOutputs {
		return fmt.Errorf("%d outputs: want 1 to %d", f.Outputs, MaxOutputs)
	}
	if f.Input > Float32 || f.Sum > Float32 {
		return errors.New("unknown width")
	}
	if len(f.Base) != 0 && len(f.Base) != f.Outputs {
		return fmt.Errorf("%d base values for %d outputs", len(f.Base), f.Outputs)
	}
	for i, b := range f.Base {
		if math.IsNaN(b) {
			return fmt.Errorf("base value %d is NaN", i)
		}
	}
	if len(f.Later) != 0 && len(f.Later) != len(f.Base) || slices.ContainsFunc(f.Later, math.IsNaN) {
		return fmt.Errorf("base values of later rounds are %v, beside %d of the first", f.Later, len(f.Base))
	}
	if s := f.Sentinel; s != nil && f.Input == Float32 && float64(float32(*s)) != *s {
		return fmt.Errorf("sentinel %v is not a float32", *s)
	}
	if math.IsNaN(f.Scale) || math.IsInf(f.Scale, 0) {
		return fmt.Errorf("scale is %v", f.Scale)
	}
	if len(f.Vectors)%f.Outputs != 0 {
		return fmt.Errorf("%d values of vector leaves do not divide into %d outputs", len(f.Vectors), f.Outputs)
	}
	for i, v := range f.Vectors {
		if err := f.number(v); err != nil {
			return fmt.Errorf("vector leaf %d %w", i/f.Outputs, err)
		}
	}
	if len(f.Vectors) > 0 && len(f.Lines) > 0 {
		return errors.New("both vector and linear leaves")
	}
	if err := f.validateRounds(); err != nil {
		return err
	}
	for i := range f.Sets {
		if f.Sets[i].Cast >= castCount {
			return fmt.Errorf("category set %d: unknown cast %d", i, f.Sets[i].Cast)
		}
		if last := uint64(f.Sets[i].First) + uint64(len(f.Sets[i].Bits)); last > maxCategory/64 {
			return fmt.Errorf("category set %d: categories up to %d", i, 64*last)
		}
	}
	for i := range f.Lines {
		if err := f.validateLine(&f.Lines[i]); err != nil {
			return fmt.Errorf("linear leaf %d: %w", i, err)
		}
	}
	total := 0
	var met []bool // the nodes of a tree; of all trees, one after the other
	for i := range f.Trees {
		if total += len(f.Trees[i].Nodes) + 2*len(f.Trees[i].Leaves); total > MaxNodes {
			return fmt.Errorf("more than %d nodes", MaxNodes)
		}
		n := len(f.Trees[i].Nodes)
		met = slices.Grow(met[:0], n)[:n]
		if err := f.validateTree(&f.Trees[i], met); err != nil {
			return fmt.Errorf("tree %d: %w", i, err)
		}
	}
	return nil
}

func (f *Forest) validateRounds() error {
	if f.Rounds == nil {
		return nil
	}
	if len(f.Rounds) == 0 || f.Rounds[0] != 0 {
		return errors.New("rounds do not begin at tree 0")
	}
	for i := 1; i < len(f.Rounds); i++ {
		if f.Rounds[i] < f.Rounds[i-1] {
			return fmt.Errorf("round %d begins at tree %d, before the one it follows", i, f.Rounds[i])
		}
	}
	if last := f.Rounds[len(f.Rounds)-1]; last != len(f.Trees) {
		return fmt.Errorf("rounds end at tree %d of %d", last, len(f.Trees))
	}
	return nil
}

func (f *Forest) validateLine(l *Line) error {
	if len(l.Coefficients) != len(l.Features) {
		return fmt.Errorf("%d coefficients for %d features", len(l.Coefficients), len(l.Features))
	}
	if err := f.number(l.Constant); err != nil {
		return fmt.Errorf("constant %w", err)
	}
	for i, c := range l.Coefficients {
		if err := f.number(c); err != nil {
			return fmt.Errorf("coefficient %d %w", i, err)
		}
		if x := int(l.Features[i]); x < 0 || x >= f.Features {
			return fmt.Errorf("feature %d of %d", x, f.Features)
		}
	}
	return nil
}

func (f *Forest) validateTree(t *Tree, met []bool) error {
	if t.Output < 0 || t.Output >= f.Outputs {
		return fmt.Errorf("output %d of %d", t.Output, f.Outputs)
	}
	if err := f.number(t.Weight); err != nil {
		return fmt.Errorf("weight %w", err)
	}
	switch {
	case t.symmetric():
		return f.validateLevels(t)
	case len(t.Levels) > 0:
		return errors.New("levels without leaves")
	case len(t.Nodes) == 0:
		return errors.New("no nodes")
	}
	return f.validateNodes(t.Nodes, met)
}

func (f *Forest) validateLevels(t *Tree) error {
	if len(t.Nodes) > 0 || len(f.Vectors) > 0 || len(f.Lines) > 0 {
		return errors.New("levels beside nodes, vector or linear leaves")
	}
	if len(t.Levels) > symmetricDepth || len(t.Leaves) != 1<<len(t.Levels) {
		return fmt.Errorf("%d leaves for %d levels, of which there may be %d", len(t.Leaves), len(t.Levels), symmetricDepth)
	}
	for i := range t.Levels {
		if err := f.validateSplit(&t.Levels[i]); err != nil {
			return fmt.Errorf("level %d: %w", i, err)
		}
	}
	for i, v := range t.Leaves {
		if err := f.number(v); err != nil {
			return fmt.Errorf("leaf %d %w", i, err)
		}
	}
	return nil
}

// validateNodes walks from the root and wants each node met at most once, so that every path ends at a
// leaf. Nodes that the root does not reach are left alone: XGBoost keeps pruned ones in its files.
func (f *Forest) validateNodes(nodes []Node, met []bool) error {
	clear(met)
	stack := []int32{0}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if met[i] {
			return fmt.Errorf("node %d is reached twice", i)
		}
		met[i] = true
		n := &nodes[i]
		if err := f.validateNode(n, len(nodes)); err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
		if n.Feature != Leaf {
			stack = append(stack, n.Right, n.Left)
		}
	}
	return nil
}

func (f *Forest) validateNode(n *Node, nodes int) error {
	if n.Feature == Leaf {
		return f.validateLeaf(n)
	}
	if n.Left < 0 || int(n.Left) >= nodes || n.Right < 0 || int(n.Right) >= nodes {
		return fmt.Errorf("children %d and %d of %d nodes", n.Left, n.Right, nodes)
	}
	return f.validateSplit(n)
}

func (f *Forest) validateSplit(n *Node) error {
	if n.Feature < 0 || int(n.Feature) >= f.Features {
		return fmt.Errorf("feature %d of %d", n.Feature, f.Features)
	}
	if n.Missing >= missingCount {
		return fmt.Errorf("unknown rule %d for missing values", n.Missing)
	}
	if n.Op >= opCount {
		return fmt.Errorf("unknown comparison %d", n.Op)
	}
	if n.Op == In {
		if n.Ref < 0 || int(n.Ref) >= len(f.Sets) {
			return fmt.Errorf("category set %d of %d", n.Ref, len(f.Sets))
		}
		return nil
	}
	if math.IsNaN(n.Value) {
		return errors.New("threshold is NaN")
	}
	return nil
}

func (f *Forest) validateLeaf(n *Node) error {
	switch {
	case len(f.Vectors) > 0:
		if n.Ref < 0 || int(n.Ref) >= len(f.Vectors)/f.Outputs {
			return fmt.Errorf("vector leaf %d of %d", n.Ref, len(f.Vectors)/f.Outputs)
		}
		return nil
	case len(f.Lines) > 0 && int(n.Ref) >= len(f.Lines):
		return fmt.Errorf("linear leaf %d of %d", n.Ref, len(f.Lines))
	}
	if err := f.number(n.Value); err != nil {
		return fmt.Errorf("leaf %w", err)
	}
	return nil
}

// number refuses what no sum can hold: NaN, infinities, and values that the sum's width cannot hold.
func (f *Forest) number(x float64) error {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Errorf("is %v", x)
	}
	if f.Sum == Float32 && float64(float32(x)) != x {
		return fmt.Errorf("%v is not a float32", x)
	}
	return nil
}
