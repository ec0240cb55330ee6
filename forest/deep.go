package forest

import (
	"slices"
	"unsafe"
)

// Deep trees are unlike each other: in lockstep to the depth of the deepest, most walks would stand at their leaf most of
// the time. Here each walk leaves when it has arrived, and those that go on close up. There may be many, since each waits
// for memory: such trees do not fit the nearer caches.
//
// Siblings stand side by side, and with them in the same line of the cache stand children of theirs, those with most
// leaves first. Nodes are as narrow ones, but count their children from themselves, so that a window may have any
// number of them:
//
//	bits  0..11  the slot of the key to compare
//	bits 12..31  how far the left child stands from the node; its sibling follows. Of a leaf, 0.
//	bits 32..63  a split's key less one; a leaf's payload

const (
	deepSlots = 1 << 12
	deepReach = 1<<20 - 1
	lineNodes = 8 // in a line of the cache
)

func deepNode(value uint32, slot, reach int) uint64 {
	return uint64(value)<<32 | uint64(reach)<<12 | uint64(slot)
}

// placeDeep lays out a tree and returns where its root is; ok is false when a child would be out of reach.
func (p *program) placeDeep(win *treeWindow, f *Forest, tree int, order []int32) (root uint32, ok bool) {
	nodes := f.Trees[tree].Nodes
	weights := make([]int32, len(nodes)) // leaves below
	for _, i := range slices.Backward(order) {
		weights[i] = 1
		if n := &nodes[i]; n.Feature != Leaf {
			weights[i] = weights[n.Left] + weights[n.Right]
		}
	}
	lone := deepNode(0, p.leafSlot(), 0)
	for len(win.small)%lineNodes != 0 {
		win.small = append(win.small, lone)
	}
	root = uint32(len(win.small))
	places := make([]uint32, len(nodes))
	var near []int32 // splits whose children may go into this line
	put := func(i int32) {
		places[i] = uint32(len(win.small))
		if nodes[i].Feature == Leaf {
			win.small = append(win.small, deepNode(p.payload(f, tree, i), p.leafSlot(), 0))
			return
		}
		win.small = append(win.small, 0) // until its children have their place
		near = append(near, i)
	}
	byWeight := func(a, b int32) int { return int(weights[a]) - int(weights[b]) }
	var far []int32 // splits whose children go into other lines, the next one last
	put(0)
	win.small = append(win.small, lone)
	for len(near)+len(far) > 0 {
		if len(near) == 0 {
			near, far = append(near, far[len(far)-1]), far[:len(far)-1]
		}
		slices.SortFunc(near, byWeight)
		i := near[len(near)-1]
		near = near[:len(near)-1]
		reach := uint32(len(win.small)) - places[i]
		if reach > deepReach {
			return 0, false
		}
		n := &nodes[i]
		key, slot := p.compare(f, n)
		win.small[places[i]] = deepNode(uint32(int32(key-1)), slot, int(reach))
		below, above := n.children()
		put(below)
		put(above)
		if len(win.small)%lineNodes == 0 {
			far = append(far, near...)
			near = near[:0]
		}
	}
	return root, true
}

// deepStep returns the node that follows node i.
func deepStep(nodes unsafe.Pointer, i uint32, keys unsafe.Pointer) uint32 {
	n := *(*uint64)(unsafe.Add(nodes, uintptr(i)*8))
	right := uint32(0)
	if int64(n) < *(*int64)(unsafe.Add(keys, uintptr(n%deepSlots)*8)) {
		right = 1
	}
	return i + uint32(n)>>12 + right
}

// deepLevels is how many steps are taken before those that have arrived leave.
const deepLevels = 4

// deepTrees takes one row through a window. Rows of a batch follow each other: to take many through one tree together
// was slower, for trees as large as any that were tried.
func deepTrees(win *treeWindow, keys []int64, payloads []uint32) {
	nodes, k := unsafe.Pointer(&win.small[0]), unsafe.Pointer(&keys[0])
	var at [window + 3]uint32 // those behind the last stand at the window's first node, a leaf
	var lane [window + 3]uint8
	out := (*[lanes]uint32)(payloads)
	copy(lane[:], win.deep)
	for n := copy(at[:], win.roots); n > 0; {
		at[n], at[n+1], at[n+2] = 0, 0, 0
		for range deepLevels {
			for i := 0; i < n; i += 4 {
				four := (*[4]uint32)(at[i:])
				four[0] = deepStep(nodes, four[0], k)
				four[1] = deepStep(nodes, four[1], k)
				four[2] = deepStep(nodes, four[2], k)
				four[3] = deepStep(nodes, four[3], k)
			}
		}
		on := 0
		for i, a := range at[:n] {
			word := *(*uint64)(unsafe.Add(nodes, uintptr(a)*8))
			out[lane[i]%window] = uint32(word >> 32) // of a split, until its leaf's takes its place
			at[on], lane[on] = a, lane[i]
			if word>>12&deepReach != 0 {
				on++
			}
		}
		n = on
	}
}
