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

// narrowStep returns the child of n that the row of keys leads to.
func narrowStep(nodes unsafe.Pointer, n uint64, keys unsafe.Pointer) uint64 {
	right := uint32(0)
	if int64(n) < *(*int64)(unsafe.Add(keys, uintptr(uint16(n))*8)) {
		right = 1
	}
	return *(*uint64)(unsafe.Add(nodes, uintptr(uint32(n)>>16+right)*8))
}

// narrowRoot returns a tree's first node.
func narrowRoot(nodes unsafe.Pointer, root uint32) uint64 {
	return *(*uint64)(unsafe.Add(nodes, uintptr(root)*8))
}

// narrowTrees takes one row through a window, eight trees in lockstep.
func narrowTrees(win *treeWindow, keys []int64, payloads []uint32) {
	k := unsafe.Pointer(&keys[0])
	nodes := unsafe.Pointer(&win.small[0])
	out := (*[lanes]uint32)(payloads)
	for i := range win.groups {
		g := &win.groups[i]
		n0, n1 := narrowRoot(nodes, g.root[0]), narrowRoot(nodes, g.root[1])
		n2, n3 := narrowRoot(nodes, g.root[2]), narrowRoot(nodes, g.root[3])
		n4, n5 := narrowRoot(nodes, g.root[4]), narrowRoot(nodes, g.root[5])
		n6, n7 := narrowRoot(nodes, g.root[6]), narrowRoot(nodes, g.root[7])
		for d := g.depth; d > 0; d-- {
			n0 = narrowStep(nodes, n0, k)
			n1 = narrowStep(nodes, n1, k)
			n2 = narrowStep(nodes, n2, k)
			n3 = narrowStep(nodes, n3, k)
			n4 = narrowStep(nodes, n4, k)
			n5 = narrowStep(nodes, n5, k)
			n6 = narrowStep(nodes, n6, k)
			n7 = narrowStep(nodes, n7, k)
		}
		out[g.lane[0]] = uint32(n0 >> 32)
		out[g.lane[1]] = uint32(n1 >> 32)
		out[g.lane[2]] = uint32(n2 >> 32)
		out[g.lane[3]] = uint32(n3 >> 32)
		out[g.lane[4]] = uint32(n4 >> 32)
		out[g.lane[5]] = uint32(n5 >> 32)
		out[g.lane[6]] = uint32(n6 >> 32)
		out[g.lane[7]] = uint32(n7 >> 32)
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
			top := narrowRoot(nodes, root)
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
				n0, n1, n2, n3, n4, n5, n6, n7 := top, top, top, top, top, top, top, top
				for d := g.depth; d > 0; d-- {
					n0 = narrowStep(nodes, n0, k0)
					n1 = narrowStep(nodes, n1, k1)
					n2 = narrowStep(nodes, n2, k2)
					n3 = narrowStep(nodes, n3, k3)
					n4 = narrowStep(nodes, n4, k4)
					n5 = narrowStep(nodes, n5, k5)
					n6 = narrowStep(nodes, n6, k6)
					n7 = narrowStep(nodes, n7, k7)
				}
				o := out[r*lanes:][:7*lanes+1]
				o[0*lanes] = uint32(n0 >> 32)
				o[1*lanes] = uint32(n1 >> 32)
				o[2*lanes] = uint32(n2 >> 32)
				o[3*lanes] = uint32(n3 >> 32)
				o[4*lanes] = uint32(n4 >> 32)
				o[5*lanes] = uint32(n5 >> 32)
				o[6*lanes] = uint32(n6 >> 32)
				o[7*lanes] = uint32(n7 >> 32)
			}
			for ; r < rows; r++ {
				n := top
				for d := g.depth; d > 0; d-- {
					n = narrowStep(nodes, n, unsafe.Add(k, uintptr(r)*stride))
				}
				out[r*lanes] = uint32(n >> 32)
			}
		}
	}
}
