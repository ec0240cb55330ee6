package otlp

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/besra-ml/besra/internal/telemetry"
)

// A spanner makes spans of requests that have ended, and holds them. It is used by one goroutine.
//
// It is OpenTelemetry's SDK with nothing global: spans get the times that they had, the ids that their requests have,
// and are collected where they end.
type spanner struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	root     trace.TraceID // of the next span without a parent
	rand     func() uint64
	store    func() string
	held     []sdktrace.ReadOnlySpan
	message  []byte
}

func newSpanner(o Options) *spanner {
	s := &spanner{rand: o.Rand, store: o.Store}
	s.provider = sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.AlwaysSample()), // what comes here is kept
		sdktrace.WithIDGenerator(s), sdktrace.WithSpanProcessor(s),
		sdktrace.WithResource(resourceOf(o)), sdktrace.WithRawSpanLimits(sdktrace.SpanLimits{
			AttributeValueLengthLimit: maxValue, AttributeCountLimit: maxAttributes,
		}),
	)
	s.tracer = s.provider.Tracer("github.com/besra-ml/besra",
		trace.WithInstrumentationVersion(o.Version), trace.WithSchemaURL(semconv.SchemaURL))
	return s
}

const (
	maxAttributes = 64
	maxValue      = 256 // bytes of an attribute's value
)

// resourceOf says who makes the spans. The SDK adds what OTEL_RESOURCE_ATTRIBUTES says.
func resourceOf(o Options) *resource.Resource {
	host, _ := os.Hostname() // "": it has no name
	return resource.NewWithAttributes(semconv.SchemaURL,
		semconv.ServiceName(o.Service), semconv.ServiceVersion(o.Version), semconv.ServiceInstanceID(instance(o.Rand)),
		semconv.HostName(host), semconv.OSTypeKey.String(runtime.GOOS),
		semconv.TelemetrySDKLanguageGo, semconv.TelemetrySDKName("opentelemetry"), semconv.TelemetrySDKVersion(sdk.Version()),
	)
}

// instance names this process: a random UUID, as the conventions have it.
func instance(rand func() uint64) string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], rand())
	binary.BigEndian.PutUint64(id[8:], rand())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// add makes the spans of a request: what the client asked, the stages that the answer went through, and the calls of the
// store that processes share, each below the stage that it fell into.
func (s *spanner) add(r *telemetry.Request) {
	ctx, server := s.tracer.Start(s.parent(&r.Trace), nameOf(r), trace.WithTimestamp(r.Times.Begun),
		trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(about(r)...))
	if r.Failed() {
		server.SetStatus(codes.Error, r.Problem)
	}
	var stages [telemetry.StageCount]context.Context // nil: it was not in it
	for stage := range telemetry.StageCount {
		if lap := &r.Times.Laps[stage]; lap.Times > 0 && stage != telemetry.StageStore {
			stages[stage] = s.stage(ctx, r, stage, lap)
		}
	}
	for _, call := range r.Times.Calls() {
		within := ctx
		if stage, ok := around(r.Times, &call); ok {
			within = stages[stage]
		}
		s.call(within, r, &call)
	}
	server.End(trace.WithTimestamp(r.Times.Begun.Add(r.Took)))
}

// parent returns the context of a request's first span.
func (s *spanner) parent(t *telemetry.Trace) context.Context {
	s.root = t.ID
	if t.Parent == [8]byte{} {
		return context.Background()
	}
	state, _ := trace.ParseTraceState(t.State) // one that cannot be read is dropped, as the recommendation says
	return trace.ContextWithRemoteSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: t.ID, SpanID: t.Parent, TraceState: state, Remote: true,
	}))
}

func (s *spanner) stage(ctx context.Context, r *telemetry.Request, stage telemetry.Stage, lap *telemetry.Lap) context.Context {
	ctx, span := s.tracer.Start(ctx, stage.String(), trace.WithTimestamp(r.Times.Begun.Add(lap.From)))
	if lap.Times > 1 {
		span.SetAttributes(besraBusy.Float64(lap.Busy.Seconds()*1e3), besraTimes.Int(int(lap.Times)))
	}
	span.End(trace.WithTimestamp(r.Times.Begun.Add(lap.To)))
	return ctx
}

func (s *spanner) call(ctx context.Context, r *telemetry.Request, call *telemetry.Call) {
	_, span := s.tracer.Start(ctx, call.Use, trace.WithTimestamp(r.Times.Begun.Add(call.From)),
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(semconv.DBOperationName(call.Use)))
	if s.store != nil {
		if name := s.store(); name != "" {
			span.SetAttributes(semconv.DBSystemNameKey.String(name))
		}
	}
	if call.Failed {
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(r.Times.Begun.Add(call.To)))
}

// around returns the shortest stage that a call fell into.
func around(t *telemetry.Times, call *telemetry.Call) (within telemetry.Stage, ok bool) {
	for stage := range telemetry.StageCount {
		lap := &t.Laps[stage]
		if stage == telemetry.StageStore || lap.Times == 0 || call.From < lap.From || call.To > lap.To {
			continue
		}
		if !ok || lap.To-lap.From < t.Laps[within].To-t.Laps[within].From {
			within, ok = stage, true
		}
	}
	return within, ok
}

func (s *spanner) encode() []byte {
	s.message = appendSpans(s.message[:0], s.held)
	return s.message
}

// requestsOf counts the requests that spans are of: each has one span of a server.
func requestsOf(spans []sdktrace.ReadOnlySpan) (n int) {
	for _, s := range spans {
		if s.SpanKind() == trace.SpanKindServer {
			n++
		}
	}
	return n
}

func (s *spanner) reset() {
	clear(s.held)
	s.held = s.held[:0]
}

func (s *spanner) close() { _ = s.provider.Shutdown(context.Background()) } // it has nothing to wait for

// NewIDs and NewSpanID make the SDK's ids.
func (s *spanner) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	return s.root, s.NewSpanID(ctx, s.root)
}

func (s *spanner) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	for !id.IsValid() {
		binary.BigEndian.PutUint64(id[:], s.rand())
	}
	return id
}

// OnEnd and the rest are a processor of the SDK's.
func (s *spanner) OnEnd(span sdktrace.ReadOnlySpan)                { s.held = append(s.held, span) }
func (s *spanner) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (s *spanner) Shutdown(context.Context) error                  { return nil }
func (s *spanner) ForceFlush(context.Context) error                { return nil }
