package otlp

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/telemetry"

	spans "go.opentelemetry.io/proto/slim/otlp/trace/v1"
)

// deliver tells of requests and returns what the collector has of them.
func deliver(t *testing.T, o Options, requests ...*telemetry.Request) *receiver {
	t.Helper()
	c := &receiver{t: t}
	o.Endpoint, o.Sample, o.Transport = "http://collector:4318", 1, direct{c}
	tr := newTracer(t, o)
	for _, r := range requests {
		tr.Told(r)
	}
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSpans(t *testing.T) {
	us := func(n int) time.Duration { return time.Duration(n) * time.Microsecond }
	r := request()
	r.Trace = telemetry.ReadTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	r.Trace.State = "vendor=1,other=2"
	r.Times.Laps[telemetry.StageHistory] = telemetry.Lap{From: us(30), To: us(950), Busy: us(300), Times: 2}
	var line telemetry.Timeline
	line.Start(begun)
	line.Called("state", begun.Add(us(50)), begun.Add(us(60)), false)    // in history and in score, which is shorter
	line.Called("state", begun.Add(us(920)), begun.Add(us(940)), true)   // in history
	line.Called("replay", begun.Add(us(960)), begun.Add(us(990)), false) // in none
	calls := line.Times
	calls.Laps, calls.Laps[telemetry.StageStore] = r.Times.Laps, line.Laps[telemetry.StageStore]
	r.Times = &calls

	c := deliver(t, Options{Store: func() string { return "valkey" }}, r)
	all := c.spans()
	names := map[string]*spans.Span{}
	ids := map[string]string{"00f067aa0ba902b7": "the client's"}
	slices.SortFunc(all, func(a, b *spans.Span) int { return cmp.Compare(a.GetStartTimeUnixNano(), b.GetStartTimeUnixNano()) })
	for _, s := range all {
		name := s.GetName()
		for names[name] != nil {
			name += "'"
		}
		names[name], ids[hexOf(s.GetSpanId())] = s, name
	}

	t.Run("each has its parent, kind and times", func(t *testing.T) {
		type shape struct {
			parent, kind string
			from, to     time.Duration
		}
		want := map[string]shape{
			"POST /v1/score": {"the client's", "SERVER", 0, us(1000)},
			"decode":         {"POST /v1/score", "INTERNAL", us(10), us(30)},
			"history":        {"POST /v1/score", "INTERNAL", us(30), us(950)},
			"score":          {"POST /v1/score", "INTERNAL", us(40), us(900)},
			"state":          {"score", "CLIENT", us(50), us(60)},
			"state'":         {"history", "CLIENT", us(920), us(940)},
			"replay":         {"POST /v1/score", "CLIENT", us(960), us(990)},
		}
		got := map[string]shape{}
		for name, s := range names {
			got[name] = shape{
				ids[hexOf(s.GetParentSpanId())], strings.TrimPrefix(s.GetKind().String(), "SPAN_KIND_"),
				time.Duration(s.GetStartTimeUnixNano() - uint64(begun.UnixNano())), time.Duration(s.GetEndTimeUnixNano() - uint64(begun.UnixNano())),
			}
			if id := hexOf(s.GetTraceId()); id != "4bf92f3577b34da6a3ce929d0e0e4736" || len(s.GetSpanId()) != 8 || s.GetTraceState() != r.Trace.State {
				t.Errorf("%s: trace %s, span %x, state %q", name, id, s.GetSpanId(), s.GetTraceState())
			}
			remote := uint32(spans.SpanFlags_SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
			if flags := s.GetFlags(); flags&1 == 0 || flags&uint32(spans.SpanFlags_SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK) == 0 || (flags&remote != 0) != (name == "POST /v1/score") {
				t.Errorf("%s: flags %b", name, flags)
			}
		}
		if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(shape{})); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("they say what operators gave names to, and nothing else", func(t *testing.T) {
		for name, want := range map[string]map[string]string{
			"POST /v1/score": {
				"http.request.method": "POST", "http.route": "/v1/score", "http.response.status_code": "200",
				"besra.request_id": "req-1", "besra.key": "shop", "besra.tenant": "eu", "besra.model": "fraud", "besra.version": "3",
				"besra.decision": "review", "besra.events": "1", "besra.store_calls": "3",
			},
			"decode": {},
			"score":  {"besra.busy_ms": "0.5", "besra.times": "2"},
			"state'": {"db.system.name": "valkey", "db.operation.name": "state"},
		} {
			if diff := gocmp.Diff(want, attributes(names[name].GetAttributes())); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
		}
		if got := names["state'"].GetStatus().GetCode(); got != spans.Status_STATUS_CODE_ERROR {
			t.Errorf("a call that failed: %v", got)
		}
		for _, name := range []string{"POST /v1/score", "score", "state"} {
			if got := names[name].GetStatus(); got != nil {
				t.Errorf("%s: %v", name, got)
			}
		}
		for _, s := range all {
			if strings.Contains(s.String(), "c0ffee") {
				t.Errorf("an entity in %v", s)
			}
		}
	})

	t.Run("the resource says who made them", func(t *testing.T) {
		resource := c.got[0].GetResourceSpans()[0]
		got := attributes(resource.GetResource().GetAttributes())
		if len(got["service.instance.id"]) != 36 || got["host.name"] == "" || got["telemetry.sdk.version"] == "" || got["os.type"] == "" {
			t.Errorf("%v", got)
		}
		scope := resource.GetScopeSpans()[0]
		for _, is := range [][2]string{
			{got["service.name"], "besra"},
			{got["service.version"], "1.2.3"},
			{got["telemetry.sdk.language"], "go"},
			{scope.GetScope().GetName(), "github.com/besra-ml/besra"},
			{scope.GetScope().GetVersion(), "1.2.3"},
			{scope.GetSchemaUrl(), resource.GetSchemaUrl()},
		} {
			if is[0] != is[1] || is[0] == "" {
				t.Errorf("%q, want %q", is[0], is[1])
			}
		}
	})
}

func TestTrouble(t *testing.T) {
	r := request()
	r.Route, r.Method, r.Status, r.Problem, r.Reason = telemetry.OtherRoute, "other", 503, "overloaded", "queue"
	r.Cause = errors.New("card 4000 0000 0000 0002 has no history")
	r.Refused, r.Degraded, r.Replayed, r.Events = 1, 2, 3, 6
	r.Trace.State = "only with a parent=1"
	c := deliver(t, Options{}, r)
	s := c.spans()[0]
	for _, one := range c.spans() {
		if one.GetKind() == spans.Span_SPAN_KIND_SERVER {
			s = one
		}
	}
	want := map[string]string{
		"http.request.method": "_OTHER", "http.response.status_code": "503", "error.type": "overloaded",
		"besra.request_id": "req-1", "besra.key": "shop", "besra.tenant": "eu", "besra.reason": "queue", "besra.model": "fraud",
		"besra.version": "3", "besra.decision": "review", "besra.events": "6", "besra.refused": "1", "besra.degraded": "2", "besra.replayed": "3",
	}
	if diff := gocmp.Diff(want, attributes(s.GetAttributes())); diff != "" {
		t.Error(diff)
	}
	if status := s.GetStatus(); status.GetCode() != spans.Status_STATUS_CODE_ERROR || status.GetMessage() != "overloaded" {
		t.Errorf("%v", status)
	}
	if s.GetName() != "HTTP" || len(s.GetParentSpanId()) != 0 || s.GetTraceState() != "" || hexOf(s.GetTraceId()) != r.Trace.String() {
		t.Errorf("%v", s)
	}
}
