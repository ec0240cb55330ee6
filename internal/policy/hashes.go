package policy

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// A key is a keyed hash as two numbers, most significant first.
type key struct{ hi, lo uint64 }

func (a key) compare(b key) int {
	if a.hi != b.hi {
		return cmp.Compare(a.hi, b.hi)
	}
	return cmp.Compare(a.lo, b.lo)
}

// hashes is a set of hashes: sorted, with an index by their leading bits. Keyed hashes are uniform, so that a
// look-up reads one place of the index and one or two hashes that lie together; others are found as surely, in
// logarithmic time. A hash takes 16 bytes, and up to 4 in the index.
type hashes struct {
	sorted []key
	shift  int      // of hi, to its place in the index
	index  []uint32 // where the hashes of each place begin, and the end
}

// perPlace is how many hashes share a place of the index, at most, when they are uniform.
const perPlace = 2

// lineSize is the least that a hash takes in a file.
const lineSize = 33

// newHashes returns room for the hashes of a file of size bytes.
func newHashes(size int64) []key {
	if size < 0 {
		return nil
	}
	return make([]key, 0, min((size+1)/lineSize, maxLines))
}

// sortHashes makes a set of all, whose memory it keeps.
func sortHashes(all []key) hashes {
	slices.SortFunc(all, key.compare)
	all = slices.Compact(all)
	if len(all) < cap(all)/4*3 {
		all = slices.Clone(all) // a file of comments or repeats
	}
	places := bits.Len(uint(len(all) / perPlace))
	s := hashes{sorted: all, shift: 64 - places, index: make([]uint32, 1<<places+1)}
	for _, h := range all {
		s.index[h.hi>>s.shift+1]++
	}
	for i := range 1 << places {
		s.index[i+1] += s.index[i]
	}
	return s
}

func (s *hashes) has(hash [16]byte) bool {
	if len(s.sorted) == 0 {
		return false
	}
	k := key{binary.BigEndian.Uint64(hash[:8]), binary.BigEndian.Uint64(hash[8:])}
	place := k.hi >> s.shift
	from, to := s.index[place], s.index[place+1]
	for from < to {
		mid := from + (to-from)/2
		switch h := s.sorted[mid]; {
		case h == k:
			return true
		case h.hi < k.hi || h.hi == k.hi && h.lo < k.lo:
			from = mid + 1
		default:
			to = mid
		}
	}
	return false
}

// parseHash reads 32 lower-case hexadecimal digits.
func parseHash(text []byte) (k key, ok bool) {
	if len(text) != 32 {
		return key{}, false
	}
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return key{}, false
		}
		if i < 16 {
			k.hi = k.hi<<4 | uint64(c)
		} else {
			k.lo = k.lo<<4 | uint64(c)
		}
	}
	return k, true
}
