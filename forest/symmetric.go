package forest

import (
	"math"
	"math/bits"
	"slices"
	"unsafe"
)

// The symmetric kernel takes trees whose splits are the same all along a level, as CatBoost grows them: as many
// decisions as levels, and together they are the number of the leaf. All decisions of the forest come first, sixty-four
// to a word, by comparing bytes where the machine can, else keys; then each tree cuts its number out of a word.

// symmetricDepth is how many levels a tree has at most.
const symmetricDepth = 16

// A symmetric is a forest laid out for the symmetric kernel.
type symmetric struct {
	trees []symmetricTree

	ranks  *ranks
	blocks []byteBlock // of bytes, as many as words
	nodes  []uint64    // of keys, sixty-four for each word: narrow nodes without children

	payloads []uint32  // leaves; one of the lists is there
	doubles  []float64 // where they are added to one sum
}

// A symmetricTree says which decisions are its own, and where its leaves begin. The first level's is the highest bit.
type symmetricTree struct {
	leaves uint32
	word   uint32
	mask   uint32
	shift  uint32
}

// A decision is 1 when the key in its slot is not below its own. Those of a forest stand as the bits of its words do.
type decision struct {
	key  int64
	slot int
}

// newSymmetric lays out a forest of symmetric trees, or returns nil when one is not. With bytes, it compares bytes
// if it can.
func newSymmetric(f *Forest, p *program, bytes bool) rowKernel {
	s := &symmetric{trees: make([]symmetricTree, 0, len(f.Trees))}
	var levels [symmetricDepth]decision
	var leaves []int32
	var all []decision
	word, bit := 0, 0 // the first that is free
	first := 0        // the tree's first leaf
	if p.leaves == doubles && f.Outputs == 1 {
		s.doubles = f.inOneList()
	}
	shared := s.doubles != nil
	for i := range f.Trees {
		depth, ok := p.symmetrical(f, i, &levels, &leaves)
		if !ok {
			return nil
		}
		if i == 0 { // most trees are as large as the first
			inWord := 64 / max(depth, 1)
			all = make([]decision, 0, min(64*(len(f.Trees)/inWord+1), 64+f.nodes()))
			if !shared {
				s.reserve(f, p, len(leaves)*len(f.Trees))
			}
		}
		if bit+depth > 64 {
			word, bit = word+1, 0
		}
		for len(all) < 64*(word+1) {
			all = append(all, decision{})
		}
		for level, d := range levels[:depth] {
			all[64*word+bit+depth-1-level] = d
		}
		s.trees = append(s.trees, symmetricTree{
			leaves: uint32(first), word: uint32(word), mask: 1<<depth - 1, shift: uint32(bit),
		})
		bit, first = bit+depth, first+len(leaves)
		if shared {
			continue
		}
		for _, node := range leaves {
			if s.doubles != nil {
				s.doubles = append(s.doubles, f.weighed(i, node))
			} else {
				s.payloads = append(s.payloads, p.payload(f, i, node))
			}
		}
	}
	if bytes && s.rank(p, all) {
		return s
	}
	if !p.narrow {
		return nil
	}
	s.nodes = make([]uint64, len(all))
	for i, d := range all {
		s.nodes[i] = narrowNode(uint32(int32(d.key-1)), d.slot, 0)
	}
	return s
}

// reserve makes room for leaves, no more than the forest has nodes.
func (s *symmetric) reserve(f *Forest, p *program, leaves int) {
	if leaves = min(leaves, f.nodes()); p.leaves == doubles && f.Outputs == 1 {
		s.doubles = make([]float64, 0, leaves)
	} else {
		s.payloads = make([]uint32, 0, leaves)
	}
}

// symmetrical finds the leaves of tree i, from left to right, and how many levels its splits have, whose decisions it
// writes; ok is false when the splits of a level are not the same.
func (p *program) symmetrical(f *Forest, i int, decisions *[symmetricDepth]decision, leaves *[]int32) (depth int, ok bool) {
	nodes := f.Trees[i].Nodes
	if p.outcomes.walked[i] {
		return 0, false
	}
	if t := &f.Trees[i]; t.symmetric() {
		*leaves = (*leaves)[:0]
		for number, flip := int32(0), t.flip(); int(number) < len(t.Leaves); number++ {
			*leaves = append(*leaves, number^flip)
		}
		for level := range t.Levels {
			decisions[level].key, decisions[level].slot = p.compare(f, &t.Levels[level])
		}
		return len(t.Levels), true
	}
	level := append((*leaves)[:0], 0)
	for ; nodes[level[0]].Feature != Leaf; depth++ {
		if depth == symmetricDepth {
			return 0, false
		}
		first := &nodes[level[0]]
		decisions[depth].key, decisions[depth].slot = p.compare(f, first)
		width := len(level)
		level = slices.Grow(level, width)[:2*width]
		for j := width - 1; j >= 0; j-- { // from behind, since two take the place of one
			n := &nodes[level[j]]
			if n.Feature == Leaf || !p.sameSplit(f, n, first) {
				return 0, false
			}
			level[2*j], level[2*j+1] = n.children()
		}
	}
	for _, at := range level {
		if nodes[at].Feature != Leaf {
			return 0, false
		}
	}
	*leaves = level
	return depth, true
}

