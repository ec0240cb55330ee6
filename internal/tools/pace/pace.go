// Package pace waits: it wakes a sender when its next requests are due, to within some 50 µs on Linux.
package pace

import (
	"context"
	"time"
)

// tick is the shortest wait: requests that are due within one are sent together. It keeps the clock's
// own cost to a few per cent of a core at any rate.
const tick = 500 * time.Microsecond

// rounding is how much later than asked a timer of the runtime may end: an idle Go program on Linux waits
// in whole milliseconds. Beyond it the runtime's timer is used, which can be interrupted.
const rounding = 2 * time.Millisecond

// Wait returns after d, or a tick if that is longer, or when ctx ends.
func (p *Pacer) Wait(ctx context.Context, d time.Duration) {
	until := time.Now().Add(max(d, tick))
	if d > 2*rounding {
		select {
		case <-time.After(d - rounding):
		case <-ctx.Done():
			return
		}
	}
	if rest := time.Until(until); rest > 0 {
		p.sleep(rest)
	}
}
