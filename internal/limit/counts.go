package limit

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/besra-ml/besra/internal/identity"
)

// Quotas keep how much of its quota each identity has used.
//
// Spend takes n of the quota of id in the period that now is in. It returns whether there was enough, how much is left,
// and, when there was not enough, after what time it is worth asking again. An id that is new has used nothing; its
// quota may be another than the last time, and what was used stays used in its period. n below 0 gives back what was
// taken at the time now. Spend is called from many goroutines.
type Quotas interface {
	Spend(id string, q identity.Quota, n int, now time.Time) (ok bool, remaining int, retry time.Duration)
}

// counts are in this process, and begin anew with it. They are bounded as buckets are: when there are too many, one
// whose period is over goes, or else the one with the least in it.
type counts struct {
	seed   maphash.Seed
	shards [shardCount]countShard
}

type countShard struct {
	mu   sync.Mutex
	most int
	of   map[string]*count
	_    [64]byte // cores do not share the next one's line
}

type count struct {
	per         identity.Period
	began, ends int64 // Unix seconds
	used        int
}

func newCounts(most int) *counts {
	c := &counts{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].most, c.shards[i].of = max(most/shardCount, 1), map[string]*count{}
	}
	return c
}

func (c *counts) Spend(id string, q identity.Quota, n int, now time.Time) (ok bool, remaining int, retry time.Duration) {
	s := &c.shards[maphash.String(c.seed, id)%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.find(id, q.Per, now)
	switch {
	case n < 0:
		if now.Unix() >= k.began { // else its period is over
			k.used = max(k.used+n, 0)
		}
	case n > q.Requests-k.used:
		return false, max(q.Requests-k.used, 0), time.Unix(k.ends, 0).Sub(now)
	default:
		k.used += n
	}
	return true, max(q.Requests-k.used, 0), 0
}

// find returns the count of an id, which begins anew with a period.
func (s *countShard) find(id string, per identity.Period, now time.Time) *count {
	k, ok := s.of[id]
	if !ok {
		if len(s.of) >= s.most {
			s.forget(now.Unix())
		}
		k = new(count)
		s.of[id] = k
	}
	if k.per != per || now.Unix() >= k.ends {
		began, ends := per.Bounds(now)
		*k = count{per: per, began: began.Unix(), ends: ends.Unix()}
	}
	return k
}

func (s *countShard) forget(now int64) {
	var least string
	used, n := -1, 0
	for id, k := range s.of {
		if k.ends <= now {
			least = id
			break
		}
		if used < 0 || k.used < used {
			least, used = id, k.used
		}
		if n++; n == looked {
			break
		}
	}
	delete(s.of, least)
}
