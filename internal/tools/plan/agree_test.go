package plan

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/tools/scaling"
)

const ms = time.Millisecond

// lognormal is a service time by its median, spread as measured functions are: the deviation of its logarithm is 0.4.
func lognormal(median time.Duration) Service {
	const sigma = 0.4
	return Service{
		Mean: time.Duration(float64(median) * math.Exp(sigma*sigma/2)),
		CV:   math.Sqrt(math.Expm1(sigma * sigma)),
	}
}

// shares are what runs of a simulation had in common, and the standard error of it.
type shares struct {
	cold, coldError, throttled, throttledError float64
	p99, p999                                  time.Duration
}

func measure(t *testing.T, w workload, segments []segment, lead float64, seeds int) shares {
	t.Helper()
	var cold, throttled []float64
	var all spread
	for seed := range seeds {
		r, err := simulate(t.Context(), w, segments, lead, 0, uint64(seed))
		if err != nil {
			t.Fatal(err)
		}
		cold = append(cold, float64(r.cold)/float64(r.offered))
		throttled = append(throttled, float64(r.throttled())/float64(r.offered))
		all.join(&r.latency)
	}
	var s shares
	s.cold, s.coldError = meanError(cold)
	s.throttled, s.throttledError = meanError(throttled)
	s.p99, s.p999 = all.quantile(0.99), all.quantile(0.999)
	return s
}

// TestTenThousandAtOnce holds the simulation against that of another program, of which these figures are: the first
// minute after 100 requests a second have become 10,000, with 3,000 of concurrency. That program begins with six idle environments,
// does not count idle ones as this one does, and ran once; hence the tolerance.
func TestTenThousandAtOnce(t *testing.T) {
	seeds := 4
	if testing.Short() {
		seeds = 2
	}
	for _, c := range []struct {
		name                 string
		start                time.Duration
		provisioned          int
		capped               bool
		cold, throttled      float64 // per cent
		coldOff, throttleOff float64 // by rounding
		p99, p999            time.Duration
	}{
		{"a start of 100 ms", 100 * ms, 0, false, 0.16, 0, 0.01, 0.01, 13 * ms, 104 * ms},
		{"a start of 250 ms", 250 * ms, 0, false, 0.17, 0.21, 0.005, 0.01, 13 * ms, 255 * ms},
		{"a start of a second", time.Second, 0, false, 0.18, 1.3, 0.005, 0.05, 13 * ms, 1005 * ms},
		{"a start of three seconds", 3 * time.Second, 0, false, 0.22, 4.2, 0.005, 0.05, 13 * ms, 3005 * ms},
		{"75 provisioned", 250 * ms, 75, false, 0.002, 0, 0.001, 0, 13 * ms, 17 * ms},
		{"100 provisioned", 250 * ms, 100, false, 0, 0, 0.0005, 0, 13 * ms, 17 * ms},
		{"100 provisioned with a rate", 250 * ms, 100, true, 0.17, 0.19, 0.005, 0.01, 13 * ms, 255 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := scaling.Defaults()
			l.Concurrency, l.Provisioned, l.ProvisionedRate = 3000, c.provisioned, c.capped
			l.RateDepth = time.Second // as that program has it
			w := workload{service: lognormal(5 * ms), start: c.start, limits: l, slow: 100 * ms}
			s := measure(t, w, []segment{{600, 100}, {60, 10_000}}, 600, seeds)
			if off := math.Abs(100*s.cold - c.cold); off > c.coldOff+300*s.coldError {
				t.Errorf("cold: %.4f %% ± %.4f, want %v", 100*s.cold, 100*s.coldError, c.cold)
			}
			if off := math.Abs(100*s.throttled - c.throttled); off > c.throttleOff+300*s.throttledError {
				t.Errorf("throttled: %.4f %% ± %.4f, want %v", 100*s.throttled, 100*s.throttledError, c.throttled)
			}
			if off := (s.p99 - c.p99).Abs(); off > ms {
				t.Errorf("p99: %v, want %v", s.p99, c.p99)
			}
			if off := (s.p999 - c.p999).Abs(); off > 3*ms {
				t.Errorf("p99.9: %v, want %v", s.p999, c.p999)
			}
		})
	}
}

// TestFormulasAgainstSimulation wants both to agree within 10 % on every share above 0.1 %, for steps of all sizes.
func TestFormulasAgainstSimulation(t *testing.T) {
	const seconds = 12
	seeds := 3
	for _, service := range []time.Duration{2 * ms, 20 * ms, 60 * ms} {
		for _, start := range []time.Duration{100 * ms, 400 * ms, 2 * time.Second} {
			for _, step := range [][2]float64{{20, 400}, {100, 2200}, {1000, 9000}} {
				for _, quota := range []int{200, 1000, 5000} {
					for _, provisioned := range []int{0, 30, 150} {
						for _, capped := range []bool{false, true} {
							// A little above the rate of provisioned environments a few clumps decide: that is the simulation's alone.
							near := math.Abs(step[1]/float64(10*provisioned)-1) < 0.4
							if capped && (provisioned == 0 || near) || testing.Short() && (quota == 5000 || start == 400*ms || service == 20*ms) {
								continue
							}
							l := scaling.Defaults()
							l.Concurrency, l.Provisioned, l.ProvisionedRate = quota, provisioned, capped
							w := workload{
								service: lognormal(service), start: start, limits: l, slow: 100 * ms,
								gateway: scaling.Bucket{Rate: 5000, Depth: 2500},
							}
							name := fmt.Sprintf("%v and %v to start, from %v to %v a second, %d of %d provisioned, %v", service, start, step[0], step[1], provisioned, quota, capped)
							t.Run(name, func(t *testing.T) {
								t.Parallel()
								agree(t, w, step[0], step[1], seconds, seeds)
							})
						}
					}
				}
			}
		}
	}
}

