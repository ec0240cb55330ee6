package memo

import (
	"encoding/binary"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// remember puts a row's margins and reports whether they were known before.
func remember(m *Memo, s *Scope, row, margins []float64) bool {
	var k Key
	known := m.Get(s, row, make([]float64, len(margins)), &k)
	if !known {
		m.Put(s, &k, row, margins)
	}
	return known
}

// recall returns the margins of a row, nil when they are not known.
func recall(m *Memo, s *Scope, row []float64, outputs int) []float64 {
	dst := make([]float64, outputs)
	if !m.Get(s, row, dst, new(Key)) {
		return nil
	}
	return dst
}

func TestARowIsKnownOnceItWasPut(t *testing.T) {
	m, s := newMemo(t, LeastBytes), scopeOf(1)
	row, margins := []float64{1, 2.5, math.NaN()}, []float64{-0.25, math.Inf(1), math.Copysign(0, -1)}
	if recall(m, s, row, 3) != nil {
		t.Error("it is known before")
	}
	remember(m, s, row, margins)
	want := slices.Clone(margins)
	margins[0], row[1] = 7, 8 // what was put is a copy
	got := recall(m, s, []float64{1, 2.5, math.NaN()}, 3)
	if diff := cmp.Diff(want, got); diff != "" || !math.Signbit(got[2]) {
		t.Errorf("margins differ (-want +got):\n%s", diff)
	}
	got[1] = 9 // and so is what is got
	if diff := cmp.Diff(want, recall(m, s, []float64{1, 2.5, math.NaN()}, 3)); diff != "" {
		t.Errorf("margins differ (-want +got):\n%s", diff)
	}
	if recall(m, s, row, 3) != nil {
		t.Error("another row is known")
	}
	want2 := Stats{Hits: 2, Misses: 3, Entries: 1, Bytes: entryBytes(3, 3)}
	if diff := cmp.Diff(want2, m.Stats()); diff != "" {
		t.Errorf("stats differ (-want +got):\n%s", diff)
	}
}

func TestWhoComesSecondChangesNothing(t *testing.T) {
	m, s := newMemo(t, LeastBytes), scopeOf(1)
	var k1, k2 Key
	m.Get(s, []float64{1}, []float64{0}, &k1)
	m.Get(s, []float64{1}, []float64{0}, &k2)
	m.Put(s, &k1, []float64{1}, []float64{5})
	m.Put(s, &k2, []float64{1}, []float64{5})
	if got := recall(m, s, []float64{1}, 1); got == nil || got[0] != 5 || m.Stats().Entries != 1 {
		t.Errorf("%v, %+v", got, m.Stats())
	}
}

func TestAMemoIsBoundedBySomethingSensible(t *testing.T) {
	for _, bytes := range []int64{math.MinInt64, -1, 0, 1, LeastBytes - 1} {
		if _, err := New(Options{Bytes: bytes}); err == nil {
			t.Errorf("%d is taken", bytes)
		}
	}
	m := newMemo(t, LeastBytes)
	remember(m, scopeOf(1), make([]float64, 1_000_000), []float64{1}) // more than all of it
	remember(m, scopeOf(1), make([]float64, 10), []float64{1})
	if got := m.Stats(); got.Entries != 1 || got.Bytes != entryBytes(10, 1) {
		t.Errorf("%+v", got)
	}
}

func TestTheSameZerosAndNaNsAreTheSameRowForTrees(t *testing.T) {
	trees := scopeOf(1)
	negativeZero, payload := math.Copysign(0, -1), math.Float64frombits(0x7ff8_dead_beef_0001)
	signed, signalling := math.Float64frombits(0xfff8_0000_0000_0000), math.Float64frombits(0x7ff0_0000_0000_0001)
	for _, c := range []struct {
		name string
		s    *Scope
		a, b float64
		same bool
	}{
		{"zeros", trees, 0, negativeZero, true},
		{"the negative zero first", trees, negativeZero, 0, true},
		{"NaNs of another payload", trees, math.NaN(), payload, true},
		{"NaNs of another sign", trees, signed, math.NaN(), true},
		{"NaNs that signal", trees, signalling, payload, true},
		{"infinities", trees, math.Inf(1), math.Inf(-1), false},
		{"a NaN and an infinity", trees, math.NaN(), math.Inf(1), false},
		{"the least number and zero", trees, math.SmallestNonzeroFloat64, 0, false},
		{"its negative", trees, -math.SmallestNonzeroFloat64, 0, false},
		{"neighbours", trees, 1, math.Nextafter(1, 2), false},
		{"zeros, literally", trees.Literal(), 0, negativeZero, false},
		{"NaNs, literally", trees.Literal(), math.NaN(), payload, false},
		{"one NaN, literally", trees.Literal(), payload, payload, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMemo(t, LeastBytes)
			remember(m, c.s, []float64{1, c.a}, []float64{3})
			if got := recall(m, c.s, []float64{1, c.b}, 1) != nil; got != c.same {
				t.Errorf("it is known: %t", got)
			}
		})
	}
}

