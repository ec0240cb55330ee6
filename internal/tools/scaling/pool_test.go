package scaling

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const ms = time.Millisecond

// take takes an environment that must be there.
func take(t *testing.T, p *Pool, now time.Duration, want Kind) int {
	t.Helper()
	env, kind, err := p.Take(now)
	if err != nil || kind != want {
		t.Fatalf("at %v a request got %v, %v; want %v", now, kind, err, want)
	}
	return env
}

// refuse takes an environment that must not be there.
func refuse(t *testing.T, p *Pool, now time.Duration, want Throttle) {
	t.Helper()
	if _, kind, err := p.Take(now); !errors.Is(err, want) {
		t.Fatalf("at %v a request got %v, %v; want %v", now, kind, err, want)
	}
}

func open(t *testing.T, l Limits) *Pool {
	t.Helper()
	p, err := New(l)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPool(t *testing.T) {
	t.Run("the environment that was used last is used next", func(t *testing.T) {
		p := open(t, Limits{})
		a, b, c := take(t, p, 0, Cold), take(t, p, 0, Cold), take(t, p, 0, Cold)
		p.Give(1*ms, b)
		p.Give(2*ms, a)
		p.Give(3*ms, c)
		if got, want := []int{take(t, p, 4*ms, Warm), take(t, p, 4*ms, Warm), take(t, p, 4*ms, Warm)}, []int{c, a, b}; !cmp.Equal(got, want) {
			t.Errorf("they were used in order %v, want %v", got, want)
		}
		take(t, p, 4*ms, Cold)
	})
	t.Run("provisioned ones come first, then it spills over", func(t *testing.T) {
		p := open(t, Limits{Provisioned: 2, Concurrency: 4})
		a := take(t, p, 0, Provisioned)
		take(t, p, 0, Provisioned)
		c := take(t, p, 0, Cold)
		p.Give(1*ms, c)
		p.Give(1*ms, a)
		take(t, p, 2*ms, Provisioned)
		take(t, p, 2*ms, Warm)
		take(t, p, 2*ms, Cold)
		refuse(t, p, 2*ms, OverConcurrency)
	})
	t.Run("provisioned concurrency counts while it is idle", func(t *testing.T) {
		p := open(t, Limits{Provisioned: 3, Concurrency: 4})
		for range 3 {
			take(t, p, 0, Provisioned)
		}
		take(t, p, 0, Cold)
		p.Give(0, 0)
		take(t, p, 0, Provisioned)
		refuse(t, p, 0, OverConcurrency)
	})
	t.Run("reserved concurrency is all that the function has", func(t *testing.T) {
		p := open(t, Limits{Concurrency: 1000, Reserved: 1})
		env := take(t, p, 0, Cold)
		refuse(t, p, 0, OverReserved)
		p.Give(1*ms, env)
		take(t, p, 1*ms, Warm)
	})
	t.Run("an idle environment counts for nothing", func(t *testing.T) {
		p := open(t, Limits{Concurrency: 2})
		a, b := take(t, p, 0, Cold), take(t, p, 0, Cold)
		p.Give(0, a)
		p.Give(0, b)
		if got := p.Counts(); got.Claims != 0 || got.Idle != 2 || got.Made != 2 {
			t.Errorf("they count: %+v", got)
		}
	})
	t.Run("a thousand at once, and a hundred a second", func(t *testing.T) {
		p := open(t, Limits{Burst: 1000, Refill: 100})
		for range 1000 {
			take(t, p, 0, Cold)
		}
		refuse(t, p, 9*ms, OverScaling)
		take(t, p, 10*ms, Cold)
		refuse(t, p, 10*ms, OverScaling)
		made := 0
		for now := 10 * ms; now < 10*time.Second; now += ms {
			if _, _, err := p.Take(now); err == nil {
				made++
			}
		}
		if made != 998 {
			t.Errorf("%d were made in the ten seconds that follow, want 998", made)
		}
		for range 1000 { // an hour later, no more than the burst
			take(t, p, time.Hour, Cold)
		}
		refuse(t, p, time.Hour, OverScaling)
	})
	t.Run("requests a second are ten for each unit of concurrency", func(t *testing.T) {
		p := open(t, Limits{Concurrency: 100, RequestRate: 10})
		served := 0
		for now := time.Duration(0); now < 10*time.Second; now += ms / 2 { // 2,000 a second
			if env, _, err := p.Take(now); err == nil {
				served++
				p.Give(now, env)
			} else if !errors.Is(err, OverRate) {
				t.Fatal(err)
			}
		}
		if want := 10*1000 + 100; math.Abs(float64(served-want)) > 2 {
			t.Errorf("%d requests were served, want %d", served, want)
		}
	})
	t.Run("a rate of provisioned environments spills over, and does not throttle", func(t *testing.T) {
		p := open(t, Limits{Concurrency: 1000, RequestRate: 10, Provisioned: 10, ProvisionedRate: true})
		kinds := map[Kind]int{}
		for now := time.Duration(0); now < 10*time.Second; now += ms {
			env, kind, err := p.Take(now)
			if err != nil {
				t.Fatal(err)
			}
			kinds[kind]++
			p.Give(now, env)
		}
		if want := (map[Kind]int{Provisioned: 1009, Warm: 8990, Cold: 1}); !cmp.Equal(kinds, want) {
			t.Errorf("got %v, want %v", kinds, want)
		}
	})
	t.Run("idle environments are taken away, the one that rests longest first", func(t *testing.T) {
		p := open(t, Limits{Idle: time.Minute, Provisioned: 1})
		ready := take(t, p, 0, Provisioned)
		a, b := take(t, p, 0, Cold), take(t, p, 0, Cold)
		p.Give(time.Second, a)
		p.Give(2*time.Second, b)
		p.Give(2*time.Second, ready)
		if at, ok := p.Next(); !ok || at != 61*time.Second {
			t.Errorf("the next is taken away at %v, %v", at, ok)
		}
		if gone := p.Expired(61*time.Second - 1); len(gone) > 0 {
			t.Errorf("too early: %v", gone)
		}
		if gone := p.Expired(61 * time.Second); !cmp.Equal(gone, []int{a}) {
			t.Errorf("%v were taken away, want %d", gone, a)
		}
		take(t, p, time.Hour, Provisioned)
		take(t, p, time.Hour, Cold)
		if gone := p.Expired(time.Hour); !cmp.Equal(gone, []int{b}) {
			t.Errorf("%v were taken away, want %d", gone, b)
		}
		if at, ok := p.Next(); ok {
			t.Errorf("nothing is idle, but something is taken away at %v", at)
		}
	})
	t.Run("what is warm already asks for no token, and counts for nothing until it serves", func(t *testing.T) {
		p := open(t, Limits{Burst: 1, Concurrency: 3, Idle: time.Minute})
		p.Warm(0, 2)
		if got := p.Counts(); got.Idle != 2 || got.Claims != 0 {
			t.Errorf("there are %+v", got)
		}
		take(t, p, 0, Warm)
		take(t, p, 0, Warm)
		take(t, p, 0, Cold)
		refuse(t, p, 0, OverConcurrency)
	})
	t.Run("one that crashed gets nothing, and its late answer changes nothing", func(t *testing.T) {
		p := open(t, Limits{Provisioned: 1, Concurrency: 2})
		ready, demand := take(t, p, 0, Provisioned), take(t, p, 0, Cold)
		p.Lose(ready)
		p.Lose(demand)
		p.Give(0, ready)
		p.Give(0, demand)
		p.Lose(demand)
		p.Ready(0, demand)
		p.Give(0, 99)
		p.Give(0, -1)
		if got := p.Counts(); got.InFlight != 0 || got.Claims != 1 || got.Ready != 0 || got.Idle != 0 {
			t.Errorf("after both were lost there are %+v", got)
		}
		if env := take(t, p, 0, Cold); env == demand {
			t.Errorf("the number %d is used twice", env)
		}
		refuse(t, p, 0, OverConcurrency)
		p.Ready(0, ready)
		p.Ready(0, ready)
		take(t, p, 0, Provisioned)
		refuse(t, p, 0, OverConcurrency)
	})
	for name, l := range map[string]Limits{
		"more reserved than there is":            {Concurrency: 10, Reserved: 11},
		"more provisioned than there is":         {Concurrency: 10, Provisioned: 11},
		"more provisioned than reserved":         {Concurrency: 10, Reserved: 5, Provisioned: 6},
		"a negative number":                      {Concurrency: -1},
		"a rate that is no number":               {RequestRate: math.NaN()},
		"time that goes back":                    {Idle: -1},
		"scaling that takes environments away":   {Refill: -1},
		"a negative burst":                       {Burst: -1},
		"a negative depth":                       {RateDepth: -1},
		"a negative number of provisioned ones":  {Provisioned: -1},
		"a negative number of those set apart":   {Reserved: -1},
		"a negative number of those of a second": {RequestRate: -1},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			if _, err := New(l); err == nil {
				t.Error("it was not")
			}
		})
	}
}

