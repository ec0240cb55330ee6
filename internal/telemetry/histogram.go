package telemetry

import (
	"math"
	"sync/atomic"
	"time"
)

// A Histogram counts values in fixed buckets and keeps their sum.
type Histogram struct {
	shards *shards
	bounds []float64 // upper bounds, inclusive, ascending; one more bucket lies above the last
	first  uint64    // slot of bounds[0]
	start  []uint8   // by slot from first: the lowest bucket that a value of the slot can be in; nil: a bound is not positive
	native bool      // it has native buckets, too
	stride int
	words  []atomic.Uint64 // for each shard: the sum's float64 bits, the buckets, the native buckets, then padding
}

// slotShift leaves exponent and three bits of mantissa: eight slots to an octave. A slot overlaps few
// buckets, so the right one is found in a step or two, whatever the bounds.
const slotShift = 52 - 3

func newHistogram(s *shards, bounds []float64) *Histogram {
	h := &Histogram{shards: s, bounds: bounds, first: math.Float64bits(bounds[0]) >> slotShift}
	last := math.Float64bits(bounds[len(bounds)-1]) >> slotShift
	bucket := uint8(0)
	for slot := h.first; bounds[0] > 0 && slot <= last; slot++ {
		for bounds[bucket] < math.Float64frombits(slot<<slotShift) {
			bucket++
		}
		h.start = append(h.start, bucket)
	}
	h.size(s)
	return h
}

// newNativeHistogram has native buckets beside its own, as Prometheus has them: the same for all, and fine enough to tell
// a percentile to within 5 %.
func newNativeHistogram(s *shards, bounds []float64) *Histogram {
	h := newHistogram(s, bounds)
	h.native = true
	h.size(s)
	return h
}

// size makes room for what is counted.
func (h *Histogram) size(s *shards) {
	words := 1 + len(h.bounds) + 1
	if h.native {
		words += nativeCount
	}
	h.stride = (words + lineWords - 1) / lineWords * lineWords
	h.words = make([]atomic.Uint64, s.len()*h.stride)
}

// Observe counts v. NaN and the infinities, which would spoil the sum for good, are not counted.
func (h *Histogram) Observe(v float64) {
	if v-v != 0 || Muted {
		return
	}
	t := h.shards.get()
	words := h.words[int(t.shard)*h.stride:][:h.stride]
	words[1+h.bucket(v)].Add(1)
	if h.native {
		words[1+len(h.bounds)+1+nativeBucket(v)].Add(1)
	}
	for sum := &words[0]; ; {
		old := sum.Load()
		if sum.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			break
		}
	}
	h.shards.put(t)
}

// ObserveDuration counts d in seconds.
func (h *Histogram) ObserveDuration(d time.Duration) { h.Observe(float64(d) * 1e-9) }

// bucket returns the index of the first bound that is not below v, or len(bounds).
func (h *Histogram) bucket(v float64) int {
	if v <= h.bounds[0] {
		return 0
	}
	if v > h.bounds[len(h.bounds)-1] {
		return len(h.bounds)
	}
	i := 0
	if h.start != nil {
		i = int(h.start[math.Float64bits(v)>>slotShift-h.first])
	}
	for v > h.bounds[i] {
		i++
	}
	return i
}

// Buckets is what a histogram held when it was read.
type Buckets struct {
	Bounds []float64 // upper bounds, inclusive, ascending; shared, not to be written
	Counts []uint64  // by bucket, not cumulative; len(Bounds)+1, the last is above every bound
	Count  uint64    // the sum of Counts
	Sum    float64   // of the values
	Native []uint64  // by native bucket; nil: there are none
}

// Buckets reads the histogram. Count always agrees with Counts; values that are observed meanwhile may
// be in some parts and not yet in others.
func (h *Histogram) Buckets() Buckets {
	b := Buckets{Bounds: h.bounds, Counts: make([]uint64, len(h.bounds)+1)}
	if h.native {
		b.Native = make([]uint64, nativeCount)
	}
	for from := 0; from < len(h.words); from += h.stride {
		words := h.words[from:]
		b.Sum += math.Float64frombits(words[0].Load())
		for i := range b.Counts {
			n := words[1+i].Load()
			b.Counts[i] += n
			b.Count += n
		}
		for i := range b.Native {
			b.Native[i] += words[1+len(b.Counts)+i].Load()
		}
	}
	return b
}

func (h *Histogram) read(s *Series) {
	b := h.Buckets()
	s.Buckets = &b
}
