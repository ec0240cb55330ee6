package pace

import (
	"context"
	"testing"
	"time"
)

func TestWaitIsNeverShort(t *testing.T) {
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, d := range []time.Duration{-time.Second, 0, tick / 2, 3 * time.Millisecond, 12 * time.Millisecond} {
		begun := time.Now()
		p.Wait(t.Context(), d)
		if took := time.Since(begun); took < max(d, tick) {
			t.Errorf("waiting for %v took %v", d, took)
		}
	}
}

func TestALongWaitEndsWithItsContext(t *testing.T) {
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begun := time.Now()
	p.Wait(ctx, time.Hour)
	if time.Since(begun) > time.Minute {
		t.Error("it did not")
	}
}
