package limit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/limit"
	"github.com/besra-ml/besra/internal/store/valkeytest"
)

// callOf runs scripts at a server, on a connection for each that is open at a time.
func callOf(t testing.TB, s *valkeytest.Server) limit.Call {
	t.Helper()
	free := make(chan *valkeytest.Conn, 64)
	t.Cleanup(func() {
		for len(free) > 0 {
			(<-free).Close()
		}
	})
	return func(ctx context.Context, script, key string, args ...string) ([]int64, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var c *valkeytest.Conn
		select {
		case c = <-free:
		default:
			var err error
			if c, err = s.Dial(); err != nil {
				return nil, err
			}
		}
		answer, err := c.Do(append([]string{"EVAL", script, "1", key}, args...)...)
		if err != nil {
			c.Close()
			return nil, err
		}
		free <- c
		var reply []int64
		for line := range strings.SplitSeq(answer, "\n") {
			n, err := strconv.ParseInt(line, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("no whole number: %q", answer)
			}
			reply = append(reply, n)
		}
		return reply, nil
	}
}

func eachBank(t *testing.T, test func(t *testing.T, s *valkeytest.Server, b limit.Bank)) {
	t.Helper()
	valkeytest.Each(t, func(t *testing.T, program valkeytest.Program) {
		s := valkeytest.Start(t, valkeytest.On(program))
		test(t, s, limit.ValkeyBank(callOf(t, s), "one"))
	})
}

