package iam

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/besra-ml/besra/internal/credentials"
)

const (
	tokenLife  = 15 * time.Minute // ElastiCache takes no token that is older
	tokenReuse = 10 * time.Minute // from when on there is a new one

	// A connection is authenticated again between 6 and 9 hours after the last time, of the 12 that it has. The
	// connections of a fleet that started at once drift apart.
	renewAfter  = 6 * time.Hour
	renewSpread = 3 * time.Hour

	emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	scheme      = "http://"
	service     = "elasticache"
)

// A Source makes tokens for one user of one cache. It is called from many goroutines, and has none of its own.
type Source struct {
	region, user string
	request      string // what is signed
	from         *credentials.Keeper
	signer       *v4.Signer
	now          func() time.Time

	turn chan struct{} // who fills it may use what follows
	last token
}

type token struct {
	text                 string
	signed, refreshAfter time.Time
}

// Token returns a password that opens connections now, and from when on Token makes another. The password is good for
// at least a minute more than that.
//
// When there are no credentials it takes two seconds at most to say so, and as long again when others wait already.
// The error names where they were looked for, and repeats nothing that is secret.
func (s *Source) Token(ctx context.Context) (password string, refreshAfter time.Time, err error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", time.Time{}, fmt.Errorf("credentials: %w", ctx.Err())
	}
	// Without the monotonic clock, which stands still while a machine sleeps: then an old token would pass for a new one.
	now := s.now().Round(0)
	if between(s.last.signed, now, s.last.refreshAfter) {
		return s.last.text, s.last.refreshAfter, nil
	}
	c, err := s.from.Retrieve(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	if s.last, err = s.sign(ctx, c, now); err != nil {
		return "", time.Time{}, err
	}
	return s.last.text, s.last.refreshAfter, nil
}

// Login returns the user and a password for a new connection, and when it should be given another, long before its
// session ends: store.SharedOptions.Login.
func (s *Source) Login(ctx context.Context) (user, password string, renew time.Time, err error) {
	if password, _, err = s.Token(ctx); err != nil {
		return "", "", time.Time{}, err
	}
	return s.user, password, s.now().Add(renewAfter + rand.N(renewSpread)), nil
}

func (s *Source) sign(ctx context.Context, c aws.Credentials, now time.Time) (token, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.request, http.NoBody)
	if err != nil {
		return token{}, err
	}
	signed, _, err := s.signer.PresignHTTP(ctx, c, r, emptySHA256, service, s.region, now)
	if err != nil {
		return token{}, err
	}
	return token{strings.TrimPrefix(signed, scheme), now, now.Add(reuse(c, now))}, nil
}

// reuse returns how long a token of good credentials is handed out. It ends when others are asked for, so that a
// question without an answer is repeated while there is time; a token is good no longer than what signed it.
func reuse(c aws.Credentials, now time.Time) time.Duration {
	if !c.CanExpire {
		return tokenReuse
	}
	left := c.Expires.Sub(now)
	return min(tokenReuse, left-credentials.LeastLeft, max(credentials.AskPause, left-credentials.AskEarly))
}

// between reports whether from <= t < to. A clock that was set back is before from.
func between(from, t, to time.Time) bool { return !t.Before(from) && t.Before(to) }
