package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTimeline(t *testing.T) {
	t.Run("a stage that is entered again is one lap", func(t *testing.T) {
		var l Lap
		l.add(10, 20)
		l.add(50, 55)
		l.add(30, 31)
		if d := cmp.Diff(Lap{From: 10, To: 55, Busy: 16, Times: 3}, l); d != "" {
			t.Error(d)
		}
	})

	t.Run("one stage begins where the other ended", func(t *testing.T) {
		var l Timeline
		l.Start(time.Now())
		at := l.Spent(StageDecode, 0)
		end := l.Spent(StageScore, at)
		if l.Laps[StageDecode].To != l.Laps[StageScore].From || l.Laps[StageScore].To != end || end < at {
			t.Errorf("%+v", l.Laps)
		}
		l.Start(time.Now())
		if l.Laps != [StageCount]Lap{} || len(l.Calls()) != 0 {
			t.Errorf("%+v of the request before", l.Laps)
		}
	})

	t.Run("nobody's timeline takes notes of nothing", func(t *testing.T) {
		var l *Timeline
		l.Called("state", time.Now(), time.Now(), false)
		if l.Now() != 0 || l.Spent(StageScore, 0) != 0 {
			t.Error("it tells a time")
		}
	})

	t.Run("calls of several goroutines are all in the lap, and the first are told", func(t *testing.T) {
		var l Timeline
		l.Start(time.Now())
		var team sync.WaitGroup
		for range 3 * maxCalls {
			team.Go(func() { l.Called("state", l.Begun.Add(time.Second), l.Begun.Add(3*time.Second), true) })
		}
		team.Wait()
		lap := l.Laps[StageStore]
		if lap.Times != 3*maxCalls || lap.Busy != 3*maxCalls*2*time.Second || lap.From != time.Second || lap.To != 3*time.Second {
			t.Errorf("%+v", lap)
		}
		if len(l.Calls()) != maxCalls || l.Calls()[0] != (Call{"state", time.Second, 3 * time.Second, true}) {
			t.Errorf("%+v", l.Calls())
		}
	})
}

func TestTraces(t *testing.T) {
	const id, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for header, want := range map[string]string{
		"00-" + id + "-" + span + "-01":                      id + " " + span + " true",
		"00-" + id + "-" + span + "-00":                      id + " " + span + " false",
		"00-" + id + "-" + span + "-ff":                      id + " " + span + " true",
		"cc-" + id + "-" + span + "-01-later":                id + " " + span + " true",
		"cc-" + id + "-" + span + "-01.later":                "",
		"00-" + id + "-" + span + "-01-more":                 "",
		"ff-" + id + "-" + span + "-01":                      "",
		"00-" + strings.ToUpper(id) + "-" + span + "-01":     "",
		"00-" + strings.Repeat("0", 32) + "-" + span + "-01": "",
		"00-" + id + "-0000000000000000-01":                  "",
		"00-" + id + "-" + span + "-0":                       "",
		"00_" + id + "-" + span + "-01":                      "",
		"":                                                   "",
	} {
		if got := spell(ReadTraceparent(header)); got != want {
			t.Errorf("traceparent %q is %q, want %q", header, got, want)
		}
	}
	const root = "1-5759e988-bd862e3fe1be46a994272793"
	const rootID = "5759e988bd862e3fe1be46a994272793"
	for header, want := range map[string]string{
		"Root=" + root + ";Parent=53995c3f42cd8ad8;Sampled=1":   rootID + " 53995c3f42cd8ad8 true",
		"Root=" + root + "; Parent=53995c3f42cd8ad8; Sampled=0": rootID + " 53995c3f42cd8ad8 false",
		"Sampled=?;Root=" + root + ";Lineage=a:b":               rootID + " 0000000000000000 false",
		"Self=1-x;Root=" + root:                                 rootID + " 0000000000000000 false",
		"Root=2" + root[1:]:                                     "",
		"Root=" + root + ";Parent=53995c3f42cd8ad":              "",
		"Root=" + root[:34]:                                     "",
		"Parent=53995c3f42cd8ad8;Sampled=1":                     "",
		"":                                                      "",
	} {
		if got := spell(ReadXRay(header)); got != want {
			t.Errorf("X-Amzn-Trace-Id %q is %q, want %q", header, got, want)
		}
	}
}

func spell(t Trace) string {
	if t.None() {
		return ""
	}
	return fmt.Sprintf("%s %x %v", t, t.Parent, t.Sampled)
}

