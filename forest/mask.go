package forest

import "math/bits"

// The mask kernel takes trees of up to six levels of splits, sixty-three decisions each: all of a tree's
// decisions come from one comparison of bytes, and the walk looks up three levels of them at a time.

// maskDepth is how deep its trees are at most.
const maskDepth = 6

// A mask is a forest laid out for the mask kernel. A tree's block has a place for each split of a full tree; which,
// maskBit tells. What stands below a leaf leads to that leaf, whatever it decides.
type mask struct {
	bytewise
	trees  []byteBlock
	leaves byteLeaves
}

// maskBit returns the place of a split, and the bit of its decision, by its number in heap order: the children
// of split i, from 1, are 2i and 2i+1. The upper three levels stand together, in that order, and then the three
// levels below each of their eight exits.
func maskBit(split int) int {
	below := bits.Len(uint(split)) - 4 // levels below the upper three, from 0
	if below < 0 {
		return split - 1
	}
	exit := split>>below - 8
	return 7 + 7*exit + 1<<below + split&(1<<below-1) - 1
}

// newMask lays out a forest of trees that are not too deep.
func newMask(f *Forest, p *program, r *ranks) *mask {
	m := &mask{bytewise: bytewise{r}, trees: make([]byteBlock, len(f.Trees)), leaves: newByteLeaves(f, p)}
	each(len(f.Trees), func(i int) { m.place(f, p, i) })
	return m
}

// place lays out tree i.
func (m *mask) place(f *Forest, p *program, i int) {
	t, tree := &f.Trees[i], &m.trees[i]
	var fill func(node int32, at int)
	fill = func(node int32, at int) {
		n := &t.Nodes[node]
		switch {
		case n.Feature != Leaf:
			key, slot := p.compare(f, n)
			bit := maskBit(at)
			tree.slot[bit], tree.rank[bit] = m.ranks.of(key, slot)
			below, above := n.children()
			fill(below, 2*at)
			fill(above, 2*at+1)
		case at < 64:
			fill(node, 2*at)
			fill(node, 2*at+1)
		default:
			m.leaves.put(f, p, i, at-64, node)
		}
	}
	fill(0, 1)
}

func (m *mask) walk(c *scratch, first int, payloads []uint32) {
	maskWalk(&m.trees[first], &m.leaves.payloads[first], len(payloads), c.ranks, &payloads[0])
}

func (m *mask) sum32(c *scratch, first, n int, sum float32) float32 {
	return maskSum32(&m.trees[first], &m.leaves.payloads[first], n, c.ranks, sum)
}

func (m *mask) sum64(c *scratch, first, n int, sum float64) float64 {
	return maskSum64(&m.trees[first], &m.leaves.doubles[first], n, c.ranks, sum)
}
