package limit

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/besra-ml/besra/internal/identity"
)

// A Shared is Buckets and Quotas that many processes have together, at a Bank. Take and Spend never wait for it: they
// take from what was leased before, see purse. What many processes let in of a rate in any time is at most
//
//	rate × time + burst + 64 for each process
//
// and what each had leased before that time: 50 ms of its demand, and half of its even part of the burst, at most. Of a
// quota it is the quota and 1,024 for each process; as these go by what the bank said last, a few in fact.
//
// While the bank cannot be had, each process keeps its even share of rate, burst, and what was left of the quota, by
// the number of processes that was known last. When the bank is back it is told what was let in meanwhile.
type Shared struct {
	bank  Bank
	log   *slog.Logger
	now   func() time.Time
	start time.Time

	rates  *ledger
	quotas *ledger
	queue  chan lease
	poke   chan struct{} // the bank has just failed

	out   atomic.Bool // the bank cannot be had
	peers atomic.Int64
	fails atomic.Int64 // one after the other
	stats struct{ leases, failures, alone atomic.Uint64 }
}

// SharedOptions are the settings of a [Shared]. Bank must be given.
type SharedOptions struct {
	Bank Bank
	Log  *slog.Logger     // nil: nothing is said
	Now  func() time.Time // nil: time.Now
}

// SharedStats are how a [Shared] does.
type SharedStats struct {
	Out      bool   // the bank cannot be had: each process keeps its share
	Peers    int    // processes, as known last
	Leases   uint64 // that the bank has answered
	Failures uint64 // leases that it has not
	Alone    uint64 // requests that were judged by this process's share
}

const (
	workers      = 16
	mostWaiting  = 4096                   // leases; beyond, the bank is taken for slow
	leaseWithin  = 250 * time.Millisecond // else it has failed
	peersEvery   = 3 * time.Second
	tryAgain     = 500 * time.Millisecond // while it is out
	fewFailures  = 3                      // one after the other, and it is out
	settleWithin = time.Second            // at the end
)

// NewShared returns a Shared. Until it runs nothing is leased.
func NewShared(o SharedOptions) (*Shared, error) {
	if o.Bank == nil {
		return nil, errors.New("limit: no bank")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Shared{
		bank: o.Bank, log: o.Log, now: o.Now, start: o.Now(), rates: newLedger(mostKept, false), quotas: newLedger(mostKept, true),
		queue: make(chan lease, mostWaiting), poke: make(chan struct{}, 1),
	}
	s.peers.Store(1)
	return s, nil
}

func (s *Shared) clock(now time.Time) int64 { return int64(now.Sub(s.start)) }

func (s *Shared) climate() climate {
	return climate{out: s.out.Load(), peers: int(s.peers.Load())}
}

// Stats returns how it does.
func (s *Shared) Stats() SharedStats {
	return SharedStats{
		Out: s.out.Load(), Peers: int(s.peers.Load()), Leases: s.stats.leases.Load(), Failures: s.stats.failures.Load(),
		Alone: s.stats.alone.Load(),
	}
}

// Take is that of [Buckets].
func (s *Shared) Take(id string, rate float64, burst, n int, now time.Time) (ok bool, remaining int, retry time.Duration) {
	at := s.clock(now)
	shard := s.rates.lock(id)
	defer shard.mu.Unlock()
	p := shard.find(id, at)
	p.agree(rate, burst)
	return s.take(s.rates, p, min(n, burst), now, at)
}

// Spend is that of [Quotas].
func (s *Shared) Spend(id string, q identity.Quota, n int, now time.Time) (ok bool, remaining int, retry time.Duration) {
	at := s.clock(now)
	shard := s.quotas.lock(id)
	defer shard.mu.Unlock()
	p := shard.find(id, at)
	p.agreeQuota(q, now)
	if n < 0 {
		if now.Unix() >= p.began {
			p.giveBack(-n)
		}
		return true, p.remaining(at), 0
	}
	return s.take(s.quotas, p, n, now, at)
}

func (s *Shared) take(l *ledger, p *purse, n int, now time.Time, at int64) (ok bool, remaining int, retry time.Duration) {
	c := s.climate()
	ok = p.take(n, at, c)
	if p.isLocal {
		s.stats.alone.Add(1)
	}
	s.ask(l, p, at, c)
	if !ok {
		retry = p.retry(n, now, at, c)
	}
	return ok, p.remaining(at), retry
}

// ask has a worker lease for the purse, if it should be.
func (s *Shared) ask(l *ledger, p *purse, at int64, c climate) {
	if !p.wants(at, c) {
		return
	}
	select {
	case s.queue <- lease{l, p.shard, p}:
		p.asked = max(at, p.latest, 1)
	default:
		p.failed(at)
	}
}

// Run leases until ctx ends. Then what is held is given back and what is owed is paid, within a second, and it
// returns. Whoever still takes has this process's share.
func (s *Shared) Run(ctx context.Context) {
	var team sync.WaitGroup
	for range workers {
		team.Go(func() { s.work(ctx) })
	}
	s.mind(ctx)
	team.Wait()
	s.leave(context.WithoutCancel(ctx))
}

func (s *Shared) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-s.queue:
			s.lease(ctx, l)
		}
	}
}

