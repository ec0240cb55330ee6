package limit

import (
	"fmt"
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// TimeoutHeader is in which header a client says how long it will wait, in milliseconds.
const TimeoutHeader = "X-Request-Timeout-Ms"

// Deadline returns until when a request that came at now is answered: within what its header says, and within
// limit. An empty header says nothing. What it says is whole milliseconds from 1; more than limit is limit.
func Deadline(now time.Time, header string, limit time.Duration) (time.Time, error) {
	if header == "" {
		return now.Add(limit), nil
	}
	var ms int64
	for _, c := range []byte(header) {
		if c < '0' || c > '9' {
			return time.Time{}, badTimeout(header)
		}
		ms = min(ms*10+int64(c-'0'), math.MaxInt32) // 24 days: more than any limit
	}
	if ms == 0 {
		return time.Time{}, badTimeout(header)
	}
	return now.Add(min(time.Duration(ms)*time.Millisecond, limit)), nil
}

func badTimeout(header string) error {
	return fmt.Errorf("%s: want whole milliseconds, from 1, got %.20q", TimeoutHeader, header)
}

// An Estimate is how long work takes, by what it took before: for each size, in powers of two, a moving mean of
// the time a row. It never estimates more than what was seen says. The zero Estimate knows nothing.
//
// Its methods may be called from many goroutines. Of two observations at once, one may be lost.
type Estimate struct {
	perRow [sizes]atomic.Uint64 // bits of a float64, ns; 0: not known
}

const (
	sizes        = 24     // the largest is of 8 million rows and more
	estimateGain = 1. / 8 // of a new observation
	forgetting   = 1. / 32
)

func sizeOf(rows int) int { return min(bits.Len(uint(max(rows, 1)))-1, sizes-1) }

// Observe takes note that work on so many rows took so long.
func (e *Estimate) Observe(rows int, took time.Duration) {
	cell := &e.perRow[sizeOf(rows)]
	now := max(float64(took), 1) / float64(max(rows, 1))
	if was := math.Float64frombits(cell.Load()); was > 0 {
		now = was + (now-was)*estimateGain
	}
	cell.Store(math.Float64bits(now))
}

// For returns how long work on so many rows will take at least, or 0 when nothing is known.
//
// Each answer is forgotten a little. So work that was never begun, since once it took too long, is tried again
// after some dozens of requests.
func (e *Estimate) For(rows int) time.Duration {
	rows = max(rows, 1)
	size := sizeOf(rows)
	if perRow := e.ask(size); perRow > 0 {
		return time.Duration(perRow * float64(rows))
	}
	// More rows take at least as long as fewer, and a row among fewer at least as long as one among more.
	for below := size - 1; below >= 0; below-- {
		if perRow := e.ask(below); perRow > 0 {
			return time.Duration(perRow * float64(int(1)<<below))
		}
	}
	for above := size + 1; above < sizes; above++ {
		if perRow := e.ask(above); perRow > 0 {
			return time.Duration(perRow * float64(rows))
		}
	}
	return 0
}

// Single returns how long work on a single row takes, as Observe has seen it; 0: nobody has.
func (e *Estimate) Single() time.Duration {
	return time.Duration(math.Float64frombits(e.perRow[0].Load()))
}

func (e *Estimate) ask(size int) float64 {
	cell := &e.perRow[size]
	perRow := math.Float64frombits(cell.Load())
	if perRow > 0 {
		cell.Store(math.Float64bits(perRow * (1 - forgetting)))
	}
	return perRow
}
