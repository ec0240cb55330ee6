package forest

// Wide nodes take what narrow ones cannot: float64 columns, more columns, larger trees.
type wideNode struct {
	key  int64  // a split's key; a leaf's payload
	slot uint32 // the slot of the key to compare
	left uint32 // the left child, counted from the window's first node; its sibling follows. A leaf's is itself.
}

// wideStep returns the child of n that the row of keys leads to.
func wideStep(nodes []wideNode, n *wideNode, keys []int64) *wideNode {
	right := uint32(0)
	if keys[n.slot] >= n.key {
		right = 1
	}
	return &nodes[n.left+right]
}

// wideTrees takes one row through a window, four trees at a time in lockstep.
func wideTrees(win *treeWindow, keys []int64, payloads []uint32) {
	t := win.large
	for i := range win.groups {
		g := &win.groups[i]
		for h := 0; h < together; h += 4 {
			n0, n1, n2, n3 := &t[g.root[h]], &t[g.root[h+1]], &t[g.root[h+2]], &t[g.root[h+3]]
			for d := g.depth; d > 0; d-- {
				n0 = wideStep(t, n0, keys)
				n1 = wideStep(t, n1, keys)
				n2 = wideStep(t, n2, keys)
				n3 = wideStep(t, n3, keys)
			}
			payloads[g.lane[h]] = uint32(n0.key)
			payloads[g.lane[h+1]] = uint32(n1.key)
			payloads[g.lane[h+2]] = uint32(n2.key)
			payloads[g.lane[h+3]] = uint32(n3.key)
		}
	}
}

// wideRows takes rows of w keys through a window, tree by tree, four rows in lockstep.
func wideRows(win *treeWindow, keys []int64, w int, payloads []uint32, rows int) {
	t := win.large
	for i := range win.groups {
		g := &win.groups[i]
		for j, root := range g.root {
			if g.lane[j] == window {
				break
			}
			top := &t[root]
			out := payloads[g.lane[j]:]
			r := 0
			for ; r+4 <= rows; r += 4 {
				k0, k1, k2, k3 := keys[r*w:][:w], keys[(r+1)*w:][:w], keys[(r+2)*w:][:w], keys[(r+3)*w:][:w]
				n0, n1, n2, n3 := top, top, top, top
				for d := g.depth; d > 0; d-- {
					n0 = wideStep(t, n0, k0)
					n1 = wideStep(t, n1, k1)
					n2 = wideStep(t, n2, k2)
					n3 = wideStep(t, n3, k3)
				}
				out[r*lanes] = uint32(n0.key)
				out[(r+1)*lanes] = uint32(n1.key)
				out[(r+2)*lanes] = uint32(n2.key)
				out[(r+3)*lanes] = uint32(n3.key)
			}
			for ; r < rows; r++ {
				n := top
				for d := g.depth; d > 0; d-- {
					n = wideStep(t, n, keys[r*w:][:w])
				}
				out[r*lanes] = uint32(n.key)
			}
		}
	}
}