// TestPoolAgainstAllOfItsPast does random things to a pool and to a plain account of them, which keeps everything that
// ever happened and looks through all of it each time.
func TestPoolAgainstAllOfItsPast(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		l := Limits{
			Concurrency: r.IntN(12), Burst: float64(r.IntN(5)), Refill: float64(r.IntN(30)),
			RequestRate: float64(r.IntN(3) * 40), ProvisionedRate: r.IntN(2) == 0, RateDepth: time.Duration(r.IntN(60)) * ms,
			Idle: time.Duration(r.IntN(3)) * 120 * ms,
		}
		if l.Concurrency > 2 {
			l.Provisioned = r.IntN(l.Concurrency / 2)
			if r.IntN(3) == 0 {
				l.Reserved = l.Provisioned + r.IntN(l.Concurrency-l.Provisioned)
			}
		}
		p := open(t, l)
		o := &past{l: l}
		for range l.Provisioned {
			o.envs = append(o.envs, &pastEnv{provisioned: true, idle: true})
		}
		now := time.Duration(0)
		var busy []int
		for step := range 400 {
			now += time.Duration(r.ExpFloat64() * float64(6*ms))
			what := ""
			switch i := r.IntN(max(len(busy), 1)); {
			case len(busy) == 0 || r.IntN(2) == 0:
				env, kind, err := p.Take(now)
				wantEnv, wantKind, wantErr := o.take(now)
				if wantErr == nil && (err != nil || kind != wantKind || wantKind == Warm && env != wantEnv) || !errors.Is(err, wantErr) {
					t.Fatalf("seed %d, step %d, at %v with %+v: got %d, %v, %v; want %d, %v, %v", seed, step, now, l, env, kind, err, wantEnv, wantKind, wantErr)
				}
				if err == nil {
					o.begin(env)
					busy = append(busy, env)
				}
				what = "take"
			case r.IntN(8) == 0:
				p.Lose(busy[i])
				if p.IsProvisioned(busy[i]) {
					p.Ready(now, busy[i])
					o.give(now, busy[i])
				} else {
					o.envs[busy[i]].gone = true
				}
				busy = append(busy[:i], busy[i+1:]...)
				what = "lose"
			default:
				p.Give(now, busy[i])
				o.give(now, busy[i])
				busy = append(busy[:i], busy[i+1:]...)
				what = "give"
			}
			if got, want := p.Counts(), o.counts(); got != want {
				t.Fatalf("seed %d, step %d, %s at %v with %+v: there are %+v, want %+v", seed, step, what, now, l, got, want)
			}
		}
	}
}

