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
	blocks []byteBlock // as many as words; nil where keys are compared
	keys   []decision  // sixty-four for each word

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

// A decision is 1 when the key in its slot is not below its own.
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
	word, bit := 0, 0 // the first that is free
	for i := range f.Trees {
		depth, ok := p.symmetrical(f, i, &levels, &leaves)
		if !ok {
			return nil
		}
		if i == 0 { // most trees are as large as the first
			s.reserve(f, p, len(leaves)*len(f.Trees))
		}
		if bit+depth > 64 {
			word, bit = word+1, 0
		}
		for len(s.keys) < 64*(word+1) {
			s.keys = append(s.keys, decision{})
		}
		for level, d := range levels[:depth] {
			s.keys[64*word+bit+depth-1-level] = d
		}
		s.trees = append(s.trees, symmetricTree{
			leaves: uint32(len(s.payloads) + len(s.doubles)),
			word:   uint32(word), mask: 1<<depth - 1, shift: uint32(bit),
		})
		bit += depth
		for _, node := range leaves {
			if s.doubles != nil {
				s.doubles = append(s.doubles, f.weighed(i, node))
			} else {
				s.payloads = append(s.payloads, p.payload(f, i, node))
			}
		}
	}
	if bytes {
		s.rank(p)
	}
	if p.narrow {
		for i := range s.keys {
			s.keys[i].key <<= narrowShift
		}
	}
	return s
}

// reserve makes room for leaves, no more than the forest has nodes.
func (s *symmetric) reserve(f *Forest, p *program, leaves int) {
	nodes := 0
	for i := range f.Trees {
		nodes += len(f.Trees[i].Nodes)
	}
	if leaves = min(leaves, nodes); p.leaves == doubles && f.Outputs == 1 {
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

// rank has the kernel compare bytes, if the thresholds fit.
func (s *symmetric) rank(p *program) {
	cuts := make([][]int64, p.keys())
	for _, t := range s.trees {
		for _, d := range s.decisions(t) {
			cuts[d.slot] = append(cuts[d.slot], d.key)
		}
	}
	if s.ranks = newRanks(p, cuts); s.ranks == nil {
		return
	}
	s.blocks = make([]byteBlock, len(s.keys)/64)
	for _, t := range s.trees {
		b := &s.blocks[t.word]
		for i, d := range s.decisions(t) {
			bit := int(t.shift) + i
			b.slot[bit], b.rank[bit] = s.ranks.of(d.key, d.slot)
		}
	}
	s.keys = nil
}

// decisions returns those of a tree, the last level's first.
func (s *symmetric) decisions(t symmetricTree) []decision {
	return s.keys[64*t.word+t.shift:][:bits.Len32(t.mask)]
}

func (s *symmetric) words() int { return max(len(s.blocks), len(s.keys)/64) }

// load makes all decisions for a row.
func (s *symmetric) load(c *scratch) {
	if s.blocks != nil {
		s.ranks.fill(&c.ranks, c.keys)
		decideBytes(&s.blocks[0], len(s.blocks), &c.ranks, &c.words[0])
		return
	}
	for w := range c.words {
		c.words[w] = decideKeys((*[64]decision)(s.keys[64*w:]), c.keys)
	}
}

// decideKeys makes sixty-four decisions, eight in one piece.
func decideKeys(all *[64]decision, keys []int64) (word uint64) {
	k := unsafe.Pointer(&keys[0])
	for i := 0; i < 64; i += 8 {
		d := (*[8]decision)(all[i:])
		eight := d[0].bit(k) | d[1].bit(k)<<1 | d[2].bit(k)<<2 | d[3].bit(k)<<3 |
			d[4].bit(k)<<4 | d[5].bit(k)<<5 | d[6].bit(k)<<6 | d[7].bit(k)<<7
		word |= eight << i
	}
	return word
}

// bit makes a decision. Its slot was checked when the forest was laid out.
func (d *decision) bit(keys unsafe.Pointer) uint64 {
	bit := uint64(0)
	if *(*int64)(unsafe.Add(keys, d.slot*8)) >= d.key {
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
