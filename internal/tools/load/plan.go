package load

import (
	"math"
	"sort"
	"time"
)

// plan fixes when each request is due: first the warm-up at the first rate, then the ramp, then its last
// rate to the end. Due times are computed from the request's number, so that no error piles up and
// nothing needs to be kept.
type plan struct {
	Ramp
	warmup, length time.Duration // length is of the whole, warm-up included
	warm           int64         // requests of the warm-up
	ramped         float64       // requests of the ramp
}

func newPlan(o Options) plan {
	p := plan{Ramp: o.Ramp, warmup: o.Warmup, length: o.Warmup + o.Duration}
	p.warm = int64(math.Ceil(p.From * p.warmup.Seconds()))
	p.ramped = (p.From + p.To) / 2 * p.Over.Seconds()
	return p
}

// at returns when request n is due, after the start, and whether it is due at all.
func (p plan) at(n int64) (due time.Duration, ok bool) {
	if n < p.warm {
		return seconds(float64(n) / p.From), true
	}
	x := float64(n - p.warm)
	t := p.Over.Seconds() + (x-p.ramped)/p.To
	if x < p.ramped {
		// After t seconds of the ramp From·t + slope·t²/2 requests are due; this is its inverse, in the
		// form that bears a slope of zero.
		slope := (p.To - p.From) / p.Over.Seconds()
		t = 2 * x / (p.From + math.Sqrt(max(p.From*p.From+2*slope*x, 0)))
	}
	due = p.warmup + seconds(t)
	return due, due < p.length
}

// dueBy returns how many requests are due before t.
func (p plan) dueBy(t time.Duration) int64 {
	t = min(t, p.length)
	most := int(max(p.From, p.To)*t.Seconds()) + 2
	return int64(sort.Search(most, func(n int) bool {
		due, _ := p.at(int64(n))
		return due >= t
	}))
}

// rate returns the requests a second that are due around t.
func (p plan) rate(t time.Duration) float64 {
	t -= p.warmup
	switch {
	case t <= 0:
		return p.From
	case t >= p.Over:
		return p.To
	}
	return p.From + (p.To-p.From)*t.Seconds()/p.Over.Seconds()
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * 1e9)) }
