package forest

import (
	"iter"
	"math"
	"slices"
)

// A program is a forest laid out for the kernels: the nodes of each tree level by level, siblings side by
// side, every split a comparison of integers.
type program struct {
	forest   *Forest // what is laid out, spelled out where it had to be
	narrow   bool
	input    Width
	sentinel float64
	stride   int // slots a column has in a row of keys
	columns  int
	needsRow bool // something is computed from the row itself, not from its keys

	cuts [][]int64 // where float64 keys become narrow: the thresholds of each column, whose ranks are the keys
	deep bool      // narrow nodes count their children from themselves

	windows  []treeWindow
	outcomes outcomes
	rows     rowKernel // in place of the windows, where one can take the forest

	leaves leaves
	firsts []uint32  // of doubles: the number of each tree's first node, counted through the forest
	values []float64 // of doubles: what each node adds as a leaf
}

// leaves says what the payloads of leaves are.
type leaves uint8

const (
	singles leaves = iota // the bits of weighted float32 leaves
	doubles               // indices of weighted float64 leaves
	vectors               // indices of vector leaves
	lines                 // indices in Tree.Nodes
)

func (f *Forest) leaves() leaves {
	switch {
	case len(f.Lines) > 0:
		return lines
	case len(f.Vectors) > 0 && f.Outputs > 1:
		return vectors
	case f.Sum == Float32:
		return singles
	default:
		return doubles
	}
}

// weighed returns what a leaf of tree i adds, where it is one number.
func (f *Forest) weighed(i int, node int32) float64 {
	t := &f.Trees[i]
	v := t.node(node).Value
	if len(f.Vectors) > 0 {
		v = f.Vectors[t.Nodes[node].Ref]
	}
	return f.weigh(v, t.Weight)
}

// A treeWindow is up to [window] trees: those that a kernel takes, in groups of like depth, and
// those that are walked, for they have too many outcomes. Trees are numbered from the window's first.
type treeWindow struct {
	small  []uint64   // narrow nodes; the first is a leaf by itself, for padding
	large  []wideNode // wide nodes, likewise
	groups []group
	walked []uint8

	roots []uint32 // of deep trees, in place of groups
	deep  []uint8  // where their payloads go
}

// together is how many trees are walked at once.
const together = 16

// A group is trees that are walked together. Where they are lacking, a lone leaf stands in and writes behind
// the window.
type group struct {
	root  [together]uint32 // each tree's first node in the window
	lane  [together]uint8  // where its payload goes
	depth uint32           // of the deepest
}

// keys returns the length of a row of keys: those of the columns, that of the leaves, those of the outcomes.
func (p *program) keys() int { return p.leafSlot() + 1 + len(p.outcomes.slots) }

// leafSlot returns the slot that leaves compare.
func (p *program) leafSlot() int { return p.columns * p.stride }

// Narrow nodes have 16 bits for the slot and 16 for the left child, and keys above them.
const (
	narrowSlots = 1 << 16
	narrowNodes = 1 << 16 // in a window
	narrowShift = 32
)

// assemble lays out a checked forest for the fastest kernels that can take it.
func assemble(f *Forest, have kernels) *program {
	if !have.symmetric {
		f = f.spelled()
	}
	p := &program{
		forest: f, input: f.Input, sentinel: math.NaN(), columns: f.Features, stride: 2,
		leaves: f.leaves(), outcomes: gather(f),
	}
	if f.Sentinel != nil {
		p.sentinel = *f.Sentinel
	}
	if f.anyNode(func(n *Node) bool { return n.Missing != NaN }) {
		p.stride = slotCount
	}
	p.needsRow = len(f.Lines) > 0 || len(p.outcomes.slots) > 0 || slices.Contains(p.outcomes.walked, true)
	p.narrow = f.Input == Float32 && p.keys() <= narrowSlots
	if !have.bytes {
		p.rankColumns(f)
	}
	if p.rows = newRowKernel(f, p, have); p.rows != nil {
		return p
	}
	if f.symmetric() {
		return assemble(f, kernels{bytes: have.bytes})
	}
	p.addValues(f)
	p.rankColumns(f)
	fits := f.largestWindow() < narrowNodes
	p.deep = p.narrow && p.keys() <= deepSlots && (!fits || f.isDeep())
	if p.deep && p.assembleWindows(f) {
		return p
	}
	if p.deep = false; !fits {
		p.narrow, p.cuts = false, nil
	}
	p.assembleWindows(f)
	return p
}