func lease(t *testing.T, b limit.Bank, d limit.Demand) limit.Grant {
	t.Helper()
	if d.ID == "" {
		d.ID = "a"
	}
	g, err := b.Lease(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestValkeyLeasesWhatABucketHas(t *testing.T) {
	eachBank(t, func(t *testing.T, s *valkeytest.Server, b limit.Bank) {
		const slow = 0.001 // gains nothing while the test runs
		for i, c := range []struct {
			d    limit.Demand
			want limit.Grant
		}{
			{limit.Demand{Burst: 10, Want: 4}, limit.Grant{Granted: 4, Remaining: 6}},
			{limit.Demand{Burst: 10}, limit.Grant{Remaining: 6}},
			{limit.Demand{Burst: 10, Owed: 2, Want: 1}, limit.Grant{Granted: 1, Remaining: 3}},
			{limit.Demand{Burst: 10, Owed: -1}, limit.Grant{Remaining: 4}},
			{limit.Demand{Burst: 10, Owed: -100}, limit.Grant{Remaining: 10}},
			{limit.Demand{Burst: 10, Want: 100}, limit.Grant{Granted: 10, Retry: 1000 * time.Second}},
			{limit.Demand{Burst: 10, Owed: 3, Want: 5}, limit.Grant{Remaining: -3, Retry: 4000 * time.Second}},
			{limit.Demand{Burst: 10, Owed: -5}, limit.Grant{Remaining: 2}},
			{limit.Demand{Burst: 100}, limit.Grant{Remaining: 2}}, // raised
			{limit.Demand{Burst: 1}, limit.Grant{Remaining: 1}},   // lowered; it is full, and as good as none
			{limit.Demand{Burst: 100, Want: 99}, limit.Grant{Granted: 99, Remaining: 1}},
		} {
			c.d.Rate = slow
			got := lease(t, b, c.d)
			if d := c.want.Retry - got.Retry; d > 0 && d < 30*time.Second {
				got.Retry = c.want.Retry
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%d: %+v: (-want +got)\n%s", i, c.d, diff)
			}
		}
		ttl, _ := strconv.Atoi(s.Must("PTTL", "r:a"))
		if want := 99 * 1000 * 1000; ttl < want*9/10 || ttl > want+2000 {
			t.Errorf("it is kept for %d ms, want about %d", ttl, want)
		}
		lease(t, b, limit.Demand{ID: "b", Rate: 1, Burst: 10, Want: 0})
		if got := s.Must("EXISTS", "r:b"); got != "0" {
			t.Error("a full bucket is kept")
		}
	})
}

func TestValkeyGainsTheRateInTime(t *testing.T) {
	eachBank(t, func(t *testing.T, s *valkeytest.Server, b limit.Bank) {
		for _, rate := range []float64{0.5, 3, 997, 123_456.789, 1e9} {
			id, burst := fmt.Sprint(rate), int(max(rate*10, 10))
			// The machine may be busy with something else before and after the server's clock is read.
			before := time.Now()
			lease(t, b, limit.Demand{ID: id, Rate: rate, Burst: burst, Want: burst})
			began := time.Now()
			got, asked, last := 0, 0, began
			for last.Sub(began) < 300*time.Millisecond { // many leases lose nothing
				last = time.Now()
				got += lease(t, b, limit.Demand{ID: id, Rate: rate, Burst: burst, Want: burst}).Granted
				asked++
			}
			least, most := rate*last.Sub(began).Seconds(), rate*time.Since(before).Seconds()
			if float64(got) < least*0.98-2 || float64(got) > most*1.02+2 {
				t.Errorf("%d are gained at %v a second by %d leases, want %.1f to %.1f", got, rate, asked, least, most)
			}
		}
		// Slower than a millionth of a token in a microsecond.
		lease(t, b, limit.Demand{ID: "slow", Rate: 1e-4, Burst: 1, Want: 1})
		for range 1000 {
			lease(t, b, limit.Demand{ID: "slow", Rate: 1e-4, Burst: 1})
		}
		kept := strings.Fields(s.Must("GET", "r:slow"))
		if tokens, _ := strconv.Atoi(kept[0]); tokens < 1 || tokens > 1000 {
			t.Errorf("it has %v millionths", kept)
		}
		if ms, _ := strconv.Atoi(s.Must("PTTL", "r:slow")); ms < 9_000_000 || ms > 10_001_000 {
			t.Errorf("it is kept for %d ms", ms)
		}
		if g := lease(t, b, limit.Demand{ID: "never", Rate: 1e-300, Burst: 1e9, Want: 1e9}); g.Granted != 1e9 || g.Retry < 11*24*time.Hour {
			t.Errorf("%+v", g)
		}
	})
}

// TestValkeyAgreesWithAnotherBank carries out the same demands at both, while nothing is gained.
func TestValkeyAgreesWithAnotherBank(t *testing.T) {
	eachBank(t, func(t *testing.T, _ *valkeytest.Server, b limit.Bank) {
		r := rand.New(rand.NewPCG(1, 2))
		tokens, used := map[string]int{}, map[string]int{}
		ends := time.Now().Add(time.Hour)
		for range 3000 {
			id, owed, want := fmt.Sprint(r.IntN(5)), r.IntN(100)-50, r.IntN(100)
			const burst, most = 1_000, 5_000
			g := lease(t, b, limit.Demand{ID: id, Rate: 1e-6, Burst: burst, Owed: owed, Want: want})
			if _, ok := tokens[id]; !ok {
				tokens[id] = burst
			}
			has := min(tokens[id]-owed, burst)
			granted := max(min(want, has), 0)
			tokens[id] = has - granted
			if g.Granted != granted || g.Remaining != tokens[id] || (g.Retry > 0) != (tokens[id] < 1) {
				t.Fatalf("owed %d, want %d: %+v, want %d and %d", owed, want, g, granted, tokens[id])
			}
			q, err := b.Spend(t.Context(), limit.QuotaDemand{ID: id, Period: "2026-11", Ends: ends, Most: most, Owed: owed, Want: want})
			if err != nil {
				t.Fatal(err)
			}
			used[id] = max(used[id]+owed, 0)
			granted = max(min(want, most-used[id]), 0)
			used[id] += granted
			if diff := cmp.Diff(limit.Grant{Granted: granted, Remaining: most - used[id]}, q); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func TestValkeyCountsAQuotaUntilItsPeriodIsOver(t *testing.T) {
	eachBank(t, func(t *testing.T, s *valkeytest.Server, b limit.Bank) {
		spend := func(period string, ends time.Time, most, owed, want int) limit.Grant {
			g, err := b.Spend(t.Context(), limit.QuotaDemand{ID: "a b", Period: period, Ends: ends, Most: most, Owed: owed, Want: want})
			if err != nil {
				t.Fatal(err)
			}
			return g
		}
		ends := time.Now().Add(10 * time.Hour)
		for i, c := range []struct {
			most, owed, want int
			grant            limit.Grant
		}{
			{10, 0, 4, limit.Grant{Granted: 4, Remaining: 6}},
			{10, 5, 4, limit.Grant{Granted: 1}},
			{10, 3, 4, limit.Grant{Remaining: -3}},
			{20, 0, 4, limit.Grant{Granted: 4, Remaining: 3}},
			{20, -100, 0, limit.Grant{Remaining: 20}},
			{identity.MaxQuota, 0, identity.MaxQuota - 1, limit.Grant{Granted: identity.MaxQuota - 1, Remaining: 1}},
		} {
			if diff := cmp.Diff(c.grant, spend("2026-11-26", ends, c.most, c.owed, c.want)); diff != "" {
				t.Errorf("%d: (-want +got)\n%s", i, diff)
			}
		}
		if g := spend("2026-11-27", ends, 10, 0, 1); g.Granted != 1 {
			t.Errorf("the next day: %+v", g)
		}
		if ms, _ := strconv.Atoi(s.Must("PTTL", "q:2026-11-26:a b")); ms < 11*3600*1000-60_000 || ms > 11*3600*1000 {
			t.Errorf("it is kept for %d ms", ms)
		}
		spend("2026-11-25", time.Now().Add(-48*time.Hour), 10, 0, 1)
		if ms, _ := strconv.Atoi(s.Must("PTTL", "q:2026-11-25:a b")); ms <= 0 || ms > 3600*1000 {
			t.Errorf("one that is over is kept for %d ms", ms)
		}
	})
}

func TestValkeyCountsProcesses(t *testing.T) {
	eachBank(t, func(t *testing.T, s *valkeytest.Server, b limit.Bank) {
		call := callOf(t, s)
		peers := func(b limit.Bank, want int) {
			t.Helper()
			if n, err := b.Peers(t.Context()); n != want || err != nil {
				t.Errorf("%d processes, %v, want %d", n, err, want)
			}
		}
		peers(b, 1)
		peers(b, 1)
		peers(limit.ValkeyBank(call, "two"), 2)
		peers(b, 2)
		now := time.Now().UnixMilli()
		s.Must("ZADD", "p:", fmt.Sprint(now-14_000), "three", fmt.Sprint(now-16_000), "gone", fmt.Sprint(now+60_000), "early", "inf", "never")
		peers(b, 3)
		if ms, _ := strconv.Atoi(s.Must("PTTL", "p:")); ms < 10_000 || ms > 15_000 {
			t.Errorf("they are kept for %d ms", ms)
		}
	})
}

// TestWhatIsNotOursIsWrittenOver puts everything that there is under the keys.
func TestWhatIsNotOursIsWrittenOver(t *testing.T) {
	eachBank(t, func(t *testing.T, s *valkeytest.Server, b limit.Bank) {
		ends := time.Now().Add(time.Hour)
		now := fmt.Sprint(time.Now().UnixMicro())
		foreign := [][]string{
			{"LPUSH", "", "x"},
			{"HSET", "", "a", "1"},
			{"SADD", "", "x"},
			{"XADD", "", "*", "a", "b"},
			{"ZADD", "", "1", "x"},
			{"SET", "", ""},
			{"SET", "", "x"},
			{"SET", "", "1e9 5"},
			{"SET", "", "nan nan"},
			{"SET", "", "5"},
			{"SET", "", "5 "},
			{"SET", "", "-"},
			{"SET", "", "-1"},
			{"SET", "", "5 5 5"},
			{"SET", "", " 5 5"},
			{"SET", "", "0x10 5"},
			{"SET", "", strings.Repeat("9", 30) + " 5"},
			{"SET", "", "5 " + strings.Repeat("9", 30)},
			{"SET", "", strings.Repeat("9", 1<<20)},
			{"SET", "", "1000000\x00 " + now},
			{"SETBIT", "", "7", "1"},
		}
		for _, args := range foreign {
			for key, check := range map[string]func() (any, any, error){
				"r:a": func() (any, any, error) {
					g, err := b.Lease(t.Context(), limit.Demand{ID: "a", Rate: 0.001, Burst: 10, Want: 1})
					return g, limit.Grant{Granted: 1, Remaining: 9}, err
				},
				"q:d:a": func() (any, any, error) {
					g, err := b.Spend(t.Context(), limit.QuotaDemand{ID: "a", Period: "d", Ends: ends, Most: 10, Want: 1})
					return g, limit.Grant{Granted: 1, Remaining: 9}, err
				},
				"p:": func() (any, any, error) { n, err := b.Peers(t.Context()); return n, 1, err },
			} {
				if key == "q:d:a" && args[2] == "5" {
					continue // that is a count
				}
				s.Must("DEL", key)
				args[1] = key
				s.Must(args...)
				for i := range 2 {
					got, want, err := check()
					if i == 0 && err == nil {
						if diff := cmp.Diff(want, got); diff != "" {
							t.Errorf("%.60q: (-want +got)\n%s", args, diff)
						}
					}
					if err != nil {
						t.Errorf("%.60q: %v", args, err)
					}
				}
			}
		}
		// Its clock was set back: what was gained until then is lost, and no more.
		s.Must("SET", "r:late", fmt.Sprintf("2000000 %d", time.Now().Add(24*time.Hour).UnixMicro()))
		lease(t, b, limit.Demand{ID: "late", Rate: 100, Burst: 10})
		time.Sleep(50 * time.Millisecond)
		if g := lease(t, b, limit.Demand{ID: "late", Rate: 100, Burst: 10}); g.Remaining < 6 {
			t.Errorf("%+v", g)
		}
	})
}

// TestAFleetByValkeyKeepsARate has three processes share a real server, and lose it.
func TestAFleetByValkeyKeepsARate(t *testing.T) {
	s := valkeytest.Start(t)
	var team sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	var all []*limit.Shared
	for i := range 3 {
		one, err := limit.NewShared(limit.SharedOptions{Bank: limit.ValkeyBank(callOf(t, s), fmt.Sprint(i))})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
		team.Go(func() { one.Run(ctx) })
	}
	defer func() { stop(); team.Wait() }()
	for _, one := range all {
		for one.Stats().Peers != 3 {
			time.Sleep(50 * time.Millisecond)
		}
	}
	ask := func(long time.Duration, of ...*limit.Shared) (let int) {
		for began := time.Now(); time.Since(began) < long; time.Sleep(time.Millisecond) {
			for _, one := range of {
				for range 3 {
					if ok, _, _ := one.Take("a", 500, 100, 1, time.Now()); ok {
						let++
					}
				}
			}
		}
		return let
	}
	const long = time.Second
	for name, of := range map[string][]*limit.Shared{"one": all[:1], "all": all} {
		began := time.Now()
		let := ask(long, of...)
		gained := int(500 * time.Since(began).Seconds())
		t.Logf("%s: %d of %d", name, let, gained)
		if let < gained*85/100 || let > gained+100+3*64 {
			t.Errorf("%d are let in by %s, want %d", let, name, gained)
		}
	}
	s.Kill()
	began := time.Now()
	let := ask(long, all...)
	if gained := int(500 * time.Since(began).Seconds()); let < gained*85/100 || let > gained+100+3*64 || !all[0].Stats().Out {
		t.Errorf("%d are let in without the server, want %d; %+v", let, gained, all[0].Stats())
	}
}
