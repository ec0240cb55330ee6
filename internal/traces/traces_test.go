package traces

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/contrib/propagators/aws/xray"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/besra-ml/besra/internal/store/valkeytest"
)

// A client is one that is traced by OpenTelemetry's SDK, as a payment service is.
type client struct {
	t          testing.TB
	http       *http.Client
	provider   *sdktrace.TracerProvider
	propagator propagation.TextMapPropagator
}

func newClient(t testing.TB, to *collector, sampler sdktrace.Sampler, propagator propagation.TextMapPropagator) *client {
	t.Helper()
	exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(to.url()+"/v1/traces"))
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, http: &http.Client{Transport: &http.Transport{}}, propagator: propagator, provider: sdktrace.NewTracerProvider(
		sdktrace.WithSyncer(exporter), sdktrace.WithSampler(sampler), sdktrace.WithIDGenerator(xray.NewIDGenerator()),
		sdktrace.WithResource(resource.NewWithAttributes(semconv.SchemaURL, semconv.ServiceName("shop"))),
	)}
	t.Cleanup(func() {
		c.http.CloseIdleConnections()
		_ = c.provider.Shutdown(context.Background())
	})
	return c
}

// post asks besra within a span of its own, and returns the trace.
func (c *client) post(url string, body []byte, status int) (id string) {
	c.t.Helper()
	ctx, span := c.provider.Tracer("shop").Start(c.t.Context(), "pay", trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Request-Id", "req-7")
	c.propagator.Inject(ctx, propagation.HeaderCarrier(r.Header))
	reply, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer reply.Body.Close()
	answer, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != status {
		c.t.Errorf("%d %s, %v; want %d", reply.StatusCode, answer, err, status)
	}
	return span.SpanContext().TraceID().String()
}

// parents draws a trace: each span's name, and its parent's.
func parents(spans []span) (drawn []string) {
	names := map[string]string{"": "nobody"}
	for _, s := range spans {
		names[s.SpanID().String()] = s.named()
	}
	for _, s := range spans {
		parent, ok := names[s.ParentSpanID().String()]
		if !ok {
			parent = "somebody unknown"
		}
		drawn = append(drawn, s.named()+" < "+parent)
	}
	slices.Sort(drawn)
	return slices.Compact(drawn)
}

// sound checks what holds for any trace: each span is within its parent, and has the ids of the trace.
func sound(t *testing.T, spans []span) {
	t.Helper()
	byID := map[string]span{}
	for _, s := range spans {
		if _, twice := byID[s.SpanID().String()]; twice || s.SpanID().IsEmpty() {
			t.Errorf("two spans are %s", s.SpanID())
		}
		byID[s.SpanID().String()] = s
	}
	for _, s := range spans {
		if s.StartTimestamp() > s.EndTimestamp() {
			t.Errorf("%s ends before it begins", s.named())
		}
		parent, ok := byID[s.ParentSpanID().String()]
		if ok && (s.StartTimestamp() < parent.StartTimestamp() || s.EndTimestamp() > parent.EndTimestamp()) {
			t.Errorf("%s is not within %s", s.named(), parent.named())
		}
	}
}

var everything = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

func TestAWholeTrace(t *testing.T) {
	valkeytest.Each(t, func(t *testing.T, kind valkeytest.Program) {
		store := valkeytest.Start(t, valkeytest.On(kind))
		c := collect(t)
		besra := serve(t, c.url(), store.Addr(), "--traces-sample", "0", "--traces-slow", "1m")
		besra.Until("the store is up", func() bool { return strings.Contains(string(besra.Get("/metrics").Body), "besra_store_up 1") })
		shop := newClient(t, c, sdktrace.AlwaysSample(), everything)

		t.Run("from the client through besra to the store", func(t *testing.T) {
			spans := c.whole(shop.post(besra.URL()+"/v1/score", payment(1), http.StatusOK), 1)
			sound(t, spans)
			want := []string{
				"besra POST /v1/score < shop pay",
				"besra admit < besra POST /v1/score",
				"besra decide < besra POST /v1/score",
				"besra decode < besra POST /v1/score",
				"besra encode < besra POST /v1/score",
				"besra history < besra POST /v1/score",
				"besra replay < besra POST /v1/score", // the answer is kept
				"besra score < besra POST /v1/score",
				"besra state < besra history",
				"shop pay < nobody",
			}
			if diff := cmp.Diff(want, parents(spans)); diff != "" {
				t.Error(diff)
			}
			for _, s := range spans {
				switch {
				case s.Kind() == ptrace.SpanKindServer:
					if s.attribute("besra.model") == "" || s.attribute("http.response.status_code") != "200" || s.attribute("besra.request_id") != "req-7" {
						t.Errorf("%v", s.Attributes().AsRaw())
					}
				case s.Kind() == ptrace.SpanKindClient && s.service == "besra":
					if s.attribute("db.system.name") != strings.ToLower(kind.Name) || s.attribute("db.operation.name") != s.Name() {
						t.Errorf("%v", s.Attributes().AsRaw())
					}
				}
				for name, v := range s.Attributes().AsRaw() {
					if text := fmt.Sprint(v); strings.Contains(text, "c_1") || strings.Contains(text, "129.9") || strings.Contains(text, "evt_") {
						t.Errorf("%s: %s", name, text)
					}
				}
			}
		})

		t.Run("of a batch", func(t *testing.T) {
			spans := c.whole(shop.post(besra.URL()+"/v1/score/batch", batch(100, 20), http.StatusOK), 1)
			sound(t, spans)
			if drawn := strings.Join(parents(spans), "\n"); !strings.Contains(drawn, "besra POST /v1/score/batch < shop pay") || strings.Contains(drawn, "unknown") {
				t.Errorf("\n%s", drawn)
			}
		})

		t.Run("the log names the trace", func(t *testing.T) {
			id := shop.post(besra.URL()+"/v1/score", payment(2), http.StatusOK)
			besra.Until("the line is written", func() bool { return strings.Contains(besra.Log(), `"trace":"`+id+`"`) })
		})

		t.Run("a client that keeps none has none, unless something is wrong", func(t *testing.T) {
			quiet := newClient(t, c, sdktrace.NeverSample(), everything)
			quietly := quiet.post(besra.URL()+"/v1/score", payment(3), http.StatusOK)
			store.Kill()
			id := ""
			besra.Until("an event is degraded", func() bool {
				id = quiet.post(besra.URL()+"/v1/score", payment(4+int(time.Now().UnixMilli()%1e6)), http.StatusOK)
				return strings.Contains(besra.Log(), `"degraded":1`)
			})
			spans := c.whole(id, 1)
			sound(t, spans)
			if drawn := parents(spans); !slices.Contains(drawn, "besra POST /v1/score < somebody unknown") {
				t.Errorf("%v", drawn)
			}
			if got := c.trace(quietly); len(got) != 0 {
				t.Errorf("%v", describe(got))
			}
		})
	})
}

func TestXRay(t *testing.T) {
	c := collect(t)
	besra := serve(t, c.url(), "")
	shop := newClient(t, c, sdktrace.AlwaysSample(), xray.Propagator{})
	spans := c.whole(shop.post(besra.URL()+"/v1/score", payment(1), http.StatusOK), 1)
	sound(t, spans)
	if drawn := parents(spans); !slices.Contains(drawn, "besra POST /v1/score < shop pay") {
		t.Errorf("%v", drawn)
	}
}

func TestBesraBeginsTraces(t *testing.T) {
	c := collect(t)
	besra := serve(t, c.url(), "", "--traces-sample", "1", "--service", "fraud-eu")
	before := time.Now().Unix()
	for n := range 40 {
		besra.Post("/v1/score", string(payment(n)))
	}
	besra.Stop() // what is kept is sent before it ends
	spans := c.whole("", 40)
	roots := map[string]bool{}
	for _, s := range spans {
		if s.service != "fraud-eu" {
			t.Errorf("a span of %q", s.service)
		}
		if s.ParentSpanID().IsEmpty() {
			id := s.TraceID()
			if at := int64(binary.BigEndian.Uint32(id[:4])); at < before-1 || at > time.Now().Unix() {
				t.Errorf("X-Ray takes no trace of %v", time.Unix(at, 0))
			}
			roots[id.String()] = true
		}
	}
	if len(roots) != 40 {
		t.Errorf("%d traces", len(roots))
	}
	for id := range roots {
		sound(t, c.trace(id))
	}
}

func TestACollectorThatIsDown(t *testing.T) {
	c := collect(t)
	besra := serve(t, c.url(), "", "--traces-sample", "1")
	score := func(n int) {
		t.Helper()
		if got := besra.Post("/v1/score", string(payment(n))); got.Status != http.StatusOK {
			t.Fatal(got)
		}
	}
	score(0)
	c.whole("", 1)
	c.stop()
	for n := range 2000 {
		score(1 + n) // none waits for it, and more are kept than there is room for
	}
	besra.Until("the log tells", func() bool { return besra.Says("traces are not delivered") == 1 })
	c.start()
	besra.Until("it is told that it is over", func() bool { return besra.Says("traces are delivered again") == 1 })
	score(2001)
	besra.Until("the newest arrives", func() bool {
		sent, lost := metric(besra, `besra_traces_total{result="sent"}`), metric(besra, `besra_traces_total{result="lost"}`)
		return sent+lost == metric(besra, `besra_traces_total{result="kept"}`) && lost > 0
	})
	sent := int(metric(besra, `besra_traces_total{result="sent"}`))
	if got := len(slices.DeleteFunc(c.trace(""), func(s span) bool { return s.Kind() != ptrace.SpanKindServer })); got != sent {
		t.Errorf("%d have come, %d were sent", got, sent)
	}
}

// metric returns what a series stands at.
func metric(s *server, series string) (v float64) {
	for line := range strings.Lines(string(s.Get("/metrics").Body)) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			_, _ = fmt.Sscan(rest, &v)
		}
	}
	return v
}
