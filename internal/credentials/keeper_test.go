package credentials

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// A giver gives credentials that are good for a while, or nothing.
type giver struct {
	life  time.Duration // 0: for ever
	away  error
	asked int
}

func (g *giver) Retrieve(context.Context) (aws.Credentials, error) {
	g.asked++
	if g.away != nil {
		return aws.Credentials{}, g.away
	}
	return aws.Credentials{
		AccessKeyID: "id", SecretAccessKey: "secret", CanExpire: g.life > 0, Expires: time.Now().Add(g.life),
	}, nil
}

func TestManyQuestionsAreOneWhileTheAnswerIsGood(t *testing.T) {
	for name, c := range map[string]struct {
		life    time.Duration
		after   time.Duration
		isAgain bool
	}{
		"credentials that expire":                     {time.Hour, 54 * time.Minute, false},
		"credentials that expire soon":                {time.Hour, 55 * time.Minute, true},
		"credentials that do not expire":              {0, AskPause - 1, false},
		"credentials that do not expire, later":       {0, AskPause, true},
		"credentials that are never good for so long": {2 * time.Minute, AskPause - 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &giver{life: c.life}
				k := Keep(g, time.Now)
				ask := func() {
					var team sync.WaitGroup
					for range 50 {
						team.Go(func() {
							if _, err := k.Retrieve(t.Context()); err != nil {
								t.Error(err)
							}
						})
					}
					team.Wait()
				}
				ask()
				if g.asked != 1 {
					t.Errorf("asked %d times at first", g.asked)
				}
				time.Sleep(c.after)
				ask()
				if again := g.asked > 1; again != c.isAgain || g.asked > 2 {
					t.Errorf("asked %d times after %v", g.asked, c.after)
				}
			})
		})
	}
}

func TestCredentialsAtHandLastUntilTheyAreNoGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &giver{life: time.Hour}
		k := Keep(g, time.Now)
		if _, err := k.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.away = errors.New("nobody answers")
		time.Sleep(time.Hour - LeastLeft - time.Second)
		if _, err := k.Retrieve(t.Context()); err != nil {
			t.Errorf("good for %v more: %v", LeastLeft, err)
		}
		time.Sleep(time.Second)
		if _, err := k.Retrieve(t.Context()); !errors.Is(err, g.away) || err.Error() != "credentials: nobody answers" {
			t.Errorf("got %v", err)
		}
		g.away = nil
		time.Sleep(AskBroken)
		if _, err := k.Retrieve(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
