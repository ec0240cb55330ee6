package valkey

import (
	"context"
	"errors"
	"time"

	"github.com/valkey-io/valkey-go"
)

// wakeTime is for how long a connection that was left alone may keep silent until it counts as dead. What stands between
// may have forgotten it without a word.
const wakeTime = 15 * time.Millisecond

// Wake sees to it that the connection is there: see store.Shared. Run makes a new one.
func (s *Store) Wake(ctx context.Context) error {
	l := s.link
	if c := l.client.Load(); c != nil && l.up.Load() {
		if responds(ctx, *c) {
			return nil
		}
		l.dead(c)
	}
	l.mu.Lock()
	if l.up.Load() {
		l.mu.Unlock()
		return nil
	}
	if l.risen == nil {
		l.risen = make(chan struct{})
	}
	risen := l.risen
	l.mu.Unlock()
	l.hasten()
	select {
	case <-risen:
		return nil
	case <-ctx.Done():
		return errCut
	}
}

// hasten tells Run that somebody waits for the link.
func (l *link) hasten() {
	select {
	case l.hurry <- struct{}{}:
	default: // it is told already
	}
}

// dead has the link fall whose connections do not answer, unless there are others by now.
func (l *link) dead(c *valkey.Client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.client.Load() == c {
		l.fallen(errCut)
	}
}

// unhurried has f find out how the store is, unless somebody waits for the link, or begins to: that comes first. What f does
// then ends by itself, as ctx has ended for it.
func (l *link) unhurried(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	select {
	case err := <-done:
		return err
	case <-l.hurry:
		l.hasten() // whoever reads it next makes another connection
		return errHurried
	}
}

var errHurried = errors.New("somebody waits for the connection")

// responds reports whether the connections are alive, those to all nodes of a cluster. The client makes another by itself
// where it has seen that one has ended.
func responds(ctx context.Context, c valkey.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, wakeTime)
	defer cancel()
	nodes := c.Nodes()
	alive := make(chan bool, len(nodes))
	for _, node := range nodes {
		go func() { alive <- ping(ctx, node) }()
	}
	all := true
	for range nodes {
		all = <-alive && all
	}
	return all
}

func ping(ctx context.Context, c valkey.Client) bool {
	for range 2 { // the first may be what finds that it has ended
		_, err := leave(ctx, c, func(ctx context.Context, c valkey.Client) (string, error) {
			return c.Do(ctx, c.B().Ping().Build()).ToString()
		})
		if err == nil {
			return true
		}
	}
	return false
}
