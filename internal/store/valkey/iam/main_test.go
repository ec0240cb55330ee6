package iam

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testID      = "AKIDEXAMPLE"
	testSecret  = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	testSession = "IQoJb3JpZ2luX2VjEJ3//////////wEaCXVzLWVhc3QtMSJHMEUCIQD+a/b=="
)

var errAway = errors.New("nobody answers")

// A giver gives credentials, each with keys of its own, that are good for a while.
type giver struct {
	life time.Duration // 0: for ever
	mu   sync.Mutex
	all  []aws.Credentials
	away bool
	ask  func(context.Context) error // before it answers, if any
}

func (g *giver) Retrieve(ctx context.Context) (aws.Credentials, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ask != nil {
		if err := g.ask(ctx); err != nil {
			return aws.Credentials{}, err
		}
	}
	if g.away {
		return aws.Credentials{}, errAway
	}
	id := testID + strings.Repeat("A", len(g.all))
	c := aws.Credentials{AccessKeyID: id, SecretAccessKey: testSecret + id, SessionToken: testSession + id}
	if g.life > 0 {
		c.CanExpire, c.Expires = true, time.Now().Add(g.life)
	}
	g.all = append(g.all, c)
	return c, nil
}

func (g *giver) setAway(away bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.away = away
}

func (g *giver) given() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.all)
}

// of returns the credentials of a key.
func (g *giver) of(id string) (aws.Credentials, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.all {
		if c.AccessKeyID == id {
			return c, true
		}
	}
	return aws.Credentials{}, false
}

// always gives the same credentials.
func always(c aws.Credentials) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil })
}

func newSource(t testing.TB, from aws.CredentialsProvider) *Source {
	t.Helper()
	s, err := New(Options{Region: "eu-central-1", Cache: "fraud", User: "besra", Credentials: from})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustToken(t testing.TB, s *Source) string {
	t.Helper()
	token, refreshAfter, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !refreshAfter.After(s.now()) {
		t.Fatalf("a token that is refreshed at %v, now", refreshAfter)
	}
	return token
}
