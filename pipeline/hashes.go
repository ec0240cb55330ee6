package pipeline

import "math/bits"

// Hashes finds the row of a hash. A hash stands near the place that its highest bits say; the few that find that
// crowded, as many may where a file was made to, stand in a map.
type Hashes struct {
	places  []place
	shift   uint8
	crowded map[uint64]int32

	least, most int32 // rows that hashes were given; most is -1 when none was
}

// A place has a hash, and its row plus one: 0 where there is none.
type place struct {
	hash uint64
	row  int32
}

// crowd is how far from its place a hash may stand.
const crowd = 16

// NewHashes returns room for n hashes, and a little more.
func NewHashes(n int) *Hashes {
	size := bits.Len(uint(max(n, 1))) + 1 // at most half of the places are taken
	return &Hashes{places: make([]place, 1<<size+crowd), shift: uint8(64 - size), most: -1}
}

// Put gives a hash a row, which is not negative. The last one counts.
func (h *Hashes) Put(hash uint64, row int32) {
	if h.most == -1 || row < h.least {
		h.least = row
	}
	h.most = max(h.most, row)
	first := hash >> h.shift
	for i := range h.places[first : first+crowd] {
		p := &h.places[first:][i]
		if p.row == 0 || p.hash == hash {
			*p = place{hash, row + 1}
			return
		}
	}
	if h.crowded == nil {
		h.crowded = map[uint64]int32{}
	}
	h.crowded[hash] = row
}

// find returns the row of a hash.
func (h *Hashes) find(hash uint64) (row int32, ok bool) {
	first := hash >> h.shift
	near := h.places[first : first+crowd]
	for i := range near {
		switch p := &near[i]; {
		case p.row == 0:
			return 0, false
		case p.hash == hash:
			return p.row - 1, true
		}
	}
	row, ok = h.crowded[hash]
	return row, ok
}
