package limit_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/limit"
	"github.com/besra-ml/besra/internal/telemetry"
)

// TestLongWorkWaitsInLine has more batches come at once than there are processors: as many work as there are places,
// the others wait, and whoever would wait too long is refused.
func TestLongWorkWaitsInLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &telemetry.New(telemetry.Options{}).Access
		l, err := limit.New(limit.Options{Metrics: m})
		if err != nil {
			t.Fatal(err)
		}
		places := runtime.GOMAXPROCS(0)
		var mu sync.Mutex
		working, most, done, refused := 0, 0, 0, 0
		batch := func(id *identity.Identity, takes time.Duration) {
			now := time.Now()
			p, err := l.AdmitLong(id, now, 1)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { p.Release(time.Now()) }()
			if err := p.Turn(context.Background(), id, now, now.Add(10*time.Second)); err != nil {
				if !errors.Is(err, limit.ErrOverload) || time.Since(now) != 2500*time.Millisecond {
					t.Errorf("%v after %v", err, time.Since(now))
				}
				mu.Lock()
				refused++
				mu.Unlock()
				return
			}
			mu.Lock()
			working++
			most = max(most, working)
			mu.Unlock()
			time.Sleep(takes)
			mu.Lock()
			working--
			done++
			mu.Unlock()
		}
		var team sync.WaitGroup
		for range 4 * places {
			team.Go(func() { batch(identity.Anybody(), 100*time.Millisecond) })
		}
		team.Wait()
		if done != 4*places || most != places || refused != 0 {
			t.Errorf("%d done, %d at once, %d refused; %d places", done, most, refused, places)
		}

		done = 0
		for range 2 * places {
			team.Go(func() { batch(identity.Anybody(), 3*time.Second) })
		}
		team.Wait()
		if done != places || refused != places || m.Shed.Overload.Value() != uint64(places) {
			t.Errorf("%d done, %d refused, %d counted", done, refused, m.Shed.Overload.Value())
		}
	})
}

func TestLongWorkDoesNotHoldUpShortWork(t *testing.T) {
	m := &telemetry.New(telemetry.Options{}).Access
	l, err := limit.New(limit.Options{Metrics: m})
	if err != nil {
		t.Fatal(err)
	}
	id, now := identity.Anybody(), time.Now()
	var held []limit.Permit
	for {
		p, err := l.AdmitLong(id, now, 1)
		if errors.Is(err, limit.ErrOverload) {
			break
		}
		if err != nil || len(held) > 10_000 {
			t.Fatalf("%d are let in; %v", len(held), err)
		}
		held = append(held, p)
	}
	if len(held) < 16 {
		t.Errorf("%d are let in", len(held))
	}
	short, err := l.Admit(id, now, 1)
	if err != nil {
		t.Errorf("short work: %v", err)
	}
	short.Release(now)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	turns := 0
	for i := range held {
		if held[i].Turn(ended, id, now, time.Time{}) == nil {
			turns++
		}
	}
	if turns != runtime.GOMAXPROCS(0) {
		t.Errorf("%d have a turn", turns)
	}
	for i := range held {
		held[i].Release(now)
		held[i].Release(now) // changes nothing
	}
	for range held {
		p, err := l.AdmitLong(id, now, 1)
		if err != nil {
			t.Fatal("a place in line was not given back")
		}
		defer p.Release(now)
	}
}

