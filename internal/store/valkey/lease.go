package valkey

import (
	"context"
	"strconv"

	"github.com/valkey-io/valkey-go"

	"github.com/besra-ml/besra/internal/store"
)

// A hold is what a lease has of this store.
type hold struct {
	held      bool
	id        id     // of what is announced
	announced []bool // by ref: its change is in the log
	log       log
	states    [][]byte // memory, by ref
}

// Lease announces the changes of refs and reads what their states were before, in one trip; in a cluster one for each
// ref, all at once.
func (s *Store) Lease(ctx context.Context, refs []store.Ref, l *store.Lease) error {
	h, err := ready(ctx, refs, l)
	if err != nil {
		return err
	}
	if len(refs) > 0 {
		now := s.now()
		values, err := s.announce(ctx, l, h, now.UnixMilli())
		if err != nil {
			s.takeBack(l, h)
			return down(err)
		}
		s.hold(l, h, values, now.UnixMilli())
	}
	h.held = true
	return nil
}

// Begin is a claim and a lease. In a cluster they are two trips: their keys are of different nodes.
func (s *Store) Begin(ctx context.Context, key store.Key, d store.Digest, dst []byte, refs []store.Ref, l *store.Lease) (store.Claimed, []byte, error) {
	if s.link.clustered() {
		got, dst, err := s.Claim(ctx, key, d, false, dst)
		if err != nil || got != store.Won {
			return got, dst, err
		}
		if err := s.Lease(ctx, refs, l); err != nil {
			_ = s.Abandon(context.Background(), key, d)
			return store.Pending, dst, err
		}
		return got, dst, nil
	}
	h, err := ready(ctx, refs, l)
	if err != nil {
		return store.Pending, dst, err
	}
	now := s.now()
	own, ttl := newClaim(d), claimTime(ctx, now)
	keys, args := make([]string, 1, 1+len(refs)), make([]string, 2, 2+2*len(refs))
	keys[0], args[0], args[1] = s.name(ofAnswer, key), own, strconv.FormatInt(ttl.Milliseconds(), 10)
	keys, args, _ = s.records(l, h, now.UnixMilli(), keys, args)
	list, err := s.link.run(ctx, useState, begin, keys, args).ToArray()
	var values [][]byte
	there := ""
	switch {
	case err != nil:
	case len(list) == 1 && !list[0].IsNil():
		if there, err = list[0].ToString(); there == "" {
			there = foreign
		}
	case len(list) != 1+len(refs):
		err = errReply
	default:
		values, err = bytesOf(list[1:])
	}
	if err != nil {
		s.unclaim(keys[0], own)
		s.takeBack(l, h)
		return store.Pending, dst, down(err)
	}
	got, value, err := s.judge(ctx, key, d, keys[0], own, there, ttl)
	switch {
	case err != nil:
		return store.Pending, dst, err
	case got == store.Answered:
		return got, append(dst, value[answerHead:]...), nil
	case got != store.Won:
		return got, dst, nil
	case values == nil: // what was there was not ours
		if err := s.Lease(ctx, refs, l); err != nil {
			_ = s.Abandon(context.Background(), key, d)
			return store.Pending, dst, err
		}
		return got, dst, nil
	}
	s.hold(l, h, values, now.UnixMilli())
	h.held = true
	return got, dst, nil
}

// ready readies l for a lease of refs, unless it is held or they make no sense.
func ready(ctx context.Context, refs []store.Ref, l *store.Lease) (*hold, error) {
	h, ok := l.Own.(*hold)
	if !ok {
		h = new(hold)
		l.Own = h
	}
	if h.held {
		return nil, store.ErrHeld
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i := range refs {
		for j := range i {
			if refs[i].Key == refs[j].Key {
				return nil, store.ErrTwice
			}
		}
	}
	l.Reset(refs)
	h.announced = append(h.announced[:0], make([]bool, len(refs))...)
	return h, nil
}

// hold makes states of the values that were there before.
func (s *Store) hold(l *store.Lease, h *hold, values [][]byte, now int64) {
	for i := range l.Refs {
		l.States[i] = s.state(l, h, i, values[i], now)
	}
}

// records appends the keys of what l is about, and for each for how long it is kept and what is announced. reads:
// nothing is.
func (s *Store) records(l *store.Lease, h *hold, now int64, keys, args []string) (_, _ []string, reads bool) {
	kind := byte(kindAnnounce)
	if l.Undo {
		kind = kindCancel
		copy(h.id[:], l.Tag[:])
	} else {
		h.id = newID(l.Tag)
	}
	reads = true
	for i, ref := range l.Refs {
		keys = append(keys, s.name(ofState, ref.Key))
		record := ""
		if i < len(l.Ops) && l.Ops[i] != nil {
			record = valkey.BinaryString(appendChange(nil, kind, h.id, now, l.Ops[i]))
			h.announced[i] = !l.Undo
			reads = false
		}
		args = append(args, s.groups.keep(ref.Group), record)
	}
	return keys, args, reads
}

// announce announces what l says, and returns the values before.
func (s *Store) announce(ctx context.Context, l *store.Lease, h *hold, now int64) (values [][]byte, err error) {
	n := len(l.Refs)
	keys, args, reads := s.records(l, h, now, make([]string, 0, n), make([]string, 0, 2*n))
	if reads {
		return s.read(ctx, keys)
	}
	if !s.link.clustered() || n == 1 {
		return many(s.link.run(ctx, useState, advance, keys, args), n)
	}
	each := make([]execution, n)
	for i := range keys {
		each[i] = execution{keys[i : i+1], args[2*i : 2*i+2]}
	}
	return calls(ctx, s.link, useState, func(ctx context.Context, c valkey.Client) ([][]byte, error) {
		values := make([][]byte, n)
		for i, r := range advance.execute(ctx, c, each...) {
			one, err := many(r, 1)
			if err != nil {
				return nil, err
			}
			values[i] = one[0]
		}
		return values, nil
	})
}

// read reads states without a change.
func (s *Store) read(ctx context.Context, keys []string) ([][]byte, error) {
	return calls(ctx, s.link, useState, func(ctx context.Context, c valkey.Client) ([][]byte, error) {
		values := make([][]byte, len(keys))
		gets := make([]valkey.Completed, len(keys))
		for i, k := range keys {
			gets[i] = c.B().Get().Key(k).Build()
		}
		for i, r := range c.DoMulti(ctx, gets...) {
			b, err := r.AsBytes()
			switch {
			case valkey.IsValkeyNil(err):
			case wrongType(err):
				values[i] = []byte{'?'}
			case err != nil:
				return nil, err
			default:
				values[i] = b
			}
		}
		return values, nil
	})
}

// many returns a reply of n values, nil for each that is absent.
func many(r valkey.ValkeyResult, n int) ([][]byte, error) {
	list, err := r.ToArray()
	if err != nil {
		return nil, err
	}
	if len(list) != n {
		return nil, errReply
	}
	return bytesOf(list)
}

func bytesOf(list []valkey.ValkeyMessage) ([][]byte, error) {
	values := make([][]byte, len(list))
	for i := range list {
		if list[i].IsNil() {
			continue
		}
		var err error
		if values[i], err = list[i].AsBytes(); err != nil {
			return nil, err
		}
	}
	return values, nil
}
