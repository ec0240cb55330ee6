package forest

// The sieve kernel takes trees of up to sixty-four leaves, whatever their shape, such as those that grow leaf by
// leaf. It does not walk: all of a tree's decisions come from one comparison of bytes, each takes away the leaves
// that it leads away from, and the highest leaf that is left is the one.
//
// Leaves are numbered so that a split's larger side comes first. A split that leads there takes away the smaller
// side, and no more is needed: of a leaf above the one that is reached, the split where their ways part has led to
// the larger side.
//
// The bit of a split is the first leaf of its smaller side, so that the decisions themselves take away a leaf each.
// The rest of a side of several is taken away by a carry: a one that is added to the first of a run of ones clears
// the run. Runs that overlap or touch need words of their own, and six words are always enough. Smaller
// sides that lie in each other are at most 32, 16, 8, 4 and 2 leaves, so that a run meets at most five that begin
// before it.

// A sieve is a forest laid out for the sieve kernel.
type sieve struct {
	bytewise
	trees  []sieveTree
	leaves byteLeaves // the highest comes first
}

// A sieveTree has the splits of a tree by their bits. Bits above its leaves are always taken away.
type sieveTree struct {
	byteBlock
	starts [8]uint64 // the first of each run
	runs   [7]uint64
	flip   uint64 // splits that take away leaves when they lead below
}

func newSieve(f *Forest, p *program, r *ranks) *sieve {
	s := &sieve{bytewise: bytewise{r}, trees: make([]sieveTree, len(f.Trees)), leaves: newByteLeaves(f, p)}
	each(len(f.Trees), func(i int) { s.place(f, p, i) })
	return s
}

// place lays out tree i.
func (s *sieve) place(f *Forest, p *program, i int) {
	t, tree := &f.Trees[i], &s.trees[i]
	tree.flip = 1 // no split has the lowest bit, and rank 0 makes it a one
	sizes := t.leafCounts()
	var ends [byteTreeLeaves]int // of the smaller side that begins at each bit
	next := 0                    // the next leaf
	var fill func(node int32)
	fill = func(node int32) {
		n := &t.Nodes[node]
		if n.Feature == Leaf {
			s.leaves.put(f, p, i, byteTreeLeaves-1-next, node)
			next++
			return
		}
		smaller, larger := n.children()
		flip := sizes[smaller] > sizes[larger]
		if flip {
			smaller, larger = larger, smaller
		}
		fill(larger)
		bit := next
		key, slot := p.compare(f, n)
		tree.slot[bit], tree.rank[bit] = s.ranks.of(key, slot)
		if flip {
			tree.flip |= 1 << bit
		}
		fill(smaller)
		ends[bit] = next
	}
	fill(0)
	var top [7]int // where the last run of each word ends
	for bit, end := range ends {
		if end <= bit+1 {
			continue
		}
		word := 0
		for top[word] >= bit {
			word++
		}
		tree.starts[word] |= 1 << bit
		tree.runs[word] |= 1<<end - 1<<bit
		top[word] = end
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

func (s *sieve) walk(c *scratch, first int, payloads []uint32) {
	sieveWalk(&s.trees[first], &s.leaves.payloads[first], len(payloads), c.ranks, &payloads[0])
}

func (s *sieve) sum32(c *scratch, first, n int, sum float32) float32 {
	return sieveSum32(&s.trees[first], &s.leaves.payloads[first], n, c.ranks, sum)
}

func (s *sieve) sum64(c *scratch, first, n int, sum float64) float64 {
	return sieveSum64(&s.trees[first], &s.leaves.doubles[first], n, c.ranks, sum)
}
