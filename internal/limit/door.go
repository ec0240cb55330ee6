package limit

import (
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A door lets in what can be worked off in time, by how long those who come wait for a processor.
//
// A goroutine of net/http that has begun to work goes on until it is done, so whoever is counted when work begins
// is alone: the queue is one of goroutines that have not yet said that they are there. Therefore each request steps
// back once before its work. All that are ready come to the door first, and the time until it is its turn is the
// queue, measured.
//
// A burst may queue for long: it will be over. When somebody has waited for longer than a burst may take, more is
// asked for than can be done, and from then on the queue is kept as short as keeps the processors busy, until less
// is asked for.
type door struct {
	processors int64
	now        func() time.Time
	yield      func()
	epoch      time.Time
	limit      *telemetry.Gauge

	work     mean         // how long those who were let in took
	let      atomic.Int64 // let in since the start
	classes  [2]class     // by priority
	busy     atomic.Int64 // ns of work in this window
	letThen  atomic.Int64 // let in when it began
	windowed atomic.Int64 // when it began, ns after epoch
}

// A class is how those of one priority are let in.
type class struct {
	target, burst time.Duration
	crowded       atomic.Int64 // ns that one may wait, since more is asked for than can be done; 0: it is not
	refused       atomic.Int64 // in this window
}

const (
	defaultTarget = 2 * time.Millisecond
	defaultBurst  = 30 * time.Millisecond
	window        = 100 * time.Millisecond // in which it is judged whether a crowd is gone
	batchPart     = 4                      // those who yield may wait for this part of what others may
	fewInBurst    = 10                     // so many come at once now and then, however long each takes
	full          = 0.95                   // of what can be done; below, all can be let in
	around        = 25 * time.Microsecond  // what a request takes besides its work, let in or not
)

func newDoor(o Options, processors int) (*door, error) {
	if o.Target == 0 {
		o.Target = defaultTarget
	}
	if o.Burst == 0 {
		o.Burst = max(defaultBurst, o.Target)
	}
	if o.Target < 0 || o.Burst < o.Target {
		return nil, fmt.Errorf("limit: want a target above 0 and a burst from it, got %v and %v", o.Target, o.Burst)
	}
	d := &door{
		processors: int64(processors), now: o.Now, yield: runtime.Gosched, epoch: o.Now(),
		limit: o.Metrics.ConcurrencyLimit,
	}
	d.classes[identity.Interactive].target, d.classes[identity.Interactive].burst = o.Target, o.Burst
	d.classes[identity.Batch].target, d.classes[identity.Batch].burst = o.Target/batchPart, o.Burst/batchPart
	return d, nil
}

func (d *door) enter(came time.Time, p identity.Priority) (time.Time, bool) {
	if !d.work.worthWaiting() {
		d.let.Add(1)
		return came, true
	}
	ticket := d.let.Load()
	for range steps(p) {
		d.yield()
	}
	turn := d.now()
	return turn, d.judge(turn, turn.Sub(came), d.let.Load()-ticket, p)
}

// steps is how often a request steps back: those who yield once more, so that all others who have come go first.
func steps(p identity.Priority) int { return 1 + int(p) }

// judge decides on a request whose turn it is, after it waited while so many others were let in.
//
// It is refused when it waited too long, and for work: not when so few were let in meanwhile that something else
// must have kept the processor, as another process does.
func (d *door) judge(turn time.Time, waited time.Duration, others int64, p identity.Priority) bool {
	d.look(turn)
	c := &d.classes[p]
	yields := p == identity.Batch && d.classes[identity.Interactive].crowded.Load() > 0
	forWork := d.each() * time.Duration(others)
	if !yields && min(waited, forWork) <= d.allowed(c) {
		d.let.Add(1)
		return true
	}
	c.refused.Add(1)
	if !yields && c.crowded.Load() == 0 {
		d.crowd(turn, p)
	}
	return false
}

// each is how much longer one more request makes the queue.
func (d *door) each() time.Duration { return d.work.value() / time.Duration(d.processors) }

// allowed is how long a request of the class may wait.
func (d *door) allowed(c *class) time.Duration {
	if wait := c.crowded.Load(); wait > 0 {
		return time.Duration(wait)
	}
	return min(max(c.burst, fewInBurst*d.each()), 2*c.burst)
}

// crowd says that more is asked for than can be done. Where that is so for some, it is so for those who yield.
func (d *door) crowd(now time.Time, p identity.Priority) {
	at := int64(now.Sub(d.epoch))
	d.begin(d.windowed.Swap(at), at)
	for i := int(p); i < len(d.classes); i++ {
		d.classes[i].crowded.Store(int64(d.classes[i].target))
	}
	d.tell()
}

// begin begins a window and returns what was in the one before.
func (d *door) begin(began, at int64) (elapsed, busy, let float64, refused [2]float64) {
	n := d.let.Load()
	let, busy = float64(n-d.letThen.Swap(n)), float64(d.busy.Swap(0))
	for i := range d.classes {
		refused[i] = float64(d.classes[i].refused.Swap(0))
	}
	return float64(at - began), busy, let, refused
}

func (d *door) leave(begun, now time.Time) {
	took := now.Sub(begun)
	d.work.observe(took)
	d.busy.Add(int64(took))
	d.look(now)
}

func (d *door) crowded() bool { return d.classes[identity.Batch].crowded.Load() > 0 }

// look judges, once a window, by what was asked for in it, let in or not, and by what that would have taken.
// When it would have fitted, the crowd is gone. Else the queue may be the shorter the larger the crowd: somebody
// is always next.
func (d *door) look(now time.Time) {
	began, at := d.windowed.Load(), int64(now.Sub(d.epoch))
	if at-began < int64(window) || !d.windowed.CompareAndSwap(began, at) {
		return
	}
	elapsed, busy, let, refused := d.begin(began, at)
	asked := let
	for i := range d.classes { // whoever yields does not count for those before
		asked += refused[i]
		offered := (busy + asked*float64(around)) / (elapsed * float64(d.processors)) * asked / max(let, 1)
		c := &d.classes[i]
		switch {
		case c.crowded.Load() == 0:
		case refused[i] == 0 || offered < full:
			c.crowded.Store(0)
		default:
			c.crowded.Store(int64(float64(c.target) / max(offered, 1)))
		}
	}
	d.tell()
}

// tell sets the gauge: how many can be worked off within the wait that is allowed.
func (d *door) tell() {
	if work := d.work.value(); work > 0 {
		c := &d.classes[identity.Interactive]
		d.limit.Set(math.Ceil(float64(d.processors) * float64(d.allowed(c)) / float64(work)))
	}
}
