package load

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func ok(http.ResponseWriter, *http.Request) {}

// measure runs o and checks that the parts of the report add up.
func measure(t *testing.T, o Options) Report {
	t.Helper()
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Planned != r.Sent+r.Unsent || r.Sent != r.Answered+r.Failed {
		t.Errorf("planned %d, sent %d, unsent %d, answered %d, failed %d do not add up", r.Planned, r.Sent, r.Unsent, r.Answered, r.Failed)
	}
	var sent, answered int64
	for _, i := range r.Timeline {
		sent += i.Sent
		answered += i.Answered
	}
	if sent != r.Sent || answered != r.Answered {
		t.Errorf("the timeline has %d sent and %d answered, the report %d and %d", sent, answered, r.Sent, r.Answered)
	}
	return r
}

// sometime is for what a busy machine can spoil: try must succeed in one of several runs.
func sometime(t *testing.T, try func() error) {
	t.Helper()
	var err error
	for range 6 {
		if err = try(); err == nil {
			return
		}
		t.Log("once more:", err)
	}
	t.Error(err)
}

func TestRun(t *testing.T) {
	t.Run("a stall is seen by all who would have come meanwhile", func(t *testing.T) {
		// One connection, so that the stall blocks everything as a stopped process would.
		const stall = 300 * time.Millisecond
		sometime(t, func() error {
			var n atomic.Int64
			url := serve(t, func(http.ResponseWriter, *http.Request) {
				if n.Add(1) == 100 {
					time.Sleep(stall)
				}
			})
			r := measure(t, Options{URL: url, Rate: 500, Duration: time.Second, Connections: 1})
			// 150 of 500 were due during the stall and waited from 300 to 0 ms; one of them was slow by itself.
			ms := float64(stall.Milliseconds())
			if r.Latency.P90 < ms/4 || r.Latency.P99 < ms*3/4 || r.Latency.Max < ms {
				return fmt.Errorf("latency %+v hides the stall", r.Latency)
			}
			if r.Service.P90 > ms/4 || r.Service.P90 > r.Latency.P90/2 || r.Service.Max < ms {
				return fmt.Errorf("service %+v, although one request was slow", r.Service)
			}
			return nil
		})
	})

	t.Run("the rate is held", func(t *testing.T) {
		sometime(t, func() error {
			var n atomic.Int64
			url := serve(t, func(http.ResponseWriter, *http.Request) { n.Add(1) })
			r := measure(t, Options{URL: url, Rate: 1000, Duration: time.Second})
			if r.Planned != 1000 || n.Load() != r.Sent {
				t.Errorf("planned %d of 1000, sent %d, arrived %d", r.Planned, r.Sent, n.Load())
			}
			if r.Succeeded != r.Answered || r.Status[200] != r.Answered || r.Interrupted || r.Failed != 0 {
				t.Errorf("%+v", r)
			}
			if r.Latency.Max < r.Latency.P999 || r.Latency.P50 < r.Service.P50 || r.Service.P50 <= 0 {
				t.Errorf("%+v", r)
			}
			if r.Sent != 1000 || r.Rate < 960 || r.Rate > 1000 {
				return fmt.Errorf("sent %d at %v/s", r.Sent, r.Rate)
			}
			return nil
		})
	})

	t.Run("requests come evenly and not in one heap", func(t *testing.T) {
		sometime(t, func() error {
			var (
				mu    sync.Mutex
				times []time.Time
			)
			url := serve(t, func(http.ResponseWriter, *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				times = append(times, time.Now())
			})
			measure(t, Options{URL: url, Rate: 400, Duration: time.Second})
			quarter := map[int]int{}
			for _, at := range times {
				quarter[int(at.Sub(times[0])/(250*time.Millisecond))]++
			}
			for q := range 4 {
				if quarter[q] < 60 || quarter[q] > 140 {
					return fmt.Errorf("quarter %d has %d requests, want about 100", q, quarter[q])
				}
			}
			return nil
		})
	})

	t.Run("a ramp rises and then stays", func(t *testing.T) {
		sometime(t, func() error {
			var seen []Interval
			r := measure(t, Options{
				URL: serve(t, ok), Ramp: Ramp{From: 100, To: 900, Over: time.Second}, Duration: 2 * time.Second,
				Each: func(i Interval) { seen = append(seen, i) },
			})
			if r.Planned != 500+900 || r.TargetFrom != 100 || r.TargetTo != 900 || len(seen) == 0 {
				t.Errorf("planned %d from %v to %v, seen %v", r.Planned, r.TargetFrom, r.TargetTo, seen)
			}
			if first := seen[0].Sent; first < 300 || first > 750 {
				return fmt.Errorf("%d requests in the first second, want about 500", first)
			}
			return nil
		})
	})

	t.Run("what cannot be sent is said and left out of the percentiles", func(t *testing.T) {
		url := serve(t, func(http.ResponseWriter, *http.Request) { time.Sleep(20 * time.Millisecond) })
		r := measure(t, Options{URL: url, Rate: 1000, Duration: 500 * time.Millisecond, Connections: 2})
		if most := int64(2 * (r.Seconds/0.020 + 1)); r.Planned != 500 || r.Sent > most || r.Unsent < 500-most {
			t.Errorf("planned %d, sent %d, unsent %d in %v s", r.Planned, r.Sent, r.Unsent, r.Seconds)
		}
		if r.Latency.Max < 400 { // the last one sent was due long before
			t.Errorf("latency %+v does not show the queue", r.Latency)
		}
		if r.Rate > 2/0.020*1.1 {
			t.Errorf("%v/s, where two connections give 100", r.Rate)
		}
		if !strings.Contains(r.String(), "not sent") {
			t.Errorf("the table is silent about it:\n%s", r)
		}
	})

	t.Run("no more connections are open than allowed, and they are kept", func(t *testing.T) {
		var open, opened, most atomic.Int64
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Millisecond) }))
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				opened.Add(1)
				most.Store(max(open.Add(1), most.Load()))
			case http.StateClosed:
				open.Add(-1)
			}
		}
		s.Start()
		t.Cleanup(s.Close)
		r := measure(t, Options{URL: s.URL, Rate: 2000, Duration: 300 * time.Millisecond, Connections: 3})
		if r.Answered <= 10 || most.Load() > 3 || opened.Load() > 3 {
			t.Errorf("%d answered over %d connections, %d at once", r.Answered, opened.Load(), most.Load())
		}
	})

	t.Run("statuses are counted and only 2xx succeed", func(t *testing.T) {
		var n atomic.Int64
		statuses := []int{200, 204, 302, 404, 503}
		sent := [5]atomic.Int64{}
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			i := n.Add(1) % 5
			sent[i].Add(1)
			w.WriteHeader(statuses[i])
		})
		r := measure(t, Options{URL: url, Rate: 500, Duration: 200 * time.Millisecond})
		want := map[int]int64{}
		for i, status := range statuses {
			want[status] = sent[i].Load()
		}
		if diff := cmp.Diff(want, r.Status); diff != "" || r.Succeeded != want[200]+want[204] || r.Failed != 0 {
			t.Errorf("succeeded %d, failed %d: %s", r.Succeeded, r.Failed, diff)
		}
	})

	t.Run("failures are counted by kind", func(t *testing.T) {
		const refused = "http://127.0.0.1:1" // a port that is given to nobody who asks for any
		for kind, url := range map[string]string{
			"connection refused": refused,
			"connection closed": serve(t, func(http.ResponseWriter, *http.Request) {
				panic(http.ErrAbortHandler)
			}),
			"not HTTP": notHTTP(t),
			"timeout": serve(t, func(_ http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
			}),
		} {
			o := Options{URL: url, Rate: 100, Duration: 100 * time.Millisecond, Timeout: 10 * time.Second}
			if kind == "timeout" {
				o.Timeout = 150 * time.Millisecond
			}
			r := measure(t, o)
			if r.Succeeded != 0 || r.Failed == 0 || r.Errors[kind] != r.Failed {
				t.Errorf("%s: failed %d: %v", kind, r.Failed, r.Errors)
			}
			if kind == "timeout" && r.Latency.P50 < 150 {
				t.Errorf("latency %+v leaves out those who waited in vain", r.Latency)
			}
		}
	})

	t.Run("method, headers and bodies arrive as given, bodies in turn", func(t *testing.T) {
		var (
			mu   sync.Mutex
			seen = map[string]int64{}
		)
		url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			user, _, _ := r.BasicAuth()
			mu.Lock()
			defer mu.Unlock()
			seen[fmt.Sprint(r.Method, " ", r.Host, " ", user, " ", r.Header.Get("X-Key"), " ", r.Header.Get("Content-Type"), " ", string(body))]++
		})
		r := measure(t, Options{
			URL:  strings.Replace(url, "http://", "http://ann:secret@", 1),
			Rate: 300, Duration: 100 * time.Millisecond, Bodies: [][]byte{[]byte("{1}"), []byte("{2}"), []byte("{3}")},
			Header: http.Header{"X-Key": {"k"}, "Host": {"fraud.example"}},
		})
		want := map[string]int64{
			"POST fraud.example ann k application/json {1}": (r.Sent + 2) / 3,
			"POST fraud.example ann k application/json {2}": (r.Sent + 1) / 3,
			"POST fraud.example ann k application/json {3}": r.Sent / 3,
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Error(diff)
		}
		if strings.Contains(r.String(), "secret") {
			t.Error("the report tells the password")
		}
	})

	t.Run("redirects are not followed elsewhere", func(t *testing.T) {
		var strayed atomic.Bool
		elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { strayed.Store(true) })
		url := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, http.StatusFound) })
		r := measure(t, Options{URL: url, Rate: 100, Duration: 50 * time.Millisecond})
		if strayed.Load() || r.Sent == 0 || r.Status[302] != r.Sent {
			t.Errorf("strayed %v, %v", strayed.Load(), r.Status)
		}
	})

	t.Run("the warm-up is sent and not measured", func(t *testing.T) {
		var n atomic.Int64
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if n.Add(1) <= 40 {
				w.WriteHeader(500)
			}
		})
		r := measure(t, Options{URL: url, Rate: 200, Warmup: 200 * time.Millisecond, Duration: 300 * time.Millisecond, Connections: 1})
		if r.Planned != 60 || n.Load() != 40+r.Sent || r.Status[200] != r.Sent || r.Sent == 0 {
			t.Errorf("%d arrived, %d measured, %v", n.Load(), r.Sent, r.Status)
		}
	})

	t.Run("ending the context ends the run with a report", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var n atomic.Int64
		hung := make(chan struct{})
		url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			switch n.Add(1) {
			case 20:
				cancel()
			case 10: // in flight at the end, and longer than the grace
				<-r.Context().Done()
				close(hung)
			}
		})
		began := time.Now()
		r, err := Run(ctx, Options{URL: url, Rate: 200, Duration: time.Hour, Timeout: time.Hour})
		if err != nil || !r.Interrupted || r.Answered < 18 || r.Errors["interrupted"] != 1 {
			t.Errorf("%+v, %v", r, err)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("took %v", took)
		}
		<-hung
	})

	t.Run("a run that ended before it began is an empty report", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r, err := Run(ctx, Options{URL: serve(t, ok), Warmup: time.Minute})
		if err != nil || !r.Interrupted || r.Sent != 0 || r.Planned != 0 || r.Rate != 0 {
			t.Errorf("%+v, %v", r, err)
		}
		if !strings.Contains(r.String(), "interrupted") {
			t.Error(r.String())
		}
	})
}

