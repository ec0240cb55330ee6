package memo

import "sync/atomic"

// Stats are what happened since the start, and what there is now. Each lookup is one of the first three.
type Stats struct {
	Hits       uint64
	Misses     uint64 // nothing was there
	Collisions uint64 // another's entry was there: not found, either
	Evicted    uint64 // entries that made room
	Entries    int
	Bytes      int64 // of entries and their index
}

const stripes = 64

// counts are kept in stripes, so that cores that look up different rows do not share a line.
type counts struct {
	hits, misses, collisions atomic.Uint64
	_                        [40]byte
}

// Stats returns the counts. It waits for the upkeep of the cache, so it is not for every request.
func (m *Memo) Stats() Stats {
	s := Stats{Evicted: m.evicted.Load(), Entries: m.cache.EstimatedSize(), Bytes: int64(m.cache.WeightedSize())}
	for i := range m.counts {
		c := &m.counts[i]
		s.Hits += c.hits.Load()
		s.Misses += c.misses.Load()
		s.Collisions += c.collisions.Load()
	}
	return s
}
