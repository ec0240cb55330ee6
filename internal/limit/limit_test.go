package limit

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A world is a limiter with its clock and metrics.
type world struct {
	*testing.T
	*Limiter
	metrics *telemetry.Access
	clock   time.Time
}

func newWorld(t *testing.T, o Options) *world {
	t.Helper()
	w := &world{T: t, metrics: &telemetry.New(telemetry.Options{}).Access, clock: time.Unix(1_800_000_000, 0)}
	o.Metrics, o.Now = w.metrics, func() time.Time { return w.clock }
	var err error
	if w.Limiter, err = New(o); err != nil {
		t.Fatal(err)
	}
	return w
}

// admit asks for one request and expects an answer of one kind.
func (w *world) admit(id *identity.Identity, want error) *Permit {
	w.Helper()
	p, err := w.Admit(id, w.clock, 1)
	if err != want { //nolint:errorlint // they are returned unwrapped
		w.Fatalf("Admit = %v, want %v", err, want)
	}
	return &p
}

func limited(rate float64, burst, concurrent int) *identity.Identity {
	return &identity.Identity{ID: "a", Limits: identity.Limits{Rate: rate, Burst: burst, Concurrent: concurrent}}
}

func TestARateIsKeptAfterABurst(t *testing.T) {
	w := newWorld(t, Options{Concurrency: "off"})
	id := limited(10, 3, 0)
	for i := range 3 {
		p := w.admit(id, nil)
		if p.Quota.Remaining != 2-i {
			t.Errorf("%d remain after %d", p.Quota.Remaining, i+1)
		}
		p.Release(w.clock)
	}
	p := w.admit(id, ErrRate)
	if p.Quota.RetryAfter != 100*time.Millisecond || p.Quota.Remaining != 0 {
		t.Errorf("the quota is %+v", p.Quota)
	}
	if got := w.metrics.Limited.Rate.Value(); got != 1 {
		t.Errorf("%d are counted", got)
	}
	w.clock = w.clock.Add(99 * time.Millisecond)
	w.admit(id, ErrRate)
	w.clock = w.clock.Add(time.Millisecond)
	w.admit(id, nil)
	w.admit(id, ErrRate)
	w.clock = w.clock.Add(time.Hour)
	for range 3 {
		w.admit(id, nil)
	}
	w.admit(id, ErrRate)
	w.admit(&identity.Identity{ID: "b", Limits: id.Limits}, nil)
}

func TestACostIsTakenOfTheRate(t *testing.T) {
	w := newWorld(t, Options{Concurrency: "off"})
	id := limited(10, 5, 0)
	if p, err := w.Admit(id, w.clock, 4); err != nil || p.Quota.Remaining != 1 {
		t.Errorf("%d remain, %v", p.Quota.Remaining, err)
	}
	if p, err := w.Admit(id, w.clock, 4); err != ErrRate || p.Quota.RetryAfter != 300*time.Millisecond { //nolint:errorlint // returned unwrapped
		t.Errorf("%+v, %v", p.Quota, err)
	}
	w.clock = w.clock.Add(time.Second)
	if p, err := w.Admit(id, w.clock, 400); err != nil || p.Quota.Remaining != 0 { // more than can ever be had takes all
		t.Errorf("%d remain, %v", p.Quota.Remaining, err)
	}
}

func TestARateThatChangesHoldsAtOnce(t *testing.T) {
	w := newWorld(t, Options{Concurrency: "off"})
	w.admit(limited(1, 2, 0), nil)
	w.admit(limited(1, 2, 0), nil)
	w.admit(limited(1, 2, 0), ErrRate)
	w.clock = w.clock.Add(100 * time.Millisecond) // a tenth of a request was gained
	w.admit(limited(100, 2, 0), ErrRate)
	w.clock = w.clock.Add(9 * time.Millisecond)
	w.admit(limited(100, 2, 0), nil)
	w.clock = w.clock.Add(time.Second)
	w.admit(limited(100, 2, 0), nil)
	if p := w.admit(limited(100, 1, 0), nil); p.Quota.Remaining != 0 {
		t.Errorf("%d remain of a burst of 1", p.Quota.Remaining)
	}
	w.admit(limited(100, 1, 0), ErrRate)
	w.admit(limited(0, 0, 0), nil)
}

func TestTimeIsGivenOnceWhenClocksDisagree(t *testing.T) {
	w := newWorld(t, Options{Concurrency: "off"})
	id := limited(1, 1000, 0)
	for range 300 { // of two goroutines, one is a little late each time
		w.admit(id, nil)
		w.clock = w.clock.Add(-500 * time.Millisecond)
		w.admit(id, nil)
		w.clock = w.clock.Add(500 * time.Millisecond)
	}
	if p := w.admit(id, nil); p.Quota.Remaining != 399 {
		t.Errorf("%d remain of 1000 after 601", p.Quota.Remaining)
	}
}

