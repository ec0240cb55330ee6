package otlp

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	spans "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A receiver reads what is posted to it by the definitions that OpenTelemetry publishes, and answers as it is told.
type receiver struct {
	t      testing.TB
	mu     sync.Mutex
	posted []*http.Request
	got    []*collector.ExportTraceServiceRequest
	answer func(w http.ResponseWriter, r *http.Request) // nil: it takes everything
}

func (c *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	answer := c.answer
	c.mu.Unlock()
	m, err := read(r)
	if err != nil {
		c.t.Error(err)
	}
	c.mu.Lock()
	c.posted = append(c.posted, r)
	c.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	c.mu.Lock()
	c.got = append(c.got, m)
	c.mu.Unlock()
	reply(w, &collector.ExportTraceServiceResponse{})
}

func reply(w http.ResponseWriter, m *collector.ExportTraceServiceResponse) {
	b, _ := proto.Marshal(m)
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(b)
}

func read(r *http.Request) (*collector.ExportTraceServiceRequest, error) {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" ||
		r.Header.Get("Content-Encoding") != "gzip" {
		return nil, fmt.Errorf("%s %s, %v", r.Method, r.URL, r.Header)
	}
	unpacked, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(unpacked)
	if err != nil {
		return nil, err
	}
	m := new(collector.ExportTraceServiceRequest)
	if err := proto.Unmarshal(b, m); err != nil {
		return nil, err
	}
	if unknown := m.ProtoReflect().GetUnknown(); len(unknown) > 0 {
		return nil, fmt.Errorf("unknown fields: %x", unknown)
	}
	return m, nil
}

// said has the receiver answer with a status from now on, until it is zero.
func (c *receiver) said(status int, header ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = nil
	if status != 0 {
		c.answer = func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
		}
	}
}

func (c *receiver) posts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.posted)
}

// spans returns all that was taken.
func (c *receiver) spans() (all []*spans.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.got {
		for _, resource := range m.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				all = append(all, scope.GetSpans()...)
			}
		}
	}
	return all
}

// servers counts the spans of requests.
func (c *receiver) servers() (n int) {
	for _, s := range c.spans() {
		if s.GetKind() == spans.Span_SPAN_KIND_SERVER {
			n++
		}
	}
	return n
}

// direct is a way to a handler without a network between.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	answered := make(chan *http.Response, 1)
	go func() {
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		answered <- w.Result()
	}()
	select {
	case a := <-answered:
		return a, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func closeNow(t testing.TB, tr *Tracer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_ = tr.Close(ctx)
}

// attributes returns attributes as text.
func attributes(of []*common.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range of {
		switch v := a.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			all[a.GetKey()] = v.StringValue
		case *common.AnyValue_IntValue:
			all[a.GetKey()] = fmt.Sprint(v.IntValue)
		case *common.AnyValue_DoubleValue:
			all[a.GetKey()] = fmt.Sprint(v.DoubleValue)
		default:
			all[a.GetKey()] = fmt.Sprintf("%T", v)
		}
	}
	return all
}

func hexOf(id []byte) string { return hex.EncodeToString(id) }
