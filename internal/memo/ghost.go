package memo

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// A Ghost estimates what share of rows a Memo would know, for Memos of several sizes.
//
// Few rows are followed, chosen by their hash, so that each time one of them comes it is followed again: what a cache
// of a 64th of the size knows of one row in 64, the whole one knows of all (Waldspurger et al., "Efficient MRC
// Construction with SHARDS", FAST 2015). These caches keep what came last. A Memo looks at what is frequent, too, and
// will rather know more.
//
// Its methods may be called from many goroutines. It takes up to some 5 MB, as more different rows come.
type Ghost struct {
	seed  seed
	asked [stripes]asked

	mu     sync.Mutex
	sizes  [sizeCount]size
	number uint32 // of the period
	began  uint64 // asked when it began
	before uint64 // asked in the period before
}

const (
	sizeCount = 4
	period    = 1 << 21 // lookups; an estimate is of the last one to two periods
)

type asked struct {
	n atomic.Uint64
	_ [56]byte // cores do not share the next one's line
}

// A size is a Memo of so many rows, simulated with one in 1<<one of them.
type size struct {
	rows   int
	one    int
	lru    recency
	now    tally
	before tally // in the period before
}

// A tally is of the followed rows in a period.
type tally struct {
	seen    uint64 // lookups
	hits    uint64 // those that found their row
	columns uint64 // of all that were seen
	square  uint64 // the sum over rows of seen²
	common  uint64 // and of seen×hits
}

// NewGhost returns a Ghost that has seen nothing.
func NewGhost() *Ghost { return newGhost(rand.Uint64()) }

func newGhost(chance uint64) *Ghost {
	g, r := &Ghost{}, rand.New(rand.NewPCG(chance, 0))
	for i := range g.seed {
		g.seed[i] = r.Uint64() | 1 // not 0, which would fold all to 0
	}
	for i := range g.sizes {
		rows, one := 1<<(10+4*i), 4+min(i, 2) // a little cache shows more of it, or chance decides
		g.sizes[i] = size{rows: rows, one: one, lru: newRecency(rows >> one)}
	}
	return g
}

// Saw takes note of a row that is scored. row is not kept.
func (g *Ghost) Saw(scope *Scope, row []float64) {
	h := scope.quick(&g.seed, row)
	if n := g.asked[h%stripes].n.Add(1); n%(period/stripes) == 0 {
		g.mu.Lock()
		g.turn()
		g.mu.Unlock()
	}
	if g.sizes[0].follows(h) {
		g.follow(h, len(row))
	}
}

func (s *size) follows(h uint64) bool { return h>>(64-s.one) == 0 }

func (g *Ghost) follow(h uint64, columns int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.sizes {
		s := &g.sizes[i]
		if !s.follows(h) { // nor do those that are larger
			return
		}
		row, hit := s.lru.touch(h)
		if row.period != g.number {
			row.period, row.seen, row.hits = g.number, 0, 0
		}
		s.now.add(row, hit)
		s.now.columns += uint64(columns)
	}
}

// add counts a lookup of a row, in the row as well.
func (t *tally) add(row *followed, hit bool) {
	t.seen++
	t.square += 2*uint64(row.seen) + 1
	t.common += uint64(row.hits)
	if hit {
		t.hits++
		t.common += uint64(row.seen) + 1
		row.hits++
	}
	row.seen++
}

// turn begins a new period when the old one is over, and returns how many lookups this one has.
func (g *Ghost) turn() uint64 {
	var n uint64
	for i := range g.asked {
		n += g.asked[i].n.Load()
	}
	if n-g.began >= period {
		g.before, g.began = n-g.began, n
		g.number++
		for i := range g.sizes {
			s := &g.sizes[i]
			s.before, s.now = s.now, tally{}
		}
	}
	return n - g.began
}
