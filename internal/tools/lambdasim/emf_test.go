//go:build unix

package lambdasim_test

import (
	"encoding/base64"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	coltrace "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
)

func printed(t *testing.T, lines ...string) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{"print": lines})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// embedded is a line as the format's specification shows it, changed.
func embedded(now time.Time, from, to string) string {
	line := fmt.Sprintf(`{"_aws":{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"besra","Dimensions":[["service"],["service","model"]],`+
		`"Metrics":[{"Name":"Requests","Unit":"Count"},{"Name":"Latency","Unit":"Milliseconds"}]}]},`+
		`"service":"payments","model":"fraud","Requests":3,"Latency":{"Values":[1,2.5],"Counts":[2,1]},"requestId":"x"}`, now.UnixMilli())
	return strings.Replace(line, from, to, 1)
}

func TestEmbeddedMetricsAreExtracted(t *testing.T) {
	f := start(t, nil)
	now := time.Now()
	invoke(t, f, printed(t, embedded(now, "", ""), "no metric", `{"level":"INFO","msg":"of \"_aws\""}`, embedded(now, `"Requests":3`, `"Requests":[1,1,5]`)))
	m := f.Options().Metrics
	lines, dropped, why := m.Embedded()
	if lines != 2 || dropped != 0 {
		t.Fatalf("%d lines, %d dropped: %q", lines, dropped, why)
	}
	service, model := lambdasim.Dimension{Name: "service", Value: "payments"}, lambdasim.Dimension{Name: "model", Value: "fraud"}
	got, ok := m.Get("besra", "Requests", service)
	if want := (lambdasim.Series{
		Namespace: "besra", Name: "Requests", Unit: "Count", Dimensions: []lambdasim.Dimension{service}, Count: 4, Sum: 10, Min: 1, Max: 5,
	}); !ok || !cmp.Equal(want, got, cmpopts.IgnoreUnexported(got), cmpopts.IgnoreFields(got, "Last")) {
		t.Errorf("%+v", got)
	}
	got, ok = m.Get("besra", "Latency", service, model)
	if !ok || got.Count != 6 || got.Sum != 9 || got.Percentile(0.5) != 1 || got.Percentile(0.99) != 2.5 {
		t.Errorf("%+v", got)
	}
	if _, ok := m.Get("besra", "Latency", model); ok {
		t.Error("there is a series that nobody asked for")
	}
	names := map[string]bool{}
	for _, s := range m.All() {
		names[s.Namespace+" "+s.Name] = true
	}
	if !names["AWS/Lambda Duration"] || !names["AWS/Lambda Invocations"] || !names["besra Requests"] {
		t.Errorf("%v", names)
	}
}

func TestWhatCloudWatchWouldDropIsCounted(t *testing.T) {
	now := time.Now()
	many := strings.TrimSuffix(strings.Repeat(`"service",`, 31), ",")
	bad := map[string]string{
		"older than two weeks":         embedded(now.Add(-15*24*time.Hour), "", ""),
		"comes in more than two hours": embedded(now.Add(3*time.Hour), "", ""),
		"no Timestamp":                 embedded(now, fmt.Sprintf(`"Timestamp":%d,`, now.UnixMilli()), ""),
		"no CloudWatchMetrics":         embedded(now, `CloudWatchMetrics`, `LogGroupName":"x","CloudWatchMetrics`)[:60] + `"}}`,
		"is no namespace":              embedded(now, `"besra"`, `"AWS/besra"`),
		`dimension "model" is no text`: embedded(now, `"model":"fraud"`, `"model":7`),
		`dimension "service"`:          embedded(now, `"service":"payments"`, `"service":""`),
		"31 dimensions":                embedded(now, `["service"]`, "["+many+"]"),
		"stands twice":                 embedded(now, `["service"]`, `["service","service"]`),
		"no unit":                      embedded(now, `"Unit":"Count"`, `"Unit":"Requests"`),
		"storage resolution":           embedded(now, `"Unit":"Count"`, `"Unit":"Count","StorageResolution":30`),
		"Requests is not in":           embedded(now, `"Requests":3,`, ``),
		"metric Requests: ":            embedded(now, `"Requests":3`, `"Requests":"3"`),
		"0 values":                     embedded(now, `"Requests":3`, `"Requests":[]`),
		"101 values":                   embedded(now, `"Requests":3`, `"Requests":[`+strings.TrimSuffix(strings.Repeat("1,", 101), ",")+`]`),
		"2 values and 1 counts":        embedded(now, `[2,1]`, `[2]`),
		"beyond what":                  embedded(now, `[2,1]`, `[2,0]`),
		"e+":                           embedded(now, `"Requests":3`, fmt.Sprintf(`"Requests":%g`, math.MaxFloat64)),
		"no Dimensions":                embedded(now, `"Dimensions":[["service"],["service","model"]],`, ``),
		"0 metrics":                    embedded(now, `[{"Name":"Requests","Unit":"Count"},{"Name":"Latency","Unit":"Milliseconds"}]`, `[]`),
		"unknown":                      embedded(now, `"Namespace"`, `"Name space"`),
	}
	delete(bad, "no CloudWatchMetrics")
	bad["has no CloudWatchMetrics"] = fmt.Sprintf(`{"_aws":{"Timestamp":%d},"x":1}`, now.UnixMilli())
	f := start(t, nil)
	for want, line := range bad {
		_, before, _ := f.Options().Metrics.Embedded()
		invoke(t, f, printed(t, line))
		_, after, why := f.Options().Metrics.Embedded()
		if after != before+1 || !strings.Contains(why[len(why)-1], want) {
			t.Errorf("%s: %d dropped, %q", want, after-before, why)
		}
	}
	if got, ok := f.Options().Metrics.Get("besra", "Requests", lambdasim.Dimension{Name: "service", Value: "payments"}); ok {
		t.Errorf("%+v", got)
	}
}

