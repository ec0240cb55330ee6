package auth

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/telemetry"
)

// Tokens verifies tokens. Its methods are called from many goroutines.
type Tokens interface {
	// Known returns whose token it is when Verify has said so before and it still holds. It is cheap.
	Known(token string) (*identity.Identity, bool)

	// Verify says whose token it is. An error with a method Reason() string tells why it is not good, by the name of
	// a [Reason]; its text is logged, and so has nothing secret in it.
	Verify(ctx context.Context, token string) (*identity.Identity, error)
}

// Options is what an [Authenticator] is made of. With neither Keys nor Tokens everybody is let in, unless it is Closed.
type Options struct {
	Closed  bool              // who shows no credentials that are known here, or to the platform, is denied in any case
	Keys    *Watcher          // nil: there are none
	Tokens  Tokens            // nil: none are taken
	Metrics *telemetry.Access // counts who is denied; nil: nobody counts
	Log     *slog.Logger      // tells who is denied; nil: nobody is told
	Now     func() time.Time  // nil: time.Now
}

// An Authenticator finds out who asks. Its methods may be called from many goroutines.
type Authenticator struct {
	keys     *Watcher
	tokens   Tokens
	now      func() time.Time
	denied   [reasons]*telemetry.Counter
	log      quietLog
	leaked   quietLog // apart: nobody without a key can fill it
	attempts *attempts
	anybody  *identity.Identity // nil: clients are authenticated
}

// New returns an Authenticator.
func New(o Options) *Authenticator {
	if o.Metrics == nil {
		o.Metrics = &telemetry.New(telemetry.Options{}).Access
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &Authenticator{keys: o.Keys, tokens: o.Tokens, now: o.Now, denied: deniedCounters(&o.Metrics.Denied)}
	a.log.log, a.leaked.log = o.Log, o.Log
	if o.Keys == nil && o.Tokens == nil && !o.Closed {
		a.anybody = identity.Anybody()
	}
	if o.Tokens != nil {
		a.attempts = newAttempts()
	}
	return a
}

// Authenticate returns who shows these credentials. The identity is one and the same for all requests of a key, for as
// long as its entry says the same. An error is a *Denied; it has been counted and logged.
//
// Who is barred, and credentials in a URL, are refused whatever else is shown. Then the first that is there counts, and if it is not good
// the others are not asked: what the platform says, the headers, the certificate.
func (a *Authenticator) Authenticate(ctx context.Context, c *Credentials) (*identity.Identity, error) {
	if c.Barred {
		return nil, a.deny(ctx, c, Revoked, "", nil)
	}
	if a.anybody != nil {
		if c.Platform != nil {
			return c.Platform, nil
		}
		return a.anybody, nil
	}
	if c.Query != "" {
		if key, found := leaks(c.Query); found {
			return nil, a.leak(ctx, c, key)
		}
	}
	if c.Platform != nil {
		return c.Platform, nil
	}
	credential, isKey, ok := shown(c.Header)
	switch {
	case c.foreign():
		return nil, a.deny(ctx, c, CrossSite, "", nil)
	case !ok:
		return nil, a.deny(ctx, c, Malformed, "", nil)
	case isKey:
		return a.key(ctx, c, credential)
	case credential != "":
		return a.token(ctx, c, credential)
	case c.Certificate != nil:
		return a.certificate(ctx, c)
	}
	return nil, a.deny(ctx, c, Missing, "", nil)
}

func (a *Authenticator) key(ctx context.Context, c *Credentials, key string) (*identity.Identity, error) {
	id, secret, ok := splitKey(key)
	if !ok {
		return nil, a.deny(ctx, c, Malformed, "", nil)
	}
	if a.keys == nil {
		return nil, a.deny(ctx, c, Unknown, "", nil)
	}
	e, why := a.keys.Keys().key(id, secret, a.now().UnixMilli())
	return a.answer(ctx, c, e, why)
}

func (a *Authenticator) certificate(ctx context.Context, c *Credentials) (*identity.Identity, error) {
	if a.keys == nil {
		return nil, a.deny(ctx, c, Unknown, "", nil)
	}
	e, why := a.keys.Keys().certificate(c.Certificate, a.now().UnixMilli())
	return a.answer(ctx, c, e, why)
}

func (a *Authenticator) answer(ctx context.Context, c *Credentials, e *known, why Reason) (*identity.Identity, error) {
	switch {
	case why == granted:
		return e.identity, nil
	case e != nil:
		return nil, a.deny(ctx, c, why, e.identity.ID, nil)
	}
	return nil, a.deny(ctx, c, why, "", nil)
}

// token verifies a token that is not known yet, unless its client's address has failed too often. Keys, and tokens that
// are known, are good from any address: whoever shares one with an attacker works on with what it has.
func (a *Authenticator) token(ctx context.Context, c *Credentials, token string) (*identity.Identity, error) {
	if a.tokens == nil {
		return nil, a.deny(ctx, c, Unknown, "", nil)
	}
	if i, ok := a.tokens.Known(token); ok {
		return i, nil
	}
	if !a.attempts.may(c.Address, a.now()) {
		return nil, a.deny(ctx, c, Attempts, "", nil)
	}
	i, err := a.tokens.Verify(ctx, token)
	if err == nil {
		return i, nil
	}
	why := tokenReason(err)
	if why != Unready {
		a.attempts.failed(c.Address, a.now())
	}
	return nil, a.deny(ctx, c, why, "", err)
}

// tokenReason is why a token is not good. An error that does not say so is none of the token.
func tokenReason(err error) Reason {
	var e interface{ Reason() string }
	if errors.As(err, &e) {
		name := e.Reason()
		for r := Missing; r < reasons; r++ {
			if r.String() == name {
				return r
			}
		}
	}
	return Unready
}

// leak denies who shows credentials in a URL. It tells whose key that was, if it was one: who only makes up the id of
// somebody's key must not have it replaced, so the secret counts.
func (a *Authenticator) leak(ctx context.Context, c *Credentials, key string) error {
	id, secret, ok := splitKey(key)
	if !ok || a.keys == nil {
		return a.deny(ctx, c, InURL, "", nil)
	}
	now := a.now()
	e, _ := a.keys.Keys().key(id, secret, now.UnixMilli())
	if e == nil {
		return a.deny(ctx, c, InURL, "", nil)
	}
	a.denied[InURL].Inc()
	if suppressed, ok := a.leaked.next(now.Unix()); ok {
		a.leaked.warn(ctx, "leaked: a key stands in a URL; replace it", suppressed,
			slog.String("key", e.identity.ID), slog.String("client", network(c.Address)))
	}
	return &Denied{Reason: InURL, KeyID: e.identity.ID}
}

// deny counts and logs who is not let in.
func (a *Authenticator) deny(ctx context.Context, c *Credentials, why Reason, keyID string, err error) error {
	a.denied[why].Inc()
	if suppressed, ok := a.log.next(a.now().Unix()); ok {
		attrs := []slog.Attr{slog.String("reason", why.String()), slog.String("client", network(c.Address))}
		if keyID != "" {
			attrs = append(attrs, slog.String("key", keyID))
		}
		if err != nil {
			attrs = append(attrs, slog.String("why", err.Error()))
		}
		a.log.warn(ctx, "denied", suppressed, attrs...)
	}
	return &Denied{Reason: why, KeyID: keyID}
}
