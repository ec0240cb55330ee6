package store

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"
)

// colliding returns the n-th of keys that share shards, and hashes with others.
func colliding(n int) (key Key) {
	binary.LittleEndian.PutUint32(key[8:], uint32(n%7)*0x2000_0000+uint32(n%3)) // some homes at the table's end
	binary.LittleEndian.PutUint32(key[12:], uint32(n))
	return key
}

func TestSlotsAndBlocksAgreeWithAMap(t *testing.T) {
	m := NewMemory(Options{Shards: 1})
	s := &m.shards[0]
	r := rand.New(rand.NewPCG(5, 5))
	want := map[Key]int{}
	for round := range 60_000 {
		key := colliding(r.IntN(1 + round%300))
		if at := s.find(key); (at >= 0) != (want[key] > 0) {
			t.Fatalf("round %d: a key of size %d is at %d", round, want[key], at)
		} else if at >= 0 {
			m.remove(s, at)
			delete(want, key)
		}
		if r.IntN(3) > 0 {
			n := 1 + r.IntN(1<<r.IntN(12))
			state := make([]byte, n)
			copy(state, key[12:])
			m.insert(s, Ref{Key: key}, 0, state, nil)
			want[key] = n
		}
		if round%100 == 0 {
			checkShard(t, m, s, want)
		}
	}
	for key := range want {
		m.remove(s, s.find(key))
		delete(want, key)
	}
	checkShard(t, m, s, want)
	for _, c := range s.classes {
		if c != nil && c.held != 0 {
			t.Errorf("an empty class of %d holds %d bytes", c.size, c.held)
		}
	}
}

// checkShard compares a shard with what it should hold, and its counts with what it does hold.
func checkShard(t *testing.T, m *Memory, s *shard, want map[Key]int) {
	t.Helper()
	for key, n := range want {
		at := s.find(key)
		if at < 0 {
			t.Fatal("a key is lost")
		}
		state := stateOf(s.blockAt(&s.slots[at]))
		if len(state) != n || string(state[:min(4, n)]) != string(key[12:12+min(4, n)]) {
			t.Fatalf("a state of %d bytes has become one of %d", n, len(state))
		}
	}
	held, blocks := s.bytes(), 0
	for _, c := range s.classes {
		if c == nil {
			continue
		}
		held += classSelf
		taken := 0
		for i, chunk := range c.chunks {
			held += int64(cap(chunk)) + chunkSelf
			taken += c.taken(i)
		}
		if taken != c.blocks || len(c.chunks) > c.tail+2 {
			t.Fatalf("a class of %d blocks has %d, and %d chunks with the tail at %d", c.blocks, taken, len(c.chunks), c.tail)
		}
		blocks += taken
	}
	if blocks != len(want) || s.n != len(want) || m.entities.Load() != int64(len(want)) {
		t.Fatalf("%d keys have %d blocks, %d slots and count as %d", len(want), blocks, s.n, m.entities.Load())
	}
	if held != s.held.Load() || held != m.bytes.Load() {
		t.Fatalf("%d bytes are held, %d and %d counted", held, s.held.Load(), m.bytes.Load())
	}
}

func TestAClassIsTheSmallestWithRoom(t *testing.T) {
	for n := 1; n < 1<<21; n += 1 + n/1000 {
		class := classOf(n)
		size := classSize(class)
		if size < n+blockHeader || classSize(class-1) >= n+blockHeader {
			t.Fatalf("%d bytes go to class %d of %d", n, class, size)
		}
		if waste := size - n - blockHeader; waste > 7 && waste > (n+blockHeader)/8 {
			t.Fatalf("%d bytes go to blocks of %d", n, size)
		}
	}
	if class := classOf(maxState); class > 255 || classSize(class) < maxState {
		t.Errorf("the largest state has class %d", class)
	}
}

func TestClassesWasteLittleAtScale(t *testing.T) {
	m := NewMemory(Options{Shards: 256}) // as full as 1,024 with a million
	const n, size = 250_000, 800
	state := make([]byte, size)
	for i := range n {
		var key Key
		binary.BigEndian.PutUint64(key[:], uint64(i)*0x9e3779b97f4a7c15)
		binary.LittleEndian.PutUint64(key[8:], uint64(i)*0xbf58476d1ce4e5b9)
		s := m.shardOf(key)
		m.insert(s, Ref{Key: key}, 0, state, nil)
	}
	// Key, state and index are needed; what is over is waste.
	needed := int64(n * (blockHeader + size + slotBytes*4/3))
	if got := m.bytes.Load(); got > needed*112/100 {
		t.Errorf("%d states of %d bytes take %d each, %d%% more than needed", n, size, got/n, 100*got/needed-100)
	}
}

func TestARingGivesBackWhatIsNotForgotten(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	m := NewMemory(Options{
		ReplayBytes: 32 << 10, ReplayTTL: time.Second, Shards: 1, Now: func() time.Time { return now },
	})
	a := &m.replays.shards[0]
	r := rand.New(rand.NewPCG(6, 6))
	type given struct {
		key    Key
		at     time.Time
		answer []byte
	}
	var all []given // in the ring, oldest first
	grown, wrapped := 0, 0
	for round := range 50_000 {
		if round%5000 == 0 { // a new ring, which grows while its records expire
			*a, all = answers{}, nil
		}
		now = now.Add(time.Duration(r.IntN(max(1, 40-round%5000/50))) * time.Millisecond)
		g := given{colliding(round), now, make([]byte, r.IntN(200))}
		for i := range g.answer {
			g.answer[i] = byte(round)
		}
		before, head := len(a.ring.buf), a.ring.head
		m.PutAnswer(g.key, Digest(g.key), g.at, g.answer)
		if len(a.ring.buf) > before && head > 0 {
			grown++
		}
		if a.ring.wrapped {
			wrapped++
		}
		all = append(all, g)
		all = all[len(all)-a.ring.n:]
		i := 0
		for walk := a.ring; walk.n > 0; walk.pop() {
			at, rec := walk.oldest()
			want := all[i]
			if rec.key() != want.key || rec.digest() != Digest(want.key) || rec.at() != want.at.UnixMilli() ||
				!bytes.Equal(rec.answer(), want.answer) {
				t.Fatalf("round %d: record %d of %d is not what was put", round, i, len(all))
			}
			if a.leadsTo(want.key, at) < 0 {
				t.Fatalf("round %d: record %d of %d is not found", round, i, len(all))
			}
			i++
		}
	}
	if grown == 0 || wrapped == 0 {
		t.Errorf("the ring has grown %d times with its head moved, and was wrapped %d times", grown, wrapped)
	}
}
