package limit

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/besra-ml/besra/internal/identity"
)

func takeOf(rate float64, burst int) func(s *Shared, now time.Time) bool {
	return func(s *Shared, now time.Time) bool {
		ok, _, _ := s.Take("a", rate, burst, 1, now)
		return ok
	}
}

// TestWithoutTheBankEachProcessKeepsItsShare has the bank fail in several ways, and come back.
func TestWithoutTheBankEachProcessKeepsItsShare(t *testing.T) {
	for name, c := range map[string]struct {
		takes time.Duration
		out   bool
	}{
		"it refuses at once": {0, true}, "it never answers": {time.Hour, false}, "it refuses after a while": {100 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, 4, newMemoryBank(4, time.Millisecond))
				defer f.end()
				even, take := []float64{2000, 2000, 2000, 2000}, takeOf(1000, 1000)
				f.ask(even, 5*time.Second, take) // the burst is used
				f.bank.set(c.takes, c.out)
				of, _ := f.ask(even, 10*time.Second, take)
				for _, n := range of {
					if n < 2300 || n > 2500+rateCredit+1 {
						t.Errorf("without the bank %v are let in of 2500 each", of)
					}
				}
				for _, s := range f.all {
					if got := s.Stats(); !got.Out || got.Peers != 4 || got.Alone == 0 {
						t.Errorf("%+v", got)
					}
				}
				if n := f.log.count("each process keeps its share"); n != 4 {
					t.Errorf("it is said %d times", n)
				}
				f.bank.set(time.Millisecond, false)
				time.Sleep(time.Second)
				if n := f.log.count("limits are shared again"); n != 4 {
					t.Errorf("that it is back is said %d times", n)
				}
				back, _ := f.ask([]float64{5000, 0, 0, 0}, 10*time.Second, take)
				if n := total(back); n < 9800 || n > 10_000+1000+4*rateCredit {
					t.Errorf("back at the bank %d are let in by one", n)
				}
				for _, s := range f.all {
					if s.Stats().Out {
						t.Errorf("%+v", s.Stats())
					}
				}
			})
		})
	}
}

// TestAnOutageIsNoGift counts all that is let in before, in and after outages.
func TestAnOutageIsNoGift(t *testing.T) {
	for name, long := range map[string]time.Duration{"short": time.Second, "long": 15 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, 3, newMemoryBank(3, time.Millisecond))
				defer f.end()
				loads, take := []float64{1000, 1000, 1000}, takeOf(300, 600)
				all, began := 0, time.Now()
				for range 3 {
					f.bank.set(0, false)
					of, _ := f.ask(loads, 5*time.Second, take)
					all += total(of)
					f.bank.set(0, true)
					of, _ = f.ask(loads, long, take)
					all += total(of)
				}
				gained := int(300 * time.Since(began).Seconds())
				t.Logf("%d of %d", all, gained)
				if all > gained+600+3*rateCredit {
					t.Errorf("%d are let in of %d + 600", all, gained)
				}
				if all < gained*9/10 {
					t.Errorf("%d are let in of %d", all, gained)
				}
			})
		})
	}
}

func TestABankThatIsOutFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank := newMemoryBank(2, 0)
		bank.set(0, true)
		f := newFleet(t, 2, bank)
		defer f.end()
		of, _ := f.ask([]float64{1000, 1000}, 5*time.Second, takeOf(100, 100))
		for _, n := range of { // each takes itself for the only one
			if n < 590 || n > 602 {
				t.Errorf("%v are let in", of)
			}
		}
		f.all[0].Take("a", 100, 100, 1, time.Now())
		if ok, _, retry := f.all[0].Take("a", 100, 100, 1, time.Now()); ok || retry <= 0 || retry > 10*time.Millisecond {
			t.Errorf("again after %v", retry)
		}
		f.bank.set(0, false)
		time.Sleep(2 * time.Second)
		if got := f.all[0].Stats(); got.Out || got.Peers != 2 {
			t.Errorf("%+v", got)
		}
	})
}

func TestASmallBurstIsNotShutOutInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 4, newMemoryBank(4, 0))
		defer f.end()
		f.bank.set(0, true)
		time.Sleep(5 * time.Second)
		of, _ := f.ask([]float64{10, 10, 10, 10}, 40*time.Second, takeOf(1, 1))
		for _, n := range of {
			if n < 9 || n > 11 {
				t.Errorf("%v are let in, a quarter a second each", of)
			}
		}
		time.Sleep(time.Minute)
		f.all[0].Take("a", 1, 1, 1, time.Now())
		if ok, _, retry := f.all[0].Take("a", 1, 1, 1, time.Now()); ok || retry < 3900*time.Millisecond || retry > 4*time.Second {
			t.Errorf("%v, again after %v", ok, retry)
		}
	})
}

// TestAFailureNowAndThenIsNoOutage loses every tenth lease.
func TestAFailureNowAndThenIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, newMemoryBank(2, 0))
		defer f.end()
		f.bank.set(0, true)
		for range 2 {
			f.all[0].Take("a", 1000, 1000, 1, time.Now())
			time.Sleep(400 * time.Millisecond)
		}
		f.bank.set(0, false)
		if got := f.all[0].Stats(); got.Out || got.Failures != 2 {
			t.Errorf("%+v", got)
		}
		f.all[0].Take("a", 1000, 1000, 1, time.Now())
		time.Sleep(time.Millisecond)
		if got := f.bank.tokens("a"); got != 997 {
			t.Errorf("%v are left of 1000 after 3", got)
		}
	})
}

func TestAQuotaIsKeptInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, newMemoryBank(2, time.Millisecond))
		defer f.end()
		take := spendOf(identity.Quota{Requests: 10_000, Per: identity.Day})
		f.ask([]float64{1000, 1000}, 2*time.Second, take) // 4,000 are used
		f.bank.set(0, true)
		of, _ := f.ask([]float64{5000, 100}, 10*time.Second, take)
		if of[0] < 2900 || of[0] > 3100 || of[1] < 999 {
			t.Errorf("without the bank %v are let in, want half of 6,000 at most", of)
		}
		f.bank.set(time.Millisecond, false)
		time.Sleep(time.Second)
		of, _ = f.ask([]float64{1000, 1000}, 10*time.Second, take)
		if n := total(of) + 4000 + 3000 + 1000; n < 9_900 || n > 10_100 {
			t.Errorf("%d are let in of 10,000", n)
		}
	})
}

// TestABankWithTooManyWaitingIsTakenForSlow has more ask at once than can wait.
func TestABankWithTooManyWaitingIsTakenForSlow(t *testing.T) {
	s, now := aShared(t), time.Now() // it does not run
	for i := range mostWaiting + 10 {
		if ok, _, _ := s.Take(fmt.Sprint(i), 1, 1, 1, now); !ok {
			t.Fatalf("%d: the first is not let in", i)
		}
	}
	last := fmt.Sprint(mostWaiting + 9)
	if ok, _, _ := s.Take(last, 1, 2, 1, now); ok || s.Stats().Alone != 1 {
		t.Errorf("a second is let in: %v, %+v", ok, s.Stats())
	}
	if ok, _, _ := s.Take(last, 1, 2, 1, now.Add(time.Second)); !ok {
		t.Error("it is not let in a second later")
	}
}
