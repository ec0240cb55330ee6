package limit

import (
	"context"
	"hash/maphash"
	"sync"
	"time"
)

// A ledger is the purses of all identities, for their rates or for their quotas. It is bounded as buckets are.
type ledger struct {
	quotas bool
	seed   maphash.Seed
	shards [shardCount]purseShard
}

type purseShard struct {
	mu   sync.Mutex
	most int
	of   map[string]*purse
	_    [64]byte // cores do not share the next one's line
}

func newLedger(most int, quotas bool) *ledger {
	l := &ledger{quotas: quotas, seed: maphash.MakeSeed()}
	for i := range l.shards {
		l.shards[i].most, l.shards[i].of = max(most/shardCount, 1), map[string]*purse{}
	}
	return l
}

// lock locks the shard of an id and returns it.
func (l *ledger) lock(id string) *purseShard {
	s := &l.shards[maphash.String(l.seed, id)%shardCount]
	s.mu.Lock()
	return s
}

// find returns the purse of an id, new if it has to be. A new one takes its account for full.
func (s *purseShard) find(id string, at int64) *purse {
	p, ok := s.of[id]
	if !ok {
		if len(s.of) >= s.most {
			s.forget(at)
		}
		p = &purse{id: id, shard: s, latest: at, told: at}
		s.of[id] = p
	}
	return p
}

// forget drops the purse whose account lacks least among a few that the map happens to give first: the bank knows the
// rest. One with a lease on its way stays, so the map may grow by as many as there are of those.
func (s *purseShard) forget(at int64) {
	var least *purse
	lack, n := 2.0, 0
	for _, p := range s.of {
		if l := p.lack(at); l < lack {
			least, lack = p, l
		}
		if n++; n == looked || lack <= 0 {
			break
		}
	}
	if least != nil {
		delete(s.of, least.id)
	}
}

// A lease is what a worker asks of the bank for a purse.
type lease struct {
	book  *ledger
	shard *purseShard
	of    *purse
}

// demand returns what asks the bank for the purse's account, as of now.
func (l *ledger) demand(p *purse, bank Bank, owed, want int) func(context.Context) (Grant, error) {
	if !l.quotas {
		d := Demand{ID: p.id, Rate: p.rate, Burst: p.most, Owed: owed, Want: want}
		return func(ctx context.Context) (Grant, error) { return bank.Lease(ctx, d) }
	}
	d := QuotaDemand{
		ID: p.id, Period: p.quota.Per.Name(time.Unix(p.began, 0)), Ends: time.Unix(p.ends, 0).UTC(), Most: p.most, Owed: owed, Want: want,
	}
	return func(ctx context.Context) (Grant, error) { return bank.Spend(ctx, d) }
}

// left returns what the purse owes less what it holds, and empties it; ok is false when that is nothing.
func (p *purse) left() (owed int, ok bool) {
	owed = p.owed + p.due - p.held
	p.owed, p.due, p.held = 0, 0, 0
	return owed, owed != 0
}

// each calls do with every purse, under its lock.
func (l *ledger) each(do func(p *purse)) {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		for _, p := range s.of {
			do(p)
		}
		s.mu.Unlock()
	}
}
