//go:build !race

package rfc3339_test

import (
	"testing"

	"github.com/besra-ml/besra/internal/rfc3339"
)

func TestNothingIsAllocated(t *testing.T) {
	text := []byte("2026-11-27T00:00:01.250+01:00")
	buf := make([]byte, 0, 32)
	n := testing.AllocsPerRun(100, func() {
		ms, _ := rfc3339.Parse(text)
		buf = rfc3339.Append(buf[:0], ms)
	})
	if n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
