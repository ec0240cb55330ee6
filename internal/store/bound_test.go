package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/storetest"
)

// A clock is set by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// put stores a state of n bytes, all but its time alike for a key.
func put(t testing.TB, m *store.Memory, key store.Key, n int) {
	t.Helper()
	if err := tryPut(t, m, key, bytes.Repeat(key[:1], n)); err != nil {
		t.Fatal(err)
	}
}

func tryPut(t testing.TB, m *store.Memory, key store.Key, state []byte) error {
	var l store.Lease
	if err := m.Lease(t.Context(), []store.Ref{{Key: key}}, &l); err != nil {
		return err
	}
	l.States[0], l.Changed[0] = state, true
	return m.Advance(t.Context(), &l, 1)
}

func has(m *store.Memory, key store.Key) bool {
	_, ok := m.Get(key, nil)
	return ok
}

// mixed returns the n-th of a series of keys that is quick to make.
func mixed(n uint64) (key store.Key) {
	for i := 0; i < 16; i += 8 {
		x := n*2 + uint64(i/8) + 0x9e3779b97f4a7c15
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		binary.LittleEndian.PutUint64(key[i:], x^x>>31)
	}
	return key
}

func heap() int64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func TestAnEmptyMemoryIsSmall(t *testing.T) {
	before := heap()
	m := store.NewMemory(store.Options{})
	if got := heap() - before; got > 1<<20 {
		t.Errorf("an empty Memory takes %d bytes", got)
	}
	runtime.KeepAlive(m)
}

func TestTenMillionEntitiesStayWithinTheBound(t *testing.T) {
	bound := int64(64 << 20)
	n := uint64(10_000_000)
	if racing {
		n, bound = 300_000, 8<<20 // which sheds as many a byte
	}
	before := heap()
	m := store.NewMemory(store.Options{Bytes: bound})
	var l store.Lease
	refs := make([]store.Ref, 1)
	state := make([]byte, 8)
	for i := range n {
		refs[0].Key = mixed(i)
		if err := m.Lease(t.Context(), refs, &l); err != nil {
			t.Fatal(err)
		}
		l.States[0], l.Changed[0] = state, true
		if err := m.Advance(t.Context(), &l, i); err != nil {
			t.Fatal(err)
		}
		if i%100_000 == 0 {
			if s := m.Stats(); s.Bytes > bound+bound/50 {
				t.Fatalf("%d bytes are held after %d entities", s.Bytes, i)
			}
		}
	}
	s := m.Stats()
	if s.Entities+int64(s.Shed) != int64(n) || s.Bytes < bound*9/10 {
		t.Errorf("of %d entities: %+v", n, s)
	}
	if s.Entities < bound/70 {
		t.Errorf("only %d of the smallest states fit into %d bytes", s.Entities, bound)
	}
	if real := heap() - before; real > s.Bytes+s.Bytes/20+1<<20 {
		t.Errorf("%d bytes are counted, and %d held", s.Bytes, real)
	}
	runtime.KeepAlive(m)
}

func TestTheBoundHoldsAsStatesChangeTheirSize(t *testing.T) {
	const bound = 8 << 20
	for _, shards := range []int{1, 16, 1024} {
		m := store.NewMemory(store.Options{Bytes: bound, Shards: shards})
		r := rand.New(rand.NewPCG(1, 1))
		for phase, limit := range []int{40, 5000, 100, 300_000, 60, 1_000_000, 40} {
			for i := range min(80_000, 400_000_000/(limit*limit/20+2000)) {
				key := mixed(uint64(r.IntN(200_000)))
				put(t, m, key, 8+r.IntN(limit))
				if s := m.Stats(); s.Bytes > bound+bound/10 {
					t.Fatalf("%d shards, phase %d: %d bytes are held after %d states", shards, phase, s.Bytes, i)
				}
			}
		}
		if s := m.Stats(); s.Entities < 25_000 {
			t.Errorf("%d shards: after larger ones only %d small states find room: %+v", shards, s.Entities, s)
		}
	}
}

func TestAShardGivesBackWhatItBorrowed(t *testing.T) {
	const bound = 4 << 20
	m := store.NewMemory(store.Options{Bytes: bound, Shards: 64})
	var large store.Key // of shard 0, and all of the store at first
	for i := range byte(7) {
		large[15] = i
		put(t, m, large, 512<<10)
	}
	for i := range uint64(20_000) {
		put(t, m, mixed(i), 100)
	}
	s := m.Stats()
	if s.Bytes > bound+bound/50 || s.Entities < 15_000 {
		t.Errorf("%+v", s)
	}
}

