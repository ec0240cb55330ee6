// Package memo remembers the margins of rows, and estimates whether remembering would pay.
//
// A Memo is a cache that is never wrong: a row is found only when all of it, and all that its margins depend on, is
// the same. So nothing in it is ever invalidated, and nothing of it expires. What a margin becomes (a value, a
// decision) is not remembered, since policies change.
//
// A Ghost tells, from a sample of the rows that come, how many of them a Memo would have known.
package memo

import (
	"fmt"
	"math"
	"sync/atomic"

	"github.com/maypok86/otter/v2"
)

// Options are those of a Memo.
type Options struct {
	Bytes int64 // that entries and their index may take in memory, from LeastBytes
}

// LeastBytes is the least that a Memo is bounded by: some thousands of rows.
const LeastBytes = 1 << 20

// A Memo knows the margins of rows, those that were asked for often or lately. All models of a process share it.
//
// Its methods may be called from many goroutines. It has no goroutines of its own.
type Memo struct {
	cache   *otter.Cache[Key, entry]
	closed  atomic.Bool
	evicted atomic.Uint64
	counts  [stripes]counts
	mask    uint64 // of both halves of a key; tests make it few bits, so that keys collide
}

// A Key is where a row's margins are kept: 128 bits of a hash. Get makes it, and Put takes it.
type Key struct{ hi, lo uint64 }

// An entry does not change.
type entry struct {
	scope *Scope
	row   []uint64 // canonical bits; those of the margins follow, up to the capacity
}

// What an entry takes beside its row and margins.
const (
	nodeBytes  = 80 // otter's node: links and weight, the key, the entry
	indexBytes = 44 // its part of the hash table and of the sketch of what is frequent: 26 to 50, as both double
)

// entryBytes returns what an entry takes in memory.
func entryBytes(columns, outputs int) int64 {
	return nodeBytes + indexBytes + allocated(8*(int64(columns)+int64(outputs)))
}

// allocated returns about what the allocator makes of n bytes. Its sizes grow by an eighth at most, or 16 bytes.
func allocated(n int64) int64 {
	step := int64(16)
	for step*16 <= n {
		step *= 2
	}
	return (n + step - 1) / step * step
}

// New returns a Memo that knows nothing yet. It fails when o.Bytes is less than LeastBytes.
func New(o Options) (*Memo, error) {
	if o.Bytes < LeastBytes {
		return nil, fmt.Errorf("memo: bytes: want %d at least, got %d", LeastBytes, o.Bytes)
	}
	m := &Memo{mask: math.MaxUint64}
	cache, err := otter.New(&otter.Options[Key, entry]{
		MaximumWeight: uint64(o.Bytes),
		Weigher: func(_ Key, e entry) uint32 {
			return uint32(min(entryBytes(len(e.row), cap(e.row)-len(e.row)), math.MaxUint32))
		},
		OnAtomicDeletion: func(e otter.DeletionEvent[Key, entry]) {
			if e.WasEvicted() {
				m.evicted.Add(1)
			}
		},
		Executor: func(upkeep func()) { upkeep() }, // by who calls: there are no goroutines to wait for
	})
	if err != nil {
		return nil, fmt.Errorf("memo: %w", err)
	}
	m.cache = cache
	return m, nil
}

// Get writes the margins of a row into dst when they are known, and returns whether they are.
//
// row holds the columns of one row; dst has room for exactly its margins. k is set in any case, for Put. Neither row
// nor dst is kept.
func (m *Memo) Get(scope *Scope, row, dst []float64, k *Key) bool {
	k.hi, k.lo = scope.hash(row)
	k.hi, k.lo = k.hi&m.mask, k.lo&m.mask
	c := &m.counts[k.lo%stripes]
	e, ok := m.cache.GetIfPresent(*k)
	if !ok {
		c.misses.Add(1)
		return false
	}
	if !e.is(scope, row) {
		c.collisions.Add(1)
		return false
	}
	margins := e.row[len(e.row):cap(e.row)]
	if len(margins) != len(dst) {
		c.misses.Add(1)
		return false
	}
	for i, b := range margins {
		dst[i] = math.Float64frombits(b)
	}
	c.hits.Add(1)
	return true
}

// Put remembers the margins of a row that Get did not know, under the key that it made. Both are copied.
//
// Who comes second with the same row changes nothing, and nor does a row whose key is taken by another.
func (m *Memo) Put(scope *Scope, k *Key, row, margins []float64) {
	if m.closed.Load() {
		return
	}
	bits := make([]uint64, len(row)+len(margins))
	for i, v := range row {
		bits[i] = scope.canonical(v)
	}
	for i, v := range margins {
		bits[len(row)+i] = math.Float64bits(v)
	}
	m.cache.SetIfAbsent(*k, entry{scope, bits[:len(row)]})
}

// is reports whether the entry is of this row under this scope. A hash is not asked.
func (e *entry) is(scope *Scope, row []float64) bool {
	if len(e.row) != len(row) || !e.scope.same(scope) {
		return false
	}
	for i, v := range row {
		if e.row[i] != scope.canonical(v) {
			return false
		}
	}
	return true
}

// Close forgets everything. From then on nothing is remembered: Get finds nothing, and Put does nothing.
func (m *Memo) Close() {
	m.closed.Store(true)
	m.cache.InvalidateAll()
	m.cache.CleanUp()
}
