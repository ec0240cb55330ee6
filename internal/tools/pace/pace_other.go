//go:build !linux

package pace

import "time"

// A Pacer sleeps by the runtime's timers.
type Pacer struct{}

// New returns a pacer, for one goroutine.
func New() (*Pacer, error)           { return &Pacer{}, nil }
func (*Pacer) sleep(d time.Duration) { time.Sleep(d) }

// Close gives the timer back.
func (*Pacer) Close() {}