func TestOtherWidthsAreOtherRows(t *testing.T) {
	for _, mask := range []uint64{math.MaxUint64, 0} {
		m, s := newMemo(t, LeastBytes), scopeOf(1)
		m.mask = mask
		remember(m, s, []float64{0, 0}, []float64{3})
		for _, row := range [][]float64{nil, {0}, {0, 0, 0}, make([]float64, 100)} {
			if recall(m, s, row, 1) != nil {
				t.Errorf("%d columns are known", len(row))
			}
		}
		for _, outputs := range []int{0, 2, 3} { // a row and margins are as long as a longer row and fewer margins
			if recall(m, s, []float64{0, 0}, outputs) != nil {
				t.Errorf("%d margins are known", outputs)
			}
		}
		if recall(m, s, []float64{0, 0}, 1) == nil {
			t.Error("the row is not known")
		}
	}
}

func TestCollisionsAreNeverAnswers(t *testing.T) {
	m := newMemo(t, 4<<20)
	m.mask = 7 // 64 keys
	scopes, rows := []*Scope{scopeOf(1), scopeOf(2), scopeOf(1).Literal()}, distinct(2000, 5)
	known := 0
	for range 2 {
		for v, s := range scopes {
			for i, row := range rows {
				want := float64(v*len(rows) + i)
				if got := recall(m, s, row, 1); got != nil {
					known++
					if got[0] != want {
						t.Fatalf("row %d of version %d got %v, want %v", i, v, got[0], want)
					}
				}
				remember(m, s, row, []float64{want})
			}
		}
	}
	got := m.Stats()
	if got.Entries != 64 || known != 64 || got.Collisions < 10_000 {
		t.Errorf("%d were known, %+v", known, got)
	}
}

func TestVersionsNeverMix(t *testing.T) {
	a, b := digestOf(1), digestOf(2)
	scopes := []*Scope{
		NewScope(a, b, ""), NewScope(b, a, ""), NewScope(a, a, ""), NewScope(a, b, "trees=10"), NewScope(a, nil, string(b)),
		NewScope(slices.Concat(a, b), nil, ""), NewScope(nil, slices.Concat(a, b), ""), NewScope(nil, nil, ""),
		NewScope(a, b, "").Literal(), NewScope(a, b, " literal"), NewScope(a, b, "trees=10").Literal(),
	}
	for _, mask := range []uint64{math.MaxUint64, 0} {
		for i, s := range scopes {
			m := newMemo(t, LeastBytes)
			m.mask = mask
			remember(m, s, []float64{1, 2}, []float64{3})
			for j, other := range scopes {
				if got := recall(m, other, []float64{1, 2}, 1) != nil; got != (i == j) {
					t.Errorf("mask %x, scope %d under %d: known: %t", mask, i, j, got)
				}
			}
		}
	}
	t.Run("and a version that comes again knows its rows", func(t *testing.T) {
		m := newMemo(t, LeastBytes)
		remember(m, NewScope(a, b, "x"), []float64{1}, []float64{3})
		a2 := slices.Clone(a)
		s := NewScope(a2, b, "x")
		a2[0]++ // digests are not kept
		if recall(m, s, []float64{1}, 1) == nil {
			t.Error("it does not")
		}
	})
}

func TestSwapsUnderLoadNeverGiveAnothersMargins(t *testing.T) {
	lookups := 600_000
	if racing {
		lookups = 60_000
	}
	type version struct {
		scope *Scope
		n     float64
	}
	m, rows := newMemo(t, 2<<20), distinct(3000, 12) // more than fit
	var live atomic.Pointer[version]
	live.Store(&version{scopeOf(0), 0})
	var team sync.WaitGroup
	var hits atomic.Int64
	for g := range 4 {
		team.Go(func() {
			dst, k := make([]float64, 2), new(Key)
			for i := range lookups {
				if g == 0 && i%500 == 0 { // five versions that come and go
					n := i / 500 % 5
					live.Store(&version{scopeOf(n), float64(n)})
				}
				v, row := live.Load(), rows[(i*(g+1))%len(rows)]
				want := [2]float64{v.n*10_000 + row[0], row[1]}
				if !m.Get(v.scope, row, dst, k) {
					m.Put(v.scope, k, row, want[:])
					continue
				}
				hits.Add(1)
				if [2]float64(dst) != want {
					t.Errorf("got %v, want %v", dst, want)
					return
				}
			}
		})
	}
	team.Wait()
	if got := m.Stats(); hits.Load() < int64(lookups)/10 || got.Evicted == 0 || got.Collisions != 0 {
		t.Errorf("too little happened: %d, %+v", hits.Load(), got)
	}
}

