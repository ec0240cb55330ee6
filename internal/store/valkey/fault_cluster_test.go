package valkey

import (
	"strconv"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/valkeytest"
)

// A primary whose replica has taken over is a replica itself: what it says leads to a new connection.
func TestPromotion(t *testing.T) {
	t.Parallel()
	valkeytest.Each(t, func(t *testing.T, program valkeytest.Program) {
		t.Parallel()
		primary := valkeytest.Start(t, valkeytest.On(program))
		replica := valkeytest.StartReplica(t, primary)
		proxy := valkeytest.NewProxy(t, primary.Addr())
		var processes [2]watched
		for i := range processes {
			processes[i] = watch(t, store.SharedOptions{Addresses: []string{proxy.Addr()}, Deadline: hasty})
		}
		f := newFlow(t, processes[0].Store, processes[1].Store)
		for range 2 { // there, and back
			f.back()
			time.Sleep(100 * time.Millisecond)
			resume := f.pause()
			primary.Caught(1)
			replica.Promote()
			primary.Must("REPLICAOF", "127.0.0.1", strconv.Itoa(replica.Port()))
			f.look()
			accepted := proxy.Accepted()
			resume() // while connections still lead to the old one
			for _, p := range processes {
				until(t, "the store is down", func() bool { return !p.Status().Up })
			}
			proxy.Target(replica.Addr())
			took := f.back()
			calls := f.look()
			t.Logf("back after %v", took)
			if took > recovers {
				t.Errorf("it was back after %v", took)
			}
			f.inTime(calls, hasty)
			if n := proxy.Accepted() - accepted; n > 20 {
				t.Errorf("%d connections", n)
			}
			primary, replica = replica, primary
			until(t, "the old one follows", func() bool { return replica.Info("master_link_status") == "up" })
		}
		f.check(open(t, store.SharedOptions{Addresses: []string{primary.Addr()}}))
		for _, p := range processes {
			if p.Status().Losses != 0 {
				t.Errorf("%+v", p.Status())
			}
		}
	})
}

// finds is how long the client of a cluster may take to find out who has which slots now: it asks once a second, at some
// moment of the next.
const finds = 4 * time.Second

func TestClusterFaults(t *testing.T) {
	t.Parallel()
	valkeytest.Each(t, func(t *testing.T, program valkeytest.Program) {
		t.Parallel()
		cluster := valkeytest.StartCluster(t, 3, 1, valkeytest.On(program))
		open2 := func(t *testing.T, deadline time.Duration, prefix string) (stores []watched, f *flow) {
			for range 2 {
				stores = append(stores, watch(t, store.SharedOptions{Addresses: cluster.Addrs()[:3], Deadline: deadline, Prefix: prefix}))
			}
			f = newFlow(t, stores[0].Store, stores[1].Store)
			f.back()
			return stores, f
		}
		other := func(t *testing.T, prefix string) *Store {
			return open(t, store.SharedOptions{Addresses: cluster.Addrs()[:3], Prefix: prefix})
		}
		allCaught := func() {
			for i := range cluster.Masters {
				cluster.Owner(i*5461 + 1).Caught(1)
			}
		}

		t.Run("slots move under traffic", func(t *testing.T) {
			stores, f := open2(t, unhasty, "moved")
			f.look()
			for i := range 4 {
				slot := valkeytest.SlotOf(stores[0].name(ofState, keyOf(int64(i))))
				to := cluster.Masters[0]
				if cluster.Owner(slot) == to {
					to = cluster.Masters[1]
				}
				move := cluster.BeginMove(slot, to)
				time.Sleep(30 * time.Millisecond)
				move.Keys(1)
				time.Sleep(30 * time.Millisecond)
				move.End()
				time.Sleep(30 * time.Millisecond)
			}
			if calls := f.look(); failures(calls) > 0 || len(calls) < 200 {
				t.Errorf("%d of %d calls failed", failures(calls), len(calls))
			}
			f.check(other(t, "moved"))
		})

		t.Run("scripts are flushed", func(t *testing.T) {
			_, f := open2(t, unhasty, "flushed")
			f.look()
			for range 30 {
				for _, server := range cluster.Servers() {
					server.Must("SCRIPT", "FLUSH")
				}
				time.Sleep(5 * time.Millisecond)
			}
			if calls := f.look(); failures(calls) > 0 || len(calls) < 100 {
				t.Errorf("%d of %d calls failed", failures(calls), len(calls))
			}
			f.check(other(t, "flushed"))
		})

		t.Run("a master hands over to its replica", func(t *testing.T) {
			_, f := open2(t, hasty, "handed")
			f.look()
			cluster.Failover(cluster.Replicas[0][0])
			took := f.back()
			calls := f.look()
			t.Logf("back after %v; %d of %d calls failed", took, failures(calls), len(calls))
			if took > finds {
				t.Errorf("it was back after %v", took)
			}
			f.check(other(t, "handed"))
			cluster.Failover(cluster.Masters[0])
		})

		if program == valkeytest.Servers(t)[0] { // it takes a while, and the client is the same
			t.Run("a master freezes, and its replica takes over", func(t *testing.T) {
				stores, f := open2(t, hasty, "frozen")
				time.Sleep(200 * time.Millisecond)
				resume := f.pause()
				allCaught()
				f.look()
				before := f.acknowledged()
				cluster.Masters[1].Freeze()
				resume()
				begun := time.Now()
				cluster.Promoted(cluster.Replicas[1][0])
				t.Logf("the replica took over after %v", time.Since(begun))
				took := f.back()
				calls := f.look()
				t.Logf("back after %v", took)
				f.inTime(calls, hasty)
				if took > finds {
					t.Errorf("it was back after %v", took)
				}
				for _, s := range stores {
					if n := s.log.count(saidDown); n > 10 {
						t.Errorf("the log said %d times that it is down", n)
					}
				}
				cluster.Masters[1].Thaw()
				cluster.Settle()
				f.keep(before)
				f.check(other(t, "frozen"))
			})
		}

		t.Run("a master dies, and its replica takes over", func(t *testing.T) {
			stores, f := open2(t, hasty, "died")
			time.Sleep(200 * time.Millisecond)
			resume := f.pause()
			allCaught()
			f.look()
			before := f.acknowledged()
			cluster.Masters[2].Kill()
			resume()
			cluster.Promoted(cluster.Replicas[2][0])
			took := f.back()
			calls := f.look()
			t.Logf("back after %v", took)
			f.inTime(calls, hasty)
			if took > finds {
				t.Errorf("it was back after %v", took)
			}
			for _, s := range stores {
				if n := s.log.count(saidDown); n > 10 {
					t.Errorf("the log said %d times that it is down", n)
				}
			}
			f.keep(before)
			f.check(other(t, "died"))
		})
	})
}
