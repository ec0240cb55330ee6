package lightgbm

import (
	"math"

	"github.com/besra-ml/besra/forest"
)

// readSets reads the category sets of a tree: a list of 32-bit words, and where each set begins in it.
func (t *treeReader) readSets(n int) error {
	if n == 0 {
		return nil
	}
	bounds, err := t.list(catBoundaries, n+1)
	if err != nil {
		return err
	}
	words, err := t.need(catThreshold)
	if err != nil {
		return err
	}
	total := words.count()
	src := words.values(keyNames[catThreshold], total)
	all := make([]uint64, (total+n+1)/2)
	if begin := bounds.int(0, 0); begin != 0 {
		bounds.fail("the first is %d, not 0", begin)
	}
	at := int64(0)
	for range n {
		end := bounds.int(at, int64(total))
		if bounds.err != nil {
			break
		}
		size := (end - at + 1) / 2
		bits := all[:size:size]
		all = all[size:]
		for i := range end - at {
			bits[i/2] |= uint64(src.int(0, math.MaxUint32)) << (i % 2 * 32)
		}
		at = end
		t.sets = append(t.sets, trimmed(bits))
	}
	if at < int64(total) {
		bounds.fail("the last is %d, but cat_threshold has %d words", at, total)
	}
	if err := bounds.close(); err != nil {
		return err
	}
	if err := src.close(); err != nil {
		return err
	}
	return nil
}

// trimmed returns a set without the empty words at its ends.
func trimmed(bits []uint64) forest.Set {
	begin, end := 0, len(bits)
	for begin < end && bits[begin] == 0 {
		begin++
	}
	for end > begin && bits[end-1] == 0 {
		end--
	}
	return forest.Set{First: uint32(begin), Bits: bits[begin:end], Cast: forest.TruncateInt32}
}
