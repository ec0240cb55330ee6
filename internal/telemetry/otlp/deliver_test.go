package otlp

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/besra-ml/besra/internal/telemetry"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
)

// A logged is a log that can be read.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.b.String()), "\n")
}

func (l *logged) says(what string) (n int) {
	for _, line := range l.lines() {
		if strings.Contains(line, what) {
			n++
		}
	}
	return n
}

// A setting is a tracer and its collector, in memory.
type setting struct {
	*Tracer
	*receiver
	log     logged
	metrics *telemetry.Traces
}

func set(t *testing.T) *setting {
	t.Helper()
	s := &setting{receiver: &receiver{t: t}, metrics: &telemetry.New(telemetry.Options{}).Traces}
	s.Tracer = newTracer(t, Options{
		Endpoint: "http://collector:4318", Sample: 1, Transport: direct{s.receiver}, Metrics: s.metrics,
		Log: slog.New(slog.NewTextHandler(&s.log, nil)),
	})
	return s
}

func (s *setting) tell(n int) {
	for range n {
		s.Told(request())
	}
}

// counts returns how many requests are kept, sent and lost.
func (s *setting) counts() [3]uint64 {
	return [3]uint64{s.metrics.Kept.Value(), s.metrics.Sent.Value(), s.metrics.Lost.Value()}
}

func (s *setting) want(t *testing.T, when string, kept, sent, lost uint64) {
	t.Helper()
	synctest.Wait()
	if got := s.counts(); got != [3]uint64{kept, sent, lost} {
		t.Errorf("%s: kept, sent and lost are %v, want %v", when, got, [3]uint64{kept, sent, lost})
	}
}

const (
	undelivered = "traces are not delivered"
	delivered   = "traces are delivered again"
)

