package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/besra-ml/besra/internal/admin"
	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
)

// The routes of the doors for operators, in metrics.
const (
	operators = "/admin/v1"
	debugging = "/debug"
)

// adminHandler returns the door for operators at l.
func (a *App) adminHandler(l net.Listener) http.Handler {
	o := admin.Options{
		Models: a, Actions: a.metrics.Access.AdminActions, Flight: a.flight, Log: a.log,
		Named: !a.config.Auth.On() && !a.config.Insecure && loopback(l),
	}
	if keys := a.access.keys; keys != nil {
		o.Keys = func() any { return auth.ListOf(keys.Keys().Entries(), time.Now()) }
	}
	doors := a.gateway.Guard(operators, identity.Admin, admin.Handler(o))
	debug := a.gateway.Guard(debugging, identity.Admin, admin.Debug(o))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, debugging+"/") {
			debug.ServeHTTP(w, r)
			return
		}
		doors.ServeHTTP(w, r)
	})
}

// listenAdmin opens the address of the door for operators; nil: there is none. The default address is given up when
// somebody else has it, one that was asked for is not.
func (a *App) listenAdmin(ctx context.Context) (net.Listener, error) {
	address := a.config.Admin.Listen
	if address == "" {
		return nil, nil
	}
	l, err := a.open(ctx, address)
	if errors.Is(err, syscall.EADDRINUSE) && address == Defaults().Admin.Listen {
		a.log.Warn("models cannot be changed while besra runs: the address of admin.listen is taken", "address", address)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("admin.listen %s: %w", address, err)
	}
	return l, nil
}

// serveAdmin serves operators on l until stop is called.
func (a *App) serveAdmin(l net.Listener) (stop func()) {
	if l == nil {
		return func() {}
	}
	t := a.config.Timeouts
	s := &http.Server{
		// Without a WriteTimeout: it would run while a large model is read and proven, and cut off what became of it.
		Handler: a.adminHandler(l), ReadHeaderTimeout: t.Header, ReadTimeout: t.Body, IdleTimeout: t.Idle,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan struct{})
	a.warn(l, "admin.listen")
	encrypted := a.tls != nil && !loopback(l)
	if encrypted {
		l = tls.NewListener(l, a.tls.Config())
	}
	go func() {
		defer close(ended)
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("operators are no longer served", "error", err)
		}
	}()
	a.log.Info("listening for operators", "admin", url(l, encrypted))
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), t.Drain)
		defer cancel()
		if s.Shutdown(ctx) != nil { // a change that was begun is made
			_ = s.Close()
		}
		<-ended
	}
}
