package valkey

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/valkeytest"
	"github.com/besra-ml/besra/internal/telemetry"
)

// Whoever is in a hurry says nothing of the store: the link stays.
func TestHurriedCallsDoNotCutTheLink(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	proxy := valkeytest.NewProxy(t, server.Addr())
	s := watch(t, store.SharedOptions{Addresses: []string{proxy.Addr()}, Deadline: unhasty})
	until(t, "the store is up", func() bool { return s.Status().Up })
	proxy.Delay(20 * time.Millisecond)
	for n := range int64(5 * cutAfter) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		begun := time.Now()
		_, _, err := s.Claim(ctx, keyOf(n), digestOf(1), false, nil)
		cancel()
		if !errors.Is(err, store.ErrDown) && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 500*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	}
	if m := &s.metrics.Uses[useReplay]; m.Late.Value() == 0 || m.Down.Value() > 0 || !s.Status().Up {
		t.Errorf("%d were late, %d were not made, and the store is %+v", m.Late.Value(), m.Down.Value(), s.Status())
	}
	// What they may have claimed is free again.
	proxy.Pass()
	until(t, "nothing is claimed", func() bool {
		got, _, err := s.Claim(t.Context(), keyOf(0), digestOf(2), false, nil)
		return err == nil && got == store.Won
	})
}

// However many ask at once while nothing is answered, each leaves in time.
func TestACrowdLeavesInTime(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	proxy := valkeytest.NewProxy(t, server.Addr())
	s := watch(t, store.SharedOptions{Addresses: []string{proxy.Addr()}, Deadline: 50 * time.Millisecond})
	until(t, "the store is up", func() bool { return s.Status().Up })
	proxy.Freeze()
	const crowd = 3000
	calls := make([]call, crowd)
	var team sync.WaitGroup
	for i := range calls {
		team.Go(func() {
			begun := time.Now()
			_, _, err := s.Claim(t.Context(), keyOf(int64(i)), digestOf(1), false, nil)
			calls[i] = call{time.Since(begun), err}
		})
	}
	team.Wait()
	t.Logf("median %v, p99 %v, slowest %v", percentile(calls, 0.5), percentile(calls, 0.99), percentile(calls, 1))
	if slowest := percentile(calls, 1); slowest > 500*time.Millisecond {
		t.Errorf("one took %v", slowest)
	}
	if failures(calls) != crowd {
		t.Errorf("%d failed", failures(calls))
	}
	proxy.Pass()
	until(t, "the store is back", func() bool { return s.Status().Up })
}

// What can be done without does not crowd out what is to be taken back.
func TestAmendsOfAnOutage(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	proxy := valkeytest.NewProxy(t, server.Addr())
	s := watch(t, store.SharedOptions{Addresses: []string{proxy.Addr()}, Deadline: unhasty})
	until(t, "the store is up", func() bool { return s.Status().Up })
	var held []*store.Lease
	for n := range int64(10) {
		l := &store.Lease{Change: list{}, Ops: [][]byte{number(n)}, Tag: store.Tag{byte(n)}}
		if err := s.Lease(t.Context(), []store.Ref{{Key: keyOf(n)}}, l); err != nil {
			t.Fatal(err)
		}
		held = append(held, l)
	}
	proxy.Drop()
	until(t, "the store is down", func() bool {
		_, _, _ = s.Claim(t.Context(), keyOf(1), digestOf(1), false, nil)
		return !s.Status().Up
	})
	for range 2 * mostAmends {
		s.Put("m:row", []byte("value"), time.Hour)
	}
	for _, l := range held {
		s.Release(l)
	}
	proxy.Pass()
	other := open(t, store.SharedOptions{Addresses: []string{server.Addr()}})
	until(t, "all is taken back", func() bool {
		for n := range int64(10) {
			l := store.Lease{Change: list{}}
			if err := other.Lease(t.Context(), []store.Ref{{Key: keyOf(n)}}, &l); err != nil {
				t.Fatal(err)
			}
			if len(l.States[0]) > 0 {
				return false
			}
		}
		return true
	})
}

// A store that was not there when the process began is found, and one that is closed says so at once.
func TestOpenAndClose(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	server.Kill()
	s := watch(t, store.SharedOptions{Addresses: []string{server.Addr()}, Deadline: hasty})
	if status := s.Status(); status.Up || status.Why == "" {
		t.Errorf("%+v", status)
	}
	server.Restart()
	if took := until(t, "it is found", func() bool { return s.Status().Up }); took > recovers {
		t.Errorf("it is found after %v", took)
	}
	if status := s.Status(); status.Losses != 0 || status.Server == "" {
		t.Errorf("%+v", status)
	}
	s.Close()
	if _, _, err := s.Claim(t.Context(), keyOf(1), digestOf(1), false, nil); !errors.Is(err, store.ErrDown) {
		t.Error(err)
	}
}

func TestRefusalsOfAServerThatCannotServe(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	c, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{server.Addr()}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for text, want := range map[string]bool{
		"READONLY You can't write against a read only replica.": true,
		"LOADING Valkey is loading the dataset in memory":       true,
		"MASTERDOWN Link with MASTER is down":                   true,
		"CLUSTERDOWN The cluster is down":                       true,
		"NOAUTH Authentication required.":                       true,
		"NOPERM User app has no permissions":                    true,
		"WRONGPASS invalid username-password pair":              true,
		"BUSY Valkey is busy running a script":                  true,
		"OOM command not allowed when used memory":              false,
		"WRONGTYPE Operation against a key":                     false,
		"ERR unknown command":                                   false,
		"BUS":                                                   false,
		"":                                                      false,
	} {
		// A server that says so: a script can.
		got := c.Do(t.Context(), c.B().Eval().Script("return redis.error_reply(ARGV[1])").Numkeys(0).Arg(text).Build())
		var refused *valkey.ValkeyError
		if !errors.As(got.Error(), &refused) {
			t.Errorf("%q is no refusal: %v", text, got.Error())
			continue
		}
		if broken(refused) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}

// A timed context is of a request that notes its calls.
type timed struct {
	context.Context
	line *telemetry.Timeline
}

func (c timed) Value(key any) any {
	if key == telemetry.TimelineKey {
		return c.line
	}
	return c.Context.Value(key)
}

func TestCallsAreToldToTheirRequest(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	s := watch(t, store.SharedOptions{Addresses: []string{server.Addr()}, Deadline: unhasty})
	until(t, "the store is up", func() bool { return s.Status().Up })
	var line telemetry.Timeline
	line.Start(time.Now())
	ctx := timed{t.Context(), &line}
	if _, _, err := s.Claim(ctx, keyOf(1), digestOf(1), false, nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Claim(t.Context(), keyOf(2), digestOf(1), false, nil); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	if _, _, err := s.Claim(ctx, keyOf(3), digestOf(1), false, nil); err == nil {
		t.Error("it is down, and answers")
	}
	calls := line.Calls()
	if len(calls) != 2 || calls[0].Use != "replay" || calls[0].Failed || !calls[1].Failed || calls[0].From < 0 || calls[0].To <= calls[0].From || calls[1].From < calls[0].To {
		t.Errorf("%+v", calls)
	}
}
