package score

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/memo"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/telemetry"
)

const forestFile = "../../testdata/xgboost/binary-logistic-3.2.0/model.ubj"

// versionsOf returns versions of one model that answer differently: with 1, 2, … of its iterations.
func versionsOf(t testing.TB, n int) []*registry.Model {
	t.Helper()
	all := make([]*registry.Model, n)
	for i := range all {
		b, err := bundle.Load(forestFile)
		if err != nil {
			t.Fatal(err)
		}
		if b.Model, err = b.Model.Range(0, i+1); err != nil {
			t.Fatal(err)
		}
		b.Version, b.Memo = i+1, true
		all[i] = registry.NewModel(b, nil, telemetry.New(telemetry.Options{}))
	}
	return all
}

// fewRows returns n rows for a model.
func fewRows(m *registry.Model, n int) [][]float64 {
	r := rand.New(rand.NewPCG(1, 2))
	all := make([][]float64, n)
	for i := range all {
		all[i] = make([]float64, len(m.Columns))
		for c := range all[i] {
			all[i][c] = [...]float64{0, math.Copysign(0, -1), 1, -2.5, 100, math.NaN()}[r.IntN(6)]
		}
	}
	return all
}

func newMemo(t testing.TB) *memo.Memo {
	t.Helper()
	m, err := memo.New(memo.Options{Bytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func TestAKnownRowHasTheSameMargins(t *testing.T) {
	for name, file := range map[string]string{
		"of one output": "binary-logistic-3.2.0/model.ubj", "of several": "multi-softprob-3.2.0/model.json", "of no trees": "linear-real-3.2.0/model.json",
	} {
		t.Run(name, func(t *testing.T) {
			m := model(t, file, nil)
			m.Memo, m.Output = true, 0
			kept := newMemo(t)
			s := Remembering(kept, memo.NewGhost(), nil)
			all := fewRows(m, 200)
			all[7], all[150] = nil, nil // refused
			r := rand.New(rand.NewPCG(3, 4))
			for range 50 {
				some := make([][]float64, 1+r.IntN(150))
				for i := range some {
					some[i] = all[r.IntN(len(all))]
				}
				got, want := scored(t, m, s, some...), scored(t, m, Direct(), some...)
				for i, row := range some {
					if row == nil {
						continue
					}
					for k := range m.Outputs {
						if a, b := got.Margins[i*m.Outputs+k], want.Margins[i*m.Outputs+k]; math.Float64bits(a) != math.Float64bits(b) {
							t.Fatalf("row %d: margin %v, want %v", i, a, b)
						}
					}
					if got.Events[i].Result != want.Events[i].Result {
						t.Fatalf("row %d: %v, want %v", i, got.Events[i].Result, want.Events[i].Result)
					}
				}
			}
			if s := kept.Stats(); s.Hits == 0 || s.Entries == 0 || s.Entries > len(all) {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestAModelThatDoesNotSayItsRowsMayBeRememberedIsNot(t *testing.T) {
	m, kept := model(t, "binary-logistic-3.2.0/model.ubj", nil), newMemo(t)
	scored(t, m, Remembering(kept, nil, nil), fewRows(m, 10)...)
	if s := kept.Stats(); s.Entries != 0 || s.Misses != 0 {
		t.Errorf("%+v", s)
	}
}

// Ten million rows are asked for while the live version changes all the time: each answer is that of the version that
// its request had.
func TestNoVersionAnswersForAnother(t *testing.T) {
	total := int64(10_000_000)
	if testing.Short() {
		total /= 50
	}
	versions := versionsOf(t, 4)
	all := fewRows(versions[0], 64)
	want := make([][]float64, len(versions))
	for v, m := range versions {
		for _, row := range all {
			margins, _ := predicted(t, m, row)
			want[v] = append(want[v], margins[0])
		}
	}
	var live registry.Registry
	live.Swap(registry.Next(nil, versions[:1], nil, nil))
	kept := newMemo(t)
	s := Remembering(kept, memo.NewGhost(), nil)
	var asked, swaps atomic.Int64
	var team sync.WaitGroup
	for g := range runtime.GOMAXPROCS(0) + 1 {
		team.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 5))
			var b Batch
			var which [16]int
			for asked.Load() < total {
				for range 1000 {
					m := live.Only()
					n := 1 + r.IntN(16)*r.IntN(2)
					n = min(n, len(which))
					b.Reset(m, n)
					for i := range n {
						which[i] = r.IntN(len(all))
						copy(b.Row(i), all[which[i]])
					}
					if err := s.Score(context.Background(), &b); err != nil {
						t.Error(err)
						return
					}
					for i := range n {
						if b.Margins[i] != want[b.Events[i].Version-1][which[i]] || b.Events[i].Version != m.Version {
							t.Errorf("version %d says %v, want %v", b.Events[i].Version, b.Margins[i], want[m.Version-1][which[i]])
							return
						}
					}
					asked.Add(int64(n))
				}
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		for v := 0; ; v++ {
			select {
			case <-ended:
				return
			default:
				live.Swap(registry.Next(live.Set(), versions[v%len(versions):v%len(versions)+1], nil, nil))
				swaps.Add(1)
				runtime.Gosched()
			}
		}
	}()
	team.Wait()
	close(ended)
	st := kept.Stats()
	t.Logf("%d rows, %d swaps, %d hits, %d misses", asked.Load(), swaps.Load(), st.Hits, st.Misses)
	if st.Hits == 0 || swaps.Load() < 10 {
		t.Error("nothing was tried")
	}
}

func BenchmarkRemembering(b *testing.B) {
	m := versionsOf(b, 4)[3]
	all := fewRows(m, 2048)
	for name, s := range map[string]Scorer{
		"off": Direct(), "estimate": Remembering(nil, memo.NewGhost(), nil), "memo": Remembering(newMemo(b), nil, nil),
	} {
		b.Run(name, func(b *testing.B) {
			var batch Batch
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				batch.Reset(m, 1)
				copy(batch.Row(0), all[i%len(all)])
				if err := s.Score(context.Background(), &batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A shelf is what processes share.
type shelf struct {
	mu         sync.Mutex
	of         map[string][]byte
	gets, puts int
}

func (s *shelf) Get(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gets++
	return s.of[key], nil
}

func (s *shelf) Put(key string, value []byte, _ time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts++
	s.of[key] = value
}

func TestRowsThatTakeLongAreSharedByProcesses(t *testing.T) {
	m := versionsOf(t, 1)[0]
	all := fewRows(m, 30)
	far := &shelf{of: map[string][]byte{}}
	processes := []Scorer{Remembering(newMemo(t), nil, far), Remembering(newMemo(t), nil, far)}
	ask := func(s Scorer) {
		t.Helper()
		b := scored(t, m, s, all...)
		for i, row := range all {
			if margins, _ := predicted(t, m, row); b.Margins[i] != margins[0] {
				t.Fatalf("row %d: %v, want %v", i, b.Margins[i], margins[0])
			}
		}
	}
	ask(processes[0])
	if far.gets+far.puts != 0 {
		t.Errorf("quick rows were shared: %d asked, %d put", far.gets, far.puts)
	}
	for range 100 {
		m.Pace.Observe(1, 10*time.Millisecond)
	}
	processes[0] = Remembering(newMemo(t), nil, far)
	ask(processes[0])
	put := far.puts
	ask(processes[1])
	if put == 0 || far.puts != put {
		t.Errorf("%d were put by the first, %d more by the second", put, far.puts-put)
	}
	// What anybody else has put there is no answer.
	for key := range far.of {
		far.of[key] = append([]byte("x"), far.of[key]...)
	}
	ask(Remembering(newMemo(t), nil, far))
}
