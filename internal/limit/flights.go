package limit

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// flights count the requests in flight of each identity that has a limit of them.
type flights struct {
	seed   maphash.Seed
	shards [shardCount]flightShard
}

type flightShard struct {
	mu   sync.Mutex
	most int
	of   map[string]*flight
	_    [64]byte // cores do not share the next one's line
}

// A flight is how many requests of an identity are in flight. It rises under the lock of its shard.
type flight struct{ n atomic.Int64 }

func newFlights(most int) *flights {
	f := &flights{seed: maphash.MakeSeed()}
	for i := range f.shards {
		f.shards[i].most, f.shards[i].of = max(most/shardCount, 1), map[string]*flight{}
	}
	return f
}

// take returns the identity's flight with one more in it, or nil when there are most already.
func (f *flights) take(id string, most int) *flight {
	s := &f.shards[maphash.String(f.seed, id)%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.of[id]
	if !ok {
		if len(s.of) >= s.most {
			s.forget()
		}
		t = new(flight)
		s.of[id] = t
	}
	if t.n.Load() >= int64(most) {
		return nil
	}
	t.n.Add(1)
	return t
}

// forget drops identities without a request in flight, a few at a time. When all that are looked at have some, the
// map grows: by as many as there are requests in flight, at most.
func (s *flightShard) forget() {
	n := 0
	for id, t := range s.of {
		if t.n.Load() == 0 {
			delete(s.of, id)
		}
		if n++; n == looked {
			return
		}
	}
}

func (t *flight) release() {
	if t != nil {
		t.n.Add(-1)
	}
}
