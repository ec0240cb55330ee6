// Package otlp tells a collector of requests, as traces: OpenTelemetry's spans, sent by OTLP over HTTP, or in datagrams to
// an X-Ray daemon.
//
// A request is told when it has been answered. One that is not kept costs a few nanoseconds; of one that is, a copy goes
// into a bounded queue, and one goroutine makes its spans and sends them. What does not fit is lost, and nobody waits for
// it. Spans have names that operators gave, codes and times: nothing of what was asked and answered.
package otlp

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/telemetry"
)

// Options say which traces are kept, and where they go. Endpoint, Log and Metrics are needed.
type Options struct {
	Endpoint string                      // URL of the collector; without a path it is /v1/traces there. Or udp://host:port, of an X-Ray daemon
	Headers  func() (http.Header, error) // for each request to it, such as a key; nil: none
	TLS      *tls.Config                 // of its certificate; nil: the system's authorities

	Transport http.RoundTripper // nil: the network

	Sample float64       // share of the requests that are kept whose client has not decided, 0 to 1
	Slow   time.Duration // what takes longer is kept; 0: nothing is slow

	Service, Version string        // of the resource
	Store            func() string // name of the server that processes share: valkey or redis; nil: it is not known

	Log     *slog.Logger
	Metrics *telemetry.Traces
	Rand    func() uint64 // nil: math/rand/v2
}

const (
	queueRequests  = 1024 // that wait, a kilobyte each
	troubledSecond = 100  // most requests a second that are kept for their trouble alone
)

// A Tracer tells a collector of requests. It is used by many goroutines, until Close.
type Tracer struct {
	options  Options
	troubled rate
	queue    chan *telemetry.Request
	asked    chan flush
	ended    chan struct{}
	sender   *sender
}

// New starts a tracer. It does not try the collector.
func New(o Options) (*Tracer, error) {
	endpoint, err := endpointOf(o.Endpoint)
	if err != nil {
		return nil, err
	}
	if o.Endpoint = endpoint; strings.HasPrefix(endpoint, udpScheme) && (o.Headers != nil || o.TLS != nil) {
		return nil, errors.New("datagrams have no headers and no certificates")
	}
	if o.Rand == nil {
		o.Rand = rand.Uint64
	}
	t := &Tracer{
		options: o, troubled: rate{most: troubledSecond}, queue: make(chan *telemetry.Request, queueRequests),
		asked: make(chan flush), ended: make(chan struct{}),
	}
	t.sender = newSender(o)
	go t.run()
	return t, nil
}

// endpointOf returns the URL that spans are sent to.
func endpointOf(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "udp" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("want a URL such as http://localhost:4318, or udp://127.0.0.1:2000 of an X-Ray daemon")
	case u.User != nil:
		return "", errors.New("secrets do not belong into a URL: send them as a header")
	case u.Scheme == "udp":
		if port, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || port == 0 || u.Hostname() == "" || u.Path != "" && u.Path != "/" {
			return "", errors.New("want a host and a port, such as udp://127.0.0.1:2000")
		}
		u.Path = ""
	case u.Path == "" || u.Path == "/":
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

// Told keeps the request, or does not. One that is kept has a trace afterwards.
func (t *Tracer) Told(r *telemetry.Request) {
	if !t.keeps(r) {
		return
	}
	kept := r.Clone()
	if kept.Trace.None() {
		kept.Trace.ID = t.newTrace(r.Times.Begun)
	}
	r.Trace.ID = kept.Trace.ID
	t.options.Metrics.Kept.Inc()
	t.sender.waiting.Add(1)
	select {
	case t.queue <- &kept:
	default:
		t.sender.waiting.Add(-1)
		t.options.Metrics.Lost.Inc()
	}
}

// keeps reports whether a request's trace is worth its way: the client keeps it, it is of the sample, or something was
// wrong with it. Those that ask how besra is, with GET, are many, all alike, and of no sample. Where there is a lot of trouble
// some of it is enough.
func (t *Tracer) keeps(r *telemetry.Request) bool {
	switch {
	case r.Trace.Sampled:
		return true
	case !r.Trace.Decided && r.Method == http.MethodPost && t.sampled():
		return true
	case r.Failed(), r.Degraded > 0, t.options.Slow > 0 && r.Took > t.options.Slow:
		return t.troubled.take(r.Times.Begun.Add(r.Took).Unix())
	}
	return false
}

func (t *Tracer) sampled() bool {
	return float64(t.options.Rand()>>11) < t.options.Sample*(1<<53)
}

// newTrace makes an id that X-Ray takes, too: it begins with the time.
func (t *Tracer) newTrace(at time.Time) (id [16]byte) {
	binary.BigEndian.PutUint32(id[:], uint32(min(max(at.Unix(), 1), math.MaxUint32)))
	binary.BigEndian.PutUint32(id[4:], uint32(t.options.Rand()))
	binary.BigEndian.PutUint64(id[8:], t.options.Rand())
	return id
}

// Flush sends what is kept, as before a process is frozen. While the collector is known to be down it returns at once, and
// where nothing is kept, which costs next to nothing.
func (t *Tracer) Flush(ctx context.Context) error {
	if t.sender.waiting.Load() > 0 {
		return t.ask(ctx, false)
	}
	select {
	case <-t.ended:
		return errEnded
	default:
		return nil
	}
}

// Close sends what is kept and ends the tracer. What cannot be sent until ctx ends is lost. Nothing may be told any more.
func (t *Tracer) Close(ctx context.Context) error {
	err := t.ask(ctx, true)
	t.sender.cancel() // whatever it still waits for
	<-t.ended
	if errors.Is(err, errEnded) {
		return nil
	}
	return err
}

var errEnded = errors.New("the tracer has ended")

func (t *Tracer) ask(ctx context.Context, last bool) error {
	f := flush{ctx: ctx, last: last, done: make(chan error, 1)}
	select {
	case t.asked <- f:
	case <-t.ended:
		return errEnded
	case <-ctx.Done():
		return fmt.Errorf("traces are not sent: %w", ctx.Err())
	}
	return <-f.done // it ends with ctx
}
