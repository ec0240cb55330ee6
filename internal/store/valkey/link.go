package valkey

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A link is the connection to the store, and the breaker before it.
//
// A call has a deadline of its own and is not repeated. When several in a row have failed the link is cut: calls fail
// at once, and one goroutine, Run's, tries whether the store answers again, and as quickly as calls need it to. So an
// outage costs a few calls their deadline, and a store that comes back meets one visitor.
type link struct {
	options  valkey.ClientOption
	deadline time.Duration
	metrics  *telemetry.Store
	log      *slog.Logger

	epochKey string

	client  atomic.Pointer[valkey.Client] // nil: there is none
	up      atomic.Bool
	failed  atomic.Int32  // calls in a row
	good    atomic.Int64  // when the last call of a cluster was answered, ns since 1970
	asking  atomic.Int32  // calls under way
	stuck   atomic.Bool   // the last was late, and may still have its place on the connection
	cut     chan error    // tells Run that the link is cut, and why
	hurry   chan struct{} // tells Run that somebody waits for the link
	mu      sync.Mutex    // of what follows
	risen   chan struct{} // closed when the link is up; nil: nobody waits
	since   time.Time
	why     error
	server  server
	epoch   string    // the word of the store's memory
	losses  int       // times that it was another
	said    time.Time // when the log was told of an outage
	unsaid  bool      // that it is over
	closing bool
}

const (
	cutAfter    = 4                      // failures in a row
	tryFirst    = 20 * time.Millisecond  // from a cut to the first try
	tryLast     = 500 * time.Millisecond // from one try to the next, in a long outage
	crowd       = 512                    // calls under way that surely have room
	connectTime = time.Second            // for a new connection
	limitsTime  = 50 * time.Millisecond  // for limits, which no request waits for
	loginTime   = 4 * time.Second        // for a password to be made
	renewAfter  = 3                      // tries in vain, and connections are made anew
	sayEvery    = time.Minute            // how often the log tells of an outage that goes on
)

// A use is what a call is for, as metrics tell it.
type use int

const (
	useState use = iota
	useReplay
	useLimits
	useMemo
)

func (u use) String() string { return [...]string{"state", "replay", "limits", "memo"}[u] }

// down returns what callers are told of a call that failed.
func down(err error) error {
	if err == nil || errors.Is(err, store.ErrDown) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrDown, err)
}

var errCut = fmt.Errorf("%w: it has failed, and is being tried again", store.ErrDown)

// calls makes a call with the store's deadline, or what is left of ctx's. It does not end with ctx otherwise: it is
// short.
func calls[T any](ctx context.Context, l *link, u use, f func(context.Context, valkey.Client) (T, error)) (reply T, err error) {
	m := &l.metrics.Uses[u]
	c := l.client.Load()
	if c == nil || !l.up.Load() {
		m.Down.Inc()
		return reply, errCut
	}
	begun, deadline := time.Now(), l.deadline
	if u == useLimits {
		deadline = max(deadline, limitsTime)
	}
	until := begun.Add(deadline)
	if d, ok := ctx.Deadline(); ok && d.Before(until) {
		until = d
	}
	short, cancel := context.WithDeadline(context.Background(), until)
	cluster := (*c).Mode() == valkey.ClientModeCluster
	if n := l.asking.Add(1); n > crowd || l.stuck.Load() || cluster {
		reply, err = leave(short, *c, f)
	} else {
		reply, err = f(short, *c)
	}
	l.asking.Add(-1)
	cancel()
	took := time.Since(begun)
	m.Seconds.ObserveDuration(took)
	// Whoever has a context with a timeline waits for the call: what may outlive a request is asked with one of its own.
	telemetry.TimelineOf(ctx).Called(u.String(), begun, begun.Add(took), err != nil && !valkey.IsValkeyNil(err))
	if err == nil || valkey.IsValkeyNil(err) {
		if l.failed.Load() != 0 {
			l.failed.Store(0)
		}
		if cluster {
			l.good.Store(begun.Add(took).UnixNano())
		}
		if l.stuck.Load() {
			l.stuck.Store(false)
		}
		return reply, err
	}
	l.fail(m, err, until.Sub(begun) < deadline)
	return reply, err
}

// leave waits for f until ctx ends. Two things have a call wait whatever its own deadline is: the client of a cluster,
// which dials nodes by itself, for the node that is being dialed; and any client for room, when more than a thousand wait
// for an answer on its connection.
func leave[T any](ctx context.Context, c valkey.Client, f func(context.Context, valkey.Client) (T, error)) (reply T, err error) {
	type result struct {
		reply T
		err   error
	}
	done := make(chan result, 1)
	go func() { // it ends when the node is dialed or the connection is given up, in a second or two
		reply, err := f(ctx, c)
		done <- result{reply, err}
	}()
	select {
	case r := <-done:
		return r.reply, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-done:
		return r.reply, r.err
	default:
		return reply, ctx.Err()
	}
}

// fail counts a failure. hurried: the call had less time than the store has.
func (l *link) fail(m *telemetry.StoreUse, err error, hurried bool) {
	var refused *valkey.ValkeyError
	switch {
	case errors.As(err, &refused):
		m.Refused.Inc()
		if !broken(refused) {
			return
		}
	case errors.Is(err, context.DeadlineExceeded):
		m.Late.Inc()
		l.stuck.Store(true)
		if hurried {
			return
		}
	default:
		m.Lost.Inc()
	}
	if l.failed.Add(1) < cutAfter || l.others() || !l.up.CompareAndSwap(true, false) {
		return
	}
	l.metrics.Up.Set(0)
	select {
	case l.cut <- err:
	default:
	}
}

// others reports whether other nodes of a cluster do what they are asked: then calls of one that does not cost their
// deadline, and are no reason to ask none.
func (l *link) others() bool {
	return l.clustered() && time.Since(time.Unix(0, l.good.Load())) < cutAfter*l.deadline
}

// broken reports whether an answer says that the server cannot serve, whatever is asked.
func broken(err *valkey.ValkeyError) bool {
	for _, code := range [...]string{"READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "NOAUTH", "NOPERM", "WRONGPASS", "UNKILLABLE", "BUSY"} {
		if text := err.Error(); len(text) >= len(code) && text[:len(code)] == code {
			return true
		}
	}
	return false
}

func (l *link) clustered() bool {
	c := l.client.Load()
	return c != nil && (*c).Mode() == valkey.ClientModeCluster
}

// rise lets calls through.
func (l *link) rise() {
	l.mu.Lock()
	l.why, l.since = nil, time.Now()
	l.failed.Store(0)
	l.up.Store(true)
	if l.risen != nil {
		close(l.risen)
		l.risen = nil
	}
	l.mu.Unlock()
	l.metrics.Up.Set(1)
	if l.saying(false) {
		l.log.Info("the shared store is back", "address", l.options.InitAddress[0])
	}
}

func (l *link) fall(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fallen(err)
}

// fallen is fall by who holds mu.
func (l *link) fallen(err error) {
	l.up.Store(false)
	l.metrics.Up.Set(0)
	first := l.why == nil
	l.why = err
	if first {
		l.since = time.Now()
	}
}

// close ends the link.
func (l *link) close() {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	l.up.Store(false)
	if c := l.client.Swap(nil); c != nil {
		(*c).Close()
	}
}
