package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/besra-ml/besra/internal/listen"
)

// maxHeader bounds a request's headers, in bytes. net/http adds 4096.
const maxHeader = 16 << 10

// grace is how long clients with open connections are told to close them, before besra does.
const grace = 300 * time.Millisecond

// Serve answers requests on l until ctx ends. Then it takes no more connections, tells clients with each
// answer to close theirs, finishes what is in flight within timeouts.drain, and returns nil; an error
// says what was cut short.
func (a *App) Serve(ctx context.Context, l net.Listener) error {
	t := a.config.Timeouts
	var unused unusedConns
	s := &http.Server{
		Handler:           listen.CloseAfterChunks(a.gateway),
		ReadHeaderTimeout: t.Header,
		ReadTimeout:       t.Body,
		WriteTimeout:      t.Answer,
		IdleTimeout:       t.Idle,
		MaxHeaderBytes:    maxHeader,
		ConnState:         unused.track,
		HTTP2:             http2(t),
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug), // what clients do wrong

		DisableGeneralOptionsHandler: true, // OPTIONS * is counted as any other request is
	}
	admins, err := a.listenAdmin(ctx)
	if err != nil {
		return errors.Join(err, l.Close(), a.close())
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(a.front(l)) }()
	beside, failed := a.beside(ctx, admins)
	select {
	case err := <-ended:
		return errors.Join(fmt.Errorf("serve %s: %w", l.Addr(), err), beside(), a.close())
	case err := <-failed:
		return errors.Join(err, s.Close(), beside(), a.close())
	case <-ctx.Done():
	}
	a.log.Info("stopping", "in_flight", a.metrics.InFlight.Value())
	a.stage.Store(stopping)
	a.gateway.Drain()
	err = l.Close()
	if e := <-ended; !errors.Is(e, net.ErrClosed) {
		err = errors.Join(err, e)
	}
	time.Sleep(min(grace, t.Drain))
	unused.close()
	return errors.Join(err, a.shutdown(context.WithoutCancel(ctx), s), beside(), a.close())
}

// close writes what is left to write, and sends what is left to send.
func (a *App) close() error {
	err := errors.Join(a.closeState(), a.closeMirrors())
	a.closeTold()
	return err
}

// beside does what goes on beside serving, until ctx ends: first what is remembered is recovered, then it is
// tended and models are watched; policy, keys and certificates are watched, operators served, challengers asked and the dashboard
// fed all the time. stop ends it, too, and waits for it, for watching no longer than timeouts.drain; failed tells that recovery has
// failed.
func (a *App) beside(ctx context.Context, admins net.Listener) (stop func() error, failed <-chan error) {
	ctx, cancel := context.WithCancel(ctx)
	var team sync.WaitGroup
	fail, recovered, watched := make(chan error, 1), make(chan struct{}), make(chan struct{})
	if a.history.Journal == nil && a.shared == nil && !a.function {
		a.log.Info("what is remembered is in memory only; state.dir makes it durable")
	}
	if a.shared != nil && !a.function {
		team.Go(func() { a.shared.Run(ctx) })
	}
	if a.function {
		a.wake(ctx)         // a process that is frozen while it connects would thaw with half a connection
		a.history.Measure() // which tells the store what is fed; no tick may come for long
	}
	team.Go(func() {
		if err := a.recover(ctx); err != nil {
			fail <- err // nobody minds when ctx has ended
			return
		}
		if a.stage.CompareAndSwap(recovering, ready) {
			a.log.Info("ready")
		}
		close(recovered)
		a.tend(ctx)
	})
	go func() {
		defer close(watched)
		select {
		case <-ctx.Done():
		case <-recovered:
			a.watchModels(ctx)
		}
	}()
	if a.watcher != nil {
		team.Go(func() { a.watcher.Run(ctx) })
	}
	if a.tls != nil {
		team.Go(func() { a.tls.Run(ctx) })
	}
	team.Go(func() { a.measure(ctx) })
	a.access.watch(ctx, &team)
	if a.dashboard != nil {
		team.Go(func() { a.dashboard.Run(ctx) }) // whoever watches is let go when ctx ends
	}
	if a.shadow != nil {
		team.Go(func() { a.shadow.Run(ctx) })
	}
	if a.emitter != nil && !a.function {
		team.Go(func() { a.emitter.Run(ctx) })
	}
	if a.flight != nil {
		team.Go(func() { a.flight.Run(ctx) })
	}
	stopAdmin := a.serveAdmin(admins)
	return func() error {
		cancel()
		stopAdmin()
		team.Wait()
		a.await(watched)
		return nil
	}, fail
}

// await waits for a look at models to end, for a while: a file system that hangs must not keep besra from ending.
func (a *App) await(watched <-chan struct{}) {
	select {
	case <-watched:
	case <-time.After(a.config.Timeouts.Drain):
		a.log.Warn("stopping while a look at the models goes on: it does not end", "waited", a.config.Timeouts.Drain.String())
	}
}

// shutdown finishes what is in flight, or cuts it short when its time is over.
func (a *App) shutdown(ctx context.Context, s *http.Server) error {
	t := a.config.Timeouts.Drain
	ctx, cancel := context.WithTimeout(ctx, t)
	defer cancel()
	if s.Shutdown(ctx) == nil {
		return nil
	}
	cut := a.metrics.InFlight.Value()
	err := s.Close()
	if cut > 0 {
		err = errors.Join(fmt.Errorf("%d requests cut short: still in flight after %v", cut, t), err)
	}
	return err
}