func TestRequestsInFlightOfAnIdentityAreBounded(t *testing.T) {
	w := newWorld(t, Options{Concurrency: "off"})
	id := limited(0, 0, 2)
	first, second := w.admit(id, nil), w.admit(id, nil)
	w.admit(id, ErrConcurrent)
	if got := w.metrics.Limited.Concurrent.Value(); got != 1 {
		t.Errorf("%d are counted", got)
	}
	first.Release(w.clock)
	first.Release(w.clock) // does nothing
	third := w.admit(id, nil)
	w.admit(id, ErrConcurrent)
	w.admit(limited(0, 0, 3), nil).Release(w.clock)
	second.Release(w.clock)
	third.Release(w.clock)
	for range 2 {
		w.admit(id, nil)
	}
}

func TestRequestsInFlightForAModelAreBounded(t *testing.T) {
	w := newWorld(t, Options{Concurrency: "off", Models: map[string]int{"fraud": 1}})
	a, b := w.admit(identity.Anybody(), nil), w.admit(identity.Anybody(), nil)
	if err := a.Model("fraud"); err != nil {
		t.Fatal(err)
	}
	if err := b.Model("fraud"); err != ErrModel { //nolint:errorlint // returned unwrapped
		t.Fatalf("a second is let in: %v", err)
	}
	if b.Quota.RetryAfter == 0 {
		t.Error("nothing says when to come again")
	}
	if got := w.metrics.Limited.Model.Value(); got != 1 {
		t.Errorf("%d are counted", got)
	}
	b.Release(w.clock)
	c := w.admit(identity.Anybody(), nil)
	if err := c.Model("other"); err != nil {
		t.Errorf("a model without a limit: %v", err)
	}
	a.Release(w.clock)
	d := w.admit(identity.Anybody(), nil)
	if err := d.Model("fraud"); err != nil {
		t.Errorf("the place was not given back: %v", err)
	}
	if err := new(Permit).Model("fraud"); err != nil {
		t.Errorf("nobody's permit: %v", err)
	}
}

func TestANumberBoundsRequestsInFlightAndBatchesGetHalf(t *testing.T) {
	w := newWorld(t, Options{Concurrency: "4"})
	if got := w.metrics.ConcurrencyLimit.Value(); got != 4 {
		t.Errorf("the gauge says %v", got)
	}
	batch := &identity.Identity{ID: "b", Priority: identity.Batch}
	w.admit(batch, nil)
	one := w.admit(batch, nil)
	if p := w.admit(batch, ErrOverload); Seconds(p.Quota.RetryAfter) != 1 {
		t.Errorf("%+v", p.Quota)
	}
	w.admit(identity.Anybody(), nil)
	w.admit(identity.Anybody(), nil)
	w.admit(limited(0, 0, 1), ErrOverload)
	one.Release(w.clock)
	w.admit(limited(0, 0, 1), nil) // what was refused does not count as in flight
	if o, b := w.metrics.Shed.Overload.Value(), w.metrics.Shed.Batch.Value(); o != 1 || b != 1 {
		t.Errorf("%d and %d are counted", o, b)
	}
}

func TestRequestsThatHaveComeAreCountedBeforeWorkBegins(t *testing.T) {
	t.Cleanup(func(n int) func() { return func() { runtime.GOMAXPROCS(n) } }(runtime.GOMAXPROCS(1)))
	const all = 200
	w := newWorld(t, Options{Concurrency: "4"})
	w.gate.(*turnstile).work.ns.Store(int64(time.Millisecond))
	var refused atomic.Int64
	var team sync.WaitGroup
	for range all {
		team.Go(func() {
			p, err := w.Admit(identity.Anybody(), w.clock, 1)
			if err != nil {
				refused.Add(1)
			}
			p.Release(w.clock.Add(time.Millisecond))
		})
	}
	team.Wait()
	// The runtime takes some who stepped back before all others have come, once in a while.
	if refused.Load() < all/2 {
		t.Errorf("of %d that came at once, %d were refused", all, refused.Load())
	}
}

func TestWhatWasGivenIsGivenBackWhateverHappensAtOnce(t *testing.T) {
	for _, concurrency := range []string{"adaptive", "off", "8"} {
		t.Run(concurrency, func(t *testing.T) {
			metrics := &telemetry.New(telemetry.Options{}).Access
			l, err := New(Options{Concurrency: concurrency, Models: map[string]int{"fraud": 3}, Metrics: metrics})
			if err != nil {
				t.Fatal(err)
			}
			if d, ok := l.gate.(*door); ok {
				d.work.ns.Store(int64(time.Millisecond))
			}
			ids := []*identity.Identity{limited(1e6, 1e6, 4), {ID: "b", Priority: identity.Batch}, {ID: "c"}}
			var inFlight atomic.Int64
			var team sync.WaitGroup
			for i := range 16 {
				team.Go(func() {
					for range 200 {
						id := ids[i%len(ids)]
						p, err := l.Admit(id, time.Now(), 1)
						if err == nil && id == ids[0] {
							if inFlight.Add(1) > 4 {
								t.Error("more in flight than were agreed")
							}
						}
						_ = p.Model("fraud")
						if err == nil && id == ids[0] {
							inFlight.Add(-1)
						}
						p.Release(time.Now())
					}
				})
			}
			team.Wait()
			if n := l.models["fraud"].inFlight.Load(); n != 0 {
				t.Errorf("%d are in flight for the model", n)
			}
			if f := l.flights.take("a", 1); f == nil {
				t.Error("some are in flight of the identity")
			}
			if g, ok := l.gate.(*turnstile); ok && g.inFlight.Load() != 0 {
				t.Errorf("%d are in flight", g.inFlight.Load())
			}
		})
	}
}

