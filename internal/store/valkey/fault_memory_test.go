package valkey

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/valkeytest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	valkeytest.Each(t, func(t *testing.T, program valkeytest.Program) {
		t.Run("a store that is full refuses, and the link stays", func(t *testing.T) {
			t.Parallel()
			server := valkeytest.Start(t, valkeytest.On(program))
			proxy := valkeytest.NewProxy(t, server.Addr())
			s := watch(t, store.SharedOptions{Addresses: []string{proxy.Addr()}, Deadline: unhasty})
			f := newFlow(t, s.Store)
			f.back()
			time.Sleep(100 * time.Millisecond)
			f.look()
			accepted := proxy.Accepted()
			server.Must("CONFIG", "SET", "maxmemory", "100kb") // less than it needs to run
			time.Sleep(500 * time.Millisecond)
			calls := f.look()
			if n := failures(calls); n < len(calls)/2 || !s.Status().Up || s.log.count(saidDown) != 0 {
				t.Errorf("%d of %d calls failed, and the store is %+v", n, len(calls), s.Status())
			}
			for _, c := range calls[len(calls)/2:] {
				if c.err != nil && !strings.Contains(c.err.Error(), "OOM") && !errors.Is(c.err, store.ErrNoClaim) {
					t.Error(c.err)
				}
			}
			l := store.Lease{Change: list{}}
			if err := s.Lease(t.Context(), []store.Ref{{Key: keyOf(0)}}, &l); err != nil || len(numbers(l.States[0])) == 0 {
				t.Errorf("it cannot be read: %v", err)
			}
			s.Release(&l)
			if s.link.look(t.Context()); s.Status().Max != 100<<10 || s.Status().Used <= s.Status().Max {
				t.Errorf("%+v", s.Status())
			}
			server.Must("CONFIG", "SET", "maxmemory", "0")
			if took := f.back(); took > recovers {
				t.Errorf("it was back after %v", took)
			}
			if n := proxy.Accepted() - accepted; n > 0 {
				t.Errorf("it was connected to %d times", n)
			}
			time.Sleep(100 * time.Millisecond)
			f.check(open(t, store.SharedOptions{Addresses: []string{server.Addr()}}))
		})

		t.Run("a store that was full when it went down comes back", func(t *testing.T) {
			t.Parallel()
			server := valkeytest.Start(t, valkeytest.On(program), valkeytest.Config("maxmemory 100kb"))
			proxy := valkeytest.NewProxy(t, server.Addr())
			s := watch(t, store.SharedOptions{Addresses: []string{proxy.Addr()}, Deadline: hasty})
			until(t, "the store is up", func() bool { return s.Status().Up })
			f := newFlow(t, s.Store)
			proxy.Drop()
			until(t, "the store is down", func() bool { return !s.Status().Up })
			proxy.Pass()
			if took := until(t, "the store is up", func() bool { return s.Status().Up }); took > recovers {
				t.Errorf("it was back after %v", took)
			}
			server.Must("CONFIG", "SET", "maxmemory", "0")
			f.back()
			time.Sleep(100 * time.Millisecond)
			f.check(open(t, store.SharedOptions{Addresses: []string{server.Addr()}}))
			if s.Status().Losses != 0 {
				t.Errorf("%+v", s.Status())
			}
		})

		t.Run("a store that evicts is told of, and what is gone is a miss", func(t *testing.T) {
			t.Parallel()
			server := valkeytest.Start(t, valkeytest.On(program), valkeytest.Config("maxmemory 4mb", "maxmemory-policy allkeys-lru"))
			s := watch(t, store.SharedOptions{Addresses: []string{server.Addr()}, Deadline: unhasty})
			const said = "the shared store forgets keys when its memory is full, answers and histories with them: set maxmemory-policy noeviction"
			if s.Status().Eviction != "allkeys-lru" || s.log.count(said) != 1 {
				t.Errorf("%+v", s.Status())
			}
			const n, lists, workers = 4800, 300, 8
			answer := func(i int) []byte { return bytes.Repeat(fmt.Append(nil, i, " "), 200) }
			var appended [lists][]int64
			var team sync.WaitGroup
			for w := range workers {
				team.Go(func() {
					var l store.Lease
					for i := w; i < n; i += workers {
						if got, _, err := s.Claim(t.Context(), keyOf(int64(answers+i)), digestOf(1), false, nil); err != nil || got != store.Won {
							t.Error(got, err)
						}
						// The claim itself may have been evicted.
						if err := s.Complete(t.Context(), keyOf(int64(answers+i)), digestOf(1), answer(i)); err != nil && !errors.Is(err, store.ErrNoClaim) {
							t.Error(err)
						}
						k := i % lists / workers * workers
						if k += w; k >= lists { // each list has one who appends
							continue
						}
						l.Change, l.Ops, l.Tag = list{}, [][]byte{number(int64(i))}, store.Tag(number(int64(i)))
						if err := s.Lease(t.Context(), []store.Ref{{Key: keyOf(int64(k))}}, &l); err != nil {
							t.Error(err)
							continue
						}
						if got := numbers(l.States[0]); !endsWith(appended[k], got) {
							t.Errorf("list %d was %v, and is %v", k, appended[k], got)
						}
						_ = s.Advance(t.Context(), &l, 0)
						appended[k] = append(appended[k], int64(i))
					}
				})
			}
			team.Wait()
			s.link.look(t.Context())
			evicted := s.Status().Evicted
			if told, _ := strconv.ParseInt(server.Info("evicted_keys"), 10, 64); evicted == 0 || evicted > told {
				t.Errorf("%+v", s.Status())
			}
			if s.log.count("the shared store has dropped keys for want of memory") == 0 {
				t.Error("it was not told of")
			}
			missed := 0
			for i := range n {
				got, there, err := s.Claim(t.Context(), keyOf(int64(answers+i)), digestOf(1), false, nil)
				switch {
				case err != nil:
					t.Fatal(err)
				case got == store.Won:
					missed++
					_ = s.Abandon(t.Context(), keyOf(int64(answers+i)), digestOf(1))
				case got != store.Answered || !bytes.Equal(there, answer(i)):
					t.Fatalf("answer %d is %v, %q", i, got, there)
				}
			}
			if missed == 0 || missed == n {
				t.Errorf("%d of %d are missed, and it says that %d keys were evicted", missed, n, evicted)
			}
			for _, use := range s.metrics.Uses {
				if use.Foreign.Value() > 0 {
					t.Error("what was evicted counts as foreign")
				}
			}
		})
	})
}

// endsWith reports whether a list ends with another.
func endsWith(list, end []int64) bool {
	return len(end) <= len(list) && slices.Equal(list[len(list)-len(end):], end)
}

// Scripts may be flushed at any time: the server is then given them again, and nobody notices.
func TestScriptFlush(t *testing.T) {
	t.Parallel()
	valkeytest.Each(t, func(t *testing.T, program valkeytest.Program) {
		t.Parallel()
		server := valkeytest.Start(t, valkeytest.On(program))
		var processes [2]watched
		for i := range processes {
			processes[i] = watch(t, store.SharedOptions{Addresses: []string{server.Addr()}, Deadline: unhasty})
		}
		f := newFlow(t, processes[0].Store, processes[1].Store)
		conn := dialed(t, server)
		for range 150 {
			must(t, conn, "SCRIPT", "FLUSH")
			time.Sleep(2 * time.Millisecond)
		}
		if calls := f.look(); failures(calls) > 0 || len(calls) < 200 {
			t.Errorf("%d of %d calls failed", failures(calls), len(calls))
		}
		f.check(open(t, store.SharedOptions{Addresses: []string{server.Addr()}}))
	})
}
