package valkey

import (
	"context"
	"slices"

	"github.com/valkey-io/valkey-go"

	"github.com/besra-ml/besra/internal/store"
)

// Advance lets go: what was announced is there.
func (s *Store) Advance(_ context.Context, l *store.Lease, _ uint64) error {
	h, ok := l.Own.(*hold)
	if !ok || !h.held {
		return store.ErrNotHeld
	}
	h.held = false
	clear(l.States)
	return nil
}

// Release takes back what was announced.
func (s *Store) Release(l *store.Lease) {
	h, ok := l.Own.(*hold)
	if !ok || !h.held {
		return
	}
	h.held = false
	clear(l.States)
	if !slices.Contains(h.announced, true) {
		return
	}
	if err := s.cancel(l, h); err != nil {
		s.takeBack(l, h)
	}
}

// cancel cancels what a lease announced.
func (s *Store) cancel(l *store.Lease, h *hold) error {
	now := s.now().UnixMilli()
	var each []execution
	for i, was := range h.announced {
		if was {
			each = append(each, s.cancelOf(l, h, i, now))
		}
	}
	_, err := calls(context.Background(), s.link, useState, func(ctx context.Context, c valkey.Client) (none struct{}, err error) {
		for _, r := range advance.execute(ctx, c, each...) {
			if err := r.Error(); err != nil {
				return none, err
			}
		}
		return none, nil
	})
	return err
}

func (s *Store) cancelOf(l *store.Lease, h *hold, i int, now int64) execution {
	record := valkey.BinaryString(appendChange(nil, kindCancel, h.id, now, l.Ops[i]))
	return execution{[]string{s.name(ofState, l.Refs[i].Key)}, []string{s.groups.keep(l.Refs[i].Group), record}}
}

// takeBack has what a lease announced, or may have announced, cancelled when the store is there again. To cancel twice,
// or what never came, does nothing.
func (s *Store) takeBack(l *store.Lease, h *hold) {
	now := s.now().UnixMilli()
	for i, was := range h.announced {
		if was {
			c := s.cancelOf(l, h, i, now)
			s.amends.add(amend{use: useState, persistent: true, script: advance, key: c.keys[0], args: c.args})
		}
	}
}

// Delete removes a state, and reports whether there was one.
func (s *Store) Delete(ctx context.Context, key store.Key) (bool, error) {
	n, err := calls(ctx, s.link, useState, func(ctx context.Context, c valkey.Client) (int64, error) {
		return c.Do(ctx, c.B().Del().Key(s.name(ofState, key)).Build()).AsInt64()
	})
	return n > 0, down(err)
}
