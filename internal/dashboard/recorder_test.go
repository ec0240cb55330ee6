package dashboard

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/besra-ml/besra/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A told second, as the page reads it.
type second struct {
	At     int64
	Took   float64
	Counts map[string][][]any
	Times  map[string][][]any
	Levels map[string]float64
}

type past struct {
	Began, Kept int64
	Build       map[string]string
	Bounds      map[string][]float64
	Ticks       []second
}

// of reads the history, whose framing is held to the letter.
func of(t *testing.T, r *Recorder) past {
	t.Helper()
	v, err := r.join()
	if err != nil {
		t.Fatal(err)
	}
	defer r.part(v)
	var p past
	unframe(t, <-v.messages, "history", &p)
	return p
}

// unframe reads a message, which must be one event of one line.
func unframe(t *testing.T, message []byte, event string, into any) {
	t.Helper()
	data, ok := strings.CutPrefix(string(message), "event: "+event+"\ndata: ")
	data, end := strings.CutSuffix(data, "\n\n")
	if !ok || !end || strings.ContainsAny(data, "\r\n") {
		t.Fatalf("%.200q is no event %s", message, event)
	}
	d := json.NewDecoder(strings.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
}

func TestASecondTellsWhatHasChanged(t *testing.T) {
	m := telemetry.New(telemetry.Options{Version: "1.2.3"})
	score, batch := m.Route("/v1/score", telemetry.NoPromise), m.Route("/v1/score/batch", telemetry.NoPromise)
	model := m.Model("fraud", "3", nil)
	score.Answered(200, 0, time.Millisecond) // before anybody looked
	r := NewRecorder(Options{Metrics: m})
	at := r.at

	for range 12 {
		score.Answered(200, 0, 400*time.Microsecond)
	}
	score.Answered(200, 0, 20*time.Millisecond)
	score.Answered(422, 0, 400*time.Microsecond)
	model.Decline.Add(2)
	m.InFlight.Inc()
	r.tick(at.Add(time.Second))
	batch.Answered(200, 0, time.Minute) // above every bound
	r.tick(at.Add(3 * time.Second))
	r.tick(at.Add(4 * time.Second))

	p := of(t, r)
	if p.Build["version"] != "1.2.3" || p.Kept != kept || p.Began != r.began.UnixMilli() || len(p.Ticks) != 3 {
		t.Fatalf("%+v", p)
	}
	bounds := p.Bounds["request_seconds"]
	bucket := func(v float64) float64 {
		for i, b := range bounds {
			if v <= b {
				return float64(i)
			}
		}
		return float64(len(bounds))
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
	want := []map[string][][]any{
		{
			"requests_total":  {{"/v1/score", "200", 13.}, {"/v1/score", "422", 1.}},
			"decisions_total": {{"fraud", "3", "decline", 2.}},
			"request_seconds": {{"/v1/score", 13*400e-6 + 20e-3, []any{bucket(400e-6), 13., bucket(20e-3), 1.}}},
		},
		{
			"requests_total":  {{"/v1/score/batch", "200", 1.}},
			"request_seconds": {{"/v1/score/batch", 60., []any{float64(len(bounds)), 1.}}},
		},
		{},
	}
	for i, s := range p.Ticks {
		got := map[string][][]any{}
		for name, series := range s.Counts {
			got[name] = series
		}
		for name, series := range s.Times {
			got[name] = series
		}
		if diff := cmp.Diff(want[i], got, near); diff != "" {
			t.Errorf("second %d: %s", i, diff)
		}
	}
	if took := []float64{p.Ticks[0].Took, p.Ticks[1].Took, p.Ticks[2].Took}; !cmp.Equal(took, []float64{1, 2, 1}) {
		t.Errorf("they took %v", took)
	}
	l := p.Ticks[0].Levels
	if l["requests_in_flight"] != 1 || l["goroutines"] < 1 || l["heap_bytes"] < 1000 || l["memory_bytes"] < l["heap_bytes"] {
		t.Errorf("levels %v", l)
	}
}

func TestACounterThatBeganAnewIsNotNegative(t *testing.T) {
	m := telemetry.New(telemetry.Options{})
	old := m.Model("fraud", "3", nil)
	r := NewRecorder(Options{Metrics: m})
	at := r.at
	old.Approve.Add(10)
	for range 10 {
		old.Score.Observe(.5)
	}
	r.tick(at.Add(time.Second))
	m.Forget("fraud", "3")
	fresh := m.Model("fraud", "3", nil)
	fresh.Approve.Add(4)
	for range 12 { // more than before, elsewhere
		fresh.Score.Observe(.001)
	}
	r.tick(at.Add(2 * time.Second))
	m.Forget("fraud", "3") // and nothing at all
	r.tick(at.Add(3 * time.Second))

	var counts []any
	for _, s := range of(t, r).Ticks {
		counts = append(counts, s.Counts["decisions_total"], s.Times["score"])
	}
	want := []any{
		[][]any{{"fraud", "3", "approve", 10.}},
		[][]any{{"fraud", "3", 5., []any{10., 10.}}},
		[][]any{{"fraud", "3", "approve", 4.}},
		[][]any{{"fraud", "3", .012, []any{0., 12.}}},
		[][]any(nil), [][]any(nil),
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
	if diff := cmp.Diff(want, counts, near); diff != "" {
		t.Error(diff)
	}
}

func TestFiveMinutesAreKept(t *testing.T) {
	m := telemetry.New(telemetry.Options{})
	route := m.Route("/v1/score", telemetry.NoPromise)
	r := NewRecorder(Options{Metrics: m})
	at := r.at
	for i := range kept + 7 {
		for range i {
			route.Answered(200, 0, 0)
		}
		r.tick(at.Add(time.Duration(i+1) * time.Second))
	}
	p := of(t, r)
	if len(p.Ticks) != kept {
		t.Fatalf("%d seconds are kept", len(p.Ticks))
	}
	for i, s := range p.Ticks {
		if want := [][]any{{"/v1/score", "200", float64(i + 7)}}; !cmp.Equal(s.Counts["requests_total"], want) {
			t.Fatalf("second %d has %v, want %v", i, s.Counts["requests_total"], want)
		}
	}
}

func TestWhatASecondTellsIsBounded(t *testing.T) {
	m := telemetry.New(telemetry.Options{})
	var many []*telemetry.Model
	for i := range maxSeries + 10 {
		many = append(many, m.Model(fmt.Sprint("model-", i), "1", nil))
	}
	r := NewRecorder(Options{Metrics: m})
	for _, model := range many {
		model.Approve.Inc()
		model.Score.Observe(.5)
	}
	r.tick(r.at.Add(time.Second))
	s := of(t, r).Ticks[0]
	if n, k := len(s.Counts["decisions_total"]), len(s.Times["score"]); n != maxSeries || k != maxSeries {
		t.Errorf("%d decisions and %d scores are told, want %d", n, k, maxSeries)
	}
}

func TestWhatIsRememberedOfRequestsIsTold(t *testing.T) {
	m, at := telemetry.New(telemetry.Options{}), time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	recent := telemetry.NewRecent(func() time.Time { return at })
	times := telemetry.Times{Begun: at}
	times.Laps[telemetry.StageAdmit] = telemetry.Lap{From: 1000, To: 3000, Busy: 2000, Times: 1}
	times.Laps[telemetry.StageScore] = telemetry.Lap{From: 5000, To: 5_000_000, Busy: 4_000_000, Times: 3}
	recent.Told(&telemetry.Request{
		ID: "r-1", Route: "/v1/score", Status: 200, Key: "k1", Model: "fraud", Version: 3, Events: 1, Decision: "approve",
		Took: 6 * time.Millisecond, Times: &times,
	})
	recent.Told(&telemetry.Request{ID: "a\nb", Route: "/v1/score", Status: 422, Problem: "wrong-type", Key: "k1", Times: &times})
	r := NewRecorder(Options{Metrics: m, Recent: recent})
	v, err := r.join()
	if err != nil {
		t.Fatal(err)
	}
	defer r.part(v)
	<-v.messages
	var got any
	unframe(t, <-v.messages, "told", &got)
	var want any
	if err := json.Unmarshal([]byte(`{"slow":[{"at":1795737600000,"id":"r-1","route":"/v1/score","status":200,"key":"k1","model":"fraud",
		"version":3,"events":1,"replayed":0,"degraded":0,"decision":"approve","took":0.006,
		"stages":[["admit",0.000001,0.000002,1],["score",0.000005,0.004,3]]}],
		"problems":[{"route":"/v1/score","code":"wrong-type","count":1,"last":1795737600000,"request":"a\nb"}],
		"clients":[{"key":"k1","requests":2,"denied":1,"failed":0}]}`), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// measured makes a process that serves as many versions as few do, all of them busy.
func measured(versions int) (m *telemetry.Metrics, busy func()) {
	m = telemetry.New(telemetry.Options{})
	var routes []*telemetry.Route
	for i := range 16 {
		routes = append(routes, m.Route(fmt.Sprint("/route/", i), telemetry.NoPromise))
	}
	features := make([]string, 200)
	for i := range features {
		features[i] = fmt.Sprint("feature_", i)
	}
	var models []*telemetry.Model
	for i := range versions {
		models = append(models, m.Model("fraud", fmt.Sprint(i), features))
	}
	return m, func() {
		for _, r := range routes {
			r.Answered(200, 0, time.Millisecond)
		}
		for _, model := range models {
			model.Approve.Inc()
			model.Score.Observe(.01)
			model.Missing[3].Inc()
		}
	}
}

func TestASampleTakesLittleMemory(t *testing.T) {
	m, busy := measured(4)
	r := NewRecorder(Options{Metrics: m})
	at := r.at
	for range kept {
		busy()
		at = at.Add(time.Second)
		r.tick(at)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const n = 100
	for range n {
		busy()
		at = at.Add(time.Second)
		r.tick(at)
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / n; each > 256<<10 {
		t.Errorf("a sample takes %d bytes", each)
	}
	held := 0
	for _, data := range r.ring {
		held += len(data)
	}
	if held > 1<<20 {
		t.Errorf("%d bytes are kept", held)
	}
	t.Logf("%d bytes a sample, %d kept", (after.TotalAlloc-before.TotalAlloc)/n, held)
}

func BenchmarkTick(b *testing.B) {
	for _, versions := range []int{2, 100} {
		b.Run(fmt.Sprint(versions, " versions"), func(b *testing.B) {
			m, busy := measured(versions)
			r := NewRecorder(Options{Metrics: m})
			at := r.at
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				busy()
				at = at.Add(time.Second)
				b.StartTimer()
				r.tick(at)
			}
		})
	}
}