func heap() int64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func TestAMemoTakesTheMemoryThatItIsGiven(t *testing.T) {
	if racing {
		t.Skip("the race detector takes memory, too")
	}
	for _, c := range []struct{ bytes, columns, outputs int }{
		{1 << 20, 15, 1},
		{8 << 20, 3, 1},
		{8 << 20, 15, 1},
		{11 << 20, 15, 1},
		{16 << 20, 30, 1},
		{23 << 20, 30, 3},
		{32 << 20, 200, 7},
		{32 << 20, 1, 1},
	} {
		before := heap()
		m, s := newMemo(t, int64(c.bytes)), scopeOf(1)
		row, margins := make([]float64, c.columns), make([]float64, c.outputs)
		for i := range 2 * c.bytes / int(entryBytes(c.columns, c.outputs)) {
			row[0] = float64(i)
			remember(m, s, row, margins)
		}
		got := m.Stats()
		ratio := float64(heap()-before) / float64(c.bytes)
		t.Logf("%+v: %.3f of it, %+v", c, ratio, got)
		if got.Bytes > int64(c.bytes) || got.Bytes < int64(c.bytes)*9/10 || got.Evicted == 0 {
			t.Errorf("%+v: %+v", c, got)
		}
		if ratio > 1.2 || ratio < 0.8 {
			t.Errorf("%+v: the heap grew by %.3f of it", c, ratio)
		}
		m.Close()
		if got := m.Stats(); got.Entries != 0 || got.Bytes != 0 {
			t.Errorf("closed: %+v", got)
		}
	}
}

func TestAClosedMemoKnowsNothing(t *testing.T) {
	m, s := newMemo(t, LeastBytes), scopeOf(1)
	remember(m, s, []float64{1}, []float64{1})
	m.Close()
	m.Close()
	if remember(m, s, []float64{1}, []float64{1}) || remember(m, s, []float64{1}, []float64{1}) {
		t.Error("it knows something")
	}
}

func TestLookingUpAllocatesNothing(t *testing.T) {
	if racing {
		t.Skip("the race detector allocates")
	}
	for _, columns := range []int{0, 1, 15, 32, 33, 500} {
		m, s, rows := newMemo(t, 32<<20), scopeOf(1), distinct(2000, max(columns, 1))
		for i := range rows {
			rows[i] = rows[i][:columns]
			remember(m, s, rows[i], []float64{1, 2})
		}
		dst, k, i := make([]float64, 2), new(Key), 0
		if n := testing.AllocsPerRun(10_000, func() {
			i++
			if !m.Get(s, rows[i%len(rows)], dst, k) {
				t.Fatal("it is not known")
			}
		}); n != 0 {
			t.Errorf("%d columns: a hit allocates %v times", columns, n)
		}
		other := scopeOf(2)
		if n := testing.AllocsPerRun(1000, func() { m.Get(other, rows[0], dst, k) }); n != 0 {
			t.Errorf("%d columns: a miss allocates %v times", columns, n)
		}
	}
}

// The program is bytes: how keys collide, then lookups of few rows under few scopes. The oracle is a map.
func FuzzMemo(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 0, 1, 2, 3})
	f.Add([]byte{1, 0x21, 0x03, 0x61, 0x03, 0x21, 0x04, 0x21, 0x0c})
	f.Add([]byte{2, 0xff, 0x00, 0x3f, 0x00, 0xff, 0x00, 0x3f, 0x01, 0x3f, 0x09})
	scopes := []*Scope{scopeOf(1), scopeOf(2), scopeOf(1).Literal(), scopeOf(1)}
	names := []string{"one", "two", "literal", "one"}
	values := []float64{
		0, math.Copysign(0, -1), math.NaN(), math.Float64frombits(0xfff8_0000_0000_0002), 1, -1, math.Inf(1),
		math.SmallestNonzeroFloat64,
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) == 0 {
			return
		}
		m := newMemo(t, LeastBytes)
		exact := program[0]%3 == 0
		m.mask = []uint64{math.MaxUint64, 0, 1}[program[0]%3]
		known := map[string][]float64{}
		for n := 1; n+1 < min(len(program), 2000); n += 2 {
			v, width := program[n]>>6, int(program[n]>>4&3)
			row, oracle := make([]float64, width), []byte(names[v])
			for c := range row {
				row[c] = values[program[n+1]>>(3*c)&7]
				bits := math.Float64bits(row[c])
				if v != 2 && row[c] == 0 {
					bits = 0
				} else if v != 2 && math.IsNaN(row[c]) {
					bits = 1 // of no value in use
					bits <<= 40
				}
				oracle = binary.BigEndian.AppendUint64(oracle, bits)
			}
			want, was := known[string(oracle)]
			var k Key
			dst := make([]float64, 2)
			got := m.Get(scopes[v], row, dst, &k)
			switch {
			case got && !was:
				t.Fatalf("%v of %s is known, and was never put", row, names[v])
			case got && !slices.Equal(dst, want):
				t.Fatalf("%v of %s is %v, want %v", row, names[v], dst, want)
			case !got && was && exact:
				t.Fatalf("%v of %s is forgotten", row, names[v])
			case !got:
				margins := []float64{float64(n), -1}
				m.Put(scopes[v], &k, row, margins)
				if !was || recall(m, scopes[v], row, 2) != nil {
					known[string(oracle)] = margins
				}
			}
		}
		if got := m.Stats(); exact && got.Collisions != 0 || got.Entries > len(known) {
			t.Errorf("%+v", got)
		}
	})
}
