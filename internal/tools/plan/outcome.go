package plan

import (
	"context"
	"time"
)

// An Outcome is what happens to the requests of the worst moment. Shares are of all that come.
type Outcome struct {
	Requests  float64 `json:"requests"`
	Cold      float64 `json:"cold"` // wait for an environment to start
	ColdError float64 `json:"cold_error,omitempty"`

	Throttled      float64 `json:"throttled"`
	ThrottledError float64 `json:"throttled_error,omitempty"`
	ByGateway      float64 `json:"throttled_gateway"`     // by API Gateway
	ByRate         float64 `json:"throttled_rate"`        // by ten requests a second for each unit of concurrency
	ByConcurrency  float64 `json:"throttled_concurrency"` // by requests in flight
	ByScaling      float64 `json:"throttled_scaling"`     // by environments that can be made in a short time

	Provisioned float64 `json:"provisioned"` // served by provisioned environments
	Failed      float64 `json:"failed"`      // throttled, or slower than the target
	Concurrency float64 `json:"concurrency"` // what counts against the quota, at most

	P50  time.Duration `json:"p50_ns"` // of those that are answered
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p99.9_ns"`
}

// A stretch is segments in order.
type stretch []segment

func (s stretch) seconds() (total float64) {
	for _, part := range s {
		total += part.seconds
	}
	return total
}

func (s stretch) requests() (total float64) {
	for _, part := range s {
		total += part.seconds * part.rate
	}
	return total
}

func (s stretch) peak() (highest float64) {
	for _, part := range s {
		highest = max(highest, part.rate)
	}
	return highest
}

// enough is how many requests a simulation should have, when the rate allows, and most how many it may have.
const (
	enough = 100_000
	most   = 3_000_000
)

// lookAt is what of the profile is looked at: longer where little comes, shorter where very much does.
func (p Profile) lookAt() stretch {
	worst := append(stretch(nil), p.worst...)
	n := worst.requests()
	switch {
	case len(worst) == 1 && worst[0].rate == p.before && n > 0 && n < enough:
		worst[0].seconds = min(hours*3600, enough/worst[0].rate)
	case n > most:
		for i := range worst {
			worst[i].seconds *= most / n
		}
	}
	return worst
}

// changes reports whether a stretch's rate is not what was before it.
func (s stretch) changes(before float64) bool {
	for _, part := range s {
		if part.rate != before {
			return true
		}
	}
	return false
}

// telling is as much of a stretch as the formulas need: where nothing changes, they come to rest.
func (s stretch) telling(before float64) stretch {
	if s.changes(before) {
		return s
	}
	return s.first(2 * worstFor)
}

// formulas is what they say of what follows on a rate that has been there for long.
func formulas(w workload, before float64, worst stretch) Outcome {
	f := newFluid(w, before, settle(w, before))
	f.run(worst.telling(before), nil)
	n := max(f.sums.offered, 1e-9)
	o := Outcome{
		Requests: worst.requests(), Cold: f.sums.cold / n, Throttled: f.sums.throttled() / n, Provisioned: f.sums.provisioned / n,
		ByGateway: f.sums.gateway / n, ByRate: f.sums.rate / n, ByConcurrency: f.sums.concurrency / n, ByScaling: f.sums.making / n,
		Concurrency: f.highest,
	}
	if !worst.changes(before) { // no rise: environments come and go
		o.Cold, _ = steadily(before, w.service, w.limits.Provisioned, w.limits.Idle)
	}
	answered := max(1-o.Throttled, 1e-12)
	m := mixture{service: w.service, always: w.always.Seconds(), start: w.start.Seconds(), cold: min(1, o.Cold/answered)}
	o.P50, o.P99, o.P999 = m.quantile(0.5), m.quantile(0.99), m.quantile(0.999)
	o.Failed = o.Throttled + answered*(1-m.within(w.slow.Seconds()))
	return o
}

// simulated is what runs of the simulation say of it, on average.
func simulated(ctx context.Context, w workload, before float64, worst stretch, runs int, seed uint64, progress func(done, total int)) (Outcome, error) {
	lead := settle(w, before)
	segments := append(stretch{{lead, before}}, worst...)
	var o Outcome
	var cold, throttled []float64
	var all spread
	for run := range runs {
		t, err := simulate(ctx, w, segments, lead, 0, seed+uint64(run))
		if err != nil {
			return o, err
		}
		n := max(float64(t.offered), 1)
		k := float64(runs) * n
		o.Requests += float64(t.offered) / float64(runs)
		o.ByGateway += float64(t.gateway) / k
		o.ByRate += float64(t.rate) / k
		o.ByConcurrency += float64(t.concurrency) / k
		o.ByScaling += float64(t.making) / k
		o.Provisioned += float64(t.provisioned) / k
		o.Failed += float64(t.throttled()+t.slow) / k
		o.Concurrency = max(o.Concurrency, float64(t.highest))
		cold, throttled = append(cold, float64(t.cold)/n), append(throttled, float64(t.throttled())/n)
		all.join(&t.latency)
		if progress != nil {
			progress(run+1, runs)
		}
	}
	o.Cold, o.ColdError = meanError(cold)
	o.Throttled, o.ThrottledError = meanError(throttled)
	o.P50, o.P99, o.P999 = all.quantile(0.5), all.quantile(0.99), all.quantile(0.999)
	return o, nil
}

// pictureMoments is how many times a picture has at most.
const pictureMoments = 260

// picture simulates once more what is drawn: a little of what was before, and of a rise what it takes to get over it.
func picture(ctx context.Context, w workload, before float64, worst stretch, seed uint64) ([]moment, error) {
	shown := worst
	if worst.changes(before) {
		shown = worst.first(max(3, 8*(w.start+w.service.Mean).Seconds()))
	}
	lead, early := settle(w, before), 0.0
	if worst.changes(before) {
		early = shown.seconds() / 6
	}
	moments := min(pictureMoments, max(40, int(shown.requests()/20)))
	t, err := simulate(ctx, w, append(stretch{{lead + early, before}}, shown...), lead, moments, seed)
	if err != nil {
		return nil, err
	}
	for i := range t.line {
		t.line[i].from -= early
	}
	return t.line, nil
}

// first returns the first seconds of a stretch.
func (s stretch) first(seconds float64) stretch {
	var head stretch
	for _, part := range s {
		if part.seconds = min(part.seconds, seconds); part.seconds > 0 {
			head = append(head, part)
		}
		seconds -= part.seconds
	}
	return head
}