// notHTTP starts a server that answers with something else.
func notHTTP(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 1024))
			io.WriteString(c, "SSH-2.0-x\r\n\r\n")
			c.Close()
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
	return "http://" + l.Addr().String()
}

func TestOptionsThatCannotBeFollowedAreRefused(t *testing.T) {
	const url = "http://127.0.0.1:1/"
	for want, o := range map[string]Options{
		"not an http:// or https:// address": {URL: "ftp://x/"},
		"is not an http://":                  {URL: "127.0.0.1/x"},
		"invalid control character":          {URL: "http://x/\n"},
		"rate -1":                            {URL: url, Rate: -1},
		"rate NaN":                           {URL: url, Rate: math.NaN()},
		"rate +Inf":                          {URL: url, Rate: math.Inf(1)},
		"rate 0":                             {URL: url, Ramp: Ramp{From: 0, To: 5, Over: time.Second}},
		"a ramp needs a duration":            {URL: url, Ramp: Ramp{From: 1, To: 5}},
		"ramp -1s":                           {URL: url, Ramp: Ramp{From: 1, To: 5, Over: -time.Second}, Duration: 1},
		"duration -1ns":                      {URL: url, Duration: -1},
		"duration 25h":                       {URL: url, Duration: 25 * time.Hour},
		"warm-up -1s":                        {URL: url, Warmup: -time.Second},
		"timeout -1s":                        {URL: url, Timeout: -time.Second},
		"-1 connections":                     {URL: url, Connections: -1},
		"100000 connections":                 {URL: url, Connections: 100_000},
		"method":                             {URL: url, Method: "A B"},
	} {
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want it to say %q", o, err, want)
		}
	}
}

