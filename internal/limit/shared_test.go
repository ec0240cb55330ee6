package limit

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/besra-ml/besra/internal/identity"
)

// A fleet is processes that share a bank.
type fleet struct {
	*testing.T
	bank *memoryBank
	all  []*Shared
	team sync.WaitGroup
	stop context.CancelFunc
	log  page
}

type page struct {
	mu   sync.Mutex
	text strings.Builder
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

// count counts a text in the log.
func (p *page) count(text string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Count(p.text.String(), text)
}

func newFleet(t *testing.T, n int, bank *memoryBank) *fleet {
	t.Helper()
	f := &fleet{T: t, bank: bank}
	ctx, stop := context.WithCancel(t.Context())
	f.stop = stop
	for range n {
		s, err := NewShared(SharedOptions{Bank: bank, Log: slog.New(slog.NewTextHandler(&f.log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		f.all = append(f.all, s)
		f.team.Go(func() { s.Run(ctx) })
	}
	time.Sleep(time.Second) // the processes are counted
	return f
}

// end ends all processes; it must be called.
func (f *fleet) end() {
	f.stop()
	f.team.Wait()
}

// ask has each process be asked so often a second, for that long, and returns how many were let in: of each process,
// and in each tenth of a second of all.
func (f *fleet) ask(loads []float64, long time.Duration, take func(s *Shared, now time.Time) bool) (of []int, in []int) {
	const tick = time.Millisecond
	of, in = make([]int, len(loads)), make([]int, long/(100*time.Millisecond))
	due, began := make([]float64, len(loads)), time.Now()
	for time.Since(began) < long {
		now := time.Now()
		for i, load := range loads {
			for due[i] += load * tick.Seconds(); due[i] >= 1; due[i]-- {
				if take(f.all[i], now) {
					of[i]++
					in[now.Sub(began)/(100*time.Millisecond)]++
				}
			}
		}
		time.Sleep(tick)
	}
	return of, in
}

func total(all []int) (n int) {
	for _, k := range all {
		n += k
	}
	return n
}

// most is how many are let in in the fullest time of n tenths of a second.
func most(in []int, n int) (most int) {
	for i := range len(in) - n + 1 {
		most = max(most, total(in[i:i+n]))
	}
	return most
}

func TestProcessesTogetherKeepARate(t *testing.T) {
	const long = 20 * time.Second
	for _, c := range []struct {
		name  string
		rate  float64
		burst int
		loads []float64
		takes time.Duration // the bank, for an answer
	}{
		{"all are asked alike", 1000, 1000, []float64{900, 900, 900, 900}, 500 * time.Microsecond},
		{"one is asked for all", 1000, 1000, []float64{5000, 0, 0, 0}, 500 * time.Microsecond},
		{"one is asked for nearly all", 1000, 1000, []float64{5000, 20, 20, 20}, 500 * time.Microsecond},
		{"the bank is far away", 1000, 1000, []float64{5000, 100, 100, 100}, 10 * time.Millisecond},
		{"a low rate", 2, 5, []float64{10, 10, 10, 10}, 500 * time.Microsecond},
		{"a low rate, and one is asked for all", 2, 5, []float64{50, 0, 0, 0}, 500 * time.Microsecond},
		{"a small burst", 500, 20, []float64{400, 400, 400, 400}, 500 * time.Microsecond},
		{"a high rate", 50_000, 50_000, []float64{40_000, 40_000, 0, 0}, 500 * time.Microsecond},
		{"a large burst", 100, 10_000, []float64{3000, 3000, 3000, 3000}, 500 * time.Microsecond},
		{"one process", 300, 300, []float64{2000}, 500 * time.Microsecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := len(c.loads)
				f := newFleet(t, n, newMemoryBank(n, c.takes))
				defer f.end()
				of, in := f.ask(c.loads, long, func(s *Shared, now time.Time) bool {
					ok, _, _ := s.Take("a", c.rate, c.burst, 1, now)
					return ok
				})
				gained := int(c.rate * long.Seconds())
				over := total(of) - gained - c.burst
				leases, owed := f.bank.seen()
				t.Logf("%d are let in of %d + %d: over %d; %v; lacked at most %d, %d leases a second", total(of), gained, c.burst, over, of, owed, leases/20)
				if over > n*rateCredit {
					t.Errorf("%d more than %d + %d are let in", over, gained, c.burst)
				}
				if total(of) < gained*98/100 {
					t.Errorf("%d are let in of %d", total(of), gained)
				}
				for i := range of {
					if f.all[i].Stats().Alone > 0 {
						t.Errorf("%+v", f.all[i].Stats())
					}
				}
				// In any second there are as many more at most as were held when it began.
				each := rateCredit + c.burst/(fairPart*n) + 1
				if most := most(in, 10); most > int(c.rate)+c.burst+n*each {
					t.Errorf("%d are let in in a second", most)
				}
			})
		})
	}
}

func TestLoadThatMovesFromOneProcessToAnotherKeepsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 3, newMemoryBank(3, time.Millisecond))
		defer f.end()
		all := 0
		const rounds = 10
		for i := range rounds {
			loads := make([]float64, 3)
			loads[i%3] = 4000
			of, _ := f.ask(loads, time.Second, func(s *Shared, now time.Time) bool {
				ok, _, _ := s.Take("a", 500, 500, 1, now)
				return ok
			})
			all += total(of)
		}
		if gained := 500 * rounds; all < gained*95/100 || all > gained+500+3*rateCredit {
			t.Errorf("%d are let in of %d + 500", all, gained)
		}
	})
}

