package telemetry

import (
	"sync"
	"time"
)

// An SLO is a promise to clients, and how it is kept: a share of requests that are good.
//
// Its budget is the share that may be bad, counted over [BudgetPeriod]. Burning at a rate of 1 spends it in that time.
type SLO struct {
	Name      string
	Objective float64 // the share that is to be good, such as 0.999

	good, bad *Counter
	left      *Gauge
	rates     []*Gauge // by burnWindows

	mu      sync.Mutex
	fine    ring // for short windows
	coarse  ring // for long ones
	since   time.Time
	measure Measurement
}

// BudgetPeriod is the time that a budget is for, or since the process began if that is shorter.
const BudgetPeriod = 30 * 24 * time.Hour

var burnWindows = [...]struct {
	name string
	of   time.Duration
}{
	{"5m", 5 * time.Minute}, {"30m", 30 * time.Minute}, {"1h", time.Hour}, {"6h", 6 * time.Hour}, {"3d", 72 * time.Hour},
}

const (
	fineStep   = 10 * time.Second
	coarseStep = 10 * time.Minute
)

// A Measurement is how an SLO stands.
type Measurement struct {
	Good, Bad uint64  // since the process began
	Budget    float64 // what is left of it: 1 is all, less than 0 is overspent
	Burns     []Burn
	Since     time.Time
}

// A Burn is how fast a budget was spent of late.
type Burn struct {
	Window string
	Rate   float64
}

// Count counts a request.
func (s *SLO) Count(good bool) {
	if good {
		s.good.Inc()
	} else {
		s.bad.Inc()
	}
}

// Measure brings the figures up to now. It is to be called at least every ten seconds.
func (s *SLO) Measure(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := tally{s.good.Value(), s.bad.Value()}
	if s.since.IsZero() {
		s.since = now
	}
	s.fine.note(now, total)
	s.coarse.note(now, total)
	m := Measurement{Good: total.good, Bad: total.bad, Since: s.since}
	m.Budget = 1 - s.rate(&s.coarse, now, BudgetPeriod, total)
	s.left.Set(m.Budget)
	for i, w := range burnWindows {
		r := &s.fine
		if w.of > 6*time.Hour {
			r = &s.coarse
		}
		rate := s.rate(r, now, w.of, total)
		s.rates[i].Set(rate)
		m.Burns = append(m.Burns, Burn{w.name, rate})
	}
	s.measure = m
}

// rate returns how fast the budget was spent in the window that ends now.
func (s *SLO) rate(r *ring, now time.Time, window time.Duration, total tally) float64 {
	before := r.at(now.Add(-window))
	good, bad := float64(total.good-before.good), float64(total.bad-before.bad)
	if bad == 0 {
		return 0
	}
	return bad / (good + bad) / (1 - s.Objective)
}

// Measurement returns what Measure found last.
func (s *SLO) Measurement() Measurement {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.measure
}

// A tally is how many were good and bad until some time.
type tally struct{ good, bad uint64 }

// A ring remembers tallies, one a step.
type ring struct {
	step  time.Duration
	slots []noted
	next  int
}

type noted struct {
	at time.Time
	tally
}

func newRing(step, reach time.Duration) ring {
	return ring{step: step, slots: make([]noted, 0, int(reach/step)+1)}
}

// note remembers what it stands at, if a step has passed.
func (r *ring) note(now time.Time, t tally) {
	n := noted{now, t}
	switch last := r.last(); {
	case last != nil && now.Sub(last.at) < r.step:
	case len(r.slots) < cap(r.slots):
		r.slots = append(r.slots, n)
	default:
		r.slots[r.next] = n
		r.next = (r.next + 1) % len(r.slots)
	}
}

func (r *ring) last() *noted {
	if len(r.slots) == 0 {
		return nil
	}
	return &r.slots[(r.next+len(r.slots)-1)%len(r.slots)]
}

// at returns the tally at a time: the last that is not younger. Before all of them it is zero: the process had not begun,
// or nobody remembers.
func (r *ring) at(when time.Time) (t tally) {
	lo, hi := 0, len(r.slots)
	for lo < hi {
		mid := (lo + hi) / 2
		if n := &r.slots[(r.next+mid)%len(r.slots)]; n.at.After(when) {
			hi = mid
		} else {
			t, lo = n.tally, mid+1
		}
	}
	return t
}

// SLOs are the promises.
type SLOs struct {
	Availability SLO // of requests that score or label, those that did not fail on our side
	Latency      SLO // of single scores that were answered, those that took no longer than Within
	Within       time.Duration
}

// All returns the promises.
func (s *SLOs) All() []*SLO { return []*SLO{&s.Availability, &s.Latency} }

// Measure brings all figures up to now.
func (s *SLOs) Measure(now time.Time) {
	for _, slo := range s.All() {
		slo.Measure(now)
	}
}

// SLOOptions says what is promised.
type SLOOptions struct {
	Availability float64       // a share below 1
	Latency      time.Duration // that LatencyShare of scores take at most
	LatencyShare float64
}

// Promise sets what is promised. It is to be called before anything is counted.
func (m *Metrics) Promise(o SLOOptions) {
	m.SLOs.Within = o.Latency
	for slo, objective := range map[*SLO]float64{&m.SLOs.Availability: o.Availability, &m.SLOs.Latency: o.LatencyShare} {
		slo.Objective = objective
		m.objectives.with(slo.Name).Set(objective)
	}
}

func (m *Metrics) addSLOs(k *maker) {
	m.objectives = k.gauges("besra_slo_objective")
	requests := k.counters("besra_slo_requests_total")
	left := k.gauges("besra_slo_budget_remaining")
	rate := k.gauges("besra_slo_burn_rate")
	for slo, name := range map[*SLO]string{&m.SLOs.Availability: "availability", &m.SLOs.Latency: "latency"} {
		slo.Name = name
		slo.good, slo.bad, slo.left = requests.with(name, "good"), requests.with(name, "bad"), left.with(name)
		slo.left.Set(1)
		slo.fine, slo.coarse = newRing(fineStep, 6*time.Hour), newRing(coarseStep, BudgetPeriod)
		for _, w := range burnWindows {
			slo.rates = append(slo.rates, rate.with(name, w.name))
		}
	}
	m.Promise(SLOOptions{Availability: 0.999, Latency: 50 * time.Millisecond, LatencyShare: 0.99})
}
