package forest

import "math"

// Kernels compare integers. The key of a float is an integer in the same order: neighbouring floats have
// neighbouring keys, and both zeros have key 0. With the missing value taken care of, every ordered
// comparison then is key(x) < k for some k, with the children in one order or the other.

func key32(f float32) int64 {
	u := int32(math.Float32bits(f))
	if u < 0 {
		u = math.MinInt32 - u
	}
	return int64(u)
}

func key64(f float64) int64 {
	u := int64(math.Float64bits(f))
	if u < 0 {
		u = math.MinInt64 - u
	}
	return u
}

// keyAtLeast returns the least key of a float of width w that is not below t.
func keyAtLeast(t float64, w Width) int64 {
	if w == Float64 {
		return key64(t)
	}
	k := key32(float32(t))
	if float64(float32(t)) < t {
		k++
	}
	return k
}

// keyAbove returns the least key of a float of width w that is above t.
func keyAbove(t float64, w Width) int64 {
	if w == Float64 {
		return key64(t) + 1
	}
	k := key32(float32(t))
	if float64(float32(t)) <= t {
		k++
	}
	return k
}

// A missing value becomes a key on that side of every threshold where its split sends it. A column
// therefore takes several slots in a row of keys, one for each way that the forest's splits treat what is
// missing; usually two.
const (
	slotHigh     = iota // NaN above all
	slotLow             // NaN below all
	slotZero            // NaN as 0
	slotZeroHigh        // NaN and zeros above all
	slotZeroLow         // NaN and zeros below all
	slotCount
)

// Keys beyond those of any float: of a missing value, and of the slot where leaves stay.
const (
	keyHighest = math.MaxInt64
	keyLowest  = math.MinInt64
)

// slotOf returns the slot, among its column's, that a split reads.
func slotOf(n *Node) int {
	low := n.DefaultLeft != n.turned() // what is missing goes with what is below
	switch {
	case n.Missing == NaNAsZero:
		return slotZero
	case n.Missing == ZeroAndNaN && low:
		return slotZeroLow
	case n.Missing == ZeroAndNaN:
		return slotZeroHigh
	case low:
		return slotLow
	}
	return slotHigh
}

// fillKeys writes the keys of one row: stride slots a column, then the slot of the leaves.
func fillKeys[T float32 | float64](p *program, keys []int64, row []T) {
	switch {
	case p.stride != 2 || p.cuts != nil:
		fillSlots(p, keys, row)
	case p.narrow:
		fillPairs(keys, row, float32(p.sentinel))
	case p.input == Float64:
		fillWidePairs(keys, row, p.sentinel)
	default:
		fillSlots(p, keys, row)
	}
	keys[p.leafSlot()] = keyLowest
}

// fillPairs is fillSlots where it matters most: narrow columns that have two slots each.
func fillPairs[T float32 | float64](keys []int64, row []T, sentinel float32) {
	keys = keys[:2*len(row)]
	for i, v := range row {
		x := float32(v)
		high := key32(x) << narrowShift
		low := high
		if x != x || x == sentinel {
			high, low = keyHighest, keyLowest
		}
		keys[2*i] = high
		keys[2*i+1] = low
	}
}

// fillWidePairs is the same for columns of float64.
func fillWidePairs[T float32 | float64](keys []int64, row []T, sentinel float64) {
	keys = keys[:2*len(row)]
	for i, v := range row {
		x := float64(v)
		high := key64(x)
		low := high
		if x != x || x == sentinel {
			high, low = keyHighest, keyLowest
		}
		keys[2*i] = high
		keys[2*i+1] = low
	}
}

// fillSlots fills a row of any kind.
func fillSlots[T float32 | float64](p *program, keys []int64, row []T) {
	for i, v := range row {
		x := float64(v)
		if p.input == Float32 {
			x = float64(float32(v))
		}
		k, zero := p.key(i, x), int64(0)
		absent := x != x || x == p.sentinel
		high, low, plain := k, k, k
		if absent {
			if p.cuts != nil {
				zero = p.key(i, 0)
			}
			high, low, plain = keyHighest, keyLowest, zero
		}
		slots := keys[i*p.stride:][:p.stride]
		slots[slotHigh], slots[slotLow] = high, low
		if p.stride == 2 {
			continue
		}
		slots[slotZero] = plain
		if !absent && math.Abs(x) <= ZeroLimit {
			high, low = keyHighest, keyLowest
		}
		slots[slotZeroHigh], slots[slotZeroLow] = high, low
	}
}

// key returns the key of a number in column i.
func (p *program) key(i int, x float64) int64 {
	switch {
	case p.cuts != nil:
		return int64(rank(p.cuts[i], key64(x))) << narrowShift
	case p.narrow:
		return key32(float32(x)) << narrowShift
	default:
		return key64(x)
	}
}
