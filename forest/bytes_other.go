//go:build !amd64 || purego

package forest

import (
	"math"
	"math/bits"
	"unsafe"
)

// The kernels that compare bytes, in Go. No machine is faster by them than by the lockstep; they say what the
// assembly does, and tests hold them to the plain walk where there is no assembly.

func hasBytes() bool { return false }

func rankSmall(slots *rankSlot32, sources *uint32, n int, keys *int64, row *rankRow) {
	for i, slot := range unsafe.Slice(slots, n) {
		source := unsafe.Slice(sources, n)[i]
		key := *(*int64)(unsafe.Add(unsafe.Pointer(keys), 8*uintptr(source)))
		row.ranks[i] = slot.rank(int32(key >> 32))
	}
}

func rankLarge(slots *rankSlot64, sources *uint32, n int, keys *int64, row *rankRow) {
	for i, slot := range unsafe.Slice(slots, n) {
		source := unsafe.Slice(sources, n)[i]
		row.ranks[i] = slot.rank(*(*int64)(unsafe.Add(unsafe.Pointer(keys), 8*uintptr(source))))
	}
}

func (s *rankSlot[K]) rank(key K) uint8 {
	sixteens := 0
	for _, pivot := range s.pivots {
		if key >= pivot {
			sixteens++
		}
	}
	rank := 16 * sixteens
	for _, cut := range s.cuts[rank : rank+16] {
		if key >= cut {
			rank++
		}
	}
	return uint8(min(rank, 255))
}

func decideBytes(blocks *byteBlock, n int, row *rankRow, words *uint64) {
	for i := range unsafe.Slice(blocks, n) {
		unsafe.Slice(words, n)[i] = unsafe.Slice(blocks, n)[i].decide(row)
	}
}

// decide returns the bits of the splits that a row's rank is not below.
func (b *byteBlock) decide(row *rankRow) (word uint64) {
	for i, slot := range b.slot {
		if row.ranks[slot] >= b.rank[i] {
			word |= 1 << i
		}
	}
	return word
}

// maskLeaf returns the number of the leaf that a row reaches.
func maskLeaf(tree *byteBlock, row *rankRow) int {
	decisions, at := tree.decide(row), 1
	for at < 64 {
		at = 2*at + int(decisions>>maskBit(at)&1)
	}
	return at - 64
}

func maskWalk(trees *byteBlock, leaves *[64]uint32, n int, row *rankRow, payloads *uint32) {
	for i := range n {
		unsafe.Slice(payloads, n)[i] = unsafe.Slice(leaves, n)[i][maskLeaf(&unsafe.Slice(trees, n)[i], row)]
	}
}

func maskSum32(trees *byteBlock, leaves *[64]uint32, n int, row *rankRow, sum float32) float32 {
	for i := range n {
		sum += math.Float32frombits(unsafe.Slice(leaves, n)[i][maskLeaf(&unsafe.Slice(trees, n)[i], row)])
	}
	return sum
}

func maskSum64(trees *byteBlock, leaves *[64]float64, n int, row *rankRow, sum float64) float64 {
	for i := range n {
		sum += unsafe.Slice(leaves, n)[i][maskLeaf(&unsafe.Slice(trees, n)[i], row)]
	}
	return sum
}

// leaf returns the place of the leaf that a row reaches.
func (t *sieveTree) leaf(row *rankRow) int {
	away := t.decide(row) ^ t.flip
	left := ^away
	for i, runs := range t.runs {
		left &= (runs + away&t.starts[i]) | ^runs
	}
	return bits.LeadingZeros64(left) % 64
}

func sieveWalk(trees *sieveTree, leaves *[64]uint32, n int, row *rankRow, payloads *uint32) {
	for i := range n {
		unsafe.Slice(payloads, n)[i] = unsafe.Slice(leaves, n)[i][unsafe.Slice(trees, n)[i].leaf(row)]
	}
}

func sieveSum32(trees *sieveTree, leaves *[64]uint32, n int, row *rankRow, sum float32) float32 {
	for i := range n {
		sum += math.Float32frombits(unsafe.Slice(leaves, n)[i][unsafe.Slice(trees, n)[i].leaf(row)])
	}
	return sum
}

func sieveSum64(trees *sieveTree, leaves *[64]float64, n int, row *rankRow, sum float64) float64 {
	for i := range n {
		sum += unsafe.Slice(leaves, n)[i][unsafe.Slice(trees, n)[i].leaf(row)]
	}
	return sum
}
