package otlp

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/besra-ml/besra/internal/telemetry"
)

// A way is how spans get to whoever collects them. It is used by one goroutine.
type way interface {
	// send sends the spans that are held. After an error they may be sent again; a refusedError says whether.
	send(ctx context.Context, s *spanner) (outcome, error)

	// close ends it, and says what is known then of what was sent.
	close() outcome
}

// An outcome says what became of requests whose spans were sent, now or before. Of others nobody knows yet.
type outcome struct {
	sent, lost int
	why        error // some were lost
}

// A sender holds spans that go together, and sends them. It is used by one goroutine.
//
// What the collector does not take now is tried again, ever less often, for a while; what it will never take is lost at
// once. Nothing else is held meanwhile, so that a collector that is down costs a bounded memory.
type sender struct {
	spans    *spanner
	way      way
	endpoint string
	requests int          // of which spans are held
	waiting  atomic.Int64 // requests that are kept and neither given away nor lost, for anybody to ask

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
}

const (
	postTime   = 5 * time.Second  // for the collector to take what it is sent
	firstPause = time.Second      // between tries
	lastPause  = 30 * time.Second // likewise, when several were in vain
	patience   = time.Minute      // for which the same spans are tried
	tellEvery  = time.Minute      // how often the log tells of what goes on
)

func newSender(o Options) *sender {
	s := &sender{spans: newSpanner(o), endpoint: o.Endpoint, metrics: o.Metrics, log: o.Log}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if address, ok := strings.CutPrefix(o.Endpoint, udpScheme); ok {
		s.way = &datagrams{address: address}
	} else {
		s.way = newPoster(o)
	}
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
	o, err := s.way.send(ctx, s.spans)
	if err == nil {
		s.taken(o)
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

// taken forgets what is held: it was given away.
func (s *sender) taken(o outcome) {
	s.settle(o)
	s.why = o.why
	s.forget()
	s.pause, s.next = 0, time.Time{}
	s.tell()
}

func (s *sender) settle(o outcome) {
	s.metrics.Sent.Add(uint64(o.sent))
	s.metrics.Lost.Add(uint64(o.lost))
}

// lose forgets what is held.
func (s *sender) lose(why error) {
	s.metrics.Lost.Add(uint64(s.requests))
	s.why = why
	s.forget()
}

func (s *sender) forget() {
	s.spans.reset()
	s.waiting.Add(-int64(s.requests))
	s.requests, s.first = 0, time.Time{}
}

// tell has the log say what operators should know, and what goes on being so once in a while.
func (s *sender) tell() {
	lost := s.metrics.Lost.Value()
	attrs := []any{"endpoint", s.endpoint, "lost", lost - s.lost}
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
	s.settle(s.way.close())
	s.spans.close()
}