func agree(t *testing.T, w workload, from, to, seconds float64, seeds int) {
	t.Helper()
	lead := settle(w, from)
	seeds = max(seeds, int(30_000/to)) // small numbers of requests say little
	s := measure(t, w, []segment{{lead, from}, {seconds, to}}, lead, seeds)
	f := newFluid(w, from, lead)
	f.run([]segment{{seconds, to}}, nil)
	check := func(what string, got, want, sigma float64) {
		if max(got, want) > 0.001 && math.Abs(got-want) > 0.1*want+3*sigma {
			t.Errorf("%s: the formulas say %.3f %%, the simulation %.3f %% ± %.3f", what, 100*got, 100*want, 100*sigma)
		}
	}
	check("cold", f.sums.cold/f.sums.offered, s.cold, s.coldError)
	check("throttled", f.sums.throttled()/f.sums.offered, s.throttled, s.throttledError)
}

func TestSteadyFormulaAgainstSimulation(t *testing.T) {
	for _, rate := range []float64{0.02, 0.1, 1, 8, 40} {
		for _, service := range []Service{{Mean: 5 * ms, CV: 1}, {Mean: 50 * ms, CV: 0.4}, {Mean: 200 * ms}} {
			for _, idle := range []time.Duration{20 * time.Second, 100 * time.Second} {
				l := scaling.Limits{Idle: idle}
				w := workload{service: service, limits: l, slow: time.Second}
				lead := 20 * idle.Seconds()
				s := measure(t, w, []segment{{lead + 100_000/rate, rate}}, lead, 3)
				cold, _ := steadily(rate, service, 0, idle)
				if max(cold, s.cold) > 0.001 && math.Abs(cold-s.cold) > 0.1*s.cold+3*s.coldError {
					t.Errorf("%v a second, %+v, idle %v: the formula says %.3f %%, the simulation %.3f %% ± %.3f", rate, service, idle, 100*cold, 100*s.cold, 100*s.coldError)
				}
			}
		}
	}
}

// TestAtTheVeryRate looks at a rate that is just what the account is allowed: chance alone decides, differently in each run.
func TestAtTheVeryRate(t *testing.T) {
	l := scaling.Defaults()
	l.Concurrency = 200
	w := workload{service: lognormal(2 * ms), start: 100 * ms, limits: l, slow: time.Second}
	agree(t, w, 100, 2000, 20, 60)
}

// TestAgainstSimFaaS holds simulation and formula against another simulator of functions, SimFaaS 0.2.2, which knows of no
// quotas. Its figures are of one run of up to 90,000 requests; it draws service times from exponential distributions, and prefers the
// environment that was made last.
func TestAgainstSimFaaS(t *testing.T) {
	for _, c := range []struct {
		rate, warm, cold, idle float64
		share, environments    float64
		requests               float64
	}{
		{0.9, 1.991, 2.244, 600, 0.001417, 7.740, 89_607},
		{0.9, 1.991, 2.244, 60, 0.01639, 5.898, 90_373},
		{0.01, 0.05, 0.5, 100, 0.36953, 0.635, 39_994},
		{0.05, 1.0, 1.5, 60, 0.08893, 1.094, 50_434},
		{2.0, 0.5, 1.0, 30, 0.01195, 4.625, 39_913},
	} {
		service := Service{Mean: time.Duration(c.warm * float64(time.Second)), CV: 1}
		idle := time.Duration(c.idle * float64(time.Second))
		w := workload{service: service, start: time.Duration((c.cold - c.warm) * float64(time.Second)), limits: scaling.Limits{Idle: idle}, slow: time.Second}
		lead := 10 * c.idle
		s := measure(t, w, []segment{{lead + 100_000/c.rate, c.rate}}, lead, 3)
		cold, environments := steadily(c.rate, service, 0, idle)
		theirs := math.Sqrt(c.share / c.requests)
		if math.Abs(s.cold-c.share) > 0.02*c.share+3*(s.coldError+theirs) {
			t.Errorf("%+v: the simulation says %.5f ± %.5f", c, s.cold, s.coldError)
		}
		if math.Abs(cold-c.share) > 0.1*c.share+3*theirs || math.Abs(environments-c.environments) > 0.05*c.environments {
			t.Errorf("%+v: the formula says %.5f, and %.3f environments", c, cold, environments)
		}
	}
}
