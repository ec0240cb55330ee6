package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
)

// maxHeader bounds a request's headers, in bytes. net/http adds 4096.
const maxHeader = 16 << 10

// Serve answers requests on l until ctx ends. Then it takes no more connections, finishes what is in
// flight within timeouts.drain, and returns nil; an error says what was cut short.
func (a *App) Serve(ctx context.Context, l net.Listener) error {
	t := a.config.Timeouts
	s := &http.Server{
		Handler:           a.gateway,
		ReadHeaderTimeout: t.Header,
		ReadTimeout:       t.Body,
		WriteTimeout:      t.Answer,
		IdleTimeout:       t.Idle,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug), // what clients do wrong

		DisableGeneralOptionsHandler: true, // OPTIONS * is counted as any other request is
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	a.ready.Store(false)
	a.log.Info("stopping", "in_flight", a.metrics.InFlight.Value())
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.Drain)
	defer cancel()
	err := s.Shutdown(drain)
	if err != nil {
		// Connections on which nothing was asked yet keep Shutdown waiting, too: there is nothing to lose on them.
		cut := a.metrics.InFlight.Value()
		err = s.Close()
		if cut > 0 {
			err = errors.Join(fmt.Errorf("%d requests cut short: still in flight after %v", cut, t.Drain), err)
		}
	}
	if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}
