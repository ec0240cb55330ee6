package store

import (
	"math"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Options are Memory's settings. The zero value works.
type Options struct {
	Bytes       int64            // bound of entities' states, index included; default 1 GiB
	ReplayBytes int64            // bound of answers, index included; default 256 MiB, at least 4 KiB; negative: none is remembered
	ReplayTTL   time.Duration    // how long an answer is given; default 24 h
	Now         func() time.Time // default time.Now
	Shards      int              // a power of two, or the next is taken; default: one for each 64 MiB of Bytes and eight for each processor, 1024 at most
}

func (o Options) withDefaults() Options {
	if o.Bytes <= 0 {
		o.Bytes = 1 << 30
	}
	if o.ReplayBytes == 0 {
		o.ReplayBytes = 256 << 20
	}
	if o.ReplayTTL <= 0 {
		o.ReplayTTL = 24 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	// What a shard needs for itself should not fill a processor's cache, and locking one should not take long.
	if o.Shards <= 0 {
		o.Shards = int(min(max(o.Bytes/(64<<20), int64(8*runtime.GOMAXPROCS(0))), 1024))
	}
	o.Shards = 1 << bits.Len(uint(min(o.Shards, maxShards)-1))
	for o.Shards < maxShards && o.Bytes/int64(o.Shards) > maxShare {
		o.Shards *= 2
	}
	return o
}

const (
	maxShards  = 1 << 16
	maxShare   = 1 << 30   // of a shard, well within what a block's number can reach
	groupLimit = 1<<16 - 1 // groups that a slot can tell apart; what comes later shares the last
	forever    = time.Duration(math.MaxInt64)
)

// A Memory is the store of one process. It has what Store asks for, and what that process needs to bound it, to
// save it and to fill it again.
//
// Entities are spread over shards, each with a lock, an index and slabs, none of which the garbage collector has to
// look into. A shard may hold more than its share of Options.Bytes as long as the whole is below it. At the
// bound, what has not been touched for longest goes: the oldest of 16 drawn from a shard that holds more than its
// share, and never an entity of the lease that needs the room. Under many concurrent leases the bound may be
// passed by what each of them is just adding. A shard keeps at most one emptied chunk for each size of state, an
// eighth of what it holds in that size or less; all else goes back to the runtime.
//
// The methods that take a shard's lock (Stats does not) wait for a lease on that shard: the holder of a lease must
// not call them.
type Memory struct {
	now      func() time.Time
	shards   []shard
	shift    int // of a key's first 64 bits, to its shard
	bound    int64
	share    int64
	groups   groups
	sweeping sweeper

	bytes    atomic.Int64
	entities atomic.Int64
	shed     atomic.Uint64
	idle     atomic.Uint64
	shedAge  atomic.Int64 // seconds
	rich     atomic.Uint32

	replays replays
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty Memory.
func NewMemory(o Options) *Memory {
	o = o.withDefaults()
	m := &Memory{
		now:    o.Now,
		shards: make([]shard, o.Shards),
		shift:  64 - bits.Len(uint(o.Shards-1)),
		bound:  o.Bytes,
		share:  o.Bytes / int64(o.Shards),
	}
	for i := range m.shards {
		m.shards[i].newest = math.MinInt64
		m.shards[i].lots = uint64(i)
	}
	m.replays.init(o)
	return m
}

// Stats are a Memory's figures at one moment.
type Stats struct {
	Entities       int64         // states held
	Bytes          int64         // really held for them: slabs and index
	Answers        int64         // answers held, those included that have expired and are not yet overwritten
	AnswerBytes    int64         // really held for them: rings and index
	Horizon        time.Duration // every answer younger than this is held, unless it is older than this Memory; at most the TTL
	EarlyEvictions uint64        // answers forgotten before their time
	Shed           uint64        // entities dropped for the bound
	Idle           uint64        // entities dropped as idle
	ShedYoungest   time.Duration // for how long the entity shed last had not been touched
}

// Stats takes no lock, so that its figures may be a moment apart.
func (m *Memory) Stats() Stats {
	return Stats{
		Entities:       m.entities.Load(),
		Bytes:          m.bytes.Load(),
		Answers:        m.replays.answers.Load(),
		AnswerBytes:    m.replays.bytes.Load(),
		Horizon:        m.replays.horizon(m.now()),
		EarlyEvictions: m.replays.early.Load(),
		Shed:           m.shed.Load(),
		Idle:           m.idle.Load(),
		ShedYoungest:   time.Duration(m.shedAge.Load()) * time.Second,
	}
}

// Group registers a kind of state and returns its number: the same for the same id. An entity is idle when it has
// not been touched for longer than its group's retention, the longest if several are given for an id. Beyond 65,535
// groups the last number is shared.
func (m *Memory) Group(id [16]byte, retention time.Duration) int {
	return m.groups.register(id, retention)
}

// groups are the kinds of state, by number.
type groups struct {
	mu         sync.RWMutex
	numbers    map[[16]byte]int
	retentions []time.Duration
}

func (g *groups) register(id [16]byte, retention time.Duration) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, ok := g.numbers[id]
	if !ok {
		if g.numbers == nil {
			g.numbers = map[[16]byte]int{}
		}
		n = min(len(g.numbers), groupLimit-1)
		g.numbers[id] = n
	}
	if n == len(g.retentions) {
		g.retentions = append(g.retentions, retention)
	}
	g.retentions[n] = max(g.retentions[n], retention)
	return n
}

// retention returns how long a group's entities are kept untouched.
func (g *groups) retention(number uint16) time.Duration {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if int(number) >= len(g.retentions) {
		return forever
	}
	return g.retentions[number]
}

// groupNumber returns a group's number as a slot holds it; what was never registered has none.
func groupNumber(n int) uint16 {
	if n < 0 || n > groupLimit {
		return groupLimit
	}
	return uint16(n)
}

// seconds returns a time as a slot holds it.
func seconds(t time.Time) uint32 {
	return uint32(min(max(t.Unix(), 0), math.MaxUint32))
}
