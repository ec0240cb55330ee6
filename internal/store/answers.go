package store

import (
	"context"
	"encoding/binary"
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// replays are the answers to event ids, and the claims to give them.
type replays struct {
	now     func() time.Time
	ttl     int64 // milliseconds
	none    bool  // none is remembered
	shards  []answers
	shift   int
	ringMax int // bytes of a shard's ring
	slotMax int // slots of its index

	answers atomic.Int64
	bytes   atomic.Int64
	early   atomic.Uint64
	lost    atomic.Int64 // the time of the newest answer forgotten before its time, in milliseconds
}

const (
	replayMin   = 4 << 10
	answerShare = 64 << 10 // that a shard of answers has at least
)

func (r *replays) init(o Options) {
	r.now, r.ttl = o.Now, max(1, o.ReplayTTL.Milliseconds())
	r.none = o.ReplayBytes < 0
	r.lost.Store(math.MinInt64)
	total := max(o.ReplayBytes, replayMin)
	n := o.Shards
	for n > 1 && total/int64(n) < answerShare {
		n /= 2
	}
	share := int(min(total/int64(n), ringReach))
	r.shards = make([]answers, n)
	r.shift = 64 - bits.Len(uint(n-1))
	r.slotMax = share / 8 / slotBytes
	r.ringMax = (share - share/8) &^ 7
}

// answers are a shard of replays.
type answers struct {
	mu      sync.Mutex
	index   // slot.block is where in the ring, in eights
	ring    ring
	pending map[Key]*claim
	spare   *claim // the last one that nobody waited for
	_       [16]byte
}

// A claim is one that was won and not yet completed or abandoned.
type claim struct {
	digest   Digest
	waiters  int
	done     chan struct{} // made by the first who waits
	answered bool
	answer   []byte // for those who wait
}

func (r *replays) shardOf(key Key) *answers {
	return &r.shards[binary.BigEndian.Uint64(key[:])>>r.shift]
}

// Claim asks for the right to answer the event under key. It allocates nothing unless it waits or dst must grow.
func (m *Memory) Claim(ctx context.Context, key Key, d Digest, wait bool, dst []byte) (Claimed, []byte, error) {
	r := &m.replays
	a := r.shardOf(key)
	for {
		c, claimed, dst := a.claim(key, d, r.oldest(r.now().UnixMilli()), wait, dst)
		if c == nil {
			return claimed, dst, nil
		}
		select {
		case <-c.done:
		case <-ctx.Done():
			if !a.leave(c) {
				return Pending, dst, ctx.Err()
			}
		}
		if c.answered {
			return Answered, append(dst, c.answer...), nil
		}
	}
}

// claim answers a claim, or returns another's claim whose end is to be awaited.
func (a *answers) claim(key Key, d Digest, oldest int64, wait bool, dst []byte) (*claim, Claimed, []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := a.find(key); i >= 0 {
		rec := a.ring.record(a.slots[i].block)
		switch {
		case rec.at() < oldest: // expired
		case rec.digest() != d:
			return nil, Reused, dst
		default:
			return nil, Answered, append(dst, rec.answer()...)
		}
	}
	c := a.pending[key]
	switch {
	case c == nil:
		a.won(key, d)
		return nil, Won, dst
	case c.digest != d:
		return nil, Reused, dst
	case !wait:
		return nil, Pending, dst
	}
	if c.done == nil {
		c.done = make(chan struct{})
	}
	c.waiters++
	return c, Pending, dst
}

// leave takes back a wait, and reports whether the claim has ended meanwhile.
func (a *answers) leave(c *claim) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-c.done:
		return true
	default:
		c.waiters--
		return false
	}
}

func (a *answers) won(key Key, d Digest) {
	c := a.spare
	if c == nil {
		c = new(claim)
	}
	a.spare = nil
	*c = claim{digest: d}
	if a.pending == nil {
		a.pending = map[Key]*claim{}
	}
	a.pending[key] = c
}

// end ends a claim; answer is nil when it was abandoned.
func (a *answers) end(key Key, d Digest, answer []byte, answered bool) error {
	c := a.pending[key]
	if c == nil || c.digest != d {
		return ErrNoClaim
	}
	delete(a.pending, key)
	if c.done == nil {
		a.spare = c
		return nil
	}
	c.answered = answered
	if answered && c.waiters > 0 {
		c.answer = append([]byte(nil), answer...)
	}
	close(c.done)
	return nil
}

// Complete ends a won claim with its answer. An answer that is larger than a shard's ring, some 56 KiB at least if
// Options.ReplayBytes allows that, is not remembered. ctx does not matter.
func (m *Memory) Complete(_ context.Context, key Key, d Digest, answer []byte) error {
	a := m.replays.shardOf(key)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.end(key, d, answer, true); err != nil {
		return err
	}
	now := m.now().UnixMilli()
	return m.replays.remember(a, key, d, now, m.replays.oldest(now), answer)
}

// Abandon ends a won claim without an answer. ctx does not matter.
func (m *Memory) Abandon(_ context.Context, key Key, d Digest) error {
	a := m.replays.shardOf(key)
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.end(key, d, nil, false)
}

// PutAnswer remembers an answer as it was given at a time, unless it has expired. Answers are best put oldest first:
// they are forgotten in the order they were put.
func (m *Memory) PutAnswer(key Key, d Digest, at time.Time, answer []byte) {
	r := &m.replays
	oldest := r.oldest(r.now().UnixMilli())
	if at.UnixMilli() < oldest {
		return
	}
	a := r.shardOf(key)
	a.mu.Lock()
	defer a.mu.Unlock()
	_ = r.remember(a, key, d, at.UnixMilli(), oldest, answer) // one that was too large before is counted again
}

// oldest returns the time of the oldest answer that has not expired.
func (r *replays) oldest(now int64) int64 { return now - r.ttl + 1 }

// horizon returns how far back all answers are held.
func (r *replays) horizon(now time.Time) time.Duration {
	lost := r.lost.Load()
	switch ttl := time.Duration(r.ttl) * time.Millisecond; {
	case r.none:
		return 0
	case lost == math.MinInt64:
		return ttl
	default:
		return min(ttl, max(0, time.Duration(now.UnixMilli()-lost)*time.Millisecond))
	}
}
