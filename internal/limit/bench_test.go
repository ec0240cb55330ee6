package limit

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/telemetry"
)

// many are identities with limits that they do not reach.
func many() []*identity.Identity {
	ids := make([]*identity.Identity, 2048)
	for i := range ids {
		ids[i] = &identity.Identity{
			ID:     fmt.Sprintf("https://id.example.com service-%04d", i),
			Limits: identity.Limits{Rate: 1e9, Burst: 1e9, Concurrent: 1e6},
		}
	}
	return ids
}

// withQuotas are the same, with a quota as well.
func withQuotas() []*identity.Identity {
	ids := many()
	for _, id := range ids {
		id.Limits.Quota = identity.Quota{Requests: identity.MaxQuota, Per: identity.Month}
	}
	return ids
}

// newFleetLimiter is a limiter that shares limits by a bank in this process.
func newFleetLimiter(tb testing.TB) *Limiter {
	tb.Helper()
	s, err := NewShared(SharedOptions{Bank: newMemoryBank(3, 0)})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var team sync.WaitGroup
	team.Go(func() { s.Run(ctx) })
	tb.Cleanup(func() { stop(); team.Wait() })
	l := newLimiter(tb, "off", 0)
	l.buckets, l.quotas = s, s
	return l
}

func newLimiter(tb testing.TB, concurrency string, work time.Duration) *Limiter {
	tb.Helper()
	l, err := New(Options{
		Concurrency: concurrency, Models: map[string]int{"fraud": 64}, Metrics: &telemetry.New(telemetry.Options{}).Access,
	})
	if err != nil {
		tb.Fatal(err)
	}
	if d, ok := l.gate.(*door); ok {
		d.work.ns.Store(int64(work))
	}
	return l
}

func (l *Limiter) once(tb testing.TB, id *identity.Identity, now time.Time, work time.Duration) {
	p, err := l.Admit(id, now, 1)
	if err == nil {
		err = p.Model("fraud")
	}
	if err != nil {
		tb.Error(err)
	}
	p.Release(now.Add(work))
}

func TestAdmittingAllocatesNothing(t *testing.T) {
	ids := many()
	for _, work := range []time.Duration{time.Microsecond, time.Millisecond} {
		l := newLimiter(t, "adaptive", work)
		for _, id := range ids { // their buckets are made
			l.once(t, id, time.Now(), work)
		}
		i := 0
		if n := testing.AllocsPerRun(1000, func() {
			l.once(t, ids[i%len(ids)], time.Now(), work)
			i++
		}); n != 0 {
			t.Errorf("%v allocations for work of %v", n, work)
		}
	}
	q, buf := Quota{Rate: 500, Burst: 1000, Remaining: 999}, make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { buf = q.AppendRateLimit(q.AppendPolicy(buf[:0])) }); n != 0 {
		t.Errorf("%v allocations for the headers", n)
	}
	var e Estimate
	if n := testing.AllocsPerRun(100, func() { e.Observe(3, e.For(100)+1) }); n != 0 {
		t.Errorf("%v allocations for an estimate", n)
	}
	for name, l := range map[string]*Limiter{"alone": newLimiter(t, "off", 0), "shared": newFleetLimiter(t)} {
		ids := withQuotas()
		for range 20 { // tokens are held
			for _, id := range ids {
				l.once(t, id, time.Now(), 0)
			}
		}
		i, n := 0, math.Inf(1)
		for try := 0; n > 0 && try < 20; try++ { // leases that go on meanwhile allocate, too
			time.Sleep(10 * time.Millisecond)
			n = testing.AllocsPerRun(100, func() {
				l.once(t, ids[i%len(ids)], time.Now(), 0)
				i++
			})
		}
		if n != 0 {
			t.Errorf("%v allocations with a quota, %s", n, name)
		}
	}
}

func BenchmarkAdmitAndRelease(b *testing.B) {
	ids, none := many(), []*identity.Identity{identity.Anybody()}
	for _, c := range []struct {
		name        string
		concurrency string
		ids         []*identity.Identity
		work        time.Duration
	}{
		{"no-limits/off", "off", none, 0},
		{"no-limits/short-work", "adaptive", none, time.Microsecond},
		{"no-limits/long-work", "adaptive", none, time.Millisecond},
		{"limits/off", "off", ids, 0},
		{"limits/short-work", "adaptive", ids, time.Microsecond},
		{"limits/long-work", "adaptive", ids, time.Millisecond}, // each steps back once
	} {
		b.Run(c.name, func(b *testing.B) {
			l := newLimiter(b, c.concurrency, c.work)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				now := time.Now()
				l.once(b, c.ids[i%len(c.ids)], now, c.work)
			}
		})
	}
}

// BenchmarkAdmitWhereLimitsAreShared cycles identities with rate and quota, by a bank in this process that answers at
// once: what leases take is in it.
func BenchmarkAdmitWhereLimitsAreShared(b *testing.B) {
	for _, c := range []struct {
		name string
		ids  []*identity.Identity
		l    *Limiter
	}{
		{"rate/alone", many(), newLimiter(b, "off", 0)},
		{"rate/shared", many(), newFleetLimiter(b)},
		{"rate-and-quota/alone", withQuotas(), newLimiter(b, "off", 0)},
		{"rate-and-quota/shared", withQuotas(), newFleetLimiter(b)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c.l.once(b, c.ids[i%len(c.ids)], time.Now(), 0)
			}
		})
	}
}

func BenchmarkAdmitAndReleaseByAll(b *testing.B) {
	ids := many()
	l := newLimiter(b, "adaptive", time.Microsecond)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			l.once(b, ids[i%len(ids)], time.Now(), time.Microsecond)
		}
	})
}

func BenchmarkEstimate(b *testing.B) {
	var e Estimate
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e.Observe(1+i%2048, e.For(1+i%2048)+time.Microsecond)
	}
}
