package plan

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/besra-ml/besra/internal/tools/scaling"
)

// A workload is what formulas and simulation both look at.
type workload struct {
	service Service
	start   time.Duration // from the request to where its new environment can serve it
	always  time.Duration // that each request takes besides
	limits  scaling.Limits
	gateway scaling.Bucket // Rate 0: none
	slow    time.Duration  // answers that take longer are counted
}

// A tally counts a simulation's requests.
type tally struct {
	offered, gateway, rate, concurrency, making, cold, provisioned, slow int

	latency spread
	highest int // what counted against the concurrency, at most
	line    []moment
}

// A moment is what happened in a short time of a simulation.
type moment struct {
	from, seconds            float64
	offered, throttled, cold int
	serving, environments    int // requests in flight, at most; environments, at its end
	p50, p99, highest        float64
}

func (t *tally) throttled() int { return t.gateway + t.rate + t.concurrency + t.making }

// An arrival's end: when its environment is free again.
type end struct {
	at  time.Duration
	env int
}

// simulate plays segments, request by request. What comes in the first lead seconds is not counted.
func simulate(ctx context.Context, w workload, segments []segment, lead float64, moments int, seed uint64) (*tally, error) {
	pool, err := scaling.New(w.limits)
	if err != nil {
		return nil, err
	}
	total := 0.0
	for _, s := range segments {
		total += s.seconds
	}
	// Many environments of a rate that was there for long could not be made within the lead.
	if load := segments[0].rate * w.service.Mean.Seconds(); load > 100 {
		pool.Warm(0, int(min(load+3*math.Sqrt(load), float64(w.limits.Allowed()))))
	}
	s := &simulation{
		w: w, pool: pool, gateway: w.gateway, random: rand.New(rand.NewPCG(seed, 0x62657372615f6177)),
		tally: &tally{}, lead: lead, step: (total - lead) / float64(max(moments, 1)), moments: moments,
	}
	from := 0.0
	for _, segment := range segments {
		if err := s.play(ctx, from, segment); err != nil {
			return nil, err
		}
		from += segment.seconds
	}
	for s.moments > 0 && len(s.tally.line) < s.moments {
		s.closeMoment()
	}
	return s.tally, nil
}

type simulation struct {
	w       workload
	pool    *scaling.Pool
	gateway scaling.Bucket
	random  *rand.Rand
	ends    []end // a heap
	tally   *tally
	before  tally // what came in the lead, and what it looked like
	unseen  moment

	lead    float64 // seconds
	step    float64 // of a moment
	moments int
	this    moment
	took    []float32
}

func (s *simulation) play(ctx context.Context, from float64, seg segment) error {
	if seg.rate <= 0 {
		return ctx.Err()
	}
	at, until := from, from+seg.seconds
	for n := 1; ; n++ {
		at += s.random.ExpFloat64() / seg.rate
		if at >= until {
			return nil
		}
		if n%8192 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		for s.moments > 0 && at >= s.lead+float64(len(s.tally.line)+1)*s.step && len(s.tally.line) < s.moments {
			s.closeMoment()
		}
		s.request(at)
	}
}

// request is one request, at so many seconds.
func (s *simulation) request(at float64) {
	now := time.Duration(at * float64(time.Second))
	for len(s.ends) > 0 && s.ends[0].at <= now {
		e := s.pop()
		s.pool.Give(e.at, e.env)
	}
	if at < s.lead {
		s.admit(now, &s.before, &s.unseen)
		return
	}
	s.admit(now, s.tally, &s.this)
}

func (s *simulation) admit(now time.Duration, t *tally, m *moment) {
	t.offered++
	m.offered++
	if s.w.gateway.Rate > 0 && !s.gateway.Take(now) {
		t.gateway++
		m.throttled++
		return
	}
	env, kind, err := s.pool.Take(now)
	if err != nil {
		t.refuse(err)
		m.throttled++
		return
	}
	took := s.w.service.draw(s.random)
	switch kind {
	case scaling.Cold:
		t.cold++
		m.cold++
		if t == s.tally { // in the lead they start at once: that it begins is not what is looked at
			took += s.w.start.Seconds()
		}
	case scaling.Provisioned:
		t.provisioned++
	case scaling.Warm:
	}
	s.push(end{now + time.Duration(took*float64(time.Second)), env})
	t.highest = max(t.highest, s.pool.Claims())
	if t != s.tally {
		return
	}
	took += s.w.always.Seconds()
	t.latency.add(took)
	if took > s.w.slow.Seconds() {
		t.slow++
	}
	if s.moments > 0 {
		s.took = append(s.took, float32(took))
		m.serving = max(m.serving, len(s.ends))
	}
}