// lease carries out a lease. When something is owed again by then, there is another.
func (s *Shared) lease(ctx context.Context, l lease) {
	p := l.of
	l.shard.mu.Lock()
	owed, want := p.demand(s.clock(s.now()), s.climate())
	call := l.book.demand(p, s.bank, owed, want)
	l.shard.mu.Unlock()

	g, err := within(ctx, leaseWithin, call)

	l.shard.mu.Lock()
	defer l.shard.mu.Unlock()
	at := s.clock(s.now())
	if err != nil {
		p.failed(at)
		s.failed(ctx, err)
		return
	}
	s.stats.leases.Add(1)
	s.fails.Store(0)
	c := s.climate()
	p.answered(g, want, at, c)
	if p.owed != 0 || p.due != 0 {
		s.ask(l.book, p, at, c)
	}
}

func within[T any](ctx context.Context, limit time.Duration, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return call(ctx)
}

// failed counts a failure of the bank's. A few in a row, and it is out.
func (s *Shared) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	s.stats.failures.Add(1)
	if s.fails.Add(1) >= fewFailures {
		s.goOut(ctx, err)
	}
}

func (s *Shared) goOut(ctx context.Context, err error) {
	if s.out.Swap(true) {
		return
	}
	s.log.LogAttrs(ctx, slog.LevelWarn, "limits cannot be shared: each process keeps its share", slog.Int64("processes", s.peers.Load()),
		slog.String("reason", err.Error()))
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// mind counts the processes now and then, and when the bank is out, looks whether it is back.
func (s *Shared) mind(ctx context.Context) {
	for {
		s.look(ctx)
		wait := peersEvery
		if s.out.Load() {
			wait = tryAgain
		}
		again := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			again.Stop()
			return
		case <-again.C:
		case <-s.poke:
			again.Stop()
			select {
			case <-ctx.Done():
				return
			case <-time.After(tryAgain):
			}
		}
	}
}

func (s *Shared) look(ctx context.Context) {
	peers, err := within(ctx, leaseWithin, s.bank.Peers)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.goOut(ctx, err)
	default:
		s.peers.Store(int64(max(peers, 1)))
		s.fails.Store(0)
		if s.out.Swap(false) {
			s.log.LogAttrs(ctx, slog.LevelInfo, "limits are shared again", slog.Int("processes", peers))
		}
	}
}

// leave settles all accounts.
func (s *Shared) leave(ctx context.Context) {
	lost := s.out.Swap(true)
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	for _, l := range []*ledger{s.rates, s.quotas} {
		var calls []func(context.Context) (Grant, error)
		l.each(func(p *purse) {
			if owed, ok := p.left(); ok && !lost {
				calls = append(calls, l.demand(p, s.bank, owed, 0))
			}
		})
		for _, call := range calls {
			if _, err := call(ctx); err != nil {
				return
			}
		}
	}
}
