//go:build !race

package score

import (
	"context"
	"testing"

	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/telemetry"
)

// The race detector allocates by itself.
func TestScoringAllocatesNothing(t *testing.T) {
	metrics := telemetry.New(telemetry.Options{})
	m := model(t, "binary-logistic-3.2.0/model.ubj", &policy.Policy{Review: 0.5, Decline: 0.9})
	s := Measured(Direct(), metrics)
	b := scored(t, m, s, resized(rows, 5)...)
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() {
		b.Reset(m, 3)
		_ = s.Score(ctx, b)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
