//go:build !race

package outcome

import "testing"

func TestPutTakesNoMemoryOnceItsPartIsUsedAgain(t *testing.T) {
	const bound = 2 << 20
	table := open(t, Options{Bytes: bound})
	keys := make([]Key, 40_000)
	for n := range keys {
		keys[n] = keyOf(n)
	}
	r, n := benchRecord(0), 0
	put := func() {
		table.Put(keys[n%len(keys)], 0, &r)
		n++
	}
	for table.Stats().Dropped < 20_000 {
		put()
	}
	if allocs := testing.AllocsPerRun(20_000, put); allocs != 0 {
		t.Errorf("%v allocations for a Put", allocs)
	}
}
