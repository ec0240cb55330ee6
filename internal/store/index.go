package store

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// A slot is one place of an index. It has no pointers, so that the garbage collector passes it by.
type slot struct {
	hash    uint32 // of the key, which stands in full where the slot leads
	touched uint32 // seconds since 1970
	block   uint32 // where in its class, or in the ring
	class   uint16 // 0: the slot is empty
	group   uint16
}

const slotBytes = 16

// An index is an open-addressing hash table of slots, probed linearly. Its home places rise with the hash, so that
// it can have any size: it grows by half when three quarters are taken and shrinks at a quarter, and a removal
// moves slots back instead of leaving a mark.
type index struct {
	slots []slot
	n     int // taken
}

// hashOf takes other bits of a key than those that choose its shard.
func hashOf(key Key) uint32 { return binary.LittleEndian.Uint32(key[8:]) }

func (x *index) home(hash uint32) int {
	return int(uint64(hash) * uint64(len(x.slots)) >> 32)
}

func (x *index) next(i int) int {
	if i++; i < len(x.slots) {
		return i
	}
	return 0
}

// first returns where to look for a hash, -1 in an index without slots. From there, slots with that hash stand
// before the first empty one.
func (x *index) first(hash uint32) int {
	if len(x.slots) == 0 {
		return -1
	}
	return x.home(hash)
}

// full reports whether the index must grow before it takes another slot.
func (x *index) full() bool { return 4*(x.n+1) > 3*len(x.slots) }

// grown returns how many slots the index has when it grows.
func (x *index) grown() int { return max(12, len(x.slots)+len(x.slots)/2) }

// bytes returns what is held.
func (x *index) bytes() int64 { return int64(cap(x.slots)) * slotBytes }

// resize moves all slots to a table of at least n.
func (x *index) resize(n int) {
	old := x.slots
	x.slots = slices.Grow([]slot(nil), n)
	x.slots = x.slots[:cap(x.slots)]
	for _, s := range old {
		if s.class != 0 {
			x.place(s)
		}
	}
}

// add takes a slot for s; the index must not be full.
func (x *index) add(s slot) {
	x.place(s)
	x.n++
}

func (x *index) place(s slot) {
	i := x.home(s.hash)
	for x.slots[i].class != 0 {
		i = x.next(i)
	}
	x.slots[i] = s
}

// remove empties slot i, and moves back the slots behind it that the gap would hide.
func (x *index) remove(i int) {
	x.n--
	for gap := i; ; {
		x.slots[gap] = slot{}
		for {
			if i = x.next(i); x.slots[i].class == 0 {
				return
			}
			if !x.between(x.home(x.slots[i].hash), gap, i) {
				break
			}
		}
		x.slots[gap] = x.slots[i]
		gap = i
	}
}

// between reports whether a slot at i with this home can be found although the slot at gap is empty: whether its
// home lies behind the gap.
func (x *index) between(home, gap, i int) bool {
	if gap < i {
		return gap < home && home <= i
	}
	return gap < home || home <= i
}

// sparse reports whether most of the index is empty, and how many slots would do.
func (x *index) sparse() (int, bool) {
	return max(12, 2*x.n), len(x.slots) > 64 && 4*x.n < len(x.slots)
}

// at returns the slot that is a fraction of the way through the table, for drawing lots.
func (x *index) at(fraction uint64) int {
	i, _ := bits.Mul64(fraction, uint64(len(x.slots)))
	return int(i)
}
