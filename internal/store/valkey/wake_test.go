package valkey

import (
	"context"
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/valkeytest"
)

// wake wakes a store, which is to succeed within a second, and has it called.
func wake(t *testing.T, s *Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	if err := s.Wake(ctx); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	if _, err := s.Get(t.Context(), "memo"); err != nil {
		t.Fatalf("awake after %v, and %v", took, err)
	}
	t.Logf("awake after %v", took)
}

func TestWake(t *testing.T) {
	t.Parallel()
	valkeytest.Each(t, func(t *testing.T, program valkeytest.Program) {
		server := valkeytest.Start(t, valkeytest.On(program))
		lazy := func(t *testing.T, address string) *Store {
			return open(t, store.SharedOptions{Addresses: []string{address}, Lazy: true})
		}

		t.Run("a store that is opened lazily is there when it is wanted", func(t *testing.T) {
			s := lazy(t, server.Addr())
			wake(t, s)
			if !s.Status().Up || s.Status().Server == "" {
				t.Errorf("got %+v", s.Status())
			}
			wake(t, s)
		})

		t.Run("a connection that the server has closed is made anew", func(t *testing.T) {
			s := lazy(t, server.Addr())
			wake(t, s)
			for range 3 {
				server.Must("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
				wake(t, s)
			}
		})

		t.Run("connections that the nodes of a cluster have closed are made anew", func(t *testing.T) {
			cluster := valkeytest.StartCluster(t, 3, 0, valkeytest.On(program))
			s := open(t, store.SharedOptions{Addresses: cluster.Addrs(), Lazy: true})
			wake(t, s)
			for range 3 {
				for _, server := range cluster.Servers() {
					server.Must("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
				}
				wake(t, s)
				for i := range 32 { // of all nodes
					if _, err := s.Get(t.Context(), "memo"+strconv.Itoa(i)); err != nil {
						t.Error(err)
					}
				}
			}
		})

		t.Run("a connection that was reset is made anew", func(t *testing.T) {
			p := valkeytest.NewProxy(t, server.Addr())
			s := lazy(t, p.Addr())
			wake(t, s)
			p.Freeze()
			p.Pass()
			p.Drop()
			p.Pass()
			wake(t, s)
		})

		t.Run("a connection that was forgotten without a word is made anew", func(t *testing.T) {
			p := valkeytest.NewProxy(t, server.Addr())
			s := lazy(t, p.Addr())
			wake(t, s)
			p.Forget()
			wake(t, s)
		})

		t.Run("nor does a look at it keep anybody waiting", func(t *testing.T) {
			p := valkeytest.NewProxy(t, server.Addr())
			s := lazy(t, p.Addr())
			for range 3 {
				wake(t, s)
				p.Forget()
				ctx, cancel := context.WithCancel(t.Context())
				looks := make(chan error)
				go func() { looks <- s.link.unhurried(ctx, s.link.try) }() // as Run does every ten seconds
				time.Sleep(20 * time.Millisecond)
				began := time.Now()
				wake(t, s)
				if took := time.Since(began); took > connectTime/2 {
					t.Errorf("awake after %v", took)
				}
				cancel()
				<-looks
			}
		})

		t.Run("a connection that is found dead when there is another is no reason to take that", func(t *testing.T) {
			s := lazy(t, server.Addr())
			wake(t, s)
			before := s.link.client.Load()
			s.link.dead(before)
			wake(t, s)
			s.link.dead(before)
			if !s.Status().Up {
				t.Errorf("got %+v", s.Status())
			}
		})

		t.Run("a store that was down when it was opened is found when it is there", func(t *testing.T) {
			p := valkeytest.NewProxy(t, server.Addr())
			p.Refuse()
			s := lazy(t, p.Addr())
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if err := s.Wake(ctx); !errors.Is(err, store.ErrDown) {
				t.Fatalf("awake: %v", err)
			}
			p.Pass()
			wake(t, s)
		})

		t.Run("a store that is down is not waited for beyond the time that there is", func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			s := lazy(t, "127.0.0.1:"+strconv.Itoa(l.Addr().(*net.TCPAddr).Port)) // it accepts, and says nothing
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := s.Wake(ctx); !errors.Is(err, store.ErrDown) {
				t.Errorf("awake: %v", err)
			}
		})
	})
}