func TestPlan(t *testing.T) {
	for name, o := range map[string]Options{
		"fixed rate":         {Ramp: Ramp{From: 1000, To: 1000}, Duration: 3 * time.Second},
		"odd rate":           {Ramp: Ramp{From: 7.3, To: 7.3}, Duration: 11 * time.Second},
		"rising":             {Ramp: Ramp{From: 10, To: 2000, Over: 2 * time.Second}, Duration: 2 * time.Second},
		"falling":            {Ramp: Ramp{From: 2000, To: 10, Over: 2 * time.Second}, Duration: 5 * time.Second},
		"flat ramp":          {Ramp: Ramp{From: 500, To: 500, Over: time.Second}, Duration: 2 * time.Second},
		"ramp cut short":     {Ramp: Ramp{From: 100, To: 1000, Over: 10 * time.Second}, Duration: time.Second},
		"with warm-up":       {Ramp: Ramp{From: 100, To: 1000, Over: time.Second}, Warmup: 700 * time.Millisecond, Duration: 2 * time.Second},
		"highest and steady": {Ramp: Ramp{From: maxRate, To: maxRate}, Duration: 100 * time.Millisecond},
	} {
		t.Run("due times rise evenly and agree with the rate: "+name, func(t *testing.T) {
			p := newPlan(o)
			last, total := time.Duration(-1), int64(0)
			for n := int64(0); ; n++ {
				due, ok := p.at(n)
				if !ok {
					break
				}
				if due < last || due < 0 {
					t.Fatalf("request %d is due at %v, the one before at %v", n, due, last)
				}
				if n > p.warm+1 && last > 0 {
					// The gap is the inverse of the rate in the middle of it.
					want := 1 / p.rate((due+last)/2)
					if got := (due - last).Seconds(); math.Abs(got-want) > want*0.1+2e-9 {
						t.Fatalf("request %d comes %v after the last, want %v", n, got, want)
					}
				}
				if n%100 == 0 && p.dueBy(due) > n {
					t.Fatalf("%d are due before request %d is", p.dueBy(due), n)
				}
				last, total = due, n+1
			}
			if got := p.dueBy(p.length); got != total {
				t.Errorf("dueBy says %d, at %d", got, total)
			}
			over := min(o.Ramp.Over, o.Duration).Seconds()
			area := o.Ramp.From*o.Warmup.Seconds() + (o.Ramp.From+p.rate(o.Warmup+min(o.Ramp.Over, o.Duration)))/2*over +
				o.Ramp.To*(o.Duration.Seconds()-over)
			if math.Abs(float64(total)-area) > 2 {
				t.Errorf("%d requests, want %v", total, area)
			}
		})
	}
}

