package window

import "math/bits"

// hash returns the hash in entry i.
func (v *view) hash(i, at int) int64 { return get64(v.b, v.at(i)+at) }

// seen returns whether an entry at [from, to) other than i has the hash h.
func (v *view) seen(h int64, at, i, from, to int) bool {
	p := v.at(from) + at
	for j := from; j < to; j++ {
		if get64(v.b, p) == h && j != i {
			return true
		}
		p += v.l.size
	}
	return false
}

// vary follows the hash of entry i as it joins (sign 1) or leaves (−1) those at [from, to).
func (v *view) vary(y *variety, i, from, to, sign int) {
	n := get24(v.b, y.distinct)
	if n == unknown24 {
		return
	}
	h := v.hash(i, y.at)
	if h == Missing || v.seen(h, y.at, i, from, to) {
		return
	}
	put24(v.b, y.distinct, n+sign)
}

// distinct returns how many different hashes there are at [from, to).
func (v *view) distinct(y *variety, from, to int) int {
	n := get24(v.b, y.distinct)
	if n == unknown24 {
		n = v.countDistinct(y.at, from, to)
		put24(v.b, y.distinct, n)
	}
	return n
}

// countDistinct counts with a table that is at most half full.
func (v *view) countDistinct(at, from, to int) int {
	var small [256]uint64
	if to-from <= len(small)/2 {
		return v.fill(small[:], at, from, to)
	}
	size := 1 << bits.Len(uint(2*(to-from)))
	held, _ := v.l.recounts.Get().(*[]uint64)
	if held == nil || len(*held) < size {
		table := make([]uint64, size)
		held = &table
	}
	defer v.l.recounts.Put(held)
	table := (*held)[:size]
	clear(table)
	return v.fill(table, at, from, to)
}

// fill puts the hashes into an empty table, whose size is a power of two, and returns how many are different.
func (v *view) fill(table []uint64, at, from, to int) int {
	n, mask, shift := 0, uint64(len(table)-1), 64-bits.TrailingZeros(uint(len(table)))
	for i := from; i < to; i++ {
		h := uint64(v.hash(i, at)) ^ 1<<63 // Missing becomes 0, which is an empty place
		if h == 0 {
			continue
		}
		k := h * 0x9e3779b97f4a7c15 >> shift
		for table[k] != h && table[k] != 0 {
			k = (k + 1) & mask
		}
		if table[k] == 0 {
			table[k] = h
			n++
		}
	}
	return n
}
