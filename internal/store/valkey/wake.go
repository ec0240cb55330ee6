package valkey

import (
	"context"
	"time"

	"github.com/valkey-io/valkey-go"
)

// wakeTime is for how long a connection that was left alone may keep silent until it counts as dead. What stands between
// may have forgotten it without a word.
const wakeTime = 15 * time.Millisecond

// Wake sees to it that the connection is there: see store.Shared. Run makes a new one.
func (s *Store) Wake(ctx context.Context) error {
	l := s.link
	if l.up.Load() {
		if l.answers(ctx) {
			return nil
		}
		l.fall(errCut)
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
	select {
	case l.hurry <- struct{}{}:
	default: // it is told already
	}
	select {
	case <-risen:
		return nil
	case <-ctx.Done():
		return errCut
	}
}

// answers reports whether the connections are alive, those to all nodes of a cluster. The client makes another by itself
// where it has seen that one has ended.
func (l *link) answers(ctx context.Context) bool {
	c := l.client.Load()
	if c == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, wakeTime)
	defer cancel()
	nodes := (*c).Nodes()
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
