//go:build !race

package admit_test

import "testing"

func TestAdmissionAllocatesNothing(t *testing.T) {
	for name, h := range houses(t) {
		calls := h.calls()
		h.through(t, calls, 2*len(calls))
		if n := testing.AllocsPerRun(100, func() { h.through(t, calls, 100) }); n > 0 {
			t.Errorf("%s: %v allocations for 100 calls", name, n)
		}
	}
}
