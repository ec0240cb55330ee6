package memo

import (
	"container/list"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// lru is a cache as it stands in books.
type lru struct {
	most  int
	order *list.List
	of    map[uint64]*list.Element
	hits  int
}

func newLRU(most int) *lru { return &lru{most, list.New(), map[uint64]*list.Element{}, 0} }

func (c *lru) touch(id uint64) {
	if e := c.of[id]; e != nil {
		c.hits++
		c.order.MoveToFront(e)
		return
	}
	if c.order.Len() == c.most {
		last := c.order.Back()
		delete(c.of, last.Value.(uint64))
		c.order.Remove(last)
	}
	c.of[id] = c.order.PushFront(id)
}

func TestWhatIsFollowedIsAsInAList(t *testing.T) {
	for _, different := range []int{1, 3, 12, 16, 17, 40} {
		r, random := newRecency(16), rand.New(rand.NewPCG(1, 2))
		var oracle []uint64 // the latest first
		for range 20_000 {
			id := uint64(random.IntN(different))
			at := slices.Index(oracle, id)
			if at >= 0 {
				oracle = slices.Delete(oracle, at, at+1)
			}
			oracle = slices.Insert(oracle, 0, id)
			oracle = oracle[:min(len(oracle), 16)]
			if row, known := r.touch(id); known != (at >= 0) || row.hash != id {
				t.Fatalf("of %d: known: %t, want %t", different, known, at >= 0)
			}
		}
		if len(r.of) != len(oracle) || len(r.rows) != len(oracle) {
			t.Errorf("of %d: %d rows, want %d", different, len(r.of), len(oracle))
		}
	}
}

// A traffic gives the id of the next row.
type traffic func(r *rand.Rand) func() uint64

func unique(*rand.Rand) func() uint64 {
	var n uint64
	return func() uint64 { n++; return n }
}

func zipf(s float64, rows uint64) traffic {
	return func(r *rand.Rand) func() uint64 { return rand.NewZipf(r, s, 1, rows-1).Uint64 }
}

func evenly(rows uint64) traffic {
	return func(r *rand.Rand) func() uint64 { return func() uint64 { return r.Uint64N(rows) } }
}

func around(rows uint64) traffic {
	return func(*rand.Rand) func() uint64 {
		var n uint64
		return func() uint64 { n++; return n % rows }
	}
}

func mixed(share float64, a, b traffic) traffic {
	return func(r *rand.Rand) func() uint64 {
		x, y := a(r), b(r)
		return func() uint64 {
			if r.Float64() < share {
				return x()<<1 | 1
			}
			return y() << 1
		}
	}
}

func TestTheEstimateIsNearWhatCachesDo(t *testing.T) {
	lookups := 1_000_000
	if racing || testing.Short() {
		lookups = 400_000
	}
	for _, c := range []struct {
		name   string
		of     traffic
		within float64
	}{
		{"rows that are never the same", unique, 0},
		{"a single row", evenly(1), 0},
		{"few rows", evenly(300), 0.01},
		{"rows that half of the caches hold", evenly(10_000), 0.03},
		{"20,000 rows in turn", around(20_000), 0.03},
		{"Zipf of 1.01 over a million rows", zipf(1.01, 1_000_000), 0.03},
		{"Zipf of 1.2 over a million rows", zipf(1.2, 1_000_000), 0.03},
		{"Zipf of 1.6 over 100,000 rows", zipf(1.6, 100_000), 0.03},
		{"half few rows, half never the same", mixed(0.5, evenly(50), unique), 0.03},
		{"a fifth one row, the others never the same", mixed(0.2, evenly(1), unique), 0.03},
		{"a tenth Zipf, the others never the same", mixed(0.1, zipf(1.1, 10_000), unique), 0.03},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g, s, next := newGhost(1), scopeOf(1), c.of(rand.New(rand.NewPCG(3, 4)))
			caches := []*lru{newLRU(1 << 10), newLRU(16 << 10), newLRU(256 << 10)}
			for range lookups {
				id := next()
				g.Saw(s, []float64{float64(id), 7})
				for _, cache := range caches {
					cache.touch(id)
				}
			}
			for i, e := range g.Estimate()[:len(caches)] {
				real := float64(caches[i].hits) / float64(lookups)
				t.Logf("%8d rows: estimated %.4f, real %.4f, of %d", e.Rows, e.HitRatio, real, e.Sampled)
				within := c.within + 1e-3 // of a row's first lookup
				if racing || testing.Short() {
					within *= 2
				}
				if !(math.Abs(e.HitRatio-real) <= within) {
					t.Errorf("%d rows: estimated %.4f, real %.4f", e.Rows, e.HitRatio, real)
				}
			}
		})
	}
}