func TestDelivery(t *testing.T) {
	t.Run("what is kept is sent together, within a second", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := set(t)
			s.tell(10)
			s.want(t, "at once", 10, 0, 0)
			time.Sleep(sendEvery)
			s.want(t, "later", 10, 10, 0)
			s.tell(batchRequests)
			s.want(t, "a full batch is sent at once", 10+batchRequests, 10+batchRequests, 0)
			if s.posts() != 2 || s.servers() != 10+batchRequests {
				t.Errorf("%d posts of %d requests", s.posts(), s.servers())
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if got := s.log.says("msg"); got != 0 {
				t.Errorf("%v", s.log.lines())
			}
		})
	})

	t.Run("a flush sends what is kept now, and so does the end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := set(t)
			s.tell(batchRequests + 3)
			if err := s.Flush(t.Context()); err != nil {
				t.Error(err)
			}
			s.want(t, "flushed", batchRequests+3, batchRequests+3, 0)
			s.tell(7)
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			s.want(t, "closed", batchRequests+10, batchRequests+10, 0)
			if err := s.Close(t.Context()); err != nil {
				t.Errorf("again: %v", err)
			}
			if err := s.Flush(t.Context()); !errors.Is(err, errEnded) {
				t.Errorf("flushed after its end: %v", err)
			}
		})
	})

	t.Run("a collector that is down for a while loses nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := set(t)
			s.said(http.StatusServiceUnavailable)
			s.tell(5)
			time.Sleep(20 * time.Second)
			s.want(t, "down", 5, 0, 0)
			if tries := s.posts(); tries < 4 || tries > 6 { // after 1, 2, 4, 8 s
				t.Errorf("%d tries", tries)
			}
			if err := s.Flush(t.Context()); err == nil {
				t.Error("flushed")
			}
			if tries := s.posts(); tries > 6 {
				t.Errorf("a flush tries a collector that is known to be down")
			}
			s.said(0)
			time.Sleep(lastPause)
			s.want(t, "back", 5, 5, 0)
			if s.log.says(undelivered) != 1 || s.log.says("503 Service Unavailable") != 1 || s.log.says(delivered) != 1 {
				t.Errorf("%v", s.log.lines())
			}
			closeNow(t, s.Tracer)
		})
	})

	t.Run("one that stays down costs traces and a line a minute, and the newest are held", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := set(t)
			s.said(http.StatusBadGateway)
			const minutes = 10
			for range minutes * 60 {
				s.tell(20)
				time.Sleep(time.Second)
			}
			const all = minutes * 60 * 20
			synctest.Wait()
			got := s.counts()
			if held := got[0] - got[1] - got[2]; got[0] != all || got[1] != 0 || held > queueRequests+batchRequests || held < queueRequests {
				t.Errorf("kept, sent, lost: %v", got)
			}
			if lines := s.log.says(undelivered); lines < minutes-2 || lines > minutes+1 {
				t.Errorf("%d lines in %d minutes", lines, minutes)
			}
			s.said(0)
			time.Sleep(2 * lastPause)
			synctest.Wait()
			if back := s.counts(); back[2] != got[2] || back[1] != all-got[2] || s.log.says(delivered) != 1 {
				t.Errorf("back: kept, sent, lost: %v; %d lines", back, s.log.says(delivered))
			}
			closeNow(t, s.Tracer)
		})
	})

	t.Run("one that does not answer holds nobody up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := set(t)
			s.receiver.answer = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
			s.tell(1)
			time.Sleep(sendEvery + time.Millisecond) // it is being asked
			told := time.Now()
			s.tell(2 * queueRequests)
			if took := time.Since(told); took != 0 {
				t.Errorf("it took %v", took)
			}
			s.want(t, "full", 2*queueRequests+1, 0, queueRequests)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := s.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("flushed: %v", err)
			}
			ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if err := s.Close(ctx); err == nil {
				t.Error("closed")
			}
			if took := time.Since(told); took > 3*time.Second {
				t.Errorf("it took %v to close", took)
			}
			s.want(t, "closed", 2*queueRequests+1, 0, 2*queueRequests+1)
			if s.log.says("besra has ended") == 0 {
				t.Errorf("%v", s.log.lines())
			}
		})
	})

	t.Run("more than can be sent is told once a minute, and is no outage", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := set(t)
			s.receiver.answer = func(w http.ResponseWriter, r *http.Request) {
				select {
				case <-time.After(4 * time.Second):
				case <-r.Context().Done():
				}
				reply(w, &collector.ExportTraceServiceResponse{})
			}
			const minutes = 5
			for range minutes * 60 {
				s.tell(200)
				time.Sleep(time.Second)
			}
			if lines := s.log.says("more traces are kept than can be sent"); lines < minutes-1 || lines > minutes+1 ||
				s.log.says(undelivered)+s.log.says(delivered) != 0 {
				t.Errorf("%d lines: %v", lines, s.log.lines())
			}
			if got := s.counts(); got[1] == 0 || got[2] == 0 {
				t.Errorf("kept, sent, lost: %v", got)
			}
			closeNow(t, s.Tracer)
		})
	})

	t.Run("the collector says when it wants to be asked again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := set(t)
			s.said(http.StatusTooManyRequests, "Retry-After", "15")
			s.tell(1)
			time.Sleep(10 * time.Second)
			if s.posts() != 1 {
				t.Errorf("%d tries", s.posts())
			}
			s.said(0)
			time.Sleep(10 * time.Second)
			s.want(t, "later", 1, 1, 0)
			closeNow(t, s.Tracer)
		})
	})

	t.Run("what it refuses for good is not sent again", func(t *testing.T) {
		for _, status := range []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusFound, http.StatusNoContent} {
			synctest.Test(t, func(t *testing.T) {
				s := set(t)
				s.said(status, "Location", "http://elsewhere/")
				s.tell(3)
				time.Sleep(time.Minute)
				s.want(t, http.StatusText(status), 3, 0, 3)
				if s.posts() != 1 || s.log.says("lost=3") != 1 {
					t.Errorf("%d posts; %v", s.posts(), s.log.lines())
				}
				closeNow(t, s.Tracer)
			})
		}
	})

	t.Run("spans that it rejects are told", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := set(t)
			s.receiver.answer = func(w http.ResponseWriter, _ *http.Request) {
				reply(w, &collector.ExportTraceServiceResponse{PartialSuccess: &collector.ExportTracePartialSuccess{
					RejectedSpans: 2, ErrorMessage: "too old",
				}})
			}
			s.tell(3)
			time.Sleep(sendEvery)
			s.want(t, "rejected", 3, 1, 2)
			if s.log.says("the collector rejects 2 spans: too old") != 1 {
				t.Errorf("%v", s.log.lines())
			}
			closeNow(t, s.Tracer)
		})
	})

	t.Run("headers are read for each request, and what they cannot be is told", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &setting{receiver: &receiver{t: t}, metrics: &telemetry.New(telemetry.Options{}).Traces}
			var fails error
			s.Tracer = newTracer(t, Options{
				Endpoint: "http://collector:4318/", Sample: 1, Transport: direct{s.receiver}, Metrics: s.metrics,
				Log:     slog.New(slog.NewTextHandler(&s.log, nil)),
				Headers: func() (http.Header, error) { return http.Header{"X-Api-Key": {"secret"}}, fails },
			})
			s.tell(1)
			time.Sleep(sendEvery)
			s.want(t, "sent", 1, 1, 0)
			synctest.Wait()
			if got := s.posted[0].Header; got.Get("X-Api-Key") != "secret" || got.Get("User-Agent") != "besra/1.2.3" {
				t.Errorf("%v", got)
			}
			fails = errors.New("open key.txt: no such file")
			s.tell(1)
			time.Sleep(sendEvery)
			s.want(t, "not sent", 2, 1, 0)
			if s.log.says("open key.txt") != 1 || s.log.says("secret") != 0 {
				t.Errorf("%v", s.log.lines())
			}
			closeNow(t, s.Tracer)
		})
	})
}

