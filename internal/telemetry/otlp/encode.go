package otlp

import (
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/encoding/protowire"
)

// What follows writes opentelemetry/proto/collector/trace/v1/trace_service.proto and what it is made of, by hand: the
// library that does has gRPC linked, and 16 MB. Numbers are those of the fields there.

// appendSpans appends an ExportTraceServiceRequest of spans that one tracer made.
func appendSpans(b []byte, spans []sdktrace.ReadOnlySpan) []byte {
	if len(spans) == 0 {
		return b
	}
	of, scope := spans[0].Resource(), spans[0].InstrumentationScope()
	return message(b, 1, func(b []byte) []byte { // resource_spans
		b = message(b, 1, func(b []byte) []byte { // resource
			for i := of.Iter(); i.Next(); {
				b = appendAttribute(b, 1, i.Attribute())
			}
			return b
		})
		b = message(b, 2, func(b []byte) []byte { // scope_spans
			b = message(b, 1, func(b []byte) []byte { // scope
				return text(text(b, 1, scope.Name), 2, scope.Version)
			})
			for _, s := range spans {
				b = message(b, 2, func(b []byte) []byte { return appendSpan(b, s) })
			}
			return text(b, 3, scope.SchemaURL)
		})
		return text(b, 3, of.SchemaURL())
	})
}

func appendSpan(b []byte, s sdktrace.ReadOnlySpan) []byte {
	own, parent := s.SpanContext(), s.Parent()
	traceID, id := own.TraceID(), own.SpanID()
	b = raw(b, 1, traceID[:])
	b = raw(b, 2, id[:])
	b = text(b, 3, own.TraceState().String())
	if id := parent.SpanID(); id.IsValid() {
		b = raw(b, 4, id[:])
	}
	b = text(b, 5, s.Name())
	b = number(b, 6, kindOf(s.SpanKind()))
	b = at(b, 7, s.StartTime())
	b = at(b, 8, s.EndTime())
	for _, a := range s.Attributes() {
		b = appendAttribute(b, 9, a)
	}
	b = number(b, 10, uint64(s.DroppedAttributes()))
	if status := s.Status(); status.Code != codes.Unset {
		b = message(b, 15, func(b []byte) []byte {
			b = text(b, 2, status.Description)
			return number(b, 3, statusOf(status.Code))
		})
	}
	return protowire.AppendFixed32(protowire.AppendTag(b, 16, protowire.Fixed32Type), flagsOf(own, parent))
}

// flagsOf returns the W3C flags of a span, and whether its parent is somebody else's.
func flagsOf(own, parent trace.SpanContext) uint32 {
	const known, remote = 1 << 8, 1 << 9
	flags := uint32(own.TraceFlags()) | known
	if parent.IsRemote() {
		flags |= remote
	}
	return flags
}

func kindOf(k trace.SpanKind) uint64 {
	switch k {
	case trace.SpanKindInternal:
		return 1
	case trace.SpanKindServer:
		return 2
	case trace.SpanKindClient:
		return 3
	default: // besra makes no others
		return 0
	}
}

func statusOf(c codes.Code) uint64 {
	if c == codes.Error {
		return 2
	}
	return 1
}

func appendAttribute(b []byte, field protowire.Number, a attribute.KeyValue) []byte {
	return message(b, field, func(b []byte) []byte {
		b = text(b, 1, string(a.Key))
		return message(b, 2, func(b []byte) []byte { return appendValue(b, a.Value) })
	})
}

// appendValue appends an AnyValue. One is told whatever it is: zero is not left out.
func appendValue(b []byte, v attribute.Value) []byte {
	switch v.Type() {
	case attribute.BOOL:
		return protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), protowire.EncodeBool(v.AsBool()))
	case attribute.INT64:
		return protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.VarintType), uint64(v.AsInt64()))
	case attribute.FLOAT64:
		return protowire.AppendFixed64(protowire.AppendTag(b, 4, protowire.Fixed64Type), math.Float64bits(v.AsFloat64()))
	case attribute.STRING:
		return protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), v.AsString())
	default: // lists, which besra has none of: as they are printed
		return protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), v.String())
	}
}

// message appends a message that write appends the fields of. Its length comes before it, and is known after it.
func message(b []byte, field protowire.Number, write func([]byte) []byte) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	const room = 5 // of a length below 2^35
	begin := len(b)
	b = write(append(b, make([]byte, room)...))
	size := len(b) - begin - room
	n := len(protowire.AppendVarint(b[:begin], uint64(size))) - begin
	copy(b[begin+n:], b[begin+room:])
	return b[:begin+n+size]
}

func text(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func raw(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func number(b []byte, field protowire.Number, n uint64) []byte {
	if n == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), n)
}

// at appends a time, in ns since 1970.
func at(b []byte, field protowire.Number, t time.Time) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), uint64(max(t.UnixNano(), 0)))
}