// A clock is what time it is in a test.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func TestRecent(t *testing.T) {
	c := &clock{time.Unix(1_700_000_000, 0)}
	r := NewRecent(c.now)
	tell := func(took time.Duration, status int, problem, key string) {
		r.Told(&Request{
			ID: took.String(), Route: "/v1/score", Model: "fraud", Status: status, Problem: problem, Key: key, Took: took,
			Times: &Times{Begun: c.at},
		})
	}
	for i := range 100 { // in no order
		tell(time.Duration(1+i*37%100)*time.Millisecond, 200, "", "k1")
	}
	t.Run("the slowest are kept, the slowest first", func(t *testing.T) {
		var got []time.Duration
		for _, s := range r.Slowest() {
			got = append(got, s.Took/time.Millisecond)
		}
		var want []time.Duration
		for i := range slowKept {
			want = append(want, time.Duration(100-i))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})

	t.Run("what is kept is a copy", func(t *testing.T) {
		times := Times{Begun: c.at}
		r.Told(&Request{Model: "fraud", Took: time.Hour, Times: &times})
		times.Begun = time.Time{}
		if r.Slowest()[0].Times.Begun != c.at {
			t.Error("it changed with the request")
		}
	})

	t.Run("those that were slow long ago keep nobody out, though nobody looks", func(t *testing.T) {
		c.at = c.at.Add(slowFor + time.Second)
		tell(time.Microsecond, 200, "", "k1")
		if all := r.Slowest(); len(all) != 1 || all[0].Took != time.Microsecond {
			t.Errorf("%d are there, want the new one", len(all))
		}
	})

	t.Run("they are forgotten in time, and others take their place", func(t *testing.T) {
		c.at = c.at.Add(slowFor + time.Second)
		if n := len(r.Slowest()); n != 0 {
			t.Errorf("%d are still there", n)
		}
		tell(time.Microsecond, 200, "", "k1")
		if n := len(r.Slowest()); n != 1 {
			t.Errorf("%d are there, want the new one", n)
		}
	})

	t.Run("problems are counted by route and code", func(t *testing.T) {
		tell(1, 422, "out-of-bounds", "k2")
		tell(2, 422, "out-of-bounds", "k2")
		tell(3, 503, "overloaded", "k2")
		want := []ProblemCount{
			{"/v1/score", "out-of-bounds", 2, c.at, "2ns"}, {"/v1/score", "overloaded", 1, c.at, "3ns"},
		}
		if d := cmp.Diff(want, r.Problems()); d != "" {
			t.Error(d)
		}
		c.at = c.at.Add(problemsFor + time.Second)
		if got := r.Problems(); len(got) > 0 {
			t.Errorf("%v after an hour", got)
		}
	})

	t.Run("clients are told apart, but not without end", func(t *testing.T) {
		want := []ClientCount{{"k1", 102, 0, 0}, {"k2", 3, 2, 1}}
		if d := cmp.Diff(want, r.Clients()); d != "" {
			t.Error(d)
		}
		for i := range 3 * clientsKept {
			tell(1, 200, "", fmt.Sprint("token", i))
		}
		all := r.Clients()
		other := slices.IndexFunc(all, func(c ClientCount) bool { return c.Key == OtherClients })
		if len(all) != clientsKept+1 || all[other].Requests != 3*clientsKept-(clientsKept-2) {
			t.Errorf("%d clients, others %+v", len(all), all[other])
		}
	})
}

func TestRequestLog(t *testing.T) {
	c := &clock{time.Unix(1_700_000_000, 0)}
	var out bytes.Buffer
	metrics := New(Options{})
	newLog := func(sample float64) *RequestLog {
		out.Reset()
		return NewRequestLog(RequestLogOptions{
			Log: slog.New(slog.NewJSONHandler(&out, nil)), Sample: sample, Most: 5, Dropped: metrics.Log.Dropped, Now: c.now,
		})
	}
	lines := func() []string { return strings.Split(strings.TrimSpace(out.String()), "\n") }

	t.Run("a line has what is told of the request", func(t *testing.T) {
		l := newLog(0)
		times := Times{}
		times.Laps[StageScore].add(0, 1500*time.Microsecond)
		l.Told(&Request{
			ID: "r1", Route: "/v1/score", Method: "POST", Status: 503, Problem: "not-ready", Reason: "overload", Cause: errors.New("disk"),
			Key: "k1", Tenant: "t", Model: "fraud", Version: 3, Events: 2, Refused: 1, Degraded: 1, Decision: "review",
			Entities: []Listed{{"card", "00ff"}}, Took: 2 * time.Millisecond, Trace: Trace{ID: [16]byte{15: 1}}, Times: &times,
		})
		var got map[string]any
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		delete(got, "time")
		want := map[string]any{
			"level": "ERROR", "msg": "request", "request": "r1", "route": "/v1/score", "method": "POST", "status": 503.0, "ms": 2.0,
			"code": "not-ready", "reason": "overload", "error": "disk", "key": "k1", "tenant": "t", "model": "fraud", "version": 3.0,
			"events": 2.0, "refused": 1.0, "degraded": 1.0, "decision": "review", "card": "00ff",
			"trace": "00000000000000000000000000000001", "stages": map[string]any{"score": 1.5},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})

	t.Run("of those that went well a share is told", func(t *testing.T) {
		for sample, most := range map[float64][2]int{0: {0, 0}, 1: {4000, 4000}, 0.25: {800, 1200}} {
			l := newLog(sample)
			l.o.Most = 1 << 20
			for range 4000 {
				l.Told(&Request{Status: 200, Times: new(Times)})
			}
			if n := strings.Count(out.String(), "\n"); n < most[0] || n > most[1] {
				t.Errorf("%d of 4000 lines with a share of %v", n, sample)
			}
		}
	})

	t.Run("those that went wrong are all told, up to so many a second, and the rest is counted", func(t *testing.T) {
		l := newLog(0)
		before := metrics.Log.Dropped.Value()
		for range 12 {
			l.Told(&Request{Status: 429, Times: new(Times)})
		}
		if n := len(lines()); n != 5 {
			t.Errorf("%d lines", n)
		}
		if n := metrics.Log.Dropped.Value() - before; n != 7 {
			t.Errorf("%d were counted", n)
		}
		c.at = c.at.Add(time.Second)
		l.Told(&Request{Status: 200, Degraded: 1, Times: new(Times)})
		if all := lines(); len(all) != 6 || !strings.Contains(all[5], `"left_out":7`) || !strings.Contains(all[5], `"WARN"`) {
			t.Errorf("%q", all)
		}
	})
}