func (t *tally) refuse(err error) {
	var why scaling.Throttle
	if !errors.As(err, &why) {
		return
	}
	switch why {
	case scaling.OverRate:
		t.rate++
	case scaling.OverScaling:
		t.making++
	case scaling.OverConcurrency, scaling.OverReserved:
		t.concurrency++
	}
}

func (s *simulation) closeMoment() {
	m := s.this
	m.from, m.seconds = float64(len(s.tally.line))*s.step, s.step
	at := s.pool.Counts()
	m.environments = at.Busy + at.Idle + s.w.limits.Provisioned
	if n := len(s.took); n > 0 {
		slices.Sort(s.took)
		m.p50, m.p99 = float64(s.took[n/2]), float64(s.took[int(0.99*float64(n-1))])
		m.highest = float64(s.took[n-1])
	}
	s.tally.line = append(s.tally.line, m)
	s.this, s.took = moment{}, s.took[:0]
}

func (s *simulation) push(e end) {
	s.ends = append(s.ends, e)
	i := len(s.ends) - 1
	for i > 0 {
		up := (i - 1) / 2
		if s.ends[up].at <= e.at {
			break
		}
		s.ends[i] = s.ends[up]
		i = up
	}
	s.ends[i] = e
}

func (s *simulation) pop() end {
	first, last := s.ends[0], s.ends[len(s.ends)-1]
	s.ends = s.ends[:len(s.ends)-1]
	n, i := len(s.ends), 0
	for {
		down := 2*i + 1
		if down >= n {
			break
		}
		if down+1 < n && s.ends[down+1].at < s.ends[down].at {
			down++
		}
		if last.at <= s.ends[down].at {
			break
		}
		s.ends[i] = s.ends[down]
		i = down
	}
	if n > 0 {
		s.ends[i] = last
	}
	return first
}

// A spread counts times in classes of 0.2 % each, so that it is small however many there are.
type spread struct {
	classes []uint32
	n       int
	longest float64
}

const (
	spreadFloor = 1e-6 // seconds
	spreadStep  = 0.002
)

func (s *spread) add(seconds float64) {
	i := max(0, int(math.Log(seconds/spreadFloor)/spreadStep))
	for i >= len(s.classes) {
		s.classes = append(s.classes, make([]uint32, i-len(s.classes)+1)...)
	}
	s.classes[i]++
	s.n++
	s.longest = max(s.longest, seconds)
}

func (s *spread) join(o *spread) {
	if n := len(o.classes) - len(s.classes); n > 0 {
		s.classes = append(s.classes, make([]uint32, n)...)
	}
	for i, n := range o.classes {
		s.classes[i] += n
	}
	s.n += o.n
	s.longest = max(s.longest, o.longest)
}

// quantile returns the time within which the share q lies.
func (s *spread) quantile(q float64) time.Duration {
	rank := int(math.Ceil(q * float64(s.n)))
	seen := 0
	for i, n := range s.classes {
		if seen += int(n); seen >= rank && n > 0 {
			return time.Duration(min(s.longest, spreadFloor*math.Exp((float64(i)+0.5)*spreadStep)) * float64(time.Second))
		}
	}
	return time.Duration(s.longest * float64(time.Second))
}

// meanError returns the mean of what runs found, and its standard error.
func meanError(x []float64) (mean, sigma float64) {
	n := float64(len(x))
	for _, v := range x {
		mean += v / n
	}
	for _, v := range x {
		sigma += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(sigma / max(1, n-1) / n)
}

// settle returns for how many seconds a rate is simulated before anything is counted: long enough for its environments to
// be as many as they will be, as far as that is cheap.
func settle(w workload, rate float64) float64 {
	longest := 3600.0
	if w.limits.Idle > 0 {
		longest = w.limits.Idle.Seconds()
	}
	rate = max(rate, 1e-9)
	return min(longest, max(40, 20_000/rate), max(2, 1e6/rate))
}