// largestWindow returns the number of nodes in the window that has most.
func (f *Forest) largestWindow() int {
	most, sum := 0, 0
	for i := range f.Trees {
		if i%window == 0 {
			sum = 0
		}
		sum += len(f.Trees[i].Nodes)
		most = max(most, sum)
	}
	return most
}

// nodes returns how many nodes all trees have, or leaves where these are all that they have.
func (f *Forest) nodes() (n int) {
	for i := range f.Trees {
		n += len(f.Trees[i].Nodes) + len(f.Trees[i].Leaves)
	}
	return n
}

// anyNode reports whether any split is so, of those as well that no root reaches.
func (f *Forest) anyNode(is func(*Node) bool) bool {
	for i := range f.Trees {
		for _, nodes := range [][]Node{f.Trees[i].Nodes, f.Trees[i].Levels} {
			for j := range nodes {
				if nodes[j].Feature != Leaf && is(&nodes[j]) {
					return true
				}
			}
		}
	}
	return false
}

// assembleWindows lays out all trees. It reports false when one is out of the reach of deep nodes.
func (p *program) assembleWindows(f *Forest) bool {
	p.windows = make([]treeWindow, (len(f.Trees)+window-1)/window)
	for w := range p.windows {
		win, ok := p.assembleWindow(f, w)
		if !ok {
			return false
		}
		p.windows[w] = win
	}
	return true
}

// deepTree is how many levels make a tree deep.
const deepTree = 16

// isDeep reports whether walks end so far apart that they had better not wait for each other.
func (f *Forest) isDeep() bool {
	levelsOfAll := 0
	for i := range f.Trees {
		_, depth := levels(f.Trees[i].Nodes)
		levelsOfAll += int(depth)
	}
	return levelsOfAll > deepTree*len(f.Trees)
}

// assembleWindow lays out the trees of window w.
func (p *program) assembleWindow(f *Forest, w int) (treeWindow, bool) {
	type placed struct {
		root, depth uint32
		lane        uint8
	}
	var win treeWindow
	var trees []placed
	p.addLeaf(&win, 0, 0) // what stands in where a group lacks trees
	for i := w * window; i < min((w+1)*window, len(f.Trees)); i++ {
		lane := uint8(i - w*window)
		t := &f.Trees[i]
		if p.outcomes.walked[i] {
			win.walked = append(win.walked, lane)
			continue
		}
		order, depth := levels(t.Nodes)
		if p.deep {
			root, ok := p.placeDeep(&win, f, i, order)
			if !ok {
				return win, false
			}
			win.roots, win.deep = append(win.roots, root), append(win.deep, lane)
			continue
		}
		trees = append(trees, placed{p.place(&win, f, i, order), depth, lane})
	}
	slices.SortStableFunc(trees, func(a, b placed) int { return int(a.depth) - int(b.depth) })
	for len(trees) > 0 {
		var g group
		for j := range g.lane {
			g.lane[j] = window
		}
		n := min(together, len(trees))
		for j, t := range trees[:n] {
			g.root[j], g.lane[j] = t.root, t.lane
			g.depth = max(g.depth, t.depth)
		}
		win.groups = append(win.groups, g)
		trees = trees[n:]
	}
	return win, true
}

