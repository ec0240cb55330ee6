package credentials

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	AskTimeout = 2 * time.Second  // of asking for credentials
	AskEarly   = 5 * time.Minute  // before credentials expire, others are asked for
	AskPause   = 30 * time.Second // between one such question and the next
	AskBroken  = time.Second      // the same when there are no credentials: who waits meanwhile shares the error
	LeastLeft  = time.Minute      // credentials that expire sooner sign nothing
)

// A Keeper keeps credentials while they are good, and asks for others before they expire, one question at a time. It is
// called from many goroutines, and has none of its own.
type Keeper struct {
	from aws.CredentialsProvider
	now  func() time.Time

	turn   chan struct{} // who fills it may use what follows
	held   aws.Credentials
	asked  time.Time
	broken failure
}

type failure struct {
	err error
	at  time.Time
}

// Keep returns a Keeper of what from gives.
func Keep(from aws.CredentialsProvider, now func() time.Time) *Keeper {
	return &Keeper{from: from, now: now, turn: make(chan struct{}, 1)}
}

// Retrieve returns credentials that are good for a minute at least. When others are due and not to be had, those at hand
// are used as long as they are good.
//
// When there are none it takes AskTimeout at most to say so, and as long again when others wait already. The error names
// where they were looked for, and repeats nothing that is secret.
func (k *Keeper) Retrieve(ctx context.Context) (aws.Credentials, error) {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return aws.Credentials{}, fmt.Errorf("credentials: %w", ctx.Err())
	}
	// Without the monotonic clock, which stands still while a machine sleeps: then what has expired would pass for good.
	now := k.now().Round(0)
	if k.fresh(now) {
		return k.held, nil
	}
	if k.broken.err != nil && between(k.broken.at, now, k.broken.at.Add(AskBroken)) {
		return aws.Credentials{}, k.broken.err
	}
	err := k.ask(ctx, now)
	if err == nil {
		return k.held, nil
	}
	err = fmt.Errorf("credentials: %w", err)
	if ctx.Err() == nil {
		k.broken = failure{err, k.now().Round(0)}
	}
	return aws.Credentials{}, err
}

// fresh reports whether it is too early to ask for others.
func (k *Keeper) fresh(now time.Time) bool {
	if good(k.held, now) != nil {
		return false
	}
	return k.held.CanExpire && now.Before(k.held.Expires.Add(-AskEarly)) || between(k.asked, now, k.asked.Add(AskPause))
}

func (k *Keeper) ask(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, AskTimeout)
	defer cancel()
	k.asked = now
	c, err := k.from.Retrieve(ctx)
	if err == nil {
		err = good(c, now)
	}
	switch {
	case err == nil:
		k.held = c
	case good(k.held, now) != nil:
		return err
	}
	return nil
}

func good(c aws.Credentials, now time.Time) error {
	if !c.HasKeys() {
		return errors.New("they have no keys")
	}
	if c.CanExpire && !now.Before(c.Expires.Add(-LeastLeft)) {
		return fmt.Errorf("they expire at %s", c.Expires.UTC().Format(time.RFC3339))
	}
	return nil
}

// between reports whether from <= t < to. A clock that was set back is before from.
func between(from, t, to time.Time) bool { return !t.Before(from) && t.Before(to) }

// Region returns the region that the environment names; "": none.
func Region() string {
	if region := os.Getenv("AWS_REGION"); region != "" {
		return region
	}
	return os.Getenv("AWS_DEFAULT_REGION")
}