func TestTraces(t *testing.T) {
	traces, err := lambdasim.ListenTraces()
	if err != nil {
		t.Fatal(err)
	}
	defer traces.Close()
	f := start(t, func(o *lambdasim.Options) { o.Traces = traces })
	send := func(packet string) {
		t.Helper()
		b, err := json.Marshal(map[string]string{"packet": packet})
		if err != nil {
			t.Fatal(err)
		}
		if a := invoke(t, f, string(b)); string(a.Payload) != `"sent"` {
			t.Fatalf("%s", a.Payload)
		}
	}
	const head = `{"format":"json","version":1}` + "\n"
	send(head + `{"trace_id":"1-58be3f5e-6f3a1c2b4d5e6f7081920304","id":"6226467e3f845502","parent_id":"1226467e3f845502","name":"score","start_time":1488772959.5,"end_time":1488772960.25}`)
	request, err := proto.Marshal(&coltrace.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{ScopeSpans: []*trace.ScopeSpans{{Spans: []*trace.Span{{
		TraceId: []byte("0123456789abcdef"), SpanId: []byte("abcdefgh"), ParentSpanId: []byte("ABCDEFGH"), Name: "POST /v1/score", Kind: trace.Span_SPAN_KIND_SERVER,
		StartTimeUnixNano: 1_488_772_959_500_000_000, EndTimeUnixNano: 1_488_772_960_250_000_000,
	}}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	send(head + "T1S" + base64.StdEncoding.EncodeToString(request))
	send(head + "T1U" + base64.StdEncoding.EncodeToString(request))
	if !traces.Wait(t.Context(), 3) {
		t.Fatal("they do not come")
	}
	begun, ended := time.UnixMilli(1_488_772_959_500), time.UnixMilli(1_488_772_960_250)
	otlp := lambdasim.Span{
		Trace: "1-30313233-343536373839616263646566", ID: "6162636465666768", Parent: "4142434445464748", Name: "POST /v1/score",
		Start: begun, End: ended, Sampled: true, Form: "otlp",
	}
	unsampled := otlp
	unsampled.Sampled = false
	if diff := cmp.Diff([]lambdasim.Span{{
		Trace: "1-58be3f5e-6f3a1c2b4d5e6f7081920304", ID: "6226467e3f845502", Parent: "1226467e3f845502", Name: "score",
		Start: begun, End: ended, Sampled: true, Form: "segment",
	}, otlp, unsampled}, traces.Spans(10)); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"x", head + "x", head + "T1S" + "*", head + "T1S", head + "T1Sgg==", head + `{"trace_id":"x"}`, `{"format":"xml","version":1}` + "\n{}"} {
		_, before, _ := traces.Received()
		send(bad)
		for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
			if _, broken, _ := traces.Received(); broken == before+1 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%q is not counted", bad)
			}
		}
	}
}
