//go:build unix

package plan

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
	"github.com/besra-ml/besra/internal/tools/scaling"
)

// What a harness of real processes has counted, and seen.
type counted struct {
	offered, cold, throttled int
	latency                  []time.Duration // of those that were answered
	service, spread, start   time.Duration   // mean and deviation of warm ones; what cold ones take besides
}

// play has real processes, which take 50 ms for a request, serve a step of traffic, and counts what comes after it.
func play(t *testing.T, probe string, limits scaling.Limits, placement time.Duration, from, to float64, lead, after time.Duration, seed uint64) (c counted) {
	t.Helper()
	f, err := lambdasim.New(lambdasim.Options{Bootstrap: probe, TempDir: t.TempDir(), Timeout: time.Minute, Limits: limits, Placement: placement})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	event := []byte(`{"sleep":"50ms"}`)
	random := rand.New(rand.NewPCG(seed, 1))
	var mu sync.Mutex
	var team sync.WaitGroup
	var services, starts []time.Duration
	begun := time.Now()
	for at := time.Duration(0); ; {
		rate := from
		if at >= lead {
			rate = to
		}
		next := at + time.Duration(random.ExpFloat64()/rate*float64(time.Second))
		if at < lead && next > lead { // what is left of the wait goes by the other rate
			next = lead + time.Duration(random.ExpFloat64()/to*float64(time.Second))
		}
		if at = next; at >= lead+after {
			break
		}
		time.Sleep(time.Until(begun.Add(at)))
		team.Go(func() {
			sent := time.Now()
			got, err := f.Invoke(context.Background(), lambdasim.Invocation{Payload: event})
			took := time.Since(sent)
			mu.Lock()
			defer mu.Unlock()
			var throttle scaling.Throttle
			switch {
			case errors.As(err, &throttle):
			case err != nil || got.FunctionError != "":
				t.Errorf("%v %s", err, got.Payload)
			case got.Kind == scaling.Cold:
				starts = append(starts, took)
			default:
				services = append(services, took)
			}
			if at < lead {
				return
			}
			c.offered++
			switch {
			case err != nil:
				c.throttled++
				return
			case got.Kind == scaling.Cold:
				c.cold++
			}
			c.latency = append(c.latency, took)
		})
	}
	team.Wait()
	slices.Sort(c.latency)
	c.service, c.spread = meanOf(services)
	c.start, _ = meanOf(starts)
	c.start -= c.service
	return c
}

func meanOf(all []time.Duration) (mean, deviation time.Duration) {
	var x []float64
	for _, d := range all {
		x = append(x, d.Seconds())
	}
	if len(x) < 2 {
		return 0, 0
	}
	m, sigma := meanError(x)
	return time.Duration(m * float64(time.Second)), time.Duration(sigma * math.Sqrt(float64(len(x))) * float64(time.Second))
}

// Black Friday at a hundredth: from 1 to 100 requests a second in one step, of real processes, which may be made at a
// hundredth of Lambda's rate, too. What they meet is what the simulation foretells, as near as chance allows.
func TestRealProcessesMeetWhatTheSimulationForetells(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a quarter of a minute")
	}
	probe := filepath.Join(t.TempDir(), "bootstrap")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "lambda.norpc", "-o", probe, "../lambdasim/probe")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const placement = 500 * time.Millisecond
	for name, limits := range map[string]scaling.Limits{
		"on demand":                     {Concurrency: 60, Burst: 10, Refill: 1, Idle: time.Minute},
		"four that are kept ready":      {Concurrency: 60, Provisioned: 4, Burst: 10, Refill: 1, Idle: time.Minute},
		"twelve that are kept ready":    {Concurrency: 60, Provisioned: 12, Burst: 10, Refill: 1, Idle: time.Minute},
		"no more than six environments": {Concurrency: 6, Burst: 10, Refill: 1, Idle: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A machine that stands still for a moment makes other traffic of it: then it is tried once more.
			if wrong := meets(t, probe, limits, placement, 7); wrong != nil {
				t.Logf("again, since: %v", wrong)
				if wrong = meets(t, probe, limits, placement, 8); wrong != nil {
					t.Error(wrong)
				}
			}
		})
	}
}

// meets plays the step with real processes and in the simulation, and returns what is farther apart than chance allows.
func meets(t *testing.T, probe string, limits scaling.Limits, placement time.Duration, seed uint64) error {
	t.Helper()
	const from, to = 1, 100
	const lead, after = 3 * time.Second, 12 * time.Second
	got := play(t, probe, limits, placement, from, to, lead, after, seed)
	if got.start <= 0 {
		got.start = placement // nobody had to wait for one
	}
	w := workload{service: Service{Mean: got.service, CV: got.spread.Seconds() / got.service.Seconds()}, start: got.start, limits: limits}
	var cold, throttled []float64
	for seed := range uint64(400) {
		tally, err := simulate(t.Context(), w, []segment{{lead.Seconds(), from}, {after.Seconds(), to}}, lead.Seconds(), 0, seed)
		if err != nil {
			t.Fatal(err)
		}
		cold = append(cold, share(tally.cold, tally.offered))
		throttled = append(throttled, share(tally.throttled(), tally.offered))
	}
	t.Logf("service %v ± %v, start %v; p50 %v, p99 %v, p99.9 %v", got.service, got.spread, got.start,
		at(got.latency, 0.5), at(got.latency, 0.99), at(got.latency, 0.999))
	var wrong error
	for what, c := range map[string]struct {
		got      float64
		foretold []float64
	}{"cold": {share(got.cold, got.offered), cold}, "throttled": {share(got.throttled, got.offered), throttled}} {
		mean, sigma := meanError(c.foretold)
		deviation := sigma * math.Sqrt(float64(len(c.foretold)))
		said := fmt.Sprintf("%s: %.2f %%, foretold %.2f ± %.2f %%", what, 100*c.got, 100*mean, 100*deviation)
		t.Log(said)
		if one := 1 / float64(got.offered); math.Abs(c.got-mean) > 3*math.Hypot(deviation, sigma)+one/2 { // counts are whole
			wrong = errors.Join(wrong, errors.New(said))
		}
	}
	return wrong
}

func share(n, of int) float64 { return float64(n) / float64(max(of, 1)) }

func at(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(share*float64(len(sorted)-1))].Round(10 * time.Microsecond)
}