func TestNothingIsEstimatedBeforeEnoughWasSeen(t *testing.T) {
	g, s := newGhost(1), scopeOf(1)
	seen := 0
	for i, one := range []int{16, 32, 64, 64} {
		for ; seen < one*enough-1; seen++ {
			g.Saw(s, []float64{float64(seen)})
		}
		if e := g.Estimate()[i]; i < 3 && !math.IsNaN(e.HitRatio) || e.Rows != 1024<<(4*i) {
			t.Errorf("%+v", e)
		}
		for ; seen <= one*enough; seen++ {
			g.Saw(s, []float64{float64(seen)})
		}
		if e := g.Estimate()[i]; e.HitRatio != 0 || e.Sampled < enough*8/10 || e.Sampled > enough*12/10 {
			t.Errorf("%+v", e)
		}
	}
}

func TestOldTrafficIsForgotten(t *testing.T) {
	g, s := newGhost(1), scopeOf(1)
	for i := range 2 * period {
		g.Saw(s, []float64{float64(i), 1})
	}
	for i := range 2*period + period/2 {
		g.Saw(s, []float64{float64(i % 500), 2})
	}
	if got := g.Estimate()[0].HitRatio; got < 0.99 {
		t.Errorf("%v after rows that were seldom the same", got)
	}
	for i := range 2*period + period/2 {
		g.Saw(s, []float64{float64(i), 3})
	}
	if got := g.Estimate()[3].HitRatio; got > 0.01 {
		t.Errorf("%v after rows that were often the same", got)
	}
}

func TestARowOfAnotherModelIsAnother(t *testing.T) {
	g, a, b := newGhost(1), scopeOf(1), scopeOf(2)
	for i := range 200_000 {
		row := []float64{float64(i)}
		g.Saw(a, row)
		g.Saw(b, row)
	}
	if got := g.Estimate()[3]; got.HitRatio != 0 {
		t.Errorf("%+v", got)
	}
	for i := range 200_000 {
		g.Saw(a, []float64{float64(i)})
	}
	if got := g.Estimate()[3]; math.Abs(got.HitRatio-1./3) > 0.03 {
		t.Errorf("%+v", got)
	}
}

func TestAnEstimateTellsWhatAMemoTakes(t *testing.T) {
	g, s := newGhost(1), scopeOf(1)
	for _, row := range distinct(70_000, 21) {
		g.Saw(s, row)
	}
	for i, e := range g.Estimate() {
		if want := int64(1024) << (4 * i) * entryBytes(21, 1); e.Bytes != want {
			t.Errorf("%+v, want %d bytes", e, want)
		}
	}
}

func TestManySeeAtOnce(t *testing.T) {
	g := newGhost(1)
	var team sync.WaitGroup
	for n := range 4 {
		team.Go(func() {
			s := scopeOf(n % 2)
			for i := range 100_000 {
				g.Saw(s, []float64{float64(i), float64(n)})
				if i%20_000 == 0 {
					g.Estimate()
				}
			}
		})
	}
	team.Wait()
	if got := g.Estimate()[3]; got.HitRatio != 0 || got.Sampled < 5000 {
		t.Errorf("%+v", got)
	}
}

func TestSeeingAllocatesNothing(t *testing.T) {
	if racing {
		t.Skip("the race detector allocates")
	}
	for _, columns := range []int{15, 33, 300} {
		g, s, rows := newGhost(1), scopeOf(1), distinct(5000, columns)
		see := func() {
			for _, row := range rows {
				g.Saw(s, row)
			}
		}
		see()
		if n := testing.AllocsPerRun(10, see); n != 0 {
			t.Errorf("%d columns: %v allocations", columns, n)
		}
	}
}

func TestAGhostIsSmall(t *testing.T) {
	if racing {
		t.Skip("the race detector takes memory, too")
	}
	before := heap()
	g, s := newGhost(1), scopeOf(1)
	if got := heap() - before; got > 64<<10 {
		t.Errorf("%d bytes at first", got)
	}
	for i := range 6 << 20 {
		g.Saw(s, []float64{float64(i)})
	}
	got := heap() - before
	t.Logf("%.1f MB", float64(got)/1e6)
	if got > 6e6 {
		t.Errorf("%d bytes", got)
	}
	if e := g.Estimate()[3]; e.HitRatio != 0 {
		t.Errorf("%+v", e)
	}
}

func TestWhatIsSavedMayBeLessThanNothing(t *testing.T) {
	for _, c := range []struct{ ratio, rows, predict, want float64 }{
		{1, 1e5, 10.5e-6, 1},
		{0.5, 1e5, 10.5e-6, 0.5 - 0.1},
		{0, 1e5, 10.5e-6, -0.2},
		{0.9, 1e5, 0.3e-6, -0.018 - 0.02},
		{0.9, 0, 1, 0},
	} {
		if got := Saved(c.ratio, c.rows, c.predict); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if got := Saved(math.NaN(), 1, 1); !math.IsNaN(got) {
		t.Errorf("%v of what is not known", got)
	}
}
