package otlp

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/besra-ml/besra/internal/telemetry"
)

// What the conventions have no name for. All of them are names and numbers that operators gave or besra made.
const (
	besraRequestID = attribute.Key("besra.request_id")
	besraModel     = attribute.Key("besra.model")
	besraVersion   = attribute.Key("besra.version")
	besraDecision  = attribute.Key("besra.decision")
	besraEvents    = attribute.Key("besra.events")
	besraRefused   = attribute.Key("besra.refused")
	besraDegraded  = attribute.Key("besra.degraded")
	besraReplayed  = attribute.Key("besra.replayed")
	besraKey       = attribute.Key("besra.key")
	besraTenant    = attribute.Key("besra.tenant")
	besraReason    = attribute.Key("besra.reason")
	besraCalls     = attribute.Key("besra.store_calls")
	besraBusy      = attribute.Key("besra.busy_ms")
	besraTimes     = attribute.Key("besra.times")
)

// nameOf names a request's span: the method and the route.
func nameOf(r *telemetry.Request) string {
	method := r.Method
	if method == otherMethod {
		method = "HTTP"
	}
	if r.Route == telemetry.OtherRoute {
		return method
	}
	return method + " " + r.Route
}

const otherMethod = "other" // of telemetry.Request

// about returns what is told of a request.
func about(r *telemetry.Request) []attribute.KeyValue {
	method := r.Method
	if method == otherMethod {
		method = "_OTHER" // as the conventions spell it
	}
	a := append(make([]attribute.KeyValue, 0, 16), semconv.HTTPRequestMethodKey.String(method), semconv.HTTPResponseStatusCode(r.Status))
	if r.Route != telemetry.OtherRoute {
		a = append(a, semconv.HTTPRoute(r.Route))
	}
	a = some(a, semconv.ErrorTypeKey, r.Problem)
	a = some(a, besraRequestID, r.ID)
	a = some(a, besraKey, r.Key)
	a = some(a, besraTenant, r.Tenant)
	a = some(a, besraReason, r.Reason)
	if r.Model != "" {
		a = append(a, besraModel.String(r.Model), besraVersion.Int(r.Version))
	}
	a = some(a, besraDecision, r.Decision)
	a = many(a, besraEvents, r.Events)
	a = many(a, besraRefused, r.Refused)
	a = many(a, besraDegraded, r.Degraded)
	a = many(a, besraReplayed, r.Replayed)
	return many(a, besraCalls, int(r.Times.Laps[telemetry.StageStore].Times))
}

func some(a []attribute.KeyValue, k attribute.Key, v string) []attribute.KeyValue {
	if v == "" {
		return a
	}
	return append(a, k.String(v))
}

func many(a []attribute.KeyValue, k attribute.Key, n int) []attribute.KeyValue {
	if n == 0 {
		return a
	}
	return append(a, k.Int(n))
}
