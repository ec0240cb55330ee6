package forest

import "math/bits"

// The sieve kernel takes trees of up to sixty-four leaves, whatever their shape, such as those that grow leaf by
// leaf. It does not walk: all of a tree's decisions come from one comparison of bytes, each takes away the leaves
// that it leads away from, and the first leaf that is left is the one.
//
// Leaves are numbered from left to right, each split with its smaller side on the left. A split that leads right
// takes away the leaves of its left side, and no more is needed: what is left of the leaf that is reached hangs on
// the left of a split on its way. The bit of a split's decision is the number of the last leaf that it takes away, so that the
// decisions themselves take away one leaf for each; those with more on their left have a set of leaves as well.
// They are thirty-one at most: below such a split on either side is another, while two leaves meet
// in thirty-two splits at most.

// A sieve is a forest laid out for the sieve kernel.
type sieve struct {
	trees  []sieveTree
	wide   []uint64 // for each tree the splits, by their bits, that take away more than one leaf
	leaves byteLeaves
}

// A sieveTree has the splits of a tree by their bits. Bits without a split never lead right.
type sieveTree struct {
	byteBlock
	gone [31]uint64 // the leaves that wide splits take away, in their order
	flip uint64     // splits with what is above on the left
}

func newSieve(f *Forest, p *program, r *ranks) *sieve {
	s := &sieve{
		trees: make([]sieveTree, len(f.Trees)), wide: make([]uint64, len(f.Trees)), leaves: newByteLeaves(f, p),
	}
	each(len(f.Trees), func(i int) { s.place(f, p, r, i) })
	return s
}

// place lays out tree i.
func (s *sieve) place(f *Forest, p *program, r *ranks, i int) {
	t, tree := &f.Trees[i], &s.trees[i]
	tree.flip = 1<<64 - 1 // rank 0 is above, and flipped it leads left
	var gone [64]uint64
	sizes := t.leafCounts()
	next := 0 // the next leaf
	var fill func(node int32)
	fill = func(node int32) {
		n := &t.Nodes[node]
		if n.Feature == Leaf {
			s.leaves.put(f, p, i, next, node)
			next++
			return
		}
		left, right := n.children()
		flip := sizes[left] > sizes[right]
		if flip {
			left, right = right, left
		}
		first := next
		fill(left)
		bit := next - 1
		key, slot := p.compare(f, n)
		tree.slot[bit], tree.rank[bit] = r.of(key, slot)
		if !flip {
			tree.flip &^= 1 << bit
		}
		if first < bit {
			s.wide[i] |= 1 << bit
			gone[bit] = 1<<bit - 1<<first
		}
		fill(right)
	}
	fill(0)
	for j, rest := 0, s.wide[i]; rest != 0; j, rest = j+1, rest&(rest-1) {
		tree.gone[j] = gone[bits.TrailingZeros64(rest)]
	}
}

// leafCounts returns how many leaves each node reaches.
func (t *Tree) leafCounts() []uint8 {
	counts := make([]uint8, len(t.Nodes))
	var count func(node int32) uint8
	count = func(node int32) uint8 {
		counts[node] = 1
		if n := &t.Nodes[node]; n.Feature != Leaf {
			counts[node] = count(n.Left) + count(n.Right)
		}
		return counts[node]
	}
	count(0)
	return counts
}

func (s *sieve) walk(row *rankRow, first int, payloads []uint32) {
	sieveWalk(&s.trees[first], &s.wide[first], &s.leaves.payloads[first], len(payloads), row, &payloads[0])
}

func (s *sieve) sum32(row *rankRow, first, n int, sum float32) float32 {
	return sieveSum32(&s.trees[first], &s.wide[first], &s.leaves.payloads[first], n, row, sum)
}

func (s *sieve) sum64(row *rankRow, first, n int, sum float64) float64 {
	return sieveSum64(&s.trees[first], &s.wide[first], &s.leaves.doubles[first], n, row, sum)
}