func TestEndpoint(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://localhost:4318":                "http://localhost:4318/v1/traces",
		"http://localhost:4318/":               "http://localhost:4318/v1/traces",
		"https://collector.example/otlp/spans": "https://collector.example/otlp/spans",
		"localhost:4318":                       "",
		"grpc://localhost:4317":                "",
		"http://":                              "",
		"http://user:hush@collector":           "",
		"http://collector/?key=hush":           "",
		"http://collector:port":                "",
		"udp://169.254.79.129:2000":            "udp://169.254.79.129:2000",
		"udp://[::1]:2000/":                    "udp://[::1]:2000",
		"udp://daemon":                         "",
		"udp://:2000":                          "",
		"udp://daemon:0":                       "",
		"udp://daemon:65536":                   "",
		"udp://daemon:2000/v1/traces":          "",
		"udp://user:hush@daemon:2000":          "",
		"":                                     "",
	} {
		got, err := endpointOf(endpoint)
		if got != want || (err != nil) != (want == "") || err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %q, %v", endpoint, got, err)
		}
	}
}

func TestNetwork(t *testing.T) {
	t.Run("spans cross a real connection, and none is left open", func(t *testing.T) {
		c := &receiver{t: t}
		server := httptest.NewServer(c)
		defer server.Close()
		tr := newTracer(t, Options{Endpoint: server.URL, Sample: 1})
		tr.Told(request())
		if err := tr.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := tr.Close(t.Context()); err != nil || c.servers() != 1 {
			t.Errorf("%d, %v", c.servers(), err)
		}
	})

	t.Run("a redirect is not followed with what headers have", func(t *testing.T) {
		elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was followed") }))
		defer elsewhere.Close()
		c := &receiver{t: t}
		c.said(http.StatusTemporaryRedirect, "Location", elsewhere.URL)
		server := httptest.NewServer(c)
		defer server.Close()
		tr := newTracer(t, Options{Endpoint: server.URL, Sample: 1})
		tr.Told(request())
		if err := tr.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "307") {
			t.Error(err)
		}
		closeNow(t, tr)
	})

	t.Run("where nobody listens a flush says so", func(t *testing.T) {
		tr := newTracer(t, Options{Endpoint: nowhere, Sample: 1})
		tr.Told(request())
		if err := tr.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Error(err)
		}
		closeNow(t, tr)
	})
}

func FuzzReadReply(f *testing.F) {
	f.Add([]byte{10, 9, 8, 2, 18, 5, 'n', 'o', 'p', 'e', '!'})
	f.Fuzz(func(t *testing.T, b []byte) {
		if r := readReply(b); r.spans < 0 || len(r.why) > 200 {
			t.Errorf("%+v", r)
		}
	})
}
