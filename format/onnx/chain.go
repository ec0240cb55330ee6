package onnx

import (
	"fmt"
	"math"

	"github.com/besra-ml/besra/forest"
)

// LightGBM's sets of categories become chains of BRANCH_EQ in which all nodes have the same true child. ONNX Runtime
// makes one node of such a chain; here it is a node with a set, so that the child has one parent again.

// merge makes nodes with sets of chains in all trees.
func (b *builder) merge(e *ensemble) error {
	for i := range e.trees {
		if err := b.mergeTree(e, e.trees[i].Nodes); err != nil {
			return fmt.Errorf("tree %d, %w", i, err)
		}
	}
	return nil
}

func (b *builder) mergeTree(e *ensemble, nodes []forest.Node) error {
	chained := false
	for i := range nodes {
		n := &nodes[i]
		chained = chained || n.Feature != forest.Leaf && n.Op == forest.Equal && follows(n, nodes)
	}
	if !chained {
		return nil
	}
	met := make([]bool, len(nodes))
	stack := []int32{0}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		n := &nodes[i]
		if n.Feature == forest.Leaf {
			continue
		}
		if met[i] {
			return fmt.Errorf("node %d is reached twice", n.ID)
		}
		met[i] = true
		if n.Op == forest.Equal && follows(n, nodes) {
			if err := b.mergeChain(e, n, nodes, met); err != nil {
				return fmt.Errorf("node %d: %w", n.ID, err)
			}
		}
		stack = append(stack, n.Right, n.Left)
	}
	return nil
}

// follows reports whether a node's false child asks the same of another category.
func follows(n *forest.Node, nodes []forest.Node) bool {
	next := &nodes[n.Right]
	return next.Feature == n.Feature && next.Op == forest.Equal && next.DefaultLeft == n.DefaultLeft && next.Left == n.Left
}

func (b *builder) mergeChain(e *ensemble, n *forest.Node, nodes []forest.Node, met []bool) error {
	categories := []float64{n.Value}
	last := n
	for follows(last, nodes) {
		i := last.Right
		if met[i] {
			return fmt.Errorf("node %d is reached twice", nodes[i].ID)
		}
		met[i] = true
		last = &nodes[i]
		categories = append(categories, last.Value)
	}
	set, err := b.newSet(categories, forest.Exact)
	if err != nil {
		return err
	}
	n.Op, n.Value, n.Right, n.Ref = forest.In, 0, last.Right, int32(len(e.sets))
	e.sets = append(e.sets, set)
	return nil
}

// newSet returns the set of some categories, which are numbers from 0. Its words are charged: a few categories may be far
// apart.
func (b *builder) newSet(categories []float64, cast forest.Cast) (forest.Set, error) {
	set := forest.Set{Cast: cast}
	lowest, highest := math.Inf(1), math.Inf(-1)
	for _, c := range categories {
		if c < 0 || c > math.MaxInt32 || cast == forest.Exact && c != math.Floor(c) || math.IsNaN(c) {
			return set, fmt.Errorf("a set with the member %v is not supported", c)
		}
		lowest, highest = min(lowest, c), max(highest, c)
	}
	set.First = uint32(lowest) / 64
	words := int(uint32(highest)/64-set.First) + 1
	if words > 1<<12 && words > 64*len(categories) {
		return set, fmt.Errorf("a set of %d members from %v to %v", len(categories), lowest, highest)
	}
	if err := b.charge(words); err != nil {
		return set, err
	}
	set.Bits = make([]uint64, words)
	for _, c := range categories {
		code := uint32(c)
		set.Bits[code/64-set.First] |= 1 << (code % 64)
	}
	return set, nil
}
