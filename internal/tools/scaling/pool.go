package scaling

import "time"

// A Pool is a function's environments. They are known by numbers: provisioned ones are 0, 1, … up to
// Limits.Provisioned, ready from the start; those on demand follow in the order in which they were made. No number is
// used twice. Calls hand in a time that never goes back; callers lock.
type Pool struct {
	limits   Limits
	allowed  int
	making   *Bucket // nil: no limit
	requests *Bucket
	ready    *Bucket // of provisioned environments

	state       []state // of each environment
	provisioned idle
	demand      idle
	gone        []int // were idle for too long, and nobody was told
	busy        int   // on demand
}

type state uint8

const (
	atRest state = iota
	atWork
	lost
)

// New returns a pool with its provisioned environments, or an error if limits contradict each other.
func New(limits Limits) (*Pool, error) {
	if err := limits.check(); err != nil {
		return nil, err
	}
	if limits.RateDepth == 0 {
		limits.RateDepth = DefaultRateDepth
	}
	p := &Pool{limits: limits, allowed: limits.Allowed(), state: make([]state, limits.Provisioned)}
	for i := range limits.Provisioned {
		p.provisioned.push(limits.Provisioned-1-i, 0)
	}
	if limits.Burst > 0 || limits.Refill > 0 {
		p.making = &Bucket{Rate: limits.Refill, Depth: limits.Burst}
	}
	if limits.RequestRate > 0 {
		p.requests = limits.rate(p.allowed)
		if limits.ProvisionedRate {
			p.ready = limits.rate(limits.Provisioned)
		}
	}
	return p, nil
}

// rate returns the bucket of requests for so many units of concurrency. It holds one request at least.
func (l Limits) rate(units int) *Bucket {
	rate := l.RequestRate * float64(units)
	return &Bucket{Rate: rate, Depth: max(1, rate*l.RateDepth.Seconds())}
}

// Take gives a request an environment, which is its own until Give or Lose. The error is a Throttle.
func (p *Pool) Take(now time.Duration) (env int, kind Kind, err error) {
	p.expire(now)
	if p.requests != nil && !p.requests.Take(now) {
		return 0, 0, OverRate
	}
	if p.provisioned.any() && (p.ready == nil || p.ready.Take(now)) {
		return p.begin(p.provisioned.pop()), Provisioned, nil
	}
	if p.busy+p.limits.Provisioned >= p.allowed {
		if p.limits.Reserved > 0 {
			return 0, 0, OverReserved
		}
		return 0, 0, OverConcurrency
	}
	if p.demand.any() {
		p.busy++
		return p.begin(p.demand.pop()), Warm, nil
	}
	if p.making != nil && !p.making.Take(now) {
		return 0, 0, OverScaling
	}
	p.busy++
	p.state = append(p.state, atRest)
	return p.begin(len(p.state) - 1), Cold, nil
}

func (p *Pool) begin(env int) int {
	p.state[env] = atWork
	return env
}

// Warm adds environments on demand that are idle, as if they had served before: a history that need not be played.
func (p *Pool) Warm(now time.Duration, environments int) {
	for range environments {
		p.demand.push(len(p.state), now)
		p.state = append(p.state, atRest)
	}
}

// Give says that env has answered and is idle. If it serves nothing, such as one that was lost before, nothing happens.
func (p *Pool) Give(now time.Duration, env int) {
	if !p.end(env, atRest) {
		return
	}
	if p.IsProvisioned(env) {
		p.provisioned.push(env, now)
		return
	}
	p.demand.push(env, now)
}

// Lose says that env, which served a request, has crashed or ran out of time, and gets no other. One on demand is gone.
// A provisioned one is not used until Ready; Lambda starts it again.
func (p *Pool) Lose(env int) { p.end(env, lost) }

// Ready says that a provisioned environment that was lost has started again.
func (p *Pool) Ready(now time.Duration, env int) {
	if p.IsProvisioned(env) && p.state[env] == lost {
		p.state[env] = atRest
		p.provisioned.push(env, now)
	}
}

// end ends env's request, if it has one.
func (p *Pool) end(env int, then state) bool {
	if env < 0 || env >= len(p.state) || p.state[env] != atWork {
		return false
	}
	p.state[env] = then
	if !p.IsProvisioned(env) {
		p.busy--
	}
	return true
}

// Expired returns the environments that were idle for too long and have not been told of yet. They get no request.
func (p *Pool) Expired(now time.Duration) []int {
	p.expire(now)
	gone := p.gone
	p.gone = nil
	return gone
}

// Next returns when the next idle environment will be taken away unless it is used, and false if none will.
func (p *Pool) Next() (time.Duration, bool) {
	if p.limits.Idle == 0 || !p.demand.any() {
		return 0, false
	}
	return p.demand.oldest() + p.limits.Idle, true
}

func (p *Pool) expire(now time.Duration) {
	for at, some := p.Next(); some && at <= now; at, some = p.Next() {
		env := p.demand.shift()
		p.state[env] = lost
		p.gone = append(p.gone, env)
	}
}

// IsProvisioned reports whether env is one of those that are kept ready.
func (p *Pool) IsProvisioned(env int) bool { return env >= 0 && env < p.limits.Provisioned }

// Counts are a pool's environments at a moment.
type Counts struct {
	Busy, Idle       int // on demand; Busy has those that start
	Ready            int // provisioned and idle
	Made             int // on demand, ever
	InFlight, Claims int // requests that are served, and what counts against the concurrency
}

// Counts returns how many environments there are.
func (p *Pool) Counts() Counts {
	at := Counts{
		Busy: p.busy, Idle: p.demand.len(), Ready: p.provisioned.len(),
		Made: len(p.state) - p.limits.Provisioned, Claims: p.busy + p.limits.Provisioned,
	}
	at.InFlight = p.busy
	for _, s := range p.state[:p.limits.Provisioned] {
		if s == atWork {
			at.InFlight++
		}
	}
	return at
}

// Claims returns what counts against the concurrency: see Counts.
func (p *Pool) Claims() int { return p.busy + p.limits.Provisioned }
