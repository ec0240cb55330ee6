package iam

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/besra-ml/besra/internal/credentials"
)

func TestATokenIsReusedWhileItIsYoung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, &giver{})
		first := mustToken(t, s)
		time.Sleep(10*time.Minute - time.Nanosecond)
		if mustToken(t, s) != first {
			t.Error("not the same within ten minutes")
		}
		time.Sleep(time.Nanosecond)
		if mustToken(t, s) == first {
			t.Error("the same after ten minutes")
		}
	})
}

func TestAClockThatIsSetBackMakesANewToken(t *testing.T) {
	at := time.Date(2026, 11, 26, 17, 0, 0, 0, time.UTC)
	s, err := New(Options{Region: "eu-central-1", Cache: "fraud", User: "besra", Credentials: &giver{}, Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	first := mustToken(t, s)
	at = at.Add(-time.Hour)
	if got := mustToken(t, s); got == first || !strings.Contains(got, "X-Amz-Date=20261126T160000Z") {
		t.Errorf("got %s", got)
	}
}

func TestATokenEndsBeforeItsCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for life, want := range map[time.Duration]time.Duration{
			time.Hour:        10 * time.Minute,
			15 * time.Minute: 10 * time.Minute,
			7 * time.Minute:  2 * time.Minute,
			5 * time.Minute:  30 * time.Second,
			2 * time.Minute:  30 * time.Second,
			70 * time.Second: 10 * time.Second,
		} {
			_, refreshAfter, err := newSource(t, &giver{life: life}).Token(t.Context())
			if got := time.Until(refreshAfter); err != nil || got != want {
				t.Errorf("by credentials of %v, refreshed after %v: %v", life, got, err)
			}
		}
	})
}

func TestCredentialsAreRenewedBeforeTheyExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &giver{life: 6 * time.Hour}
		s := newSource(t, g)
		mustToken(t, s)
		time.Sleep(6*time.Hour - credentials.AskEarly - time.Second)
		if mustToken(t, s); g.given() != 1 {
			t.Errorf("%d were given", g.given())
		}
		time.Sleep(credentials.AskPause)
		if mustToken(t, s); g.given() != 2 {
			t.Errorf("%d were given", g.given())
		}
	})
}

func TestCredentialsThatDoNotExpireAreAskedForWithEachToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &giver{}
		s := newSource(t, g)
		mustToken(t, s)
		g.setAway(true)
		time.Sleep(tokenReuse)
		mustToken(t, s)
		g.setAway(false)
		time.Sleep(tokenReuse)
		if mustToken(t, s); g.given() != 2 {
			t.Errorf("%d were given", g.given())
		}
	})
}

func TestCredentialsAtHandAreUsedWhileNoOthersAreToBeHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		g := &giver{life: time.Hour, ask: func(context.Context) error { asked++; return nil }}
		s := newSource(t, g)
		mustToken(t, s)
		g.setAway(true)
		for range int((time.Hour - credentials.LeastLeft) / time.Second) {
			mustToken(t, s)
			time.Sleep(time.Second)
		}
		if again := int((credentials.AskEarly - credentials.LeastLeft) / credentials.AskPause); asked != 1+again {
			t.Errorf("asked %d times, want 1 and %d", asked, again)
		}
		if _, _, err := s.Token(t.Context()); !errors.Is(err, errAway) {
			t.Errorf("got %v", err)
		}
		g.setAway(false)
		time.Sleep(credentials.AskBroken)
		mustToken(t, s)
	})
}

func TestCredentialsThatAreNotGoodAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for want, c := range map[string]aws.Credentials{
			"credentials: they have no keys":                   {AccessKeyID: testID},
			"credentials: they expire at 2000-01-01T00:00:59Z": {AccessKeyID: testID, SecretAccessKey: testSecret, CanExpire: true, Expires: time.Now().Add(59 * time.Second)},
		} {
			s := newSource(t, aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil }))
			if _, _, err := s.Token(t.Context()); err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	})
}

func TestManyAskAtOnceAndOneIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &giver{ask: func(context.Context) error { time.Sleep(time.Second); return nil }}
		s := newSource(t, g)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { mustToken(t, s) })
		}
		all.Wait()
		if g.given() != 1 {
			t.Errorf("credentials were asked for %d times", g.given())
		}
	})
}

func TestWhoWaitsForCredentialsSharesTheError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		g := &giver{ask: func(ctx context.Context) error { asked++; <-ctx.Done(); return ctx.Err() }}
		s := newSource(t, g)
		start := time.Now()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if _, _, err := s.Token(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
		}
		all.Wait()
		if took := time.Since(start); took != credentials.AskTimeout || asked != 1 {
			t.Errorf("asked %d times, which took %v", asked, took)
		}
	})
}

func TestWhoGivesUpSpoilsNothingForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var once sync.Once
		g := &giver{ask: func(ctx context.Context) (err error) {
			once.Do(func() { <-ctx.Done(); err = ctx.Err() })
			return err
		}}
		s := newSource(t, g)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, _, err := s.Token(impatient); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() { mustToken(t, s) })
		all.Go(func() {
			if _, _, err := s.Token(impatient); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
		all.Wait()
	})
}

func BenchmarkToken(b *testing.B) {
	b.Run("reused", func(b *testing.B) {
		s := newSource(b, always(aws.Credentials{AccessKeyID: testID, SecretAccessKey: testSecret, SessionToken: testSession}))
		for b.Loop() {
			if _, _, err := s.Token(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("signed", func(b *testing.B) {
		s := newSource(b, always(aws.Credentials{AccessKeyID: testID, SecretAccessKey: testSecret, SessionToken: testSession}))
		at := time.Now()
		s.now = func() time.Time { at = at.Add(tokenReuse); return at }
		for b.Loop() {
			if _, _, err := s.Token(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
