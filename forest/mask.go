package forest

import (
	"math/bits"
	"slices"
)

// The mask kernel takes trees of up to six levels of splits, sixty-three decisions each: all of a tree's
// decisions come from one comparison of bytes, and the walk looks up three levels of them at a time.
//
// A byte is enough for a threshold because only its rank among its slot's thresholds matters: x is below the
// k-th of them when at most k-1 are not above x. A slot with more thresholds than a byte counts becomes
// several.

// What a mask holds at most.
const (
	maskDepth = 6
	maskSlots = 128 // what two registers of 64 bytes hold
	maskCuts  = 255 // of a slot; rank 0 is below all of them, rank 255 not below any
)

// A mask is a forest laid out for the mask kernel.
type mask struct {
	trees   []maskTree
	leaves  []maskLeaves // of each tree; apart, since of sixty-four one is read
	slots   []maskSlot
	sources []uint32 // for each slot, the key of the row that it ranks
}

// A maskTree has a byte for each split of a full tree; which, maskBit tells. What stands below a leaf leads
// to that leaf, whatever it decides.
type maskTree struct {
	slot [64]uint8
	rank [64]uint8 // a value whose rank is not below it goes right
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

// maskLeaves are the payloads of a tree's leaves.
type maskLeaves [64]uint32

// A maskSlot has the thresholds of a slot as keys in ascending order, and above them others that no value
// reaches. The pivots are the last of each sixteen.
type maskSlot struct {
	pivots [16]int32
	cuts   [17 * 16]int32
}

// noCut is above the key of every number.
const noCut = 1<<31 - 1

// newMask lays out a forest for the mask kernel, or returns nil when the kernel cannot take it.
func newMask(f *Forest, p *program) *mask {
	if !p.narrow || p.stride != 2 || len(f.Trees) == 0 || slices.Contains(p.outcomes.walked, true) {
		return nil
	}
	cuts := make([][]int32, p.keys()) // by slot of the row
	for i := range f.Trees {
		nodes := f.Trees[i].Nodes
		order, depth := levels(nodes)
		if depth > maskDepth {
			return nil
		}
		for _, j := range order {
			if n := &nodes[j]; n.Feature != Leaf {
				key, slot := p.compare(f, n)
				cuts[slot] = append(cuts[slot], int32(key))
			}
		}
	}
	m := &mask{trees: make([]maskTree, len(f.Trees)), leaves: make([]maskLeaves, len(f.Trees))}
	first, ok := m.rankSlots(cuts)
	if !ok {
		return nil
	}
	each(len(f.Trees), func(i int) {
		m.place(f, p, i, func(key int32, slot int) (uint8, uint8) {
			at, _ := slices.BinarySearch(cuts[slot], key)
			return uint8(first[slot] + at/maskCuts), uint8(at%maskCuts + 1)
		})
	})
	return m
}

// rankSlots makes the slots of the kernel, sorts the thresholds of each, and returns, for each slot of a row,
// the first of those that rank it. It reports false when they are too many, or none.
func (m *mask) rankSlots(cuts [][]int32) (first []int, ok bool) {
	first = make([]int, len(cuts))
	each(len(cuts), func(slot int) {
		slices.Sort(cuts[slot])
		cuts[slot] = slices.Compact(cuts[slot])
	})
	for slot := range cuts {
		first[slot] = len(m.slots)
		for part := range slices.Chunk(cuts[slot], maskCuts) {
			m.slots = append(m.slots, newMaskSlot(part))
			m.sources = append(m.sources, uint32(slot))
		}
	}
	return first, len(m.slots) > 0 && len(m.slots) <= maskSlots
}

func newMaskSlot(cuts []int32) (s maskSlot) {
	for i := range s.cuts {
		s.cuts[i] = noCut
	}
	copy(s.cuts[:], cuts)
	for i := range s.pivots {
		s.pivots[i] = s.cuts[16*i+15]
	}
	return s
}

// place lays out tree i; ranked tells the slot and rank of a threshold.
func (m *mask) place(f *Forest, p *program, i int, ranked func(key int32, slot int) (uint8, uint8)) {
	t, tree := &f.Trees[i], &m.trees[i]
	var fill func(node int32, at int)
	fill = func(node int32, at int) {
		n := &t.Nodes[node]
		switch {
		case n.Feature != Leaf:
			key, slot := p.compare(f, n)
			bit := maskBit(at)
			tree.slot[bit], tree.rank[bit] = ranked(int32(key), slot)
			below, above := n.children()
			fill(below, 2*at)
			fill(above, 2*at+1)
		case at < 64:
			fill(node, 2*at)
			fill(node, 2*at+1)
		default:
			m.leaves[i][at-64] = p.payload(f, t, node)
		}
	}
	fill(0, 1)
}
