package telemetry

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestNativeBuckets(t *testing.T) {
	check := func(v float64) {
		i := nativeBucket(v)
		lower := 0.0
		if i > 0 {
			lower = NativeEnd(i - 1)
		}
		if v > NativeEnd(i) || i > 0 && v <= lower {
			t.Errorf("%v is in bucket %d, from %v to %v", v, i, lower, NativeEnd(i))
		}
	}
	for i := range nativeCount {
		end := NativeEnd(i)
		check(end)
		check(math.Nextafter(end, 0))
		check(math.Nextafter(end, math.Inf(1)))
	}
	for i := range nativeCount - 1 {
		if got, want := NativeEnd(i), math.Exp2(NativeLowest+float64(i)/perOctave); math.Abs(got/want-1) > 1e-15 {
			t.Errorf("bucket %d ends at %v, want %v", i, got, want)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		check(math.Exp(r.Float64()*40 - 25))
	}
	for _, v := range []float64{0, -1, 1e-300, 1e300, math.MaxFloat64} {
		check(max(v, 0))
	}

	m := New(Options{})
	h := newNativeHistogram(m.InFlight.c.shards, requestBounds())
	for range 1000 {
		h.Observe(math.Exp(r.Float64()*40 - 25))
	}
	b, n := h.Buckets(), uint64(0)
	for _, c := range b.Native {
		n += c
	}
	if n != b.Count || n != 1000 {
		t.Errorf("%d in native buckets, %d in all", n, b.Count)
	}
}
