package valkey

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mrand "math/rand/v2"
	"net"
	"strings"
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
	failed  atomic.Int32 // calls in a row
	asking  atomic.Int32 // calls under way
	stuck   atomic.Bool  // the last was late, and may still have its place on the connection
	cut     chan error   // tells Run that the link is cut, and why
	mu      sync.Mutex   // of what follows
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
	if n := l.asking.Add(1); n > crowd || l.stuck.Load() || (*c).Mode() == valkey.ClientModeCluster {
		reply, err = leave(short, *c, f)
	} else {
		reply, err = f(short, *c)
	}
	l.asking.Add(-1)
	cancel()
	m.Seconds.ObserveDuration(time.Since(begun))
	if err == nil || valkey.IsValkeyNil(err) {
		if l.failed.Load() != 0 {
			l.failed.Store(0)
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
	if l.failed.Add(1) < cutAfter || !l.up.CompareAndSwap(true, false) {
		return
	}
	l.metrics.Up.Set(0)
	select {
	case l.cut <- err:
	default:
	}
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

// connect makes a client, and finds out what it is connected to.
func (l *link) connect(ctx context.Context) error {
	type made struct {
		client valkey.Client
		err    error
	}
	done := make(chan made, 1)
	go func() { // it knows no context
		c, err := valkey.NewClient(l.options)
		done <- made{c, err}
	}()
	ctx, cancel := context.WithTimeout(ctx, 2*connectTime+loginTime)
	defer cancel()
	var m made
	select {
	case m = <-done:
	case <-ctx.Done():
		go func() {
			if m := <-done; m.err == nil {
				m.client.Close()
			}
		}()
		return ctx.Err()
	}
	if m.err != nil {
		return m.err
	}
	s, err := ask(ctx, m.client)
	if err != nil {
		go m.client.Close()
		return err
	}
	l.mu.Lock()
	before := l.server
	l.server = s
	closing := l.closing
	l.mu.Unlock()
	if closing {
		m.client.Close()
		return net.ErrClosed
	}
	if s.differs(before) {
		s.tell(l.log)
	}
	l.drop(l.client.Swap(&m.client))
	l.metrics.Connected.Inc()
	return nil
}

// drop closes a client that nobody is given any more. A server that hangs makes that slow.
func (l *link) drop(c *valkey.Client) {
	if c != nil {
		go (*c).Close()
	}
}

// rise lets calls through.
func (l *link) rise() {
	l.mu.Lock()
	l.why, l.since = nil, time.Now()
	l.mu.Unlock()
	l.failed.Store(0)
	l.up.Store(true)
	l.metrics.Up.Set(1)
	if l.saying(false) {
		l.log.Info("the shared store is back", "address", l.options.InitAddress[0])
	}
}

// saying reports whether the log is to be told that the store is down, or back: an outage once a minute, and its end if
// it was told.
func (l *link) saying(down bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if down {
		if time.Since(l.said) < sayEvery {
			return false
		}
		l.said, l.unsaid = time.Now(), true
		return true
	}
	was := l.unsaid
	l.unsaid = false
	return was
}

func (l *link) fall(err error) {
	l.up.Store(false)
	l.metrics.Up.Set(0)
	l.mu.Lock()
	first := l.why == nil
	l.why = err
	if first {
		l.since = time.Now()
	}
	l.mu.Unlock()
}

// try finds out whether the store answers, as quickly as calls need it to, and whether it still has its memory.
func (l *link) try(ctx context.Context) error {
	c := l.client.Load()
	if c == nil {
		return errCut
	}
	for range 2 { // the first may have to connect
		begun := time.Now()
		short, cancel := context.WithTimeout(ctx, connectTime)
		err := l.recall(short, *c)
		cancel()
		if err != nil && !full(err) {
			return err
		}
		if took := time.Since(begun); took <= l.deadline {
			return nil
		}
	}
	return fmt.Errorf("it takes longer than valkey.deadline, %v", l.deadline)
}

// recall reads the word that the first process has put there. Another word than before is of a store that has lost
// what was remembered.
func (l *link) recall(ctx context.Context, c valkey.Client) error {
	mine := rand.Text()
	there, err := c.Do(ctx, c.B().Set().Key(l.epochKey).Value(mine).Nx().Get().Build()).ToString()
	if valkey.IsValkeyNil(err) {
		there, err = mine, nil
	}
	if err != nil {
		return err
	}
	l.mu.Lock()
	lost := l.epoch != "" && l.epoch != there
	l.epoch = there
	if lost {
		l.losses++
	}
	l.mu.Unlock()
	if lost {
		l.metrics.Losses.Inc()
		l.log.Error("the shared store has lost its memory: histories begin anew, and answers that were given are not known",
			"address", l.options.InitAddress[0])
	}
	return nil
}

// watch brings the link up again when it was cut, until ctx ends.
func (l *link) watch(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		var why error
		select {
		case <-ctx.Done():
			return
		case why = <-l.cut:
		case <-look.C:
			if l.up.Load() {
				l.look(ctx)
				_ = l.try(ctx)
				continue
			}
			why = errCut // it has never been up
		}
		l.fall(why)
		if !l.mend(ctx, why) {
			return
		}
	}
}

// full reports whether the server is out of memory: it answers, though it takes nothing more.
func full(err error) bool {
	refused, ok := valkey.IsValkeyErr(err)
	return ok && strings.HasPrefix(refused.Error(), "OOM")
}

func (l *link) clustered() bool {
	c := l.client.Load()
	return c != nil && (*c).Mode() == valkey.ClientModeCluster
}

// mend tries until the store answers. false: ctx has ended.
func (l *link) mend(ctx context.Context, why error) bool {
	pause := tryFirst
	for n := 0; ; n++ {
		if l.saying(true) {
			l.log.Error("the shared store is down", "address", l.options.InitAddress[0], "error", why)
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause/2 + mrand.N(pause)):
		}
		pause = min(2*pause, tryLast)
		if n%renewAfter == renewAfter-1 || l.client.Load() == nil || anew(why) {
			if err := l.connect(ctx); err != nil {
				why = err
				l.fall(err)
				continue
			}
		}
		if err := l.try(ctx); err != nil {
			why = err
			l.fall(err)
			continue
		}
		l.rise()
		return true
	}
}

// anew reports whether an error is of the connections: others may do better.
func anew(err error) bool {
	var refused *valkey.ValkeyError
	return errors.As(err, &refused)
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
