package telemetry

import (
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// OpenTelemetry's own reader says what a traceparent is, but for two things: it refuses flags that are not defined yet, which
// the recommendation wants ignored, and takes a dash at the end, which it does not allow.
func FuzzReadTraceparent(f *testing.F) {
	for _, s := range []string{
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later",
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "", "-", "00-",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		header := http.Header{"Traceparent": {s}}
		want := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(t.Context(), propagation.HeaderCarrier(header)))
		got := ReadTraceparent(s)
		if len(s) == 56 && s[:2] == "00" && s[55] == '-' {
			want = trace.SpanContext{}
		}
		if !want.IsValid() && len(s) == 55 && s[:2] == "00" && (s[53] != '0' || s[54] > '3') {
			return
		}
		if got.ID != want.TraceID() || got.Parent != want.SpanID() || got.Sampled != want.IsSampled() {
			t.Errorf("%q is %+v, want %+v", s, got, want)
		}
	})
}
