package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/telemetry"
)

// Why a token is not good. The set is closed: these are reasons of [telemetry.Denied].
const (
	tokenMalformed = "malformed" // it is no token
	tokenUnknown   = "unknown"   // an issuer, or a key of its, that nobody knows
	tokenExpired   = "expired"   // no longer valid, or not yet
	tokenSignature = "signature" // the signature, its algorithm or the type of its key is not the issuer's
	tokenClaims    = "claims"    // it is for somebody else, or does not say what the issuer's tokens must say
	tokenUnready   = "unready"   // the issuer's keys could not be had
)

// A TokenError says why a token is not good. Its text repeats nothing of the token but the names of its issuer,
// algorithm and key.
type TokenError struct {
	Why string // one of the token constants
	err error
}

// Error returns the reason and what is behind it.
func (e *TokenError) Error() string { return e.Why + " token: " + e.err.Error() }

// Reason returns one word of a closed set.
func (e *TokenError) Reason() string { return e.Why }

// Unwrap returns what is behind it.
func (e *TokenError) Unwrap() error { return e.err }

func tokenErrorf(why, format string, args ...any) error {
	return &TokenError{why, fmt.Errorf(format, args...)}
}

// JWTOptions is what a [JWT] is made of.
type JWTOptions struct {
	Issuers []Issuer          // at least one
	Metrics *telemetry.Access // counts fetches and remembered tokens
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
	Client  *http.Client     // asks issuers; its time and redirects are bounded all the same. nil: one of our own
	Entries int              // verified tokens that are remembered at most; 0: 65,536
}

// A JWT takes tokens of configured issuers: JSON Web Tokens (RFC 7519), signed by one of their issuer's keys.
//
// What is expensive is done once a token: Verify checks it, and Known knows it from then on, for at most five
// minutes, no longer than it is valid, and only while its issuer's keys stay the same. Both are called from many
// goroutines.
type JWT struct {
	issuers map[string]*issuerKeys // by iss
	known   *tokenMemory
	tag     *tagger
	now     func() time.Time
	metrics *telemetry.Access
	client  *http.Client
}

const (
	maxToken       = 8 << 10 // bytes
	defaultEntries = 64 << 10
	rememberFor    = 5 * time.Minute
	forgetEvery    = time.Minute
)

// NewJWT returns a JWT that takes no token before Run has fetched its issuer's keys.
func NewJWT(o JWTOptions) (*JWT, error) {
	if len(o.Issuers) == 0 || o.Metrics == nil || o.Log == nil || o.Entries < 0 {
		return nil, errors.New("tokens need an issuer, metrics and a log")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Entries == 0 {
		o.Entries = defaultEntries
	}
	j := &JWT{
		issuers: make(map[string]*issuerKeys, len(o.Issuers)), known: newTokenMemory(o.Entries), tag: newTagger(),
		now: o.Now, metrics: o.Metrics, client: issuerClient(o.Client),
	}
	names := issuerNames(o.Issuers)
	for n := range o.Issuers {
		i := o.Issuers[n]
		if err := i.check(); err != nil {
			return nil, fmt.Errorf("issuer %.200q: %w", i.URL, err)
		}
		if j.issuers[i.URL] != nil {
			return nil, fmt.Errorf("issuer %.200q stands twice", i.URL)
		}
		j.issuers[i.URL] = newIssuerKeys(i, names[n], j, o.Log)
	}
	return j, nil
}

// Run fetches the issuers' keys, keeps them fresh and forgets tokens until ctx ends. It is called once, and returns
// when all that it started is done.
func (j *JWT) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, k := range j.issuers {
		all.Go(func() { k.run(ctx) })
	}
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			j.known.forget(j.now())
			j.metrics.TokensKnown.Set(float64(j.known.len()))
		}
	}
	all.Wait()
	j.client.CloseIdleConnections()
}

// Known returns whose token it is, if Verify has found it good and it still is. It does not allocate.
func (j *JWT) Known(token string) (*identity.Identity, bool) {
	if len(token) > maxToken {
		return nil, false
	}
	return j.known.get(j.tag.of(token), j.now())
}

// Verify returns whose token it is, or a [*TokenError]. A token of a key that is not known makes it wait until the issuer
// was asked for its keys, as long as ctx allows, for two seconds at most.
func (j *JWT) Verify(ctx context.Context, token string) (id *identity.Identity, err error) {
	defer func() {
		// Tokens are anybody's, and not all that reads them is ours.
		if r := recover(); r != nil {
			id, err = nil, tokenErrorf(tokenMalformed, "reading it fails: %v", telemetry.Panic(r))
		}
	}()
	head, err := readTokenHead(token)
	if err != nil {
		return nil, err
	}
	k := j.issuers[head.issuer]
	if k == nil {
		return nil, tokenErrorf(tokenUnknown, "no issuer %.100q", head.issuer)
	}
	claims, set, err := k.verify(ctx, token, head)
	if err != nil {
		return nil, err
	}
	until, err := claims.until(k.issuer.Leeway)
	if err != nil {
		return nil, err
	}
	if id, err = k.issuer.identity(k.name, claims); err != nil {
		return nil, err
	}
	until = earliestOf(until, j.now().Add(rememberFor), k.goodUntil())
	j.known.put(j.tag.of(token), rememberedToken{id: id, until: until.UnixNano(), from: k, set: set}, j.now())
	j.metrics.TokensKnown.Set(float64(j.known.len()))
	return id, nil
}

func earliestOf(t time.Time, others ...time.Time) time.Time {
	for _, o := range others {
		if o.Before(t) {
			t = o
		}
	}
	return t
}
