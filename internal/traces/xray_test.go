package traces

import (
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"testing"

	"go.opentelemetry.io/contrib/propagators/aws/xray"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/besra-ml/besra/internal/telemetry"
)

// What AWS's own propagator writes is read as it was meant.
func TestReadXRayReadsWhatIsWritten(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		var c trace.SpanContextConfig
		binary.BigEndian.PutUint64(c.TraceID[:], dice.Uint64())
		binary.BigEndian.PutUint64(c.TraceID[8:], dice.Uint64())
		binary.BigEndian.PutUint64(c.SpanID[:], dice.Uint64())
		c.TraceFlags = trace.TraceFlags(dice.Uint32() & 1)
		header := propagation.HeaderCarrier(http.Header{})
		xray.Propagator{}.Inject(trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(c)), header)
		want := telemetry.Trace{ID: c.TraceID, Parent: c.SpanID, Decided: true, Sampled: c.TraceFlags.IsSampled()}
		if got := telemetry.ReadXRay(header.Get("X-Amzn-Trace-Id")); got != want {
			t.Fatalf("%q is %+v, want %+v", header, got, want)
		}
	}
}

// Where both find a trace and its parent it is the same one. The propagator takes any name that begins as one of its own.
func FuzzReadXRay(f *testing.F) {
	for _, s := range []string{
		"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
		"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
		"Sampled=1;Parent=53995c3f42cd8ad8;Root=1-5759e988-bd862e3fe1be46a994272793",
		"Root=1-5759e988-bd862e3fe1be46a994272793", "Root=2-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
		"Self=1-67891233-abcdef012345678912345678;Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=?", "",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		header := propagation.HeaderCarrier(http.Header{"X-Amzn-Trace-Id": {s}})
		want := trace.SpanContextFromContext(xray.Propagator{}.Extract(t.Context(), header))
		got := telemetry.ReadXRay(s)
		if want.IsValid() && !got.None() && got.Parent != [8]byte{} && (got.ID != want.TraceID() || got.Parent != want.SpanID()) {
			t.Errorf("%q is %+v, want %+v", s, got, want)
		}
	})
}
