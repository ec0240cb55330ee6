package limit

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/besra-ml/besra/internal/identity"
)

func withQuota(n int, per identity.Period) *identity.Identity {
	return &identity.Identity{ID: "a", Limits: identity.Limits{Quota: identity.Quota{Requests: n, Per: per}}}
}

func TestAQuotaIsKeptUntilItsPeriodIsOver(t *testing.T) {
	w := newWorld(t, Options{Concurrency: "off"})
	w.clock = time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC)
	day, month := withQuota(3, identity.Day), withQuota(4, identity.Month)
	month.ID = "b"
	for i := range 3 {
		if p := w.admit(day, nil); p.Quota.Left != 2-i || p.Quota.RetryAfter != 0 {
			t.Errorf("%+v after %d", p.Quota, i+1)
		}
		w.admit(month, nil)
	}
	if p := w.admit(day, ErrQuota); p.Quota.RetryAfter != time.Hour || p.Quota.Left != 0 {
		t.Errorf("%+v", p.Quota)
	}
	if got := w.metrics.Limited.Quota.Value(); got != 1 {
		t.Errorf("%d are counted", got)
	}
	w.clock = w.clock.Add(time.Hour - 1)
	w.admit(day, ErrQuota)
	w.admit(month, nil)
	w.admit(month, ErrQuota)
	w.clock = w.clock.Add(1)
	for range 3 {
		w.admit(day, nil)
	}
	w.admit(day, ErrQuota)
	if p := w.admit(month, nil); p.Quota.Left != 3 {
		t.Errorf("%+v", p.Quota)
	}
	w.clock = w.clock.Add(-time.Second) // a clock that is a little late is of the same day
	w.admit(day, ErrQuota)
}

func TestAQuotaThatChangesKeepsWhatWasUsed(t *testing.T) {
	w := newWorld(t, Options{Concurrency: "off"})
	for range 3 {
		w.admit(withQuota(3, identity.Day), nil)
	}
	w.admit(withQuota(3, identity.Day), ErrQuota)
	w.admit(withQuota(2, identity.Day), ErrQuota)
	if p := w.admit(withQuota(5, identity.Day), nil); p.Quota.Left != 1 {
		t.Errorf("%+v", p.Quota)
	}
	if p := w.admit(withQuota(5, identity.Month), nil); p.Quota.Left != 4 { // another period is counted anew
		t.Errorf("%+v", p.Quota)
	}
	w.admit(withQuota(0, 0), nil)
}

