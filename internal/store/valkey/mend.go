package valkey

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/valkey-io/valkey-go"
)

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
		case <-l.hurry:
			if l.up.Load() {
				continue
			}
			if why = l.anew(ctx); why == nil {
				continue
			}
		case <-look.C:
			if l.up.Load() {
				_ = l.unhurried(ctx, func(ctx context.Context) error {
					l.look(ctx)
					return l.try(ctx)
				})
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

// mend tries until the store answers. false: ctx has ended.
func (l *link) mend(ctx context.Context, why error) bool {
	pause := tryFirst
	for n := 0; ; n++ {
		if ctx.Err() == nil && l.saying(true) {
			l.log.Error("the shared store is down", "address", l.options.InitAddress[0], "error", why)
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause/2 + mrand.N(pause)):
		case <-l.hurry:
			if why = l.anew(ctx); why == nil {
				return true
			}
		}
		pause = min(2*pause, tryLast)
		renew := n%renewAfter == renewAfter-1 || l.client.Load() == nil || ofConnection(why)
		err := l.unhurried(ctx, func(ctx context.Context) error {
			if renew {
				if err := l.connect(ctx); err != nil {
					return err
				}
			}
			return l.try(ctx)
		})
		switch {
		case err == nil:
			l.rise()
			return true
		case !errors.Is(err, errHurried):
			why = err
			l.fall(err)
		}
	}
}

// ofConnection reports whether an error is of the connections: others may do better.
func ofConnection(err error) bool {
	var refused *valkey.ValkeyError
	return errors.As(err, &refused)
}

// anew brings the link up by another connection, at once. An error says that it stays down.
func (l *link) anew(ctx context.Context) error {
	err := l.connect(ctx)
	if err == nil {
		err = l.try(ctx)
	}
	if err != nil {
		l.fall(err)
		return err
	}
	l.rise()
	return nil
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

// full reports whether the server is out of memory: it answers, though it takes nothing more.
func full(err error) bool {
	refused, ok := valkey.IsValkeyErr(err)
	return ok && strings.HasPrefix(refused.Error(), "OOM")
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
