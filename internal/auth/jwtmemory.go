package auth

import (
	"sync"
	"time"

	"github.com/besra-ml/besra/internal/identity"
)

// A tokenMemory remembers verified tokens by their tags.
//
// Each shard has two maps. New tokens go into the young one; when it is full it becomes the old one, and the one that was old
// is forgotten. So there is a bound, a token is never looked for in more than two places, and a hit writes nothing.
// Only verified tokens come in: to push others out one must be given tokens by an issuer.
type tokenMemory struct {
	shards [tokenShards]tokenShard
	half   int // entries of one map
}

const tokenShards = 16

type tokenShard struct {
	mu         sync.RWMutex
	young, old map[tokenTag]rememberedToken
}

type rememberedToken struct {
	id    *identity.Identity
	until int64 // Unix time, ns
	from  *issuerKeys
	set   *jwkSet // of from, that it was verified with
}

// good reports whether the token is still what it was when it was verified.
func (t *rememberedToken) good(now time.Time) bool {
	return now.UnixNano() < t.until && t.from.set.Load() == t.set
}

// newTokenMemory returns a memory for as many tokens as entries says, and for two a shard at least.
func newTokenMemory(entries int) *tokenMemory {
	m := &tokenMemory{half: max(entries/tokenShards/2, 1)}
	for i := range m.shards {
		m.shards[i].young = map[tokenTag]rememberedToken{}
	}
	return m
}

func (m *tokenMemory) shard(sum tokenTag) *tokenShard { return &m.shards[sum[0]%tokenShards] }

func (m *tokenMemory) get(sum tokenTag, now time.Time) (*identity.Identity, bool) {
	s := m.shard(sum)
	s.mu.RLock()
	t, ok := s.young[sum]
	if !ok {
		t, ok = s.old[sum]
	}
	s.mu.RUnlock()
	if !ok || !t.good(now) {
		return nil, false
	}
	return t.id, true
}

func (m *tokenMemory) put(sum tokenTag, t rememberedToken, now time.Time) {
	if !t.good(now) {
		return
	}
	s := m.shard(sum)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.old, sum)
	if _, again := s.young[sum]; !again && len(s.young) >= m.half {
		s.young, s.old = make(map[tokenTag]rememberedToken, m.half), s.young
	}
	s.young[sum] = t
}

// forget drops the tokens that are no longer good.
func (m *tokenMemory) forget(now time.Time) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		for _, tokens := range []map[tokenTag]rememberedToken{s.young, s.old} {
			for sum, t := range tokens {
				if !t.good(now) {
					delete(tokens, sum)
				}
			}
		}
		s.mu.Unlock()
	}
}

func (m *tokenMemory) len() int {
	n := 0
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.RLock()
		n += len(s.young) + len(s.old)
		s.mu.RUnlock()
	}
	return n
}
