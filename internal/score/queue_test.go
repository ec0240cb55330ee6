package score

import (
	"context"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
)

func TestTheQueueIsBoundedAndDropsWhatDoesNotFit(t *testing.T) {
	m := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json")
	shadow, _, _ := challenged(m[0], m[1], func(o *ShadowOptions) { o.Queue = 100 })
	s := given(shadow)
	for range 27 { // nobody runs it yet
		scored(t, m[0], s, rows...)
	}
	if got := counts(shadow.Status()[0]); got != [3]uint64{0, 8, 0} {
		t.Errorf("%v", got)
	}
	running(t, shadow)
	if got := counts(settled(t, shadow, 108)); got != [3]uint64{100, 8, 0} {
		t.Errorf("%v", got)
	}
	many := make([][]float64, 1000)
	for i := range many {
		many[i] = rows[i%len(rows)]
	}
	scored(t, m[0], s, many...) // one batch alone
	st := settled(t, shadow, 1108)
	if st.Compared < 200 || st.Compared+st.Dropped != 1108 {
		t.Errorf("%+v", st)
	}
}

func TestUnderLoadChallengersAreDroppedFirst(t *testing.T) {
	m := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json")
	var overloaded atomic.Bool
	shadow, _, _ := challenged(m[0], m[1], func(o *ShadowOptions) { o.Overloaded = overloaded.Load })
	running(t, shadow)
	s := given(shadow)
	scored(t, m[0], s, rows...)
	overloaded.Store(true)
	scored(t, m[0], s, rows[:3]...)
	if got := counts(settled(t, shadow, 7)); got != [3]uint64{4, 3, 0} {
		t.Errorf("%v", got)
	}
}

func TestChancePicksTheSample(t *testing.T) {
	m := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json")
	for sample, want := range map[float64]int{0: 0, 0.1: 10, 0.25: 25, 1: 100} {
		draws := 0
		shadow, _, _ := challenged(m[0], m[1], func(o *ShadowOptions) {
			o.Sample = sample
			o.Rand = func() float64 { draws++; return float64(draws-1) / 100 }
		})
		running(t, shadow)
		s := given(shadow)
		for range 25 {
			scored(t, m[0], s, rows...)
		}
		if st := settled(t, shadow, want); st.Compared != uint64(want) || st.Sample != sample || draws != 100 {
			t.Errorf("%v: %+v, %d draws", sample, st, draws)
		}
	}
	if NewShadow(ShadowOptions{}) != nil || (*Shadow)(nil).Status() != nil {
		t.Error("a shadow without challengers")
	}
}

func TestAChallengerThatPanicsHarmsNobody(t *testing.T) {
	m := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json")
	shadow, _, log := challenged(m[0], m[1], nil)
	running(t, shadow)
	s := given(shadow)
	want := scored(t, m[0], s, rows...)
	settled(t, shadow, 4)

	engine := m[1].Engine
	x := shadow.current(shadow.contests["fraud"])
	m[1].Engine = nil // as a bug would have it
	scored(t, m[0], s, rows...)
	if got := counts(settled(t, shadow, 8)); got != [3]uint64{4, 0, 4} {
		t.Errorf("%v", got)
	}
	m[1].Engine = engine
	x.columns[2] = 99 // a bug on the request's own path
	b := scored(t, m[0], s, rows...)
	if got := counts(settled(t, shadow, 12)); got != [3]uint64{4, 0, 8} {
		t.Errorf("%v", got)
	}
	for i := range b.Events {
		if d := cmp.Diff(want.Events[i].Result, b.Events[i].Result); d != "" {
			t.Errorf("the champion's answer differs: %s", d)
		}
	}
	if strings.Count(log.String(), "panic") != 1 {
		t.Errorf("%s", log)
	}
	x.columns[2] = 2
	scored(t, m[0], s, rows...)
	if got := counts(settled(t, shadow, 16)); got != [3]uint64{8, 0, 8} {
		t.Errorf("afterwards: %v", got)
	}
}

// Jobs come out as they went in, in their order and with their rows, whatever their widths.
func TestAQueueGivesBackWhatWasPut(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	q := newQueue(16)
	q.rows = q.rows[:60] // so that rows often meet its end
	var widths []*match
	for w := range 9 {
		widths = append(widths, &match{challenger: &registry.Model{}})
		for range w + 1 {
			widths[w].challenger.Columns = append(widths[w].challenger.Columns, besra.Column{})
		}
	}
	type put struct {
		j   job
		row []float64
	}
	var waiting []put
	next, refused, together := 0.0, 0, 0
	for range 200_000 {
		if random.IntN(3) > 0 {
			x := widths[random.IntN(len(widths))]
			if random.IntN(2) == 0 && len(waiting) > 0 {
				x = waiting[len(waiting)-1].j.match
			}
			row := make([]float64, x.width())
			for i := range row {
				next++
				row[i] = next
			}
			if q.put(job{match: x, score: next}, row) {
				waiting = append(waiting, put{job{match: x, score: next}, row})
			} else {
				refused++
			}
			continue
		}
		jobs, got := q.take(nil, 5)
		if (len(jobs) == 0) != (len(waiting) == 0) || len(jobs) > 5 {
			t.Fatalf("%d jobs of %d", len(jobs), len(waiting))
		}
		together = max(together, len(jobs))
		var want []float64
		for i, j := range jobs {
			if j.match != waiting[i].j.match || j.score != waiting[i].j.score {
				t.Fatalf("job %d of %d: %+v, want %+v", i, len(jobs), j, waiting[i].j)
			}
			want = append(want, waiting[i].row...)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("rows %v, want %v", got, want)
		}
		q.release(len(jobs))
		waiting = waiting[len(jobs):]
	}
	if refused == 0 || together < 5 {
		t.Errorf("%d refused, %d together at most, so that this shows little", refused, together)
	}
	q.close()
	if q.put(job{match: widths[0]}, []float64{1}) || q.n != 0 {
		t.Error("a queue that is closed takes more")
	}
}

// eventsOf returns what has a new payment of so many cards and twice as many terminals scored and remembered,
// beside shadow.
func eventsOf(t testing.TB, cards uint64, m *registry.Model, shadow *Shadow, metrics *telemetry.Metrics) func() {
	log := slog.New(slog.DiscardHandler)
	h := history.New(history.Options{Store: store.NewMemory(store.Options{}), Metrics: metrics, Log: log})
	h.Attach(m.Name, m.Plan)
	s := Measured(Replayed(Recorded(Direct(), h, shadow), h.Store, false, metrics))
	var batch Batch
	n, id := uint64(0), []byte("evt")
	return func() {
		batch.Reset(m, 1)
		e, in := &batch.Events[0], &batch.Inputs[0]
		n++
		e.Raw, e.Guarded, e.ID = true, true, id
		for half := range uint64(2) { // as even as a hash
			h := (2*n + half) * 0x9e3779b97f4a7c15
			h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
			binary.LittleEndian.PutUint64(e.Key[8*half:], h^h>>31)
		}
		in.Reset(m.Plan)
		in.Time = 1_700_000_000_000 + int64(n)*20_000
		in.Numbers[m.Plan.Field("amount")] = float64(n % 1000)
		binary.LittleEndian.PutUint64(in.Hashes[m.Plan.Field("card")][:], 1+n%cards)
		binary.LittleEndian.PutUint64(in.Hashes[m.Plan.Field("terminal")][:], 1+n%(2*cards))
		if err := s.Score(context.Background(), &batch); err != nil || e.Refused != nil {
			t.Fatal(err, e.Refused)
		}
	}
}
