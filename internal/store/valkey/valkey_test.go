package valkey

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/storetest"
	"github.com/besra-ml/besra/internal/store/valkeytest"
	"github.com/besra-ml/besra/internal/telemetry"
)

// The client of a cluster lets goroutines sleep to their end, some seconds, when it is closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valkey-io/valkey-go.(*clusterClient)._refresh.func2"),
		goleak.IgnoreAnyFunction("github.com/valkey-io/valkey-go.(*call).DelayDo.func1"))
}

// open returns a store at addresses, as a process of its own has it.
func open(t *testing.T, o store.SharedOptions) *Store {
	t.Helper()
	if o.Prefix == "" {
		o.Prefix = "besra"
	}
	if o.Deadline == 0 {
		o.Deadline = time.Second // the machine has other things to do
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	s, err := Open(t.Context(), o, &telemetry.New(telemetry.Options{}).Store)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { s.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		run.Wait()
		s.Close()
	})
	return s
}

// on runs a test with a server of each kind, and with a cluster.
func on(t *testing.T, test func(t *testing.T, addresses func(t *testing.T) []string)) {
	valkeytest.Each(t, func(t *testing.T, program valkeytest.Program) {
		t.Run("alone", func(t *testing.T) {
			server := valkeytest.Start(t, valkeytest.On(program))
			test(t, func(t *testing.T) []string {
				if _, err := server.Do("FLUSHALL"); err != nil {
					t.Fatal(err)
				}
				return []string{server.Addr()}
			})
		})
		t.Run("a cluster", func(t *testing.T) {
			cluster := valkeytest.StartCluster(t, 3, 0, valkeytest.On(program))
			test(t, func(t *testing.T) []string {
				for _, server := range cluster.Servers() {
					if _, err := server.Do("FLUSHALL"); err != nil {
						t.Fatal(err)
					}
				}
				return cluster.Addrs()
			})
		})
	})
}

func TestStore(t *testing.T) {
	on(t, func(t *testing.T, addresses func(t *testing.T) []string) {
		storetest.Run(t, func(t *testing.T) store.Store {
			return open(t, store.SharedOptions{Addresses: addresses(t)})
		})
		storetest.RunShared(t, func(t *testing.T, n int) []store.Shared {
			all, at := make([]store.Shared, n), addresses(t)
			for i := range all {
				all[i] = open(t, store.SharedOptions{Addresses: at})
			}
			return all
		})
	})
}
