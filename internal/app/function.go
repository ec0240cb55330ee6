package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A Function is the service where a platform runs it for the time of requests, as one of many processes, and freezes it
// in between: it has no listener, nothing that must tick, and no memory that is worth anything. What is remembered is in
// the store that processes share.
type Function struct {
	a    *App
	stop func() error
	now  func() time.Time
	last atomic.Int64 // when an event came that found all awake, ns since 1970; 0: never
}

// NewFunction wires the service for a platform, as New does for a listener, and starts what goes on beside requests.
func NewFunction(ctx context.Context, c Config, b Backends, paths []string, log *slog.Logger) (*Function, error) {
	switch {
	case c.State.Dir != "":
		return nil, errors.New("state.dir: a function's disk goes with it; what is remembered is in the store of valkey.address")
	case c.Auth.On() && c.Insecure:
		return nil, errors.New("insecure: clients are authenticated; leave one of them out")
	case len(c.Shadow) > 0:
		return nil, errors.New("shadow: a challenger scores after its champion, when a function is frozen; canary a version by the alias's weights")
	}
	a := &App{config: c, log: log, metrics: telemetry.New(b.Build), function: true}
	leave, err := a.beginShared(ctx, b.Shared)
	if err != nil {
		return nil, err
	}
	if _, err := assemble(a, b, paths); err != nil {
		leave()
		if a.shared != nil {
			a.shared.Close()
		}
		return nil, err
	}
	if a.shared == nil {
		log.Warn("history and replay cannot be had without a store that processes share: events are scored on empty history, "+
			"marked degraded, and a repeat is scored anew", "setting", "valkey.address")
	}
	stop, failed := a.beside(ctx, nil)
	f := &Function{a: a, now: time.Now, stop: func() error {
		err := stop()
		leave()
		return err
	}}
	select {
	case err := <-failed:
		return nil, errors.Join(err, f.Close())
	default:
		return f, nil
	}
}

// beginShared opens the store that processes share, and has it connect while models are read. leave ends that.
func (a *App) beginShared(ctx context.Context, kind SharedStore) (leave func(), err error) {
	if err := a.openShared(kind); err != nil || a.shared == nil {
		return func() {}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var team sync.WaitGroup
	team.Go(func() { a.shared.Run(ctx) })
	return func() {
		cancel()
		team.Wait()
	}, nil
}

// Handler answers requests. Who asks is in their context, where the platform knows it (identity.NewContext).
func (f *Function) Handler() http.Handler { return f.a.gateway }

// Issuers makes identities of tokens' claims, by the settings of auth.jwt.
func (f *Function) Issuers() *auth.Issuers { return auth.NewIssuers(f.a.config.Auth.JWT) }

// fronted reports whether a platform in front of besra verifies tokens, and auth.jwt only says what their claims mean.
func (a *App) fronted() bool {
	return a.function && (a.config.Lambda.Event == "http-api" || a.config.Lambda.Event == "rest-api")
}

const (
	napTime  = 5 * time.Second       // without an event; after it a connection may be dead
	wakeTime = 50 * time.Millisecond // for a connection to be made, at most half of what a request has
	tellTime = 50 * time.Millisecond // for a collector of traces: who asked waits meanwhile
)

// Before is called when an event has come: what may have died while the process was frozen is looked after.
func (f *Function) Before(ctx context.Context) {
	now := f.now().UnixNano()
	gap := time.Duration(now - f.last.Load()) // a clock that was put back says nothing of it
	if gap < 0 || gap >= napTime {
		f.a.wake(ctx)
	}
	f.last.Store(now) // only now: who comes meanwhile waits as well
}

// wake waits until the store is there, if it can be had soon.
func (a *App) wake(ctx context.Context) {
	if a.shared == nil {
		return
	}
	most := wakeTime
	if d := a.config.Limits.Deadline; d > 0 {
		most = min(most, d/2)
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	_ = a.shared.Wake(ctx) // the event will tell
}

// After is called before an answer goes out: what must not wait for the next event is sent and written.
func (f *Function) After(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	_ = f.a.FlushDue(ctx) // the log has it
}

// Close sends and writes what is left, and ends what goes on, as when the platform ends the process. There is little time then,
// and what others are told must not be lost because the store takes too long to be left.
func (f *Function) Close() error {
	f.a.closeTold()
	return errors.Join(f.stop(), f.a.close())
}

// Models returns the models that are served.
func (f *Function) Models() []*registry.Model { return f.a.Models() }