type past struct {
	l     Limits
	envs  []*pastEnv
	made  []time.Duration
	takes []time.Duration
	ready []time.Duration
}

type pastEnv struct {
	provisioned, idle, gone bool
	since                   time.Duration
}

// has says whether a bucket has a token after all that was taken from it.
func has(taken []time.Duration, now time.Duration, rate, depth float64) bool {
	level, at := depth, time.Duration(0)
	for _, t := range taken {
		level = math.Min(depth, level+rate*(t-at).Seconds()) - 1
		at = t
	}
	return math.Min(depth, level+rate*(now-at).Seconds()) >= 1
}

func (o *past) take(now time.Duration) (int, Kind, error) {
	for _, e := range o.envs {
		if o.l.Idle > 0 && e.idle && !e.provisioned && now-e.since >= o.l.Idle {
			e.idle, e.gone = false, true
		}
	}
	depth := o.l.RateDepth
	if depth == 0 {
		depth = DefaultRateDepth
	}
	units := math.MaxInt
	if o.l.Concurrency > 0 {
		units = o.l.Concurrency
	}
	if o.l.Reserved > 0 {
		units = o.l.Reserved
	}
	rate := o.l.RequestRate * float64(units)
	if o.l.RequestRate > 0 {
		if !has(o.takes, now, rate, math.Max(1, rate*depth.Seconds())) {
			return 0, 0, OverRate
		}
		o.takes = append(o.takes, now)
	}
	claims, last := 0, -1
	for i, e := range o.envs {
		if e.provisioned || !e.idle && !e.gone {
			claims++
		}
		if e.idle && !e.provisioned && (last < 0 || e.since >= o.envs[last].since) {
			last = i
		}
	}
	for i, e := range o.envs {
		if !e.provisioned || !e.idle {
			continue
		}
		rate := o.l.RequestRate * float64(o.l.Provisioned)
		if o.l.RequestRate > 0 && o.l.ProvisionedRate {
			if !has(o.ready, now, rate, math.Max(1, rate*depth.Seconds())) {
				break
			}
			o.ready = append(o.ready, now)
		}
		return i, Provisioned, nil
	}
	switch {
	case claims >= units && o.l.Reserved > 0:
		return 0, 0, OverReserved
	case claims >= units:
		return 0, 0, OverConcurrency
	case last >= 0:
		return last, Warm, nil
	case (o.l.Burst > 0 || o.l.Refill > 0) && !has(o.made, now, o.l.Refill, o.l.Burst):
		return 0, 0, OverScaling
	}
	o.made = append(o.made, now)
	o.envs = append(o.envs, &pastEnv{})
	return len(o.envs) - 1, Cold, nil
}

func (o *past) begin(env int)                   { o.envs[env].idle = false }
func (o *past) give(now time.Duration, env int) { o.envs[env].idle, o.envs[env].since = true, now }

// counts counts as Pool does, which looks for what is idle for too long only when it is asked for an environment.
func (o *past) counts() Counts {
	var c Counts
	for _, e := range o.envs {
		switch {
		case e.provisioned && e.idle:
			c.Ready++
		case e.provisioned:
			c.InFlight++
		case e.gone:
			c.Made++
		case e.idle:
			c.Idle++
			c.Made++
		default:
			c.Made++
			c.Busy++
		}
	}
	c.InFlight += c.Busy
	c.Claims = c.Busy + o.l.Provisioned
	return c
}

func TestEveryThrottleHasWordsOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, why := range Throttles() {
		if seen[why.Error()] || why.Reason() == "" {
			t.Errorf("%d: %q, %q", why, why, why.Reason())
		}
		seen[why.Error()] = true
	}
	if got := fmt.Sprint(Warm, Provisioned, Cold); got != "warm provisioned cold" {
		t.Error(got)
	}
}
