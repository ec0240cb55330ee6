package limit

import (
	"sync/atomic"
	"time"

	"github.com/besra-ml/besra/internal/identity"
)

// open is a gate that lets everybody in.
type open struct{}

func (open) enter(came time.Time, _ identity.Priority) (time.Time, bool) { return came, true }
func (open) leave(time.Time, time.Time)                                  {}
func (open) crowded() bool                                               { return false }

// A turnstile lets in a number of requests at once, and half as many of those who yield.
type turnstile struct {
	most     int64
	inFlight atomic.Int64
	now      func() time.Time
	yield    func()
	work     mean
}

func (t *turnstile) enter(came time.Time, p identity.Priority) (time.Time, bool) {
	most := t.most
	if p == identity.Batch {
		most = max(most/2, 1)
	}
	if t.inFlight.Add(1) > most {
		t.inFlight.Add(-1)
		return came, false
	}
	if !t.work.worthWaiting() {
		return came, true
	}
	t.yield() // so that those who have come are counted before work begins
	return t.now(), true
}

func (t *turnstile) leave(begun, now time.Time) {
	t.work.observe(now.Sub(begun))
	t.inFlight.Add(-1)
}

func (t *turnstile) crowded() bool { return t.inFlight.Load() >= t.most }

// A mean is the moving mean of how long work takes, from 0 on, so that a slow start counts for little. Of two who
// observe at once, one may be lost.
type mean struct{ ns atomic.Int64 }

const (
	meanWeight = 32
	// worthRefusing is how long work must take for a refusal to be much cheaper: reading a request's headers and
	// writing a short answer takes half as long.
	worthRefusing = 50 * time.Microsecond
)

func (m *mean) observe(d time.Duration) {
	was := m.ns.Load()
	m.ns.Store(was + (int64(max(d, 0))-was)/meanWeight)
}

func (m *mean) value() time.Duration { return time.Duration(m.ns.Load()) }
func (m *mean) worthWaiting() bool   { return m.value() >= worthRefusing }
