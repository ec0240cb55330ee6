package emf

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/besra-ml/besra/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 11, 27, 8, 0, 0, 123_000_000, time.UTC)

func newReporter(t *testing.T, out io.Writer, change func(*Options)) (*Reporter, *telemetry.Metrics) {
	t.Helper()
	o := Options{
		Namespace: "besra", Service: "payments", Metrics: telemetry.New(telemetry.Options{}), Out: out,
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
	}
	if change != nil {
		change(&o)
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r, o.Metrics
}

// A document is a line as CloudWatch reads it: by what its metadata refers to.
type document struct {
	dimensions [][]string // of each set: name=value
	single     map[string]float64
	values     map[string]map[float64]float64 // how often, by value
	units      map[string]string
	rest       map[string]any // what is no metric and no dimension
}

// read reads lines, and holds each to AWS's specification of the format.
func read(t *testing.T, lines []byte) (all []document) {
	t.Helper()
	in := bufio.NewScanner(bytes.NewReader(lines))
	in.Buffer(nil, 1<<20) // the most that CloudWatch takes of a line
	for in.Scan() {
		d := document{single: map[string]float64{}, values: map[string]map[float64]float64{}, units: map[string]string{}, rest: map[string]any{}}
		root := map[string]any{}
		if err := json.Unmarshal(in.Bytes(), &root); err != nil {
			t.Fatal(err)
		}
		var meta struct {
			AWS struct {
				Timestamp         int64
				CloudWatchMetrics []struct {
					Namespace  string
					Dimensions [][]string
					Metrics    []struct {
						Name, Unit        string
						StorageResolution *int
					}
				}
			} `json:"_aws"`
		}
		strict := json.NewDecoder(bytes.NewReader(mustJSON(t, map[string]any{"_aws": root["_aws"]})))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&meta); err != nil {
			t.Fatal(err)
		}
		if got := meta.AWS.Timestamp; got != now.UnixMilli() || len(meta.AWS.CloudWatchMetrics) != 1 {
			t.Fatalf("%d, %s", got, in.Bytes())
		}
		directive := meta.AWS.CloudWatchMetrics[0]
		used := map[string]bool{"_aws": true}
		if n := directive.Namespace; n != "besra" || len(directive.Dimensions) == 0 || len(directive.Metrics) == 0 || len(directive.Metrics) > 100 {
			t.Errorf("%s", in.Bytes())
		}
		for _, set := range directive.Dimensions {
			var spelled []string
			if len(set) > 30 {
				t.Errorf("%d dimensions", len(set))
			}
			for _, name := range set {
				value, ok := root[name].(string) // a member of the root, and text
				if !ok || value == "" || len(value) > 1024 || len(name) < 1 || len(name) > 250 {
					t.Errorf("dimension %q is %v", name, root[name])
				}
				spelled = append(spelled, name+"="+value)
				used[name] = true
			}
			d.dimensions = append(d.dimensions, spelled)
		}
		for _, m := range directive.Metrics {
			if len(m.Name) < 1 || len(m.Name) > 1024 || used[m.Name] || !slices.Contains([]string{"Count", "Milliseconds"}, m.Unit) {
				t.Errorf("metric %+v", m)
			}
			used[m.Name], d.units[m.Name] = true, m.Unit
			switch v := root[m.Name].(type) {
			case float64:
				d.single[m.Name] = v
			case map[string]any:
				values, counts := v["Values"].([]any), v["Counts"].([]any)
				if len(values) != len(counts) || len(values) == 0 || len(values) > 100 || len(v) != 2 {
					t.Errorf("%s: %v", m.Name, v)
				}
				d.values[m.Name] = map[float64]float64{}
				for i := range values {
					d.values[m.Name][values[i].(float64)] += counts[i].(float64)
				}
			default:
				t.Errorf("%s: %v", m.Name, v)
			}
		}
		for name, v := range root {
			if !used[name] {
				d.rest[name] = v
			}
		}
		all = append(all, d)
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLines(t *testing.T) {
	var out bytes.Buffer
	r, m := newReporter(t, &out, nil)
	flush := func() []document {
		t.Helper()
		out.Reset()
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		return read(t, out.Bytes())
	}
	service := [][]string{{"service=payments"}}

	if got := flush(); len(got) != 0 {
		t.Fatalf("nothing has happened, and that is told: %v", got)
	}

	score, batch, health := m.Route("/v1/score", telemetry.NoPromise), m.Route("/v1/score/batch", telemetry.NoPromise), m.Route("/livez", telemetry.NoPromise)
	fraud, abuse := m.Model("fraud", "3", []string{"amount"}), m.Model("fraud", "4", []string{"amount"})
	spam := m.Model("spam \"1\"", "1", nil)
	for range 3 {
		score.Answered(200, 0, 600*time.Microsecond)
	}
	score.Answered(503, 0, 40*time.Second)
	batch.Answered(500, 0, 10*time.Microsecond)
	batch.Answered(429, 0, 10*time.Microsecond)
	health.Answered(200, 0, time.Millisecond)
	fraud.Approve.Add(5)
	abuse.Approve.Inc()
	abuse.Degraded.Inc()
	spam.Decline.Inc()
	m.Replay.Hit.Inc()
	m.Replay.Miss.Inc()
	m.Store.Uses[0].Late.Inc()
	m.Store.Uses[1].Down.Inc()

	t.Run("a line tells of the service, and one of each model", func(t *testing.T) {
		want := []document{
			{
				dimensions: service,
				single:     map[string]float64{"Requests": 6, "Errors": 2, "Replayed": 1, "StoreErrors": 2},
				values: map[string]map[float64]float64{
					"Latency": {0.625: 3, 10_000: 1}, "BatchLatency": {0.0125: 2},
				},
				units: map[string]string{
					"Requests": "Count", "Errors": "Count", "Replayed": "Count", "StoreErrors": "Count",
					"Latency": "Milliseconds", "BatchLatency": "Milliseconds",
				},
				rest: map[string]any{},
			},
			{
				dimensions: [][]string{{"service=payments"}, {"service=payments", "model=fraud"}},
				single:     map[string]float64{"Approve": 6, "Degraded": 1},
				values:     map[string]map[float64]float64{},
				units:      map[string]string{"Approve": "Count", "Degraded": "Count"}, rest: map[string]any{},
			},
			{
				dimensions: [][]string{{"service=payments"}, {"service=payments", `model=spam "1"`}},
				single:     map[string]float64{"Decline": 1},
				values:     map[string]map[float64]float64{},
				units:      map[string]string{"Decline": "Count"}, rest: map[string]any{},
			},
		}
		if diff := cmp.Diff(want, flush(), cmp.AllowUnexported(document{})); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("the next tells what has happened since", func(t *testing.T) {
		if got := flush(); len(got) != 0 {
			t.Errorf("nothing has, and that is told: %v", got)
		}
		score.Answered(200, 0, 600*time.Microsecond)
		fraud.Review.Inc()
		got := flush()
		if len(got) != 2 || !cmp.Equal(got[0].single, map[string]float64{"Requests": 1}) || !cmp.Equal(got[0].values, map[string]map[float64]float64{"Latency": {0.625: 1}}) ||
			!cmp.Equal(got[1].single, map[string]float64{"Review": 1}) {
			t.Errorf("%+v", got)
		}
	})

	t.Run("a version that is gone takes nothing back, and one that comes again begins anew", func(t *testing.T) {
		m.Forget("fraud", "3")
		if got := flush(); len(got) != 0 {
			t.Errorf("%+v", got)
		}
		m.Model("fraud", "3", []string{"amount"}).Approve.Add(2)
		if got := flush(); len(got) != 1 || got[0].single["Approve"] != 2 {
			t.Errorf("%+v", got)
		}
	})

	t.Run("what could not be written is written later", func(t *testing.T) {
		broken := &failing{err: errors.New("no space left")}
		r.options.Out = broken
		score.Answered(200, 0, 600*time.Microsecond)
		if err := r.Flush(t.Context()); err == nil {
			t.Error("written")
		}
		r.options.Out = &out
		score.Answered(200, 0, 600*time.Microsecond)
		if got := flush(); len(got) != 1 || got[0].single["Requests"] != 2 {
			t.Errorf("%+v", got)
		}
	})
}

type failing struct{ err error }

func (f *failing) Write([]byte) (int, error) { return 0, f.err }

// A call is what the context of one of a function's calls has.
type call struct{}

func calledAs(t testing.TB, id string) context.Context {
	return context.WithValue(t.Context(), call{}, id)
}

// lambda makes a reporter of a function, whose clock is set by hand.
func lambda(t testing.TB, out io.Writer) (r *Reporter, route *telemetry.Route, clock *time.Time) {
	t.Helper()
	clock = new(time.Time)
	*clock = now
	m := telemetry.New(telemetry.Options{})
	r, err := New(Options{
		Namespace: "besra", Service: "payments", Metrics: m, Out: out, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return *clock }, Function: "score", Properties: func(ctx context.Context) []Field {
			id, _ := ctx.Value(call{}).(string)
			return []Field{{"function_request_id", id}, {"xray_trace_id", "1-5759e988-bd86"}}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, m.Route("/v1/score", telemetry.NoPromise), clock
}

func TestFunction(t *testing.T) {
	var out bytes.Buffer
	r, route, _ := lambda(t, &out)
	route.Answered(200, 0, time.Millisecond)
	if err := r.FlushDue(calledAs(t, "r-1")); err != nil {
		t.Fatal(err)
	}
	got := read(t, out.Bytes())
	rest := map[string]any{"function_request_id": "r-1", "xray_trace_id": "1-5759e988-bd86"}
	if len(got) != 2 || !cmp.Equal(got[0].rest, rest) || !cmp.Equal(got[1].rest, rest) {
		t.Fatalf("%+v", got)
	}
	i := slices.IndexFunc(got, func(d document) bool { return d.single["ColdStart"] == 1 })
	if i < 0 || !cmp.Equal(got[i].dimensions, [][]string{{"service=payments", "function_name=score"}}) || len(got[i].single) != 1 {
		t.Errorf("%+v", got)
	}
	out.Reset()
	if err := r.Flush(t.Context()); err != nil || out.Len() != 0 {
		t.Errorf("a start is cold once: %v, %s", err, out.Bytes())
	}
}

func TestFlushDue(t *testing.T) {
	t.Run("lines are written when their time has come, whatever came between", func(t *testing.T) {
		var out bytes.Buffer
		r, route, clock := lambda(t, &out)
		lines := func(after time.Duration) (n float64) {
			t.Helper()
			*clock = clock.Add(after)
			route.Answered(200, 0, time.Millisecond)
			out.Reset()
			if err := r.FlushDue(calledAs(t, "r-2")); err != nil {
				t.Fatal(err)
			}
			stamp := now
			now = *clock // that lines are held to
			defer func() { now = stamp }()
			for _, d := range read(t, out.Bytes()) {
				n += d.single["Requests"]
			}
			return n
		}
		for _, step := range []struct {
			after time.Duration
			want  float64
		}{
			{0, 1}, // with the cold start
			{time.Second, 0},
			{58 * time.Second, 0},
			{time.Second, 3},
			{time.Hour, 1},        // it was frozen
			{-2 * time.Hour, 1},   // the clock was put back
			{30 * time.Second, 0}, // which is told once
			{30 * time.Second, 2},
		} {
			if got := lines(step.after); got != step.want {
				t.Errorf("after %v: %v requests are told, want %v", step.after, got, step.want)
			}
		}
	})

	t.Run("of several calls at once one writes, and says which it was", func(t *testing.T) {
		var out shared
		r, route, _ := lambda(t, &out)
		var team sync.WaitGroup
		for _, id := range []string{"r-1", "r-2", "r-3", "r-4"} {
			team.Go(func() {
				route.Answered(200, 0, time.Millisecond)
				if err := r.FlushDue(calledAs(t, id)); err != nil {
					t.Error(err)
				}
			})
		}
		team.Wait()
		if err := r.Flush(calledAs(t, "the end")); err != nil {
			t.Error(err)
		}
		requests, ids := 0.0, map[any]bool{}
		for _, d := range read(t, out.Bytes()) {
			requests += d.single["Requests"]
			ids[d.rest["function_request_id"]] = true
		}
		if delete(ids, "the end"); requests != 4 || len(ids) != 1 || ids[""] {
			t.Errorf("%v requests, by %v", requests, ids)
		}
	})

	t.Run("where nothing is due it takes no memory", func(t *testing.T) {
		r, route, _ := lambda(t, io.Discard)
		ctx := calledAs(t, "r-1")
		_ = r.FlushDue(ctx)
		route.Answered(200, 0, time.Millisecond)
		if n := testing.AllocsPerRun(1000, func() { _ = r.FlushDue(ctx) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func BenchmarkFlushDue(b *testing.B) {
	for name, every := range map[string]time.Duration{"not due": time.Hour, "due": time.Nanosecond} {
		b.Run(name, func(b *testing.B) {
			m := telemetry.New(telemetry.Options{})
			r, err := New(Options{Namespace: "besra", Service: "payments", Every: every, Metrics: m, Out: io.Discard, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			route := m.Route("/v1/score", telemetry.NoPromise)
			b.ReportAllocs()
			ctx := b.Context()
			for b.Loop() {
				if every < time.Second {
					route.Answered(200, 0, time.Millisecond)
				}
				_ = r.FlushDue(ctx)
			}
		})
	}
}

// A shared buffer is written by one goroutine and looked at by another.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *shared) Bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.b.Bytes())
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out shared
		r, m := newReporter(t, &out, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Run(ctx)
		}()
		route := m.Route("/v1/score", telemetry.NoPromise)
		route.Answered(200, 0, time.Millisecond)
		synctest.Wait()
		if len(out.Bytes()) != 0 {
			t.Error("too early")
		}
		time.Sleep(time.Minute + time.Millisecond)
		synctest.Wait()
		if got := read(t, out.Bytes()); len(got) != 1 {
			t.Errorf("%+v", got)
		}
		route.Answered(200, 0, time.Millisecond)
		cancel()
		<-done
		if got := read(t, out.Bytes()); len(got) != 2 {
			t.Errorf("what was left in the end: %+v", got)
		}
	})
}

func TestNamespace(t *testing.T) {
	for name, want := range map[string]bool{
		"besra": true, "Team/besra.prod-1_a#2": true, "": false, "AWS/Lambda": false, "a b": false, "a:b": false, strings.Repeat("a", 256): false,
	} {
		if _, err := New(Options{Namespace: name}); (err == nil) != want {
			t.Errorf("%q: %v", name, err)
		}
	}
}
