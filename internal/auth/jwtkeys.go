package auth

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/besra-ml/besra/internal/telemetry"
)

// An issuerKeys is an issuer with the keys that its tokens are signed by, which one goroutine, run, keeps fresh.
type issuerKeys struct {
	issuer  Issuer
	name    string // what the ids of its identities begin with
	parser  *jwt.Parser
	client  *http.Client
	now     func() time.Time
	log     *slog.Logger
	metrics *telemetry.Access

	set   atomic.Pointer[jwkSet] // nil: never had; the same pointer while it is the same keys
	until atomic.Int64           // Unix time, ns, from which on set is too old

	asked chan struct{} // a fetch is wanted now
	mu    sync.Mutex
	under chan struct{} // closed when the fetch that is under way, or wanted, has ended; nil: there is none
	last  time.Time     // when a token last made us ask
	runs  bool

	// of run alone
	found    string // where the discovery document says that the keys are
	foundAt  time.Time
	failures int    // one after the other
	refused  string // why, as it was last logged
}

const (
	jwksEvery      = 15 * time.Minute
	discoveryEvery = 24 * time.Hour
	jwksLast       = 24 * time.Hour // from the last time that they were fetched
	minJWKSBackoff = time.Second
	maxJWKSBackoff = time.Minute
	askEvery       = time.Minute     // by tokens with a key id that is not known
	keyWait        = 2 * time.Second // of such a token
)

func newIssuerKeys(i Issuer, name string, j *JWT, log *slog.Logger) *issuerKeys {
	return &issuerKeys{
		issuer: i, name: name, client: j.client, now: j.now, log: log, metrics: j.metrics, asked: make(chan struct{}, 1),
		parser: jwt.NewParser(
			jwt.WithValidMethods(i.Algorithms), jwt.WithAudience(i.Audience), jwt.WithIssuer(i.URL), jwt.WithLeeway(i.Leeway),
			jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(j.now), jwt.WithStrictDecoding()),
	}
}

// verify returns what a token says, once its signature, its dates and for whom it is are found to be good, and the
// keys that were the issuer's then.
func (k *issuerKeys) verify(ctx context.Context, token string, h tokenHead) (tokenClaimSet, *jwkSet, error) {
	if !slices.Contains(k.issuer.Algorithms, h.alg) {
		return nil, nil, tokenErrorf(tokenSignature, "algorithm %.20q is not one of its issuer's", h.alg)
	}
	key, set, err := k.key(ctx, h)
	if err != nil {
		return nil, nil, err
	}
	claims := jwt.MapClaims{}
	if _, err := k.parser.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return key, nil }); err != nil {
		return nil, nil, claimsError(err)
	}
	return tokenClaimSet(claims), set, nil
}

// key returns the key that a token must be signed by. Where there is none it waits for a fetch that is under way, and then
// for one that it asks for.
func (k *issuerKeys) key(ctx context.Context, h tokenHead) (crypto.PublicKey, *jwkSet, error) {
	key, set, err := k.lookUp(h)
	if !keyMissing(err) {
		return key, set, err
	}
	ctx, cancel := context.WithTimeout(ctx, keyWait)
	defer cancel()
	for tries := 0; tries < 2 && keyMissing(err) && k.refreshed(ctx); tries++ {
		key, set, err = k.lookUp(h)
	}
	return key, set, err
}

func (k *issuerKeys) lookUp(h tokenHead) (crypto.PublicKey, *jwkSet, error) {
	set := k.set.Load()
	if set == nil {
		return nil, nil, tokenErrorf(tokenUnready, "the keys of %s could not be had yet", k.issuer.URL)
	}
	if !k.now().Before(k.goodUntil()) {
		return nil, nil, tokenErrorf(tokenUnready, "the keys of %s could not be had for %v", k.issuer.URL, jwksLast)
	}
	key, err := set.find(h)
	return key, set, err
}

// keyMissing reports whether fresh keys may help.
func keyMissing(err error) bool {
	var e *TokenError
	return errors.As(err, &e) && (e.Why == tokenUnknown || e.Why == tokenUnready)
}

func (k *issuerKeys) goodUntil() time.Time { return time.Unix(0, k.until.Load()) }

// refreshed waits until the keys were fetched, and reports whether they were asked for. It asks once a minute at most,
// whatever tokens come.
func (k *issuerKeys) refreshed(ctx context.Context) bool {
	k.mu.Lock()
	now, under := k.now(), k.under
	if under == nil && k.runs && (k.last.IsZero() || now.Sub(k.last) >= askEvery) {
		k.last = now
		under = make(chan struct{})
		k.under = under
		k.asked <- struct{}{} // has room: run takes it before under is nil again
	}
	k.mu.Unlock()
	if under == nil {
		return false
	}
	select {
	case <-under:
		return true
	case <-ctx.Done():
		return false
	}
}

// run fetches the keys, and again from time to time, until ctx ends.
func (k *issuerKeys) run(ctx context.Context) {
	defer k.end(false)
	for ctx.Err() == nil {
		k.begin()
		k.renew(ctx)
		k.end(true)
		timer := time.NewTimer(k.pause())
		select {
		case <-ctx.Done():
		case <-k.asked:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// begin says that a fetch is under way. If one was asked for, it is this one.
func (k *issuerKeys) begin() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.runs = true
	if k.under == nil {
		k.under = make(chan struct{})
	}
	select {
	case <-k.asked:
	default:
	}
}

// end tells those who wait that the fetch has ended; runs says that there may be more.
func (k *issuerKeys) end(runs bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.runs = runs
	if k.under != nil {
		close(k.under)
		k.under = nil
	}
}

// pause returns how long to wait until the next fetch. No two issuers, and no two of us, keep asking at the same time.
func (k *issuerKeys) pause() time.Duration {
	pause := jwksEvery
	if k.failures > 0 {
		pause = min(minJWKSBackoff<<min(k.failures-1, 10), maxJWKSBackoff)
	}
	return pause - rand.N(pause/10)
}

// renew fetches the keys once and takes them.
func (k *issuerKeys) renew(ctx context.Context) {
	at := k.now()
	set, skipped, err := k.fetch(ctx)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		k.metrics.JWKSFailed.Inc()
		k.failures++
		if why := fmt.Sprintf("%.500s", err); why != k.refused {
			k.refused = why
			k.logFailure(why)
		}
		return
	}
	k.metrics.JWKSFetched.Inc()
	k.failures, k.refused = 0, ""
	until := at.Add(jwksLast).UnixNano()
	if old := k.set.Load(); old != nil && old.digest == set.digest {
		k.until.Store(until)
		return
	}
	k.set.Store(set) // first: keys that are too old must not be good again for a moment
	k.until.Store(until)
	k.log.Info("an issuer's keys were fetched", "issuer", k.issuer.URL, "keys", len(set.keys))
	if skipped != nil {
		k.log.Warn("not all of an issuer's keys are of use", "issuer", k.issuer.URL, "why", skipped)
	}
}

func (k *issuerKeys) logFailure(why string) {
	if k.set.Load() == nil || !k.now().Before(k.goodUntil()) {
		k.log.Error("an issuer's keys cannot be had; its tokens are refused", "issuer", k.issuer.URL, "why", why)
		return
	}
	k.log.Warn("an issuer's keys cannot be had; those before stay", "issuer", k.issuer.URL, "until", k.goodUntil(), "why", why)
}