func TestAStateThatCannotFitIsRefused(t *testing.T) {
	m := store.NewMemory(store.Options{Bytes: 1 << 20})
	key, other := storetest.Key(1), storetest.Key(2)
	put(t, m, key, 100)
	put(t, m, other, 600<<10)
	if err := tryPut(t, m, key, make([]byte, 2<<20)); !errors.Is(err, store.ErrFull) {
		t.Fatal(err)
	}
	var l store.Lease
	if err := m.Lease(t.Context(), []store.Ref{{Key: key}, {Key: other}}, &l); err != nil {
		t.Fatal(err)
	}
	l.States[0], l.Changed[0] = make([]byte, 600<<10), true // each fits, both do not
	if err := m.Advance(t.Context(), &l, 1); !errors.Is(err, store.ErrFull) {
		t.Fatal(err)
	}
	if got, _ := m.Get(key, nil); !bytes.Equal(got, bytes.Repeat(key[:1], 100)) {
		t.Errorf("the state before became %d bytes", len(got))
	}
	m.Put(store.Ref{Key: storetest.Key(3)}, time.Now(), make([]byte, 2<<20))
	if has(m, storetest.Key(3)) {
		t.Error("a state that cannot fit was put")
	}
	put(t, m, key, 900<<10) // sheds the other
	if has(m, other) || m.Stats().Shed != 2 {
		t.Errorf("%+v", m.Stats())
	}
}

func TestTheOldestAreShedFirst(t *testing.T) {
	c := newClock()
	m := store.NewMemory(store.Options{Bytes: 4 << 20, Shards: 16, Now: c.now})
	const hot = 200
	for i := range uint64(200_000) {
		put(t, m, mixed(i+hot), 100)
		if i%2000 == 0 {
			for k := range uint64(hot) {
				put(t, m, mixed(k), 100)
			}
		}
		if i%100 == 0 {
			c.pass(time.Second)
		}
	}
	for k := range uint64(hot) {
		if !has(m, mixed(k)) {
			t.Errorf("hot entity %d was shed", k)
		}
	}
	s := m.Stats()
	if s.Shed == 0 || s.ShedYoungest < 20*time.Second || s.ShedYoungest > 2000*time.Second {
		t.Errorf("%+v", s)
	}
	// Who is shed is old: of some 25,000 held, the youngest half is whole but for what chance has taken.
	missing := 0
	for i := range uint64(10_000) {
		if !has(m, mixed(200_000+hot-1-i)) {
			missing++
		}
	}
	if missing > 100 {
		t.Errorf("%d of the 10,000 youngest were shed", missing)
	}
}

func TestALeasedEntityIsNotShed(t *testing.T) {
	c := newClock()
	m := store.NewMemory(store.Options{Bytes: 256 << 10, Shards: 1, Now: c.now})
	const n = 40
	refs := make([]store.Ref, n)
	for i := range refs {
		refs[i].Key = mixed(uint64(i))
	}
	for i := range uint64(5000) {
		put(t, m, mixed(1000+i), 20)
		if i%10 == 0 { // all are as old, and these grow beyond what is free
			var l store.Lease
			if err := m.Lease(t.Context(), refs, &l); err != nil {
				t.Fatal(err)
			}
			for k := range refs {
				size := 100 + int(i+uint64(k)*977)%4000
				l.States[k], l.Changed[k] = bytes.Repeat(refs[k].Key[:1], size), true
			}
			if err := m.Advance(t.Context(), &l, i); err != nil {
				t.Fatal(err)
			}
			for k := range refs {
				if !has(m, refs[k].Key) {
					t.Fatalf("round %d: entity %d was shed by its own lease", i, k)
				}
			}
		}
		if s := m.Stats(); s.Bytes > 300<<10 {
			t.Fatalf("%d bytes are held", s.Bytes)
		}
	}
}

func TestMemoryIsSafeForManyAtOnce(t *testing.T) {
	m := store.NewMemory(store.Options{Bytes: 1 << 20, Shards: 8, ReplayBytes: 64 << 10})
	group := m.Group([16]byte{1}, time.Nanosecond)
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 3))
			var l store.Lease
			refs := make([]store.Ref, 3)
			for range 3000 {
				first := uint64(r.IntN(3000))
				for k := range refs {
					refs[k] = store.Ref{Key: mixed(first + uint64(k)), Group: group}
				}
				if err := m.Lease(t.Context(), refs, &l); err != nil {
					t.Error(err)
					return
				}
				for k := range refs {
					for _, b := range l.States[k] {
						if b != refs[k].Key[0] {
							t.Error("a state is another's")
						}
					}
					l.States[k] = bytes.Repeat(refs[k].Key[:1], 8+r.IntN(1000))
					l.Changed[k] = r.IntN(2) == 0
				}
				if err := m.Advance(t.Context(), &l, 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 300 {
			m.Sweep(1000)
			m.Stats()
			m.Delete(mixed(uint64(i)))
			_, err := m.Each(i%m.Shards(), func(ref store.Ref, _ time.Time, state []byte) error {
				if state[0] != ref.Key[0] {
					t.Error("a state is another's")
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if s := m.Stats(); s.Bytes > 1200<<10 || s.Shed == 0 {
		t.Errorf("%+v", s)
	}
}
