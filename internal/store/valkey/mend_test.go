package valkey

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
)

var errAway = errors.New("nobody is there")

// An outage of ten minutes, to the moment: how often the server is looked for, and what the log says.
func TestALongOutageIsTriedLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var dialed []time.Duration
		var text strings.Builder
		begun := time.Now()
		options := clientOptions(store.SharedOptions{Addresses: []string{"away:6379"}})
		options.DialCtxFn = func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			dialed = append(dialed, time.Since(begun))
			return nil, errAway
		}
		l := &link{
			options: options, deadline: 2 * time.Millisecond, metrics: &telemetry.New(telemetry.Options{}).Store,
			log: slog.New(slog.NewTextHandler(&text, nil)), cut: make(chan error, 1),
		}
		l.cut <- errAway
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		l.watch(ctx)
		time.Sleep(2 * time.Second) // the client's own goroutines end within one
		if down := strings.Count(text.String(), "the shared store is down"); down != 10 || strings.Contains(text.String(), "is back") {
			t.Errorf("the log said %d times that it is down:\n%s", down, text.String())
		}
		// From a half to one and a half of 20 ms, then twice as long each time, up to 500 ms.
		last, pause := time.Duration(0), tryFirst
		for i, at := range dialed {
			if waited := at - last; waited < pause/2 || waited >= pause*3/2 {
				t.Fatalf("try %d came %v after the one before, want about %v", i, waited, pause)
			}
			last, pause = at, min(2*pause, tryLast)
		}
		if n := len(dialed); n < 1000 || n > 1400 {
			t.Errorf("%d tries in ten minutes", n)
		}
		if l.up.Load() {
			t.Error("it is up")
		}
	})
}
