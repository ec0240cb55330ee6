package store

import (
	"bytes"
	"encoding/binary"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// A shard holds the entities whose keys begin alike. All but held is under its lock.
type shard struct {
	mu sync.Mutex
	index
	classes  []*class // by number; nil until one is needed
	held     atomic.Int64
	position uint64 // the journal's, up to which the shard has been advanced
	newest   int64  // the time of its newest event
	lots     uint64
	_        [24]byte // to two cache lines
}

// shardBits orders keys by their shards.
func shardBits(key Key) uint64 { return binary.BigEndian.Uint64(key[:]) }

func (m *Memory) shardOf(key Key) *shard { return &m.shards[shardBits(key)>>m.shift] }

// find returns the slot of key's state, -1 when there is none.
func (s *shard) find(key Key) int {
	hash := hashOf(key)
	for i := s.first(hash); i >= 0; i = s.next(i) {
		p := &s.slots[i]
		switch {
		case p.class == 0:
			return -1
		case p.hash == hash && keyOf(s.blockAt(p)) == key:
			return i
		}
	}
	return -1
}

// blockAt returns the block that a slot leads to.
func (s *shard) blockAt(p *slot) []byte { return s.classes[p.class].block(p.block) }

// class returns a class, made if need be.
func (m *Memory) class(s *shard, number int) *class {
	if number >= len(s.classes) {
		s.classes = append(s.classes, make([]*class, number+1-len(s.classes))...)
	}
	if s.classes[number] == nil {
		s.classes[number] = &class{size: classSize(number)}
		m.hold(s, classSelf)
	}
	return s.classes[number]
}

// hold counts bytes that a shard has taken, or given up.
func (m *Memory) hold(s *shard, n int64) {
	s.held.Add(n)
	m.bytes.Add(n)
}

// insert adds the state of a key that has none. It may shed others, but none of l, all of which have been touched at the
// same time.
func (m *Memory) insert(s *shard, ref Ref, touched uint32, state []byte, l *Lease) {
	m.reserve(s, touched, l)
	number := classOf(len(state))
	b := m.take(s, number, touched, l)
	block := s.classes[number].block(b)
	setKey(block, ref.Key)
	setLen(block, len(state))
	copy(block[blockHeader:], state)
	s.add(slot{
		hash: hashOf(ref.Key), touched: touched, block: b,
		class: uint16(number), group: groupNumber(ref.Group),
	})
	s.newest = max(s.newest, newestOf(state))
	m.entities.Add(1)
}

// reserve makes room for one more slot.
func (m *Memory) reserve(s *shard, touched uint32, l *Lease) {
	for s.full() {
		n := s.grown()
		more := int64(n-len(s.slots)) * slotBytes
		if m.fits(more) || !m.makeRoom(s, more, touched, l) {
			m.resize(s, n)
			return
		}
	}
}

func (m *Memory) resize(s *shard, n int) {
	before := s.bytes()
	s.resize(n)
	m.hold(s, s.bytes()-before)
}

// take takes a block of a class.
func (m *Memory) take(s *shard, number int, touched uint32, l *Lease) uint32 {
	c := m.class(s, number)
	for {
		if b, ok := c.take(); ok {
			return b
		}
		n := c.want()
		if m.fits(int64(n)) || !m.makeRoom(s, int64(n), touched, l) {
			m.hold(s, c.grow(n))
		}
	}
}

// remove drops the state at slot i. Other slots, and blocks of its class, move.
func (m *Memory) remove(s *shard, i int) {
	gone := s.slots[i]
	s.index.remove(i)
	c := s.classes[gone.class]
	if last := c.last(); last != gone.block {
		moved := s.find(keyOf(c.block(last)))
		c.move(gone.block, last)
		s.slots[moved].block = gone.block
	}
	if freed := c.drop(); freed > 0 {
		m.hold(s, -freed)
	}
	if n, ok := s.sparse(); ok {
		m.resize(s, n)
	}
	m.entities.Add(-1)
}

func (m *Memory) fits(more int64) bool { return m.bytes.Load()+more <= m.bound }

// makeRoom sheds one entity, and reports whether it found one: in s, if s with these bytes more holds more than its
// share, else in a shard that does.
func (m *Memory) makeRoom(s *shard, more int64, touched uint32, l *Lease) bool {
	own := s.held.Load()+more > m.share
	if own && m.shedOne(s, touched, l) {
		return true
	}
	if other := m.lockRich(); other != nil {
		done := m.shedOne(other, touched, nil)
		other.mu.Unlock()
		if done {
			return true
		}
	}
	return !own && m.shedOne(s, touched, l)
}

// lockRich locks a shard that holds more than its share and that nobody holds, if there is one. It never waits: the
// caller holds locks, in an order that this would break.
func (m *Memory) lockRich() *shard {
	start := m.rich.Load()
	for k := range uint32(len(m.shards)) {
		i := (start + k) % uint32(len(m.shards))
		s := &m.shards[i]
		if s.held.Load() > m.share && s.mu.TryLock() {
			m.rich.Store(i)
			return s
		}
	}
	return nil
}

// shedOne drops the oldest of a sample.
func (m *Memory) shedOne(s *shard, touched uint32, l *Lease) bool {
	i := s.oldest(touched, l)
	if i < 0 {
		return false
	}
	age := m.now().Unix() - int64(s.slots[i].touched)
	m.shedAge.Store(max(0, age))
	m.shed.Add(1)
	m.remove(s, i)
	return true
}

const sample = 16

// oldest returns the slot touched longest ago of some that stand together, which is where their hashes have put
// them; -1 when the shard holds nothing but what l leases, which was touched at the given time.
func (s *shard) oldest(touched uint32, l *Lease) int {
	if s.n == 0 {
		return -1
	}
	s.lots = s.lots*6364136223846793005 + 1442695040888963407
	oldest, seen := -1, 0
	i := s.at(s.lots)
	for range s.slots {
		p := &s.slots[i]
		if p.class != 0 {
			seen++
			older := oldest < 0 || p.touched < s.slots[oldest].touched
			free := l == nil || p.touched != touched // for sure
			if older && (free || !l.has(keyOf(s.blockAt(p)))) {
				oldest = i
			}
		}
		if seen >= sample && oldest >= 0 {
			break
		}
		i = s.next(i)
	}
	return oldest
}

// has reports whether a held lease has the key.
func (l *Lease) has(key Key) bool {
	_, found := sort.Find(len(l.order), func(i int) int {
		return bytes.Compare(key[:], l.Refs[l.order[i]].Key[:])
	})
	return found
}

// isIdle reports whether an entity has not been touched within its group's retention, by the clock, and has
// no event within the retention before the shard's newest. The first alone would forget all when old events are
// played again; the second alone, after one event from the year 9999.
func (s *shard) isIdle(p *slot, now uint32, retention time.Duration) bool {
	if retention == forever || time.Duration(int64(now)-int64(p.touched))*time.Second <= retention {
		return false
	}
	behind := uint64(s.newest) - uint64(newestOf(stateOf(s.blockAt(p))))
	return behind > uint64(max(0, retention.Milliseconds()))
}