func TestReport(t *testing.T) {
	r := Report{
		URL: "http://h/x", Method: "POST", Connections: 8, TargetFrom: 100, TargetTo: 12000, Seconds: 30,
		Planned: 1_234_600, Sent: 1_234_567, Unsent: 33, Answered: 1_234_560, Succeeded: 1_234_000, Failed: 7, Rate: 41152,
		Status: map[int]int64{200: 1_234_000, 503: 560}, Errors: map[string]int64{"timeout": 4, "connection reset": 3},
		Latency: Summary{P50: 0.3121, P90: 1.5, P99: 12.34, P999: 456.7, Max: 12345},
		Service: Summary{P50: 0.1, P90: 0.2, P99: 0.3, P999: 0.4, Max: 0.5},
	}
	t.Run("the table says it in a few lines", func(t *testing.T) {
		want := `POST http://h/x
100/s to 12,000/s intended, 8 connections, 30.0 s

sent         1,234,567
answered     1,234,560  41,152/s  200: 1,234,000, 503: 560
failed               7  connection reset: 3, timeout: 4
not sent            33  no connection was free; latency below leaves them out

ms             p50       p90       p99     p99.9       max
latency      0.312     1.500      12.3       457    12,345  from the intended send time
service      0.100     0.200     0.300     0.400     0.500  from the actual send
`
		if diff := cmp.Diff(want, r.String()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("its JSON has the promised names", func(t *testing.T) {
		data, err := json.Marshal(r, json.Deterministic(true))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			`"status":{"200":1234000,"503":560}`, `"errors":{"connection reset":3,"timeout":4}`,
			`"latency_ms":{"mean":0,"p50":0.3121,"p90":1.5,"p99":12.34,"p99.9":456.7,"max":12345}`, `"rate":41152`, `"timeline":[]`,
		} {
			if !strings.Contains(string(data), want) {
				t.Errorf("%s is not in %s", want, data)
			}
		}
	})
	t.Run("a terminal gets one line and a file many", func(t *testing.T) {
		i := Interval{From: 2, To: 3, Target: 1000, Sent: 1000, Answered: 990, Failed: 2, Waiting: 8, Latency: Summary{P50: 0.3, P99: 1, Max: 20}}
		line := "   3 s  1,000/s intended, 990/s answered, p50 0.300 ms, p99 1.000 ms, max 20.0 ms, 8 waiting, 2 failed"
		for terminal, want := range map[bool]string{false: line + "\n", true: "\r" + line + "\x1b[K"} {
			var b strings.Builder
			Live(&b, terminal)(i)
			if diff := cmp.Diff(want, b.String()); diff != "" {
				t.Error(diff)
			}
		}
	})
}

func TestInput(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Run("bodies are one a line and a body is the file", func(t *testing.T) {
		path := file("two", "{\"a\":1}\r\n\n{\"b\":2}")
		bodies, err := ReadBodies(path)
		if diff := cmp.Diff([][]byte{[]byte(`{"a":1}`), []byte(`{"b":2}`)}, bodies); diff != "" || err != nil {
			t.Error(diff, err)
		}
		body, err := ReadBody(path)
		if len(body) != 1 || len(body[0]) != 17 || err != nil {
			t.Errorf("%q, %v", body, err)
		}
	})
	t.Run("a file without bodies is refused", func(t *testing.T) {
		if _, err := ReadBodies(file("none", "\n \n")); err == nil {
			t.Error("no error")
		}
		if _, err := ReadBodies(filepath.Join(dir, "absent")); err == nil {
			t.Error("no error")
		}
		if _, err := ReadBody(dir); err == nil {
			t.Error("no error")
		}
	})
	t.Run("a file that does not end is refused before memory is full", func(t *testing.T) {
		path := filepath.Join(dir, "sparse")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Truncate(maxBodies + 1); err != nil {
			t.Skip("no sparse files here:", err)
		}
		if _, err := ReadBodies(path); err == nil || !strings.Contains(err.Error(), "more than 256 MiB") {
			t.Error(err)
		}
	})
	t.Run("headers are read or refused", func(t *testing.T) {
		if name, value, err := ParseHeader("X-Key:  a: b "); name != "X-Key" || value != "a: b" || err != nil {
			t.Error(name, value, err)
		}
		for _, bad := range []string{"", "X", ": x", "X Y: z", "X: a\r\nB: c", "X: \x00", "Ä: x"} {
			if _, _, err := ParseHeader(bad); err == nil {
				t.Errorf("%q is accepted", bad)
			}
		}
	})
	t.Run("ramps are read or refused", func(t *testing.T) {
		got, err := ParseRamp("100:10000:30s")
		if want := (Ramp{100, 10000, 30 * time.Second}); got != want || err != nil {
			t.Error(got, err)
		}
		for _, bad := range []string{"", "1:2", "1:2:3", "x:2:3s", "1:x:3s", "1:2:3s:4", "1:2:0s", "1:2:-3s"} {
			if _, err := ParseRamp(bad); err == nil {
				t.Errorf("%q is accepted", bad)
			}
		}
	})
}
