package limit

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/besra-ml/besra/internal/identity"
)

// A line is for long work, such as a batch of events. It does not come to the door: there everybody has about as much
// to do, and is in time for a promise of milliseconds. Long work has a promise of its own, of seconds. It waits until
// one of a few places is free, as many as there are processors, and besides it the short work goes on.
type line struct {
	places  chan struct{}
	present atomic.Int64 // in line, at a place, or on the way
	most    int64
}

const (
	presentBase = 16              // so many may be present, whatever the machine: each may hold a body in memory
	presentEach = 8               // and so many more for each processor
	linePart    = 4               // part of the time until its deadline that somebody stands in line
	lineWait    = 2 * time.Second // where there is no deadline
)

func newLine(processors int) *line {
	return &line{places: make(chan struct{}, processors), most: presentBase + presentEach*int64(processors)}
}

// come lets one more in, unless there are too many.
func (l *line) come() bool {
	if l.present.Add(1) > l.most {
		l.present.Add(-1)
		return false
	}
	return true
}

// wait waits for a place, for a part of the time that is left until the deadline; those who yield for less. ok is
// false when there was none in time, or ctx has ended.
func (l *line) wait(ctx context.Context, now, deadline time.Time, p identity.Priority) (ok bool) {
	select {
	case l.places <- struct{}{}:
		return true
	default:
	}
	patience := lineWait
	if !deadline.IsZero() {
		patience = deadline.Sub(now) / linePart
	}
	if p == identity.Batch {
		patience /= batchPart
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case l.places <- struct{}{}:
		return true
	case <-late.C:
	case <-ctx.Done():
	}
	return false
}

// crowded reports whether somebody has to wait. A nil line is never crowded.
func (l *line) crowded() bool { return l != nil && l.present.Load() > int64(cap(l.places)) }

// free gives a place back.
func (l *line) free() { <-l.places }

// leave ends a visit.
func (l *line) leave() { l.present.Add(-1) }
