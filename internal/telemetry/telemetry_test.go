package telemetry

import (
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func find(t *testing.T, m *Metrics, name string) Family {
	t.Helper()
	for f := range m.Families() {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no family %s", name)
	return Family{}
}

// flat reads every series as name{values} = value, histograms as their counts and sum.
func flat(m *Metrics) map[string]float64 {
	out := map[string]float64{}
	for f := range m.Families() {
		for _, s := range f.Series {
			id := f.Name + "{" + strings.Join(s.Values, ",") + "}"
			if s.Buckets == nil {
				out[id] = s.Value
				continue
			}
			out[id+" count"] = float64(s.Buckets.Count)
			out[id+" sum"] = s.Buckets.Sum
		}
	}
	return out
}

func TestSeries(t *testing.T) {
	t.Run("known series stand at zero from the start", func(t *testing.T) {
		m := New(Options{Version: "1.2.3", Revision: "abc", Now: func() time.Time { return time.Unix(1_700_000_000, 0) }})
		m.Route("/v1/score", NoPromise)
		m.Model("fraud", "3", []string{"amount"})
		all := flat(m)
		build := "besra_build_info{1.2.3,abc," + runtime.Version() + "," + runtime.GOOS + "/" + runtime.GOARCH + "}"
		for id, v := range all {
			want := map[string]float64{
				build: 1, "besra_model_loaded_timestamp_seconds{fraud,3}": 1_700_000_000,
				"besra_slo_objective{availability}": 0.999, "besra_slo_objective{latency}": 0.99,
				"besra_slo_budget_remaining{availability}": 1, "besra_slo_budget_remaining{latency}": 1,
			}[id]
			if v != want {
				t.Errorf("%s = %v, want %v", id, v, want)
			}
		}
		for _, id := range []string{
			build,
			"besra_requests_total{/v1/score,200}", "besra_requests_total{other,404}", "besra_requests_total{other,other}",
			"besra_request_seconds{/v1/score} count", "besra_requests_in_flight{}",
			"besra_stage_seconds{decode} count", "besra_stage_seconds{score} count", "besra_stage_seconds{encode} count",
			"besra_rows_scored_total{fraud,3}", "besra_score{fraud,3} count", "besra_model_ready{fraud,3}",
			"besra_decisions_total{fraud,3,approve}", "besra_decisions_total{fraud,3,review}", "besra_decisions_total{fraud,3,decline}",
			"besra_features_missing_total{fraud,amount}", "besra_features_out_of_bounds_total{fraud,amount}",
			"besra_model_refused_total{fraud,unproven}", "besra_model_refused_total{fraud,other}",
		} {
			if _, ok := all[id]; !ok {
				t.Errorf("%s is not there", id)
			}
		}
	})

	t.Run("each update moves its own series and no other", func(t *testing.T) {
		m := New(Options{})
		route, model := m.Route("/v1/score", NoPromise), m.Model("fraud", "3", []string{"amount", "country"})
		before := flat(m)
		route.Answered(200, 0, 2*time.Millisecond)
		route.Answered(418, 0, time.Millisecond)
		route.Answered(-1, 0, 0)
		route.Answered(1<<40, 0, 0)
		m.InFlight.Inc()
		m.InFlight.Inc()
		m.InFlight.Dec()
		m.Stages(spent(StageScore, 3*time.Microsecond))
		model.Rows.Add(5)
		model.Score.Observe(0.25)
		model.Ready.Set(1)
		model.Decline.Inc()
		model.Missing[1].Inc()
		model.OutOfBounds[0].Add(2)
		m.Refusals("fraud").Unproven.Inc()
		m.Refusals("new").Unreadable.Inc()

		got := map[string]float64{}
		for id, v := range flat(m) {
			if v != before[id] {
				got[id] = v
			}
		}
		want := map[string]float64{
			"besra_requests_total{/v1/score,200}":              1,
			"besra_requests_total{/v1/score,other}":            3,
			"besra_request_seconds{/v1/score} count":           4,
			"besra_request_seconds{/v1/score} sum":             0.003,
			"besra_requests_in_flight{}":                       1,
			"besra_stage_seconds{score} count":                 1,
			"besra_stage_seconds{score} sum":                   3e-6,
			"besra_rows_scored_total{fraud,3}":                 5,
			"besra_score{fraud,3} count":                       1,
			"besra_score{fraud,3} sum":                         0.25,
			"besra_model_ready{fraud,3}":                       1,
			"besra_decisions_total{fraud,3,decline}":           1,
			"besra_features_missing_total{fraud,country}":      1,
			"besra_features_out_of_bounds_total{fraud,amount}": 2,
			"besra_model_refused_total{fraud,unproven}":        1,
			"besra_model_refused_total{new,unreadable}":        1,
		}
		near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-12 })
		if diff := cmp.Diff(want, got, near); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("binding again gives the same series", func(t *testing.T) {
		m := New(Options{})
		m.Model("fraud", "3", []string{"amount"}).Missing[0].Inc()
		m.Model("fraud", "4", []string{"amount"}).Missing[0].Inc()
		m.Route("/a", NoPromise).Answered(200, 0, 0)
		m.Route("/a", NoPromise).Answered(200, 0, 0)
		all := flat(m)
		if all["besra_features_missing_total{fraud,amount}"] != 2 || all["besra_requests_total{/a,200}"] != 2 {
			t.Error(all)
		}
	})

	t.Run("a forgotten version is gone and its features stay", func(t *testing.T) {
		m := New(Options{})
		m.Model("fraud", "4", nil)
		want := flat(m)
		old := m.Model("fraud", "3", nil)
		m.Forget("fraud", "3")
		old.Rows.Inc()
		if diff := cmp.Diff(want, flat(m)); diff != "" {
			t.Error(diff)
		}
		m.Model("fraud", "4", []string{"amount"})
		m.Forget("fraud", "4")
		if _, ok := flat(m)["besra_features_missing_total{fraud,amount}"]; !ok {
			t.Error("the feature went with the version")
		}
	})

	t.Run("label values of any bytes become short valid text", func(t *testing.T) {
		m := New(Options{})
		long := strings.Repeat("é", 1000)
		m.Model("a\xff\x00\n\"\\", "1", []string{"\xc3", "\xc3\xc3", long, long + "x"}).Missing[1].Inc()
		for f := range m.Families() {
			for _, s := range f.Series {
				for _, v := range s.Values {
					if !utf8.ValidString(v) || len(v) > maxValue {
						t.Errorf("%s has the label %q", f.Name, v)
					}
				}
			}
		}
		if n := len(find(t, m, "besra_features_missing_total").Series); n != 2 {
			t.Errorf("%d series; names that cannot be told apart must be counted together", n)
		}
	})

	t.Run("what is beyond the bound is counted together", func(t *testing.T) {
		m := New(Options{})
		features := make([]string, maxSeries+50)
		for i := range features {
			features[i] = fmt.Sprint("f", i)
		}
		model := m.Model("wide", "1", features)
		for _, c := range model.Missing {
			c.Inc()
		}
		again := m.Model("late", "1", []string{"x"})
		again.Missing[0].Inc()
		f := find(t, m, "besra_features_missing_total")
		if len(f.Series) != maxSeries+1 {
			t.Fatalf("%d series, want %d", len(f.Series), maxSeries+1)
		}
		if got := flat(m)["besra_features_missing_total{other,other}"]; got != 51 {
			t.Errorf("other counts %v, want 51", got)
		}
	})

	t.Run("series come in the order of their labels", func(t *testing.T) {
		m := New(Options{})
		m.Route("/b", NoPromise)
		m.Route("/a", NoPromise)
		for f := range m.Families() {
			if !slices.IsSortedFunc(f.Series, func(a, b Series) int { return slices.Compare(a.Values, b.Values) }) {
				t.Errorf("%s is out of order", f.Name)
			}
		}
	})
}

func TestBounds(t *testing.T) {
	for name, bounds := range map[string][]float64{
		"requests": requestBounds(), "stages": stageBounds(), "scores": scoreBounds(),
	} {
		if !slices.IsSorted(bounds) || bounds[0] <= 0 || len(slices.Compact(slices.Clone(bounds))) != len(bounds) {
			t.Errorf("%s: %v do not ascend from above zero", name, bounds)
		}
	}
	requests := requestBounds()
	within := 0
	for _, b := range requests {
		if b > 0.5e-3 && b < 5e-3 {
			within++
		}
	}
	if requests[0] > 50e-6 || within < 4 || requests[len(requests)-1] != 10 {
		t.Errorf("request bounds %v do not keep the promise", requests)
	}
}

// A shift of scores is nothing like a time.
func TestShiftsAreToldApart(t *testing.T) {
	h := New(Options{}).Shadow("fraud", "2").Shift
	if got := h.Buckets().Bounds; !slices.Equal(got, shiftBounds()) {
		t.Errorf("%v", got)
	}
}

func TestHistogram(t *testing.T) {
	s := newShards(4)
	layouts := map[string][]float64{
		"requests": requestBounds(), "stages": stageBounds(), "scores": scoreBounds(),
		"shifts": shiftBounds(), "one bound": {3}, "close bounds": {1, 1.0000001, 1.0000002, 1.1, 1000},
	}
	for name, bounds := range layouts {
		t.Run("values fall where a plain search puts them: "+name, func(t *testing.T) {
			h := newHistogram(s, bounds)
			values := []float64{0, math.Copysign(0, -1), -1, -math.MaxFloat64, math.MaxFloat64, math.SmallestNonzeroFloat64}
			for _, b := range bounds {
				values = append(values, b, math.Nextafter(b, 0), math.Nextafter(b, 2*b))
			}
			r := rand.New(rand.NewPCG(1, 2))
			for range 10_000 {
				values = append(values, math.Exp(r.Float64()*30-20), r.Float64(), -r.Float64())
			}
			for _, v := range values {
				if got, want := h.bucket(v), sort.SearchFloat64s(bounds, v); got != want {
					t.Fatalf("%v is in bucket %d, want %d", v, got, want)
				}
			}
		})
	}

	t.Run("count, buckets and sum agree", func(t *testing.T) {
		h := newHistogram(s, []float64{1, 2, 4})
		for _, v := range []float64{0.5, 1, 1.5, 2, 3, 4, 5, 100} {
			h.Observe(v)
		}
		want := Buckets{Bounds: []float64{1, 2, 4}, Counts: []uint64{2, 2, 2, 2}, Count: 8, Sum: 117}
		if diff := cmp.Diff(want, h.Buckets()); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("values that are no number leave no trace", func(t *testing.T) {
		h := newHistogram(s, []float64{1})
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			h.Observe(v)
		}
		if b := h.Buckets(); b.Count != 0 || b.Sum != 0 {
			t.Error(b)
		}
	})
}

func TestConcurrentUpdatesAreAllCounted(t *testing.T) {
	m := New(Options{})
	const workers, each = 8, 5_000
	var work, reading sync.WaitGroup
	done := make(chan struct{})
	reading.Go(func() {
		for {
			for f := range m.Families() {
				for _, s := range f.Series {
					if s.Value < 0 || s.Buckets != nil && s.Buckets.Count > workers*each {
						t.Errorf("%s %v reads %v", f.Name, s.Values, s)
					}
				}
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for w := range workers {
		work.Go(func() {
			model := m.Model("fraud", fmt.Sprint(w%2), []string{"amount", fmt.Sprint(w)})
			for range each {
				m.InFlight.Inc()
				model.Rows.Inc()
				model.Score.Observe(0.5)
				model.Missing[0].Inc()
				m.InFlight.Dec()
			}
		})
	}
	work.Wait()
	close(done)
	reading.Wait()
	all := flat(m)
	for id, want := range map[string]float64{
		"besra_rows_scored_total{fraud,0}": workers / 2 * each, "besra_rows_scored_total{fraud,1}": workers / 2 * each,
		"besra_score{fraud,0} count": workers / 2 * each, "besra_score{fraud,1} sum": workers / 2 * each * 0.5,
		"besra_features_missing_total{fraud,amount}": workers * each, "besra_requests_in_flight{}": 0,
	} {
		if all[id] != want {
			t.Errorf("%s = %v, want %v", id, all[id], want)
		}
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	m := New(Options{})
	route, model := m.Route("/v1/score", PromiseQuick), m.Model("fraud", "3", []string{"amount"})
	var line Timeline
	recent := NewRecent(time.Now)
	log := NewRequestLog(RequestLogOptions{Log: slog.New(slog.DiscardHandler), Most: 100, Dropped: m.Log.Dropped, Now: time.Now})
	request := Request{Route: "/v1/score", Status: 200, Key: "k1", Model: "fraud", Times: &line.Times}
	for range 2 * slowKept { // until as many are slow as are kept
		request.Took += time.Microsecond
		recent.Told(&request)
	}
	request.Took = 0
	if n := testing.AllocsPerRun(1000, func() {
		m.InFlight.Inc()
		line.Start(time.Now())
		at := line.Spent(StageDecode, line.Now())
		line.Spent(StageScore, at)
		line.Called("state", line.Begun, time.Now(), false)
		m.Stages(&line.Times)
		recent.Told(&request)
		log.Told(&request)
		model.Score.Observe(0.1)
		model.Missing[0].Inc()
		model.Ready.Set(1)
		m.latency.with("/v1/score") // a look-up of a series that is there
		route.Answered(200, 0, time.Millisecond)
		m.InFlight.Dec()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// contend runs update b.N times in each of one and two goroutines.
func contend(b *testing.B, update func(i int)) {
	for _, goroutines := range []int{1, 2} {
		b.Run(fmt.Sprint(goroutines, " goroutines"), func(b *testing.B) {
			b.ReportAllocs()
			var wg sync.WaitGroup
			for range goroutines {
				wg.Go(func() {
					for i := range b.N {
						update(i)
					}
				})
			}
			wg.Wait()
		})
	}
}

func BenchmarkCounter(b *testing.B) {
	model := New(Options{}).Model("fraud", "3", nil)
	contend(b, func(int) { model.Approve.Inc() })
}

func BenchmarkHistogram(b *testing.B) {
	m := New(Options{})
	r := rand.New(rand.NewPCG(1, 2))
	took := make([]time.Duration, 2048)
	for i := range took {
		took[i] = time.Duration(20e3 * math.Exp(r.Float64()*7))
	}
	contend(b, func(i int) { m.stages[StageScore].ObserveDuration(took[i%len(took)]) })
}

func BenchmarkAnswered(b *testing.B) {
	route := New(Options{}).Route("/v1/score", PromiseQuick)
	contend(b, func(i int) { route.Answered(200, 0, time.Duration(i&(1<<20-1))) })
}

// spent returns the times of a request that was in one stage.
func spent(s Stage, d time.Duration) *Times {
	var t Times
	t.Laps[s].add(0, d)
	return &t
}