func TestSettingsThatMakeNoSenseAreRefused(t *testing.T) {
	metrics := &telemetry.New(telemetry.Options{}).Access
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"concurrency": {Options{Concurrency: "many", Metrics: metrics}, `want adaptive, off, or a number from 1, got "many"`},
		"zero":        {Options{Concurrency: "0", Metrics: metrics}, `got "0"`},
		"model":       {Options{Models: map[string]int{"fraud": 0}, Metrics: metrics}, `model "fraud": want 1 request`},
		"target":      {Options{Target: -1, Metrics: metrics}, "target above 0"},
		"burst":       {Options{Target: time.Second, Burst: time.Millisecond, Metrics: metrics}, "a burst from it"},
		"metrics":     {Options{}, "no metrics"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New = %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestClientsAreToldHowTheirRateStands(t *testing.T) {
	for _, c := range []struct {
		q                 Quota
		policy, rateLimit string
	}{
		{Quota{Rate: 500, Burst: 1000, Remaining: 999}, `"default";q=1000;w=2`, `"default";r=999;t=1`},
		{Quota{Rate: 500, Burst: 1000}, `"default";q=1000;w=2`, `"default";r=0;t=2`},
		{Quota{Rate: 1000, Burst: 1, Remaining: 1}, `"default";q=1;w=1`, `"default";r=1;t=1`},
		{Quota{Rate: 0.1, Burst: 3, Remaining: 1}, `"default";q=3;w=30`, `"default";r=1;t=20`},
		{Quota{Rate: 1e-12, Burst: 3}, `"default";q=3;w=1000000000`, `"default";r=0;t=1000000000`},
	} {
		if got := string(c.q.AppendPolicy(nil)); got != c.policy {
			t.Errorf("RateLimit-Policy: %s, want %s", got, c.policy)
		}
		if got := string(c.q.AppendRateLimit(nil)); got != c.rateLimit {
			t.Errorf("RateLimit: %s, want %s", got, c.rateLimit)
		}
	}
	for d, want := range map[time.Duration]int{0: 1, 1: 1, time.Second: 1, time.Second + 1: 2, 90 * time.Second: 90} {
		if got := Seconds(d); got != want {
			t.Errorf("Seconds(%v) = %d, want %d", d, got, want)
		}
	}
}

func TestAFloodOfIdentitiesTakesNoMoreThanItsRoom(t *testing.T) {
	const most = 10 * shardCount
	b := newBuckets(most)
	now := time.Unix(1_800_000_000, 0)
	for i := range 20 * most {
		b.Take(fmt.Sprintf("id-%d", i), 1, 10, 1, now)
	}
	n := 0
	for i := range b.shards {
		n += len(b.shards[i].of)
	}
	if n > most {
		t.Errorf("%d are kept, of %d at most", n, most)
	}
	f := newFlights(most)
	for i := range 20 * most {
		f.take(fmt.Sprintf("id-%d", i), 1).release()
	}
	n = 0
	for i := range f.shards {
		n += len(f.shards[i].of)
	}
	if n > most {
		t.Errorf("%d are kept, of %d at most", n, most)
	}
}

func TestWhoHasUsedItsRateIsNotForgottenInAFlood(t *testing.T) {
	b := newBuckets(10 * shardCount)
	now := time.Unix(1_800_000_000, 0)
	for range 10 {
		b.Take("greedy", 0.001, 10, 1, now)
	}
	for i := range 2000 {
		b.Take(fmt.Sprintf("id-%d", i), 1, 10, 1, now)
		if ok, _, _ := b.Take("greedy", 0.001, 10, 1, now); ok {
			t.Fatalf("after %d others, its bucket is full again", i+1)
		}
	}
}

func TestWhoIsInFlightIsNotForgottenInAFlood(t *testing.T) {
	f := newFlights(shardCount)
	held := f.take("held", 1)
	for i := range 1000 {
		f.take(fmt.Sprintf("id-%d", i), 1).release()
	}
	if f.take("held", 1) != nil {
		t.Error("its request in flight was forgotten")
	}
	held.release()
	if f.take("held", 1) == nil {
		t.Error("its place was not given back")
	}
}
