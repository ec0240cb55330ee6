package plan

import (
	"time"

	"github.com/besra-ml/besra/internal/tools/scaling"
)

// A segment is a time at one rate.
type segment struct {
	seconds, rate float64 // requests a second
}

// fluid follows the means of a function's state through time, as if requests were a liquid. What chance does to it is not left
// out: around its mean each part is taken to be spread as it would be if it had been at that mean for long. So the
// requests that find no idle environment are Erlang's share of those that come, at the load that would keep as many busy
// as are busy now; and a bucket of tokens turns some away before it is quite empty.
type fluid struct {
	service Service
	start   float64 // seconds
	limits  scaling.Limits
	allowed float64

	gateway, requests, spill, making *level // nil: no limit

	now     float64
	pool    pool    // warm environments, provisioned ones too unless they have a rate of their own
	apart   bool    // they have now
	ready   pool    // those
	warm    float64 // environments on demand that have started
	births  []cohort
	unborn  float64
	sums    flows
	highest float64 // what counted against the concurrency, at most
}

// A cohort is requests that were taken in at about the same time: evenly since from.
type cohort struct {
	from, seconds float64
	amount        float64
	left          float64 // of them, the share that is still served
}

// remain returns the share of the cohort that is still served now, when all of it is served for a time besides.
func (c cohort) remain(s Service, now, besides float64) float64 {
	age := now - c.from - besides // of the oldest
	if age <= 0 {
		return 1
	}
	left := (s.spent(age) - s.spent(age-c.seconds)) / c.seconds
	if age < c.seconds { // the youngest have not begun
		left += (c.seconds - age) / c.seconds
	}
	if left < 1e-7 {
		return 0
	}
	return left
}

// flows are requests.
type flows struct {
	offered, gateway, rate, concurrency, making, cold, provisioned float64
}

// newFluid has been at a rate for so many seconds.
func newFluid(w workload, rate, settled float64) *fluid {
	f := &fluid{service: w.service, start: w.start.Seconds(), limits: w.limits, allowed: float64(w.limits.Allowed())}
	depth := w.limits.RateDepth
	if depth == 0 {
		depth = scaling.DefaultRateDepth
	}
	if l := w.limits; l.RequestRate > 0 {
		f.requests = newLevel(l.RequestRate*f.allowed, l.RequestRate*f.allowed*depth.Seconds())
		if l.ProvisionedRate && l.Provisioned > 0 {
			r := l.RequestRate * float64(l.Provisioned)
			f.spill = newLevel(r, r*depth.Seconds())
		}
	}
	if w.gateway.Rate > 0 {
		f.gateway = newLevel(w.gateway.Rate, w.gateway.Depth)
	}
	if w.limits.Burst > 0 || w.limits.Refill > 0 {
		f.making = newLevel(w.limits.Refill, w.limits.Burst)
	}
	idle := time.Duration(settled * float64(time.Second))
	if w.limits.Idle > 0 {
		idle = min(idle, w.limits.Idle)
	}
	f.pool.rest(f.service, rate)
	_, f.warm = steadily(rate, f.service, w.limits.Provisioned, idle)
	if f.spill != nil { // what spills over has environments too
		spilled := rate * turnedAtRest(rate, f.spill.rate, f.spill.depth)
		_, warm := steadily(spilled, f.service, 0, idle)
		f.warm = max(f.warm, warm)
		if f.apart = spilled > apartFrom*rate; f.apart {
			f.pool, f.ready = pool{}, pool{}
			f.pool.rest(f.service, spilled)
			f.ready.rest(f.service, rate-spilled)
			f.spill.holds = 1
		}
	}
	return f
}

// run goes through segments; each calls see, if there is one, after every step.
func (f *fluid) run(segments []segment, see func(*fluid, segment)) {
	for _, s := range segments {
		end := f.now + s.seconds
		finest := max(f.service.Mean.Seconds()/5, f.start/400, 20e-6)
		step := finest
		for f.now < end-1e-9 {
			before := f.sums
			dt := min(step, end-f.now)
			f.step(s.rate, dt)
			if see != nil {
				see(f, s)
			}
			// Nothing moves: longer steps will do, though not so long that a start is overlooked.
			longest := 0.25
			if f.unborn > 1e-6 {
				longest = max(finest, max(f.start, f.service.Mean.Seconds())/20)
			}
			if f.unborn < 1e-6 || f.sums.cold-before.cold < 0.01 {
				step = min(step*1.2, longest)
			} else {
				step = min(max(finest, f.start/400), longest)
			}
		}
	}
}

func (f *fluid) step(rate, dt float64) {
	f.now += dt
	f.bear()
	came := rate * dt
	f.sums.offered += came
	came, turned := f.gateway.take(came, dt)
	f.sums.gateway += turned
	came, turned = f.requests.take(came, dt)
	f.sums.rate += turned

	provisioned := float64(f.limits.Provisioned)
	servers, room, peak := f.warm+provisioned, f.allowed-f.unborn, 1.0
	if f.spill != nil {
		taken, spilled := f.spill.take(came, dt)
		f.split(spilled > apartFrom*came)
		if f.apart { // they have work of their own, and the rest spills over
			refused := f.ready.serve(f.service, f.now, dt, taken, provisioned, 1)
			f.sums.provisioned += taken - refused
			peak = overflowPeak(f.service, came/dt, f.spill.rate)
			came, servers, room = spilled+refused, f.warm, f.allowed-provisioned-f.unborn
		}
	}
	none := f.pool.serve(f.service, f.now, dt, came, max(0, min(servers, room)), peak)
	onDemand := f.pool.busy
	if !f.apart {
		ready := 1 - erlangB(provisioned, f.pool.busy)
		f.sums.provisioned += (came - none) * ready
		onDemand -= f.pool.busy * ready
	}

	// Who finds none idle finds all busy, so that this many can be made before the concurrency is used up.
	wanted := min(none, max(0, f.allowed-provisioned-f.unborn-f.warm))
	f.sums.concurrency += none - wanted
	made, slow := f.making.take(wanted, dt)
	f.sums.making += slow
	f.sums.cold += made
	if made > 0 {
		f.births = append(f.births, cohort{from: f.now - dt, seconds: dt, amount: made, left: 1})
		f.unborn += made
	}
	f.highest = max(f.highest, f.unborn+onDemand+provisioned)
}

// apartFrom is the share of requests that must spill over for provisioned environments to be looked at apart.
const apartFrom = 1e-3

// split has the provisioned environments follow their own rate, or be one pool with the others.
func (f *fluid) split(apart bool) {
	switch {
	case apart && !f.apart:
		f.ready, f.pool = f.pool, pool{}
	case !apart && f.apart:
		f.pool.join(f.ready)
	}
	f.apart = apart
}

// bear lets what was asked for become environments: after a start and its first request.
func (f *fluid) bear() {
	kept := f.births[:0]
	f.unborn = 0
	for _, c := range f.births {
		left := c.remain(f.service, f.now, f.start)
		f.warm += c.amount * (c.left - left)
		c.left = left
		if left > 0 {
			f.unborn += c.amount * left
			kept = append(kept, c)
		}
	}
	f.births = kept
}

func (f flows) throttled() float64 { return f.gateway + f.rate + f.concurrency + f.making }