func TestWhoeverStaysWithinItsRateIsNotRefused(t *testing.T) {
	for name, loads := range map[string][]float64{
		"spread evenly": {300, 300, 300}, "all at one": {900, 0, 0}, "rarely": {1, 2, 3}, "sometimes": {20, 40, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, 3, newMemoryBank(3, time.Millisecond))
				defer f.end()
				refused := 0
				f.ask(loads, 10*time.Second, func(s *Shared, now time.Time) bool {
					ok, _, _ := s.Take("a", 1000, 1000, 1, now)
					if !ok {
						refused++
					}
					return ok
				})
				if refused > 0 {
					t.Errorf("%d are refused", refused)
				}
			})
		})
	}
}

// TestABurstComesAtOnce has all of a burst asked of one process in some milliseconds.
func TestABurstComesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 3, newMemoryBank(3, 300*time.Microsecond))
		defer f.end()
		of, _ := f.ask([]float64{20_000, 0, 0}, 100*time.Millisecond, func(s *Shared, now time.Time) bool {
			ok, _, _ := s.Take("a", 100, 1000, 1, now)
			return ok
		})
		if of[0] < 1000 || of[0] > 1010+rateCredit {
			t.Errorf("%d are let in of a burst of 1000", of[0])
		}
	})
}

func TestTheFirstRequestsAreTakenOnCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, newMemoryBank(2, time.Millisecond))
		defer f.end()
		let := func(s *Shared, burst int) (n int) {
			for range 1000 {
				if ok, _, _ := s.Take(fmt.Sprint(burst), 10, burst, 1, time.Now()); ok {
					n++
				}
			}
			return n
		}
		for burst, want := range map[int]int{1: 1, 2: 1, 10: 5, 100: 50, 1000: rateCredit} {
			if got := let(f.all[0], burst); got != want {
				t.Errorf("%d are let in at once of a burst of %d, want %d", got, burst, want)
			}
		}
		synctest.Wait()
		time.Sleep(10 * time.Millisecond)
		if got := let(f.all[1], 1); got != 1 {
			t.Errorf("%d are let in at once by another", got)
		}
		time.Sleep(10 * time.Millisecond)
		if got := f.bank.tokens("1"); got < -1.01 || got > -0.9 {
			t.Errorf("the account has %v, want about -1", got)
		}
		if ok, remaining, retry := f.all[1].Take("1", 10, 1, 1, time.Now()); ok || remaining != 0 || retry < 170*time.Millisecond || retry > 210*time.Millisecond {
			t.Errorf("%v, %d remain, %v", ok, remaining, retry)
		}
	})
}

