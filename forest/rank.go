package forest

import "slices"

// Kernels that compare bytes see a key as its rank among the thresholds of its slot: x is below the k-th of them
// when at most k-1 are not above x. That loses nothing, whatever the width of the column, and one instruction then
// compares sixty-four. A slot with more thresholds than a byte counts becomes several.

// What bytes hold at most.
const (
	rankSlots = 256 // of a row: what four registers of 64 bytes hold
	fewSlots  = 128 // what two hold, which is quicker
	rankCuts  = 255 // of a slot; rank 0 is below all of them, rank 255 not below any
)

// rankRow is a row as these kernels read it.
type rankRow struct {
	ranks [rankSlots]uint8 //nolint:unused // by assembly
	many  bool             // they are more than fewSlots
}

// ranks is how a row of keys becomes bytes.
type ranks struct {
	cuts  [][]int64 // for each slot of a row of keys, its thresholds in ascending order
	first []int     // for each slot of a row of keys, the first of those that rank it

	sources []uint32     // for each slot of a rankRow, the key that it ranks
	small   []rankSlot32 // its thresholds; small where keys are those of float32 and stand in the upper half
	large   []rankSlot64
}

// A rankSlot has thresholds in ascending order, and above them others that no number reaches. The pivots are the
// last of each sixteen.
type (
	rankSlot[K int32 | int64] struct {
		pivots [16]K
		cuts   [17 * 16]K
	}
	rankSlot32 = rankSlot[int32]
	rankSlot64 = rankSlot[int64]
)

// cutsOf returns the thresholds of all splits, by their slots in a row of keys.
func cutsOf(f *Forest, p *program) [][]int64 {
	cuts := make([][]int64, p.keys())
	for i := range f.Trees {
		for n := range f.Trees[i].splits() {
			key, slot := p.compare(f, n)
			cuts[slot] = append(cuts[slot], key)
		}
	}
	return cuts
}

// newRanks returns how rows are ranked among thresholds, or nil when they do not fit, or there are none.
func newRanks(p *program, cuts [][]int64) *ranks {
	r := &ranks{cuts: cuts}
	each(len(r.cuts), func(slot int) {
		slices.Sort(r.cuts[slot])
		r.cuts[slot] = slices.Clone(slices.Compact(r.cuts[slot])) // there may have been many more
	})
	r.first = make([]int, len(r.cuts))
	for slot, cuts := range r.cuts {
		r.first[slot] = len(r.sources)
		for range (len(cuts) + rankCuts - 1) / rankCuts {
			r.sources = append(r.sources, uint32(slot))
		}
		if len(r.sources) > rankSlots {
			return nil
		}
	}
	if len(r.sources) == 0 {
		return nil
	}
	if p.narrow {
		r.small = make([]rankSlot32, 0, len(r.sources))
	} else {
		r.large = make([]rankSlot64, 0, len(r.sources))
	}
	for _, cuts := range r.cuts {
		for part := range slices.Chunk(cuts, rankCuts) {
			if p.narrow {
				r.small = append(r.small, newRankSlot[int32](part, 1<<31-1))
			} else {
				r.large = append(r.large, newRankSlot[int64](part, 1<<63-1))
			}
		}
	}
	return r
}

// newRankSlot returns a slot with these thresholds; beyond is above the key of every number.
func newRankSlot[K int32 | int64](cuts []int64, beyond K) (s rankSlot[K]) {
	for i := range s.cuts {
		s.cuts[i] = beyond
		if i < len(cuts) {
			s.cuts[i] = K(cuts[i])
		}
	}
	for i := range s.pivots {
		s.pivots[i] = s.cuts[16*i+15]
	}
	return s
}

// of returns what a comparison with key in a slot of keys becomes: a value is not below it when the byte in slot
// is not below rank.
func (r *ranks) of(key int64, slot int) (byteSlot, rank uint8) {
	at, _ := slices.BinarySearch(r.cuts[slot], key)
	return uint8(r.first[slot] + at/rankCuts), uint8(at%rankCuts + 1)
}

// fill ranks a row of keys.
func (r *ranks) fill(row *rankRow, keys []int64) {
	row.many = len(r.sources) > fewSlots
	if r.small != nil {
		rankSmall(&r.small[0], &r.sources[0], len(r.sources), &keys[0], row)
	} else {
		rankLarge(&r.large[0], &r.sources[0], len(r.sources), &keys[0], row)
	}
}
