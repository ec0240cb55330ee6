package otlp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/besra-ml/besra/internal/telemetry"
)

// A sender holds spans that go together, and sends them. It is used by one goroutine.
//
// What the collector does not take now is tried again, ever less often, for a while; what it will never take is lost at
// once. Nothing else is held meanwhile, so that a collector that is down costs a bounded memory.
type sender struct {
	spans    *spanner
	post     *poster
	requests int // of which spans are held

	first, next time.Time     // when the spans were tried first, and are again
	pause       time.Duration // from one try to the next; 0: the last one was taken

	metrics *telemetry.Traces
	log     *slog.Logger
	told    time.Time // when the log was told
	lost    uint64    // as it was told
	why     error     // the collector did not take what was sent last; nil: it did
	unsaid  bool      // that it takes them again

	ctx    context.Context // of the tracer
	cancel context.CancelFunc
	own    *http.Transport // nil: it is somebody else's
}

const (
	postTime   = 5 * time.Second  // for the collector to take what it is sent
	firstPause = time.Second      // between tries
	lastPause  = 30 * time.Second // likewise, when several were in vain
	patience   = time.Minute      // for which the same spans are tried
	tellEvery  = time.Minute      // how often the log tells of what goes on
)

func newSender(o Options) *sender {
	s := &sender{spans: newSpanner(o), metrics: o.Metrics, log: o.Log}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	transport := o.Transport
	if transport == nil {
		s.own = &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: o.TLS, DialContext: (&net.Dialer{Timeout: postTime}).DialContext,
			TLSHandshakeTimeout: postTime, IdleConnTimeout: lastPause, MaxIdleConns: 1, ForceAttemptHTTP2: true,
			MaxResponseHeaderBytes: maxReply,
		}
		transport = s.own
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // what a header has is for the endpoint alone
	}}
	s.post = &poster{url: o.Endpoint, headers: o.Headers, client: client, agent: "besra/" + o.Version}
	return s
}

func (s *sender) add(r *telemetry.Request) {
	s.spans.add(r)
	s.requests++
}

func (s *sender) full() bool { return s.requests >= batchRequests }

// send sends what is held, if it is time for it or now is said. An error says that it is still held.
func (s *sender) send(ctx context.Context, now bool) error {
	if s.requests == 0 {
		return nil
	}
	began := time.Now()
	if began.Before(s.next) && !now {
		return s.why
	}
	if s.first.IsZero() {
		s.first = began
	}
	ctx, cancel := context.WithTimeout(ctx, postTime)
	defer cancel()
	stop := context.AfterFunc(s.ctx, cancel)
	defer stop()
	rejected, err := s.post.spans(ctx, s.spans.encode())
	if err == nil {
		s.taken(rejected)
		return nil
	}
	s.why = err
	var refused *refusedError
	if errors.As(err, &refused) && !refused.again || time.Since(s.first) > patience {
		s.lose(err)
	}
	s.pause = min(max(2*s.pause, firstPause), lastPause)
	if refused != nil {
		s.pause = min(max(s.pause, refused.after), lastPause)
	}
	s.next = time.Now().Add(s.pause)
	s.tell()
	return err
}

// taken forgets what is held: the collector has it, but for some spans of which it says why not.
func (s *sender) taken(rejected rejection) {
	lost := min(rejected.spans, s.requests) // as many requests at most
	s.metrics.Sent.Add(uint64(s.requests - lost))
	s.metrics.Lost.Add(uint64(lost))
	s.why = nil
	if lost > 0 {
		s.why = fmt.Errorf("the collector rejects %d spans: %s", rejected.spans, rejected.why)
	}
	s.forget()
	s.pause, s.next = 0, time.Time{}
	s.tell()
}

// lose forgets what is held.
func (s *sender) lose(why error) {
	s.metrics.Lost.Add(uint64(s.requests))
	s.why = why
	s.forget()
}

func (s *sender) forget() {
	s.spans.reset()
	s.requests, s.first = 0, time.Time{}
}

// tell has the log say what operators should know, and what goes on being so once in a while.
func (s *sender) tell() {
	lost := s.metrics.Lost.Value()
	attrs := []any{"endpoint", s.post.url, "lost", lost - s.lost}
	switch {
	case s.why == nil && s.unsaid:
		s.log.Info("traces are delivered again", attrs...)
		s.lost, s.unsaid = lost, false
	case s.why == nil && lost == s.lost, time.Since(s.told) < tellEvery:
	case s.why != nil:
		s.log.Error("traces are not delivered", append(attrs, "error", s.why)...)
		s.told, s.lost, s.unsaid = time.Now(), lost, true
	default:
		s.log.Warn("more traces are kept than can be sent", attrs...)
		s.told, s.lost = time.Now(), lost
	}
}

func (s *sender) close() {
	s.cancel()
	s.spans.close()
	if s.own != nil {
		s.own.CloseIdleConnections()
	}
}