func TestWhatRemainsIsAsTheBankToldLessWhatWasTakenSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, newMemoryBank(2, time.Millisecond))
		defer f.end()
		for i := range 50 {
			ok, remaining, _ := f.all[0].Take("a", 1, 100, 1, time.Now())
			time.Sleep(2 * time.Millisecond)
			if !ok || remaining != 99-i {
				t.Errorf("%v, %d remain after %d", ok, remaining, i+1)
			}
		}
		_, remaining, _ := f.all[1].Take("a", 1, 100, 1, time.Now())
		time.Sleep(2 * time.Millisecond)
		if _, again, _ := f.all[1].Take("a", 1, 100, 1, time.Now()); remaining != 99 || again > 49 || again < 30 {
			t.Errorf("another tells first of %d, then of %d", remaining, again)
		}
	})
}

func TestWhatIsHeldTooLongIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, newMemoryBank(1, time.Millisecond))
		defer f.end()
		f.ask([]float64{1000}, 100*time.Millisecond, func(s *Shared, now time.Time) bool {
			ok, _, _ := s.Take("a", 0.001, 1000, 1, now)
			return ok
		})
		time.Sleep(5 * time.Millisecond)
		p := f.all[0].rates.lock("a").of["a"]
		held := p.held
		p.shard.mu.Unlock()
		if held < 10 || int(f.bank.tokens("a")) != 900-held {
			t.Fatalf("%d are held, %v are left", held, f.bank.tokens("a"))
		}
		time.Sleep(2 * time.Second)
		f.all[0].Take("a", 0.001, 1000, 1, time.Now())
		time.Sleep(5 * time.Millisecond)
		if left := int(f.bank.tokens("a")); left != 899 {
			t.Errorf("%d are left, want 899", left)
		}
	})
}

func TestWhatIsHeldAtTheEndIsGivenBackAndWhatIsOwedIsPaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, newMemoryBank(2, time.Millisecond))
		day := identity.Quota{Requests: 1000, Per: identity.Day}
		for i := range 100 {
			now := time.Now()
			f.all[i%2].Take("a", 0.001, 1000, 1, now)
			f.all[i%2].Spend("a", day, 1, now)
			if i < 98 {
				time.Sleep(time.Millisecond)
			}
		}
		f.end()
		if left, used := int(f.bank.tokens("a")), f.bank.used("2000-01-01 a"); left != 900 || used != 100 {
			t.Errorf("%d are left, %d of the quota are used", left, used)
		}
		if ok, _, _ := f.all[0].Take("a", 0.001, 1000, 1, time.Now()); !ok || f.all[0].Stats().Alone != 1 {
			t.Errorf("after the end: %v, %+v", ok, f.all[0].Stats())
		}
	})
}

func TestALimitThatChangesHoldsAtOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, newMemoryBank(2, time.Millisecond))
		defer f.end()
		ask := func(rate float64, burst int) int {
			of, _ := f.ask([]float64{4000, 4000}, 2*time.Second, func(s *Shared, now time.Time) bool {
				ok, _, _ := s.Take("a", rate, burst, 1, now)
				return ok
			})
			return total(of)
		}
		ask(100, 100)
		if got := ask(1000, 100); got < 1900 || got > 2100+2*rateCredit {
			t.Errorf("%d are let in after the rate was raised", got)
		}
		if got := ask(100, 50); got < 190 || got > 300+2*rateCredit {
			t.Errorf("%d are let in after the rate was lowered", got)
		}
	})
}
