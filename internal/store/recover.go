package store

import (
	"fmt"
	"sync"
	"time"
)

// Shards returns how many shards there are, for Each and Restore.
func (m *Memory) Shards() int { return len(m.shards) }

// Each visits the entities of a shard, and returns the journal position that they stand for. It holds the shard's
// lock all the while, so that visit must be quick, must not call m, and must copy what it keeps.
func (m *Memory) Each(shard int, visit func(ref Ref, touched time.Time, state []byte) error) (position uint64, err error) {
	if shard < 0 || shard >= len(m.shards) {
		return 0, fmt.Errorf("store: there is no shard %d of %d", shard, len(m.shards))
	}
	s := &m.shards[shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	// In the order of blocks: that of the index would make for long probes in the one that Put fills.
	for _, c := range s.classes {
		if c == nil {
			continue
		}
		for chunk := range c.chunks {
			for at := range c.taken(chunk) {
				block := c.block(uint32(chunk<<chunkBits | at))
				key := keyOf(block)
				p := &s.slots[s.find(key)]
				ref := Ref{Key: key, Group: int(p.group)}
				if err := visit(ref, time.Unix(int64(p.touched), 0), stateOf(block)); err != nil {
					return 0, fmt.Errorf("shard %d: %w", shard, err)
				}
			}
		}
	}
	return s.position, nil
}

// Restore sets the journal position that a shard's states stand for. A snapshot's shards are this Memory's only if
// there are as many.
func (m *Memory) Restore(shard int, position uint64) {
	if shard < 0 || shard >= len(m.shards) {
		return
	}
	s := &m.shards[shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.position = position
}

// Put sets an entity's state, as it was when it was last touched. One that is empty or cannot fit is dropped.
func (m *Memory) Put(ref Ref, touched time.Time, state []byte) {
	s := m.shardOf(ref.Key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := s.find(ref.Key); at >= 0 {
		m.remove(s, at)
	}
	switch {
	case len(state) == 0:
	case len(state) > maxState, int64(classSize(classOf(len(state)))) > m.bound:
		m.shed.Add(1)
	default:
		m.insert(s, ref, seconds(touched), state, nil)
	}
}

// Get appends an entity's state to dst, and reports whether there is one.
func (m *Memory) Get(key Key, dst []byte) ([]byte, bool) {
	s := m.shardOf(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.find(key)
	if at < 0 {
		return dst, false
	}
	return append(dst, stateOf(s.blockAt(&s.slots[at]))...), true
}

// Delete forgets an entity, and reports whether it was known.
func (m *Memory) Delete(key Key) bool {
	s := m.shardOf(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.find(key)
	if at < 0 {
		return false
	}
	m.remove(s, at)
	return true
}

// A sweeper is where the next Sweep goes on.
type sweeper struct {
	mu    sync.Mutex
	shard int
	place int
}

const stride = 256 // places that a sweep looks at under one lock

// Sweep drops idle entities. It looks at up to budget places of the index, of which there are 1.3 to 2 for each entity,
// and goes round the shards once at most; the next Sweep goes on from there.
func (m *Memory) Sweep(budget int) {
	w := &m.sweeping
	w.mu.Lock()
	defer w.mu.Unlock()
	now := seconds(m.now())
	for shards := 0; budget > 0 && shards < len(m.shards); {
		n := min(budget, stride)
		budget -= n
		if m.sweepPlaces(&m.shards[w.shard], &w.place, n, now) {
			w.shard = (w.shard + 1) % len(m.shards)
			w.place = 0
			shards++
		}
	}
}

// sweepPlaces looks at n places of a shard, and reports whether they were its last.
func (m *Memory) sweepPlaces(s *shard, place *int, n int, now uint32) (last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; n > 0 && *place < len(s.slots); n-- {
		p := &s.slots[*place]
		if p.class != 0 && s.isIdle(p, now, m.groups.retention(p.group)) {
			m.idle.Add(1)
			places := len(s.slots)
			m.remove(s, *place) // which may put another here
			if len(s.slots) != places {
				*place = 0
			}
			continue
		}
		*place++
	}
	return *place >= len(s.slots)
}
