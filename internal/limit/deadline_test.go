package limit

import (
	"strings"
	"sync"
	"testing"
	"time"
)

func TestADeadlineIsWhatTheHeaderSaysWithinTheLimit(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	const limit = 100 * time.Millisecond
	for header, want := range map[string]time.Duration{
		"": limit, "1": time.Millisecond, "99": 99 * time.Millisecond, "100": limit, "101": limit, "007": 7 * time.Millisecond,
		"9223372036854775808": limit, strings.Repeat("9", 1000): limit,
	} {
		if got, err := Deadline(now, header, limit); err != nil || got.Sub(now) != want {
			t.Errorf("%.20q: %v, %v, want %v", header, got.Sub(now), err, want)
		}
	}
	for _, header := range []string{"0", "000", "-5", "+5", "1.5", "1e3", " 5", "5 ", "5ms", "soon", "٣", strings.Repeat("x", 1000)} {
		_, err := Deadline(now, header, limit)
		if err == nil {
			t.Errorf("%.20q is taken", header)
			continue
		}
		if !strings.HasPrefix(err.Error(), "X-Request-Timeout-Ms: ") || len(err.Error()) > 200 {
			t.Errorf("%.20q: %v", header, err)
		}
	}
	if got, _ := Deadline(now, "5000000000", 1000*time.Hour); got.Sub(now) > 1000*time.Hour {
		t.Errorf("%v", got.Sub(now))
	}
}

func near(got, want time.Duration) bool { return got > want*85/100 && got <= want }

func TestAnEstimateIsOfWorkOfItsSize(t *testing.T) {
	var e Estimate
	if got := e.For(1); got != 0 {
		t.Errorf("nothing is known, and yet %v", got)
	}
	e.Observe(1, 30*time.Microsecond)
	e.Observe(10_000, 20*time.Millisecond) // 2 µs a row
	for rows, want := range map[int]time.Duration{
		1: 30 * time.Microsecond, 10_000: 20 * time.Millisecond, 12_000: 24 * time.Millisecond,
		0: 30 * time.Microsecond, 100: 30 * time.Microsecond, // a hundred take at least as long as one
	} {
		if got := e.For(rows); !near(got, want) {
			t.Errorf("%d rows: %v, want about %v", rows, got, want)
		}
	}
	var large Estimate
	large.Observe(10_000, 20*time.Millisecond)
	if got := large.For(100); !near(got, 200*time.Microsecond) {
		t.Errorf("100 rows: %v, want about 200µs: each at least as long as one of many", got)
	}
	large.Observe(1<<40, time.Hour)
	if got := large.For(1 << 40); got <= 0 {
		t.Errorf("the largest: %v", got)
	}
}

func TestAnEstimateFollowsWhatIsSeen(t *testing.T) {
	var e Estimate
	for range 100 {
		e.Observe(1, time.Millisecond)
	}
	for range 100 {
		if e.For(1) == 0 {
			t.Fatal("it is forgotten")
		}
		e.Observe(1, 5*time.Millisecond)
	}
	if got := e.For(1); got < 3500*time.Microsecond || got > 5*time.Millisecond {
		t.Errorf("%v, want about 5ms, and no more", got)
	}
}

func TestWorkThatOnceTookTooLongIsTriedAgain(t *testing.T) {
	var e Estimate
	e.Observe(1, 2*time.Second)
	for i := range 200 {
		if e.For(1) < 100*time.Millisecond {
			return
		}
		if i == 199 {
			t.Errorf("after %d requests it is still %v", i+1, e.For(1))
		}
	}
}

func TestAnEstimateIsMadeByManyAtOnce(t *testing.T) {
	var e Estimate
	var team sync.WaitGroup
	for range 8 {
		team.Go(func() {
			for range 1000 {
				e.Observe(100, time.Millisecond)
				if got := e.For(100); got > time.Millisecond {
					t.Errorf("%v, beyond all that was seen", got)
					return
				}
			}
		})
	}
	team.Wait()
}
