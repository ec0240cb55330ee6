package limit

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"
)

// A memoryBank is the plainest Bank that keeps the promise. It can be slow, or out.
type memoryBank struct {
	mu      sync.Mutex
	buckets map[string]*account
	quotas  map[string]int
	peers   int
	takes   time.Duration // for each call
	out     bool
	leases  int
	owed    int // the most that any account has lacked
}

type account struct {
	tokens float64
	at     time.Time
}

func newMemoryBank(peers int, takes time.Duration) *memoryBank {
	return &memoryBank{buckets: map[string]*account{}, quotas: map[string]int{}, peers: peers, takes: takes}
}

// enter takes its time and then locks.
func (b *memoryBank) enter(ctx context.Context) error {
	b.mu.Lock()
	takes, out := b.takes, b.out
	b.mu.Unlock()
	if takes > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(takes):
		}
	}
	if out {
		return errors.New("out")
	}
	b.mu.Lock()
	b.leases++
	return nil
}

func (b *memoryBank) set(takes time.Duration, out bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.takes, b.out = takes, out
}

func (b *memoryBank) tokens(id string) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buckets[id].tokens
}

func (b *memoryBank) seen() (leases, owed int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.leases, b.owed
}

func (b *memoryBank) used(name string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.quotas[name]
}

func (b *memoryBank) Lease(ctx context.Context, d Demand) (Grant, error) {
	if err := b.enter(ctx); err != nil {
		return Grant{}, err
	}
	defer b.mu.Unlock()
	now := time.Now()
	k := b.buckets[d.ID]
	if k == nil {
		k = &account{float64(d.Burst), now}
		b.buckets[d.ID] = k
	}
	const littleMore = 1e-6
	k.tokens = min(k.tokens+d.Rate*now.Sub(k.at).Seconds(), float64(d.Burst))
	k.at = now
	k.tokens = min(k.tokens-float64(d.Owed), float64(d.Burst))
	granted := max(min(d.Want, int(math.Floor(k.tokens+littleMore))), 0)
	k.tokens -= float64(granted)
	b.owed = max(b.owed, int(-k.tokens))
	g := Grant{Granted: granted, Remaining: int(math.Floor(k.tokens + littleMore))}
	if g.Remaining < 1 {
		g.Retry = time.Duration((1 - k.tokens) / d.Rate * float64(time.Second))
	}
	return g, nil
}

func (b *memoryBank) Spend(ctx context.Context, d QuotaDemand) (Grant, error) {
	if err := b.enter(ctx); err != nil {
		return Grant{}, err
	}
	defer b.mu.Unlock()
	name := d.Period + " " + d.ID
	used := max(b.quotas[name]+d.Owed, 0)
	granted := max(min(d.Want, d.Most-used), 0)
	b.quotas[name] = used + granted
	return Grant{Granted: granted, Remaining: d.Most - used - granted}, nil
}

func (b *memoryBank) Peers(ctx context.Context) (int, error) {
	if err := b.enter(ctx); err != nil {
		return 0, err
	}
	defer b.mu.Unlock()
	return b.peers, nil
}
