package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	"github.com/besra-ml/besra/internal/admit"
	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/limit"
	"github.com/besra-ml/besra/internal/listen"
	"github.com/besra-ml/besra/internal/telemetry"
)

// access is who may ask, and how much: what is behind the one admission of all doors.
type access struct {
	admission *admit.Admission
	keys      *auth.Watcher // nil: there are none
	tokens    *auth.JWT     // nil: none are taken
	crowded   func() bool   // there is more to do than can be done
	shared    *limit.Shared // nil: rates and quotas are this process's own
}

// openAccess reads certificates and keys and prepares to verify tokens.
func (a *App) openAccess() (err error) {
	if a.foreign {
		return nil // nothing is served
	}
	if a.trusted, err = a.proxies(); err != nil {
		return err
	}
	if !a.config.Proxy.Protocol { // which says it where it is spoken
		a.clients = listen.NewAddresses(a.trusted)
	}
	if a.tls, err = a.certificates(); err != nil {
		return err
	}
	c, m := a.config, &a.metrics.Access
	o := auth.Options{Metrics: m, Log: a.log}
	if c.Auth.Keys != "" {
		if a.access.keys, err = auth.NewWatcher(c.Auth.Keys, c.Models.Poll, a.log, m); err != nil {
			return fmt.Errorf("auth.keys: %w", err)
		}
		o.Keys = a.access.keys
	}
	o.Closed = a.function && !c.Insecure
	if len(c.Auth.JWT) > 0 && !a.fronted() {
		if a.access.tokens, err = auth.NewJWT(auth.JWTOptions{Issuers: c.Auth.JWT, Metrics: m, Log: a.log}); err != nil {
			return fmt.Errorf("auth.jwt: %w", err)
		}
		o.Tokens = a.access.tokens
	}
	lo := limit.Options{Concurrency: c.Limits.Concurrency, Models: c.Limits.Models, Metrics: m}
	if a.shared != nil && (c.Auth.On() || !a.function) { // of thousands of functions none asks for what none has
		if a.access.shared, err = limit.NewShared(limit.SharedOptions{Bank: limit.ValkeyBank(a.shared.Call, rand.Text()), Log: a.log}); err != nil {
			return err
		}
		lo.Buckets, lo.Quotas = a.access.shared, a.access.shared
	}
	limiter, err := limit.New(lo)
	if err != nil {
		return err
	}
	a.access.admission, a.access.crowded = admit.New(auth.New(o), limiter, m), limiter.Crowded
	return nil
}

// watch keeps keys and issuers' keys up to date until ctx ends.
func (c *access) watch(ctx context.Context, team *sync.WaitGroup) {
	if c.keys != nil {
		team.Go(func() { c.keys.Run(ctx) })
	}
	if c.tokens != nil {
		team.Go(func() { c.tokens.Run(ctx) })
	}
	if c.shared != nil {
		team.Go(func() { c.shared.Run(ctx) })
	}
}

// measure brings the gauges of shared limits up to date.
func (c *access) measure(m *telemetry.Store) {
	if c.shared == nil {
		return
	}
	s := c.shared.Stats()
	m.Peers.Set(float64(s.Peers))
	m.Alone.Set(float64(s.Alone))
}