// TestOneOfSeveralDoesNotFillTheLine has one client take all that it can of the line: another gets in.
func TestOneOfSeveralDoesNotFillTheLine(t *testing.T) {
	m := &telemetry.New(telemetry.Options{}).Access
	l, err := limit.New(limit.Options{Metrics: m})
	if err != nil {
		t.Fatal(err)
	}
	greedy, other, now := &identity.Identity{ID: "greedy", Method: identity.Key}, &identity.Identity{ID: "other", Method: identity.Key}, time.Now()
	var held []limit.Permit
	for len(held) < 10_000 {
		p, err := l.AdmitLong(greedy, now, 1)
		if err != nil {
			break
		}
		held = append(held, p)
	}
	p, err := l.AdmitLong(other, now, 1)
	if err != nil {
		t.Errorf("beside %d of one client: %v", len(held), err)
	}
	p.Release(now)
	held[0].Release(now)
	again, err := l.AdmitLong(greedy, now, 1)
	if err != nil {
		t.Errorf("its own place was not given back: %v", err)
	}
	again.Release(now)
	for i := range held {
		held[i].Release(now)
	}
}

// TestWhoIsSlowToReadHoldsNoPlace answers at leisure: the places are free as soon as the work is done.
func TestWhoIsSlowToReadHoldsNoPlace(t *testing.T) {
	m := &telemetry.New(telemetry.Options{}).Access
	l, err := limit.New(limit.Options{Metrics: m, Models: map[string]int{"fraud": 1}})
	if err != nil {
		t.Fatal(err)
	}
	id, now := identity.Anybody(), time.Now()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	var reading []limit.Permit
	for range 3 * runtime.GOMAXPROCS(0) {
		p, err := l.AdmitLong(id, now, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Turn(ended, id, now, time.Time{}); err != nil {
			t.Fatalf("after %d who only read: %v", len(reading), err)
		}
		if err := p.Model("fraud"); err != nil {
			t.Fatalf("after %d who only read: %v", len(reading), err)
		}
		p.Rest(now)
		p.Rest(now) // changes nothing
		reading = append(reading, p)
	}
	for i := range reading {
		reading[i].Release(now)
	}

	turnstile, err := limit.New(limit.Options{Metrics: m, Concurrency: "1"})
	if err != nil {
		t.Fatal(err)
	}
	first, err := turnstile.Admit(id, now, 1)
	if err != nil {
		t.Fatal(err)
	}
	first.Rest(now)
	second, err := turnstile.Admit(id, now, 1)
	if err != nil {
		t.Fatalf("beside one who only reads: %v", err)
	}
	first.Release(now)
	if _, err := turnstile.Admit(id, now, 1); !errors.Is(err, limit.ErrOverload) {
		t.Errorf("beside one who works: %v", err)
	}
	second.Release(now)
}

// TestWhatClientsTakeToSendIsNoWork has bodies come slowly: who is quick is let in all the same.
func TestWhatClientsTakeToSendIsNoWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &telemetry.New(telemetry.Options{}).Access
		l, err := limit.New(limit.Options{Metrics: m})
		if err != nil {
			t.Fatal(err)
		}
		id := identity.Anybody()
		for range 1000 {
			p, err := l.Admit(id, time.Now(), 1)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(9 * time.Second)
			p.Sent(9 * time.Second)
			time.Sleep(10 * time.Microsecond)
			p.Release(time.Now())
		}
		if limited := m.ConcurrencyLimit.Value(); limited < 1000 {
			t.Errorf("after requests of 10 µs that took 9 s to send, %v are let in at once", limited)
		}
	})
}

func TestLongWorkIsLikeAnyOtherWhereThereIsANumber(t *testing.T) {
	m := &telemetry.New(telemetry.Options{}).Access
	l, err := limit.New(limit.Options{Metrics: m, Concurrency: "2"})
	if err != nil {
		t.Fatal(err)
	}
	id, now := identity.Anybody(), time.Now()
	first, _ := l.AdmitLong(id, now, 1)
	second, _ := l.Admit(id, now, 1)
	if err := first.Turn(context.Background(), id, now, now.Add(time.Second)); err != nil {
		t.Error(err)
	}
	if _, err := l.AdmitLong(id, now, 1); !errors.Is(err, limit.ErrOverload) {
		t.Errorf("a third: %v", err)
	}
	first.Release(now)
	second.Release(now)
}