// levels returns the nodes that the root reaches, level by level, siblings side by side, and the number of
// splits on the longest path.
func levels(nodes []Node) (order []int32, depth uint32) {
	order = append(make([]int32, 0, len(nodes)), 0)
	for begin := 0; ; depth++ {
		end := len(order)
		for _, i := range order[begin:end] {
			if n := &nodes[i]; n.Feature != Leaf {
				below, above := n.children()
				order = append(order, below, above)
			}
		}
		if len(order) == end {
			return order, depth
		}
		begin = end
	}
}

// splits are those that the root reaches, level by level.
func (t *Tree) splits() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for i := range t.Levels {
			if !yield(&t.Levels[i]) {
				return
			}
		}
		if t.symmetric() {
			return
		}
		order, _ := levels(t.Nodes)
		for _, i := range order {
			if n := &t.Nodes[i]; n.Feature != Leaf && !yield(n) {
				return
			}
		}
	}
}

// size returns how many leaves the root reaches, and the number of splits on the longest path. It gives up, with more
// leaves than any of the kernels that ask takes, where the tree is deeper than that many leaves can be.
func (t *Tree) size() (leaves, depth int) {
	var visit func(node int32, at int)
	visit = func(node int32, at int) {
		n := &t.Nodes[node]
		depth = max(depth, at)
		if n.Feature == Leaf || at > byteTreeLeaves {
			leaves += 1 + at/(byteTreeLeaves+1)*byteTreeLeaves
			return
		}
		visit(n.Left, at+1)
		visit(n.Right, at+1)
	}
	visit(0, 0)
	return leaves, depth
}

// turned reports whether a split's values below its key go right.
func (n *Node) turned() bool { return n.Op == Greater || n.Op == GreaterEqual }

// children returns the child of a split's values below its key, and that of the others.
func (n *Node) children() (below, above int32) {
	if n.turned() {
		return n.Right, n.Left
	}
	return n.Left, n.Right
}

// addValues makes the values that payloads of doubles are indices of.
func (p *program) addValues(f *Forest) {
	if p.leaves != doubles || p.values != nil {
		return
	}
	p.firsts = make([]uint32, len(f.Trees)+1)
	for i := range f.Trees {
		p.firsts[i+1] = p.firsts[i] + uint32(len(f.Trees[i].Nodes)+len(f.Trees[i].Leaves))
	}
	p.values = make([]float64, p.firsts[len(f.Trees)])
	each(len(f.Trees), func(i int) {
		for j := range f.Trees[i].Leaves {
			p.values[p.firsts[i]+uint32(j)] = f.weighed(i, int32(j))
		}
		nodes := f.Trees[i].Nodes
		if len(nodes) == 0 {
			return
		}
		order, _ := levels(nodes)
		for _, j := range order {
			if nodes[j].Feature == Leaf {
				p.values[p.firsts[i]+uint32(j)] = f.weighed(i, j)
			}
		}
	})
}

// payload returns what stands for a leaf of tree i.
func (p *program) payload(f *Forest, i int, node int32) uint32 {
	switch p.leaves {
	case singles:
		return math.Float32bits(float32(f.weighed(i, node)))
	case doubles:
		return p.firsts[i] + uint32(node)
	case vectors:
		return uint32(f.Trees[i].Nodes[node].Ref)
	default:
		return uint32(node)
	}
}

// sum adds a row's leaves in the trees from first on to dst.
func (p *program) sum(f *Forest, dst []float64, payloads []uint32, first int, x []float64) {
	trees := f.Trees[first:][:len(payloads)]
	switch {
	case p.leaves == lines:
		for i, leaf := range payloads {
			f.addLeaf(dst, &trees[i], &trees[i].Nodes[leaf], x)
		}
	case p.leaves == vectors && f.Sum == Float32:
		for k := range dst {
			dst[k] = float64(f.sumVectors32(float32(dst[k]), trees, payloads, k))
		}
	case p.leaves == vectors:
		for i, leaf := range payloads {
			f.addVector(dst, &trees[i], leaf)
		}
	case p.leaves == doubles && len(dst) == 1:
		s := dst[0]
		for _, leaf := range payloads {
			s += p.values[leaf]
		}
		dst[0] = s
	case p.leaves == doubles:
		for i, leaf := range payloads {
			dst[trees[i].Output] += p.values[leaf]
		}
	case len(dst) == 1:
		s := float32(dst[0])
		for _, leaf := range payloads {
			s += math.Float32frombits(leaf)
		}
		dst[0] = float64(s)
	default:
		for i, leaf := range payloads {
			d := &dst[trees[i].Output]
			*d = float64(float32(*d) + math.Float32frombits(leaf))
		}
	}
}

