package forest

import "unsafe"

// Narrow nodes: one word holds a whole node, so that a step is two loads, a comparison and an addition.
//
//	bits  0..15  the slot of the key to compare
//	bits 16..31  the left child, counted from the window's first node; its sibling follows. A leaf's is itself.
//	bits 32..63  a split's key less one; a leaf's payload
//
// The keys of a row are shifted up by 32, so that comparing them with a whole node compares keys: x goes
// right when the node is less. A leaf compares the slot that is below everything and so stays where it is.
// What may index here was checked by validate and laid out by assemble; the pointers below only spare
// checking it again.

func narrowNode(value uint32, slot, left int) uint64 {
	return uint64(value)<<32 | uint64(left)<<16 | uint64(slot)
}

// narrowStep returns the child of node i that the row of keys leads to.
func narrowStep(nodes unsafe.Pointer, i uint32, keys unsafe.Pointer) uint32 {
	n := *(*uint64)(unsafe.Add(nodes, uintptr(i)*8))
	right := uint32(0)
	if int64(n) < *(*int64)(unsafe.Add(keys, uintptr(uint16(n))*8)) {
		right = 1
	}
	return uint32(n)>>16 + right
}

// narrowPayload returns the payload of leaf i.
func narrowPayload(nodes unsafe.Pointer, i uint32) uint32 {
	return uint32(*(*uint64)(unsafe.Add(nodes, uintptr(i)*8)) >> 32)
}

// narrowTrees takes one row through a window, sixteen trees in lockstep. Where they are stands in an array and
// not in as many variables: so the compiler leaves each step in one piece, in which no register has to be
// saved, and more walks than there are registers go on at once.
func narrowTrees(win *treeWindow, keys []int64, payloads []uint32) {
	k := unsafe.Pointer(&keys[0])
	nodes := unsafe.Pointer(&win.small[0])
	out := (*[lanes]uint32)(payloads)
	for i := range win.groups {
		g := &win.groups[i]
		at := g.root
		for d := g.depth; d > 0; d-- {
			at[0] = narrowStep(nodes, at[0], k)
			at[1] = narrowStep(nodes, at[1], k)
			at[2] = narrowStep(nodes, at[2], k)
			at[3] = narrowStep(nodes, at[3], k)
			at[4] = narrowStep(nodes, at[4], k)
			at[5] = narrowStep(nodes, at[5], k)
			at[6] = narrowStep(nodes, at[6], k)
			at[7] = narrowStep(nodes, at[7], k)
			at[8] = narrowStep(nodes, at[8], k)
			at[9] = narrowStep(nodes, at[9], k)
			at[10] = narrowStep(nodes, at[10], k)
			at[11] = narrowStep(nodes, at[11], k)
			at[12] = narrowStep(nodes, at[12], k)
			at[13] = narrowStep(nodes, at[13], k)
			at[14] = narrowStep(nodes, at[14], k)
			at[15] = narrowStep(nodes, at[15], k)
		}
		for j, leaf := range at {
			out[g.lane[j]] = narrowPayload(nodes, leaf)
		}
	}
}

// narrowRows takes rows of width keys through a window, tree by tree, eight rows in lockstep.
func narrowRows(win *treeWindow, keys []int64, width int, payloads []uint32, rows int) {
	k, stride := unsafe.Pointer(&keys[0]), uintptr(width)*8
	nodes := unsafe.Pointer(&win.small[0])
	for i := range win.groups {
		g := &win.groups[i]
		for j, root := range g.root {
			if g.lane[j] == window {
				break
			}
			out := payloads[g.lane[j]:]
			r := 0
			for ; r+8 <= rows; r += 8 {
				k0 := unsafe.Add(k, uintptr(r)*stride)
				k1 := unsafe.Add(k0, stride)
				k2 := unsafe.Add(k1, stride)
				k3 := unsafe.Add(k2, stride)
				k4 := unsafe.Add(k3, stride)
				k5 := unsafe.Add(k4, stride)
				k6 := unsafe.Add(k5, stride)
				k7 := unsafe.Add(k6, stride)
				i0, i1, i2, i3, i4, i5, i6, i7 := root, root, root, root, root, root, root, root
				for d := g.depth; d > 0; d-- {
					i0 = narrowStep(nodes, i0, k0)
					i1 = narrowStep(nodes, i1, k1)
					i2 = narrowStep(nodes, i2, k2)
					i3 = narrowStep(nodes, i3, k3)
					i4 = narrowStep(nodes, i4, k4)
					i5 = narrowStep(nodes, i5, k5)
					i6 = narrowStep(nodes, i6, k6)
					i7 = narrowStep(nodes, i7, k7)
				}
				o := out[r*lanes:][:7*lanes+1]
				o[0*lanes] = narrowPayload(nodes, i0)
				o[1*lanes] = narrowPayload(nodes, i1)
				o[2*lanes] = narrowPayload(nodes, i2)
				o[3*lanes] = narrowPayload(nodes, i3)
				o[4*lanes] = narrowPayload(nodes, i4)
				o[5*lanes] = narrowPayload(nodes, i5)
				o[6*lanes] = narrowPayload(nodes, i6)
				o[7*lanes] = narrowPayload(nodes, i7)
			}
			for ; r < rows; r++ {
				i := root
				for d := g.depth; d > 0; d-- {
					i = narrowStep(nodes, i, unsafe.Add(k, uintptr(r)*stride))
				}
				out[r*lanes] = narrowPayload(nodes, i)
			}
		}
	}
}
