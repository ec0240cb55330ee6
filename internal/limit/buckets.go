package limit

import (
	"hash/maphash"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/besra-ml/besra/internal/identity"
)

// Buckets keep how much of its rate each identity has used.
//
// Take takes n from the bucket of id, which gains rate a second and holds up to burst, at the time now. It returns
// whether there was enough, how much is left, and, when there was not enough, after what time there will be. An id
// that is new has a full bucket; rate and burst may be others than the last time. What is taken at once is never
// more than burst. Take is called from many goroutines.
type Buckets interface {
	Take(id string, rate float64, burst, n int, now time.Time) (ok bool, remaining int, retry time.Duration)
}

func (l *Limiter) take(id *identity.Identity, cost int, now time.Time) (Quota, bool) {
	burst := id.Limits.Burst
	if burst == 0 { // a second's worth
		burst = int(min(max(math.Ceil(id.Limits.Rate), 1), math.MaxInt32))
	}
	ok, remaining, retry := l.buckets.Take(id.ID, id.Limits.Rate, burst, cost, now)
	return Quota{Rate: id.Limits.Rate, Burst: burst, Remaining: remaining, RetryAfter: retry}, ok
}

const (
	mostKept   = 100_000 // identities
	shardCount = 64
	looked     = 16 // at so many is looked to find one that can be forgotten
)

// buckets are in this process. What identities send is bounded, so what is kept of them is: a bucket that is full
// again is as good as none, and when there is no such, the one that is nearest to it goes.
type buckets struct {
	seed   maphash.Seed
	shards [shardCount]bucketShard
}

type bucketShard struct {
	mu   sync.Mutex
	most int
	of   map[string]*bucket
	_    [64]byte // cores do not share the next one's line
}

type bucket struct {
	limiter *rate.Limiter
	rate    float64
	burst   int
	latest  time.Time
}

func newBuckets(most int) *buckets {
	b := &buckets{seed: maphash.MakeSeed()}
	for i := range b.shards {
		b.shards[i].most, b.shards[i].of = max(most/shardCount, 1), map[string]*bucket{}
	}
	return b
}

func (b *buckets) Take(id string, r float64, burst, n int, now time.Time) (ok bool, remaining int, retry time.Duration) {
	s := &b.shards[maphash.String(b.seed, id)%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.find(id, r, burst, now)
	if now.Before(k.latest) { // goroutines are not served in the order of their clocks; time is given once
		now = k.latest
	}
	k.latest = now
	n = min(n, burst)
	ok = k.limiter.AllowN(now, n)
	left := k.limiter.TokensAt(now)
	if !ok {
		retry = time.Duration((float64(n) - left) / r * float64(time.Second))
	}
	return ok, max(int(left), 0), retry
}

// find returns the bucket of an id, which it makes or changes to what it should be.
func (s *bucketShard) find(id string, r float64, burst int, now time.Time) *bucket {
	k, ok := s.of[id]
	switch {
	case !ok:
		if len(s.of) >= s.most {
			s.forget(now)
		}
		k = &bucket{limiter: rate.NewLimiter(rate.Limit(r), burst), rate: r, burst: burst, latest: now}
		s.of[id] = k
	case k.rate != r || k.burst != burst:
		k.limiter.SetLimitAt(now, rate.Limit(r))
		k.limiter.SetBurstAt(now, burst)
		k.rate, k.burst = r, burst
	}
	return k
}

// forget drops the bucket that lacks least among a few that the map happens to give first.
func (s *bucketShard) forget(now time.Time) {
	var least string
	lack, n := 2.0, 0
	for id, k := range s.of {
		if l := 1 - k.limiter.TokensAt(now)/float64(k.burst); l < lack {
			least, lack = id, l
		}
		if n++; n == looked || lack <= 0 {
			break
		}
	}
	delete(s.of, least)
}