// sameSplit reports whether two splits lead every row alike.
func (p *program) sameSplit(f *Forest, a, b *Node) bool {
	if a.Feature == b.Feature && a.Op == b.Op && a.Missing == b.Missing && a.DefaultLeft == b.DefaultLeft &&
		a.Value == b.Value && a.Ref == b.Ref {
		return true
	}
	keyA, slotA := p.compare(f, a)
	keyB, slotB := p.compare(f, b)
	return keyA == keyB && slotA == slotB
}

// rank has the kernel compare bytes. It reports false when the thresholds do not fit.
func (s *symmetric) rank(p *program, all []decision) bool {
	cuts := make([][]int64, p.keys())
	for _, t := range s.trees {
		for _, d := range t.of(all) {
			cuts[d.slot] = append(cuts[d.slot], d.key)
		}
	}
	if s.ranks = newRanks(p, cuts); s.ranks == nil {
		return false
	}
	s.blocks = make([]byteBlock, len(all)/64)
	for _, t := range s.trees {
		b := &s.blocks[t.word]
		for i, d := range t.of(all) {
			bit := int(t.shift) + i
			b.slot[bit], b.rank[bit] = s.ranks.of(d.key, d.slot)
		}
	}
	return true
}

// of returns the tree's own decisions, the last level's first.
func (t *symmetricTree) of(all []decision) []decision {
	return all[64*t.word+t.shift:][:bits.Len32(t.mask)]
}

func (s *symmetric) words() int { return max(len(s.blocks), len(s.nodes)/64) }

// load makes all decisions for a row.
func (s *symmetric) load(c *scratch) {
	if s.blocks != nil {
		s.ranks.fill(c.ranks, c.keys)
		decideBytes(&s.blocks[0], len(s.blocks), c.ranks, &c.words[0])
		return
	}
	for w := range c.words {
		c.words[w] = decideKeys((*[64]uint64)(s.nodes[64*w:]), c.keys)
	}
}

// decideKeys makes sixty-four decisions, eight in one piece.
func decideKeys(nodes *[64]uint64, keys []int64) (word uint64) {
	k := unsafe.Pointer(&keys[0])
	for i := 0; i < 64; i += 8 {
		n := (*[8]uint64)(nodes[i:])
		eight := decide(n[0], k) | decide(n[1], k)<<1 | decide(n[2], k)<<2 | decide(n[3], k)<<3 |
			decide(n[4], k)<<4 | decide(n[5], k)<<5 | decide(n[6], k)<<6 | decide(n[7], k)<<7
		word |= eight << i
	}
	return word
}

// decide is narrowStep's comparison.
func decide(node uint64, keys unsafe.Pointer) uint64 {
	bit := uint64(0)
	if int64(node) < *(*int64)(unsafe.Add(keys, uintptr(uint16(node))*8)) {
		bit = 1
	}
	return bit
}

// leaf returns the number of the tree's leaf among those of the forest.
func (t *symmetricTree) leaf(words []uint64) uint32 {
	return t.leaves + uint32(words[t.word]>>(t.shift&63))&t.mask
}

func (s *symmetric) walk(c *scratch, first int, payloads []uint32) {
	for i := range payloads {
		payloads[i] = s.payloads[s.trees[first+i].leaf(c.words)]
	}
}

func (s *symmetric) sum32(c *scratch, first, n int, sum float32) float32 {
	trees, words, leaves := s.trees[first:first+n], c.words, s.payloads
	for i := range trees {
		sum += math.Float32frombits(leaves[trees[i].leaf(words)])
	}
	return sum
}

func (s *symmetric) sum64(c *scratch, first, n int, sum float64) float64 {
	trees, words, leaves := s.trees[first:first+n], c.words, s.doubles
	for i := range trees {
		sum += leaves[trees[i].leaf(words)]
	}
	return sum
}
