package limit

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/besra-ml/besra/internal/identity"
)

func spendOf(q identity.Quota) func(s *Shared, now time.Time) bool {
	return func(s *Shared, now time.Time) bool {
		ok, _, _ := s.Spend("a", q, 1, now)
		return ok
	}
}

func TestProcessesTogetherKeepAQuota(t *testing.T) {
	for _, c := range []struct {
		name  string
		most  int
		loads []float64
	}{
		{"all are asked alike", 10_000, []float64{500, 500, 500, 500}},
		{"one is asked for all", 10_000, []float64{2000, 0, 0, 0}},
		{"one is asked for nearly all", 10_000, []float64{2000, 5, 5, 5}},
		{"a small one", 3, []float64{10, 10, 10, 10}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, 4, newMemoryBank(4, time.Millisecond))
				defer f.end()
				q := identity.Quota{Requests: c.most, Per: identity.Day}
				of, _ := f.ask(c.loads, 30*time.Second, spendOf(q))
				leases, _ := f.bank.seen()
				t.Logf("%d of %d, %v, %d leases a second", total(of), c.most, of, leases/30)
				if n := total(of); n < c.most*999/1000 || n > c.most+4 {
					t.Errorf("%d are let in of %d: %v", n, c.most, of)
				}
				ok, left, retry := f.all[0].Spend("a", q, 1, time.Now())
				if until := time.Until(time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC)); ok || left != 0 || retry != until {
					t.Errorf("%v, %d are left, again after %v, want %v", ok, left, retry, until)
				}
				time.Sleep(retry) // the next day
				of, _ = f.ask(c.loads, 30*time.Second, spendOf(q))
				if n := total(of); n < c.most*999/1000 || n > c.most+4 {
					t.Errorf("%d are let in of %d on the next day: %v", n, c.most, of)
				}
			})
		})
	}
}

// TestAPeriodThatEndsWhileALeaseIsOnItsWay mixes up nothing.
func TestAPeriodThatEndsWhileALeaseIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, newMemoryBank(2, 20*time.Millisecond))
		defer f.end()
		q := identity.Quota{Requests: 5_000, Per: identity.Day}
		take := spendOf(q)
		time.Sleep(time.Until(time.Date(2000, 1, 1, 23, 59, 59, 0, time.UTC)))
		before, _ := f.ask([]float64{1000, 1000}, time.Second, take)
		after, _ := f.ask([]float64{1000, 1000}, 10*time.Second, take)
		if total(before) != 2000 || total(after) < 4990 || total(after) > 5000+2*quotaCredit/100 {
			t.Errorf("%v are let in, and %v after midnight", before, after)
		}
		first, second := f.bank.used("2000-01-01 a"), f.bank.used("2000-01-02 a")
		if first < 1900 || first > 2100 || second < 4990 || second > 5100 {
			t.Errorf("the bank counts %d and %d", first, second)
		}
	})
}

func TestASharedQuotaThatIsRaisedHoldsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, newMemoryBank(2, time.Millisecond))
		defer f.end()
		loads := []float64{100, 100}
		f.ask(loads, 5*time.Second, spendOf(identity.Quota{Requests: 100, Per: identity.Month}))
		of, _ := f.ask(loads, time.Second, spendOf(identity.Quota{Requests: 150, Per: identity.Month}))
		if n := total(of); n < 48 || n > 52 {
			t.Errorf("%v are let in after it was raised by 50", of)
		}
		of, _ = f.ask(loads, time.Second, spendOf(identity.Quota{Requests: 120, Per: identity.Month}))
		if total(of) > 0 {
			t.Errorf("%v are let in after it was lowered", of)
		}
	})
}

func TestAFloodOfIdentitiesTakesNoMoreThanItsRoomInAFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, newMemoryBank(1, 0))
		defer f.end()
		const most = 10 * shardCount
		s := f.all[0]
		s.rates = newLedger(most, false)
		for i := range 20 * most {
			s.Take(fmt.Sprintf("id-%d", i), 1, 10, 1, time.Now())
			if i%100 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		synctest.Wait()
		n := 0
		s.rates.each(func(*purse) { n++ })
		if n > most+100 {
			t.Errorf("%d are kept, of %d at most", n, most)
		}
	})
}
