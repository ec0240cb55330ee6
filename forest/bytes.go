package forest

// Kernels that compare bytes see a row as its ranks: mask.go has those for trees of few levels, sieve.go those for trees
// of few leaves, whatever their shape; symmetric.go compares bytes if it can.

// bytewise is what they have in common as row kernels.
type bytewise struct{ ranks *ranks }

func (b bytewise) words() int { return 0 }

func (b bytewise) load(s *scratch) { b.ranks.fill(s.ranks, s.keys) }

// A byteBlock is sixty-four decisions: a value goes right when its rank is not below the split's.
type byteBlock struct {
	slot [64]uint8
	rank [64]uint8
}

// byteTreeLeaves is how many leaves a tree has at most.
const byteTreeLeaves = 64

// byteLeaves are the leaves of all trees, by their number in the tree; apart from the splits, since of sixty-four
// one is read. One of the lists is there.
type byteLeaves struct {
	payloads [][byteTreeLeaves]uint32
	doubles  [][byteTreeLeaves]float64 // where they are added to one sum
}

func newByteLeaves(f *Forest, p *program) byteLeaves {
	if p.leaves == doubles && f.Outputs == 1 {
		return byteLeaves{doubles: make([][byteTreeLeaves]float64, len(f.Trees))}
	}
	return byteLeaves{payloads: make([][byteTreeLeaves]uint32, len(f.Trees))}
}

// put makes a node of tree i its leaf at.
func (l *byteLeaves) put(f *Forest, p *program, i, at int, node int32) {
	if l.doubles != nil {
		l.doubles[i][at] = f.weighed(i, node)
		return
	}
	l.payloads[i][at] = p.payload(f, i, node)
}

// A tree takes up to 768 bytes, whatever its size. Of few trees that is little; of many, each has to have as many
// nodes as pay for it.
const (
	fewTrees    = 1000
	payingNodes = 6
)

// Each tree takes the room of one with all its leaves, which is too much where many have hardly any.
const (
	sparseTrees  = 1 << 12
	sparseLeaves = 4
)

// newBytewise lays out a forest for the kernel that can take it, or returns nil when none can.
func newBytewise(f *Forest, p *program) rowKernel {
	if n := len(f.Trees); n > fewTrees && f.nodes() < payingNodes*n {
		return nil
	}
	shallow, small := true, true
	all := 0
	for i := range f.Trees {
		leaves, depth := f.Trees[i].size()
		all += leaves
		shallow = shallow && depth <= maskDepth
		small = small && leaves <= byteTreeLeaves
		if p.outcomes.walked[i] || !shallow && !small {
			return nil
		}
	}
	if p.keys() > narrowSlots || len(f.Trees) > sparseTrees && all < sparseLeaves*len(f.Trees) {
		return nil
	}
	r := newRanks(p, cutsOf(f, p))
	switch {
	case r == nil:
		return nil
	case shallow:
		return newMask(f, p, r)
	default:
		return newSieve(f, p, r)
	}
}
