package forest

import (
	"math/bits"
	"slices"
)

// Symmetric trees that are given by their levels. The plain walk and the symmetric kernel take them as they are; for all
// else they are spelled out first.

// symmetric reports whether the tree is given by its levels.
func (t *Tree) symmetric() bool { return len(t.Leaves) > 0 }

// symmetric reports whether any tree is.
func (f *Forest) symmetric() bool {
	return slices.ContainsFunc(f.Trees, func(t Tree) bool { return t.symmetric() })
}

// node returns a node; of a symmetric tree, that of a leaf.
func (t *Tree) node(i int32) Node {
	if t.symmetric() {
		return Node{Feature: Leaf, Value: t.Leaves[i], ID: i, Ref: -1}
	}
	return t.Nodes[i]
}

// flip has the bits of a leaf's number whose splits are turned.
func (t *Tree) flip() (number int32) {
	for i := range t.Levels {
		number <<= 1
		if t.Levels[i].turned() {
			number |= 1
		}
	}
	return number
}

// inOneList returns the leaves of all trees where they are what is added, in an order that needs no change, and stand one
// behind the other in memory: who parses a model has them so. Else it returns nil.
func (f *Forest) inOneList() []float64 {
	if len(f.Trees) == 0 {
		return nil
	}
	all := f.Trees[0].Leaves
	all = all[:cap(all)]
	n := 0
	for i := range f.Trees {
		t := &f.Trees[i]
		if !t.symmetric() || t.Weight != 1 || t.flip() != 0 || n+len(t.Leaves) > len(all) || &all[n] != &t.Leaves[0] {
			return nil
		}
		n += len(t.Leaves)
	}
	return all[:n]
}

// Spell returns the nodes of a tree whose splits are the same all along a level, which is given by the splits of its
// levels and its leaves, numbered as [Tree] says.
func Spell(levels []Node, leaf func(i int32) Node) []Node {
	nodes := make([]Node, 2<<len(levels)-1)
	inner := int32(1<<len(levels) - 1)
	for i := range inner {
		n := &nodes[i]
		*n = levels[bits.Len32(uint32(i+1))-1]
		n.Left, n.Right = 2*i+1, 2*i+2
	}
	for i := range inner + 1 {
		nodes[inner+i] = leaf(i)
	}
	return nodes
}

// spelled returns a forest of nodes alone: f itself, if it is one.
func (f *Forest) spelled() *Forest {
	if !f.symmetric() {
		return f
	}
	g := *f
	g.Trees = slices.Clone(f.Trees)
	each(len(g.Trees), func(i int) {
		if t := &g.Trees[i]; t.symmetric() {
			t.Nodes, t.Levels, t.Leaves = Spell(t.Levels, t.node), nil, nil
		}
	})
	return &g
}