// place lays out a tree, its nodes in level order, and returns where its root is.
func (p *program) place(win *treeWindow, f *Forest, tree int, order []int32) uint32 {
	root := len(win.small) + len(win.large)
	next := root + 1 // where the next split's children stand
	for i, j := range order {
		n := &f.Trees[tree].Nodes[j]
		if n.Feature == Leaf {
			p.addLeaf(win, p.payload(f, tree, j), root+i)
			continue
		}
		p.addSplit(win, f, n, next)
		next += 2
	}
	return uint32(root)
}

// addLeaf appends a leaf that stands at index self of its window.
func (p *program) addLeaf(win *treeWindow, payload uint32, self int) {
	if p.narrow {
		win.small = append(win.small, narrowNode(payload, p.leafSlot(), self))
		return
	}
	win.large = append(win.large, wideNode{key: int64(payload), slot: uint32(p.leafSlot()), left: uint32(self)})
}

// addSplit appends a split whose children stand at first and first+1 of the window.
func (p *program) addSplit(win *treeWindow, f *Forest, n *Node, first int) {
	key, slot := p.compare(f, n)
	if p.narrow {
		win.small = append(win.small, narrowNode(uint32(int32(key-1)), slot, first))
		return
	}
	win.large = append(win.large, wideNode{key: key, slot: uint32(slot), left: uint32(first)})
}

// compare returns what a split becomes: left is where the key in that slot is below key.
func (p *program) compare(f *Forest, n *Node) (key int64, slot int) {
	if n.Op >= Equal {
		return 0, p.leafSlot() + 1 + p.outcomes.slots[p.outcomes.of(f, n)]
	}
	width := Float64
	if p.narrow && p.cuts == nil {
		width = Float32
	}
	key = keyOf(n, width)
	if p.cuts != nil {
		at, _ := slices.BinarySearch(p.cuts[n.Feature], key)
		key = int64(at) + 1
	}
	return key, int(n.Feature)*p.stride + slotOf(n)
}

// keyOf returns the key of an ordering split: what is below it goes to the child below.
func keyOf(n *Node, width Width) int64 {
	if n.Op == Less || n.Op == GreaterEqual {
		return keyAtLeast(n.Value, width)
	}
	return keyAbove(n.Value, width)
}

// rankColumns makes float64 keys narrow ones, by their rank among the thresholds of their column.
func (p *program) rankColumns(f *Forest) {
	if f.Input != Float64 || p.keys() > narrowSlots || p.cuts != nil {
		return
	}
	cuts := make([][]int64, f.Features)
	for i := range f.Trees {
		for n := range f.Trees[i].splits() {
			if n.Op < Equal {
				cuts[n.Feature] = append(cuts[n.Feature], keyOf(n, Float64))
			}
		}
	}
	each(len(cuts), func(x int) {
		slices.Sort(cuts[x])
		cuts[x] = slices.Clone(slices.Compact(cuts[x])) // there may have been many more
	})
	p.narrow, p.cuts = true, cuts
}

// rank returns how many of the cuts are not above key.
func rank(cuts []int64, key int64) int {
	at := 0
	for n := len(cuts); n > 0; {
		half := (n + 1) / 2
		right := 0
		if cuts[at+half-1] <= key {
			right = 1
		}
		at += half & -right // no branch
		n -= half
	}
	return at
}
