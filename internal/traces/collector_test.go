package traces

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// A collector is the OTLP receiver of OpenTelemetry's Collector, and all that it has received.
type collector struct {
	t        testing.TB
	address  string
	received consumertest.TracesSink
	receiver receiver.Traces // nil: it is down
}

// collect starts a collector. It ends with the test at the latest.
func collect(t testing.TB) *collector {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{t: t, address: l.Addr().String()}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	c.start()
	return c
}

func (c *collector) start() {
	c.t.Helper()
	f := otlpreceiver.NewFactory()
	config := f.CreateDefaultConfig()
	settings := confmap.NewFromStringMap(map[string]any{
		"protocols": map[string]any{"http": map[string]any{"endpoint": c.address}},
	})
	if err := settings.Unmarshal(config); err != nil {
		c.t.Fatal(err)
	}
	r, err := f.CreateTraces(context.Background(), receivertest.NewNopSettings(f.Type()), config, &c.received)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := r.Start(context.Background(), componenttest.NewNopHost()); err != nil {
		c.t.Fatal(err)
	}
	c.receiver = r
}

func (c *collector) stop() {
	if c.receiver == nil {
		return
	}
	if err := c.receiver.Shutdown(context.Background()); err != nil {
		c.t.Error(err)
	}
	c.receiver = nil
}

func (c *collector) url() string { return "http://" + c.address }

// A span is one, and of which service.
type span struct {
	ptrace.Span
	service string
}

// named is a span's name as tests tell it apart.
func (s span) named() string { return s.service + " " + s.Name() }

func (s span) attribute(name string) string {
	v, ok := s.Attributes().Get(name)
	if !ok {
		return ""
	}
	return v.AsString()
}

// trace returns the spans of a trace that have come, by when they began.
func (c *collector) trace(id string) (spans []span) {
	for _, traces := range c.received.AllTraces() {
		for _, resource := range traces.ResourceSpans().All() {
			service, _ := resource.Resource().Attributes().Get("service.name")
			for _, scope := range resource.ScopeSpans().All() {
				for _, s := range scope.Spans().All() {
					if s.TraceID().String() == id || id == "" {
						spans = append(spans, span{s, service.AsString()})
					}
				}
			}
		}
	}
	slices.SortFunc(spans, func(a, b span) int {
		return int(a.StartTimestamp()) - int(b.StartTimestamp())
	})
	return spans
}

// whole waits until a trace has so many spans of requests to besra, and returns it.
func (c *collector) whole(id string, servers int) []span {
	c.t.Helper()
	late := time.Now().Add(time.Minute)
	for {
		spans, n := c.trace(id), 0
		for _, s := range spans {
			if s.Kind() == ptrace.SpanKindServer {
				n++
			}
		}
		if n >= servers {
			return spans
		}
		if time.Now().After(late) {
			c.t.Fatalf("trace %s has %d spans of requests, want %d: %v", id, n, servers, describe(spans))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// describe draws a trace.
func describe(spans []span) (lines []string) {
	for _, s := range spans {
		lines = append(lines, fmt.Sprintf("%s %s below %s, %v, %v", s.named(), s.SpanID(), s.ParentSpanID(), s.Kind(),
			time.Duration(s.EndTimestamp()-s.StartTimestamp())))
	}
	return lines
}