// TestWhatIsRefusedIsNotTakenOfAQuota refuses for each reason that there is.
func TestWhatIsRefusedIsNotTakenOfAQuota(t *testing.T) {
	left := func(w *world, id *identity.Identity) int {
		_, left, _ := w.quotas.Spend(id.ID, id.Limits.Quota, 0, w.clock)
		return left
	}
	t.Run("rate", func(t *testing.T) {
		w, id := newWorld(t, Options{Concurrency: "off"}), withQuota(10, identity.Day)
		id.Limits.Rate, id.Limits.Burst = 1, 1
		w.admit(id, nil)
		w.admit(id, ErrRate)
		if got := left(w, id); got != 9 {
			t.Errorf("%d are left", got)
		}
	})
	t.Run("concurrent", func(t *testing.T) {
		w, id := newWorld(t, Options{Concurrency: "off"}), withQuota(10, identity.Day)
		id.Limits.Concurrent = 1
		w.admit(id, nil)
		w.admit(id, ErrConcurrent)
		if got := left(w, id); got != 9 {
			t.Errorf("%d are left", got)
		}
	})
	t.Run("quota", func(t *testing.T) { // and it is not in flight
		w, id := newWorld(t, Options{Concurrency: "off"}), withQuota(1, identity.Day)
		id.Limits.Concurrent = 1
		w.admit(id, nil).Release(w.clock)
		w.admit(id, ErrQuota)
		id.Limits.Quota.Requests = 2
		w.admit(id, nil)
	})
	t.Run("overload", func(t *testing.T) {
		w, id := newWorld(t, Options{Concurrency: "1"}), withQuota(10, identity.Day)
		w.admit(id, nil)
		if p := w.admit(id, ErrOverload); p.Quota.Left != 9 || left(w, id) != 9 {
			t.Errorf("%d are left, %+v", left(w, id), p.Quota)
		}
	})
	t.Run("model", func(t *testing.T) {
		w, id := newWorld(t, Options{Concurrency: "off", Models: map[string]int{"fraud": 1}}), withQuota(10, identity.Day)
		first, second := w.admit(id, nil), w.admit(id, nil)
		if err := first.Model("fraud"); err != nil {
			t.Fatal(err)
		}
		if err := second.Model("fraud"); err != ErrModel { //nolint:errorlint // returned unwrapped
			t.Fatal(err)
		}
		if got := left(w, id); got != 9 {
			t.Errorf("%d are left", got)
		}
	})
	t.Run("turn", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, id := newWorld(t, Options{}), withQuota(10000, identity.Day)
			waits := 0
			for range runtime.GOMAXPROCS(0) + 3 {
				p, err := w.AdmitLong(id, w.clock, 1)
				if err != nil {
					t.Fatal(err)
				}
				if err := p.Turn(t.Context(), id, w.clock, w.clock.Add(time.Second)); err != nil {
					waits++
				}
			}
			if got := left(w, id); waits != 3 || got != 10000-runtime.GOMAXPROCS(0) {
				t.Errorf("%d had no turn, %d are left", waits, got)
			}
		})
	})
	t.Run("of yesterday", func(t *testing.T) {
		for name, q := range map[string]Quotas{"alone": newCounts(mostKept), "shared": aShared(t)} {
			day, now := identity.Quota{Requests: 10, Per: identity.Day}, time.Now()
			q.Spend("a", day, 1, now)
			q.Spend("a", day, 1, now.Add(24*time.Hour))
			if _, left, _ := q.Spend("a", day, -1, now); left != 9 {
				t.Errorf("%s: %d are left", name, left)
			}
			if _, left, _ := q.Spend("a", day, -1, now.Add(24*time.Hour)); left != 10 {
				t.Errorf("%s: %d are left", name, left)
			}
		}
	})
}

func aShared(tb testing.TB) *Shared {
	tb.Helper()
	s, err := NewShared(SharedOptions{Bank: newMemoryBank(1, 0)})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestClientsAreToldHowTheirQuotaStands(t *testing.T) {
	q := Quota{Quota: identity.Quota{Requests: 100_000, Per: identity.Month}, Left: 7, At: time.Date(2026, 11, 30, 23, 59, 0, 1, time.UTC)}
	for _, c := range []struct {
		rate              float64
		policy, rateLimit string
	}{
		{0, `"quota";q=100000;w=2592000`, `"quota";r=7;t=60`},
		{500, `"default";q=1000;w=2, "quota";q=100000;w=2592000`, `"default";r=999;t=1, "quota";r=7;t=60`},
	} {
		q.Rate, q.Burst, q.Remaining = c.rate, 1000, 999
		if got := string(q.AppendPolicy(nil)); got != c.policy {
			t.Errorf("RateLimit-Policy: %s, want %s", got, c.policy)
		}
		if got := string(q.AppendRateLimit(nil)); got != c.rateLimit {
			t.Errorf("RateLimit: %s, want %s", got, c.rateLimit)
		}
		if !q.Told() {
			t.Error("there is nothing to tell")
		}
	}
	if (Quota{}).Told() {
		t.Error("there is something to tell of no limit")
	}
}

func TestAFloodOfIdentitiesTakesNoMoreRoomForQuotas(t *testing.T) {
	const most = 10 * shardCount
	c := newCounts(most)
	day, now := identity.Quota{Requests: 10, Per: identity.Day}, time.Unix(1_800_000_000, 0)
	for range 10 {
		c.Spend("greedy", day, 1, now)
	}
	for i := range 20 * most {
		c.Spend(fmt.Sprintf("id-%d", i), day, 1, now)
		if i%100 == 0 {
			if ok, _, _ := c.Spend("greedy", day, 1, now); ok {
				t.Fatalf("after %d others, its quota is whole again", i+1)
			}
		}
	}
	n := 0
	for i := range c.shards {
		n += len(c.shards[i].of)
	}
	if n > most {
		t.Errorf("%d are kept, of %d at most", n, most)
	}
}
