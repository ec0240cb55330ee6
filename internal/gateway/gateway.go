// Package gateway is the HTTP door: bytes in, bytes out.
//
// A request's life reads from top to bottom: routes.go, chain.go, score.go.
package gateway

import (
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/besra-ml/besra/internal/admit"
	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/score"
	"github.com/besra-ml/besra/internal/telemetry"
)

// Options is what a Gateway is made of. All fields are needed but those that say otherwise.
type Options struct {
	Registry *registry.Registry
	Scorer   score.Scorer
	Shadow   func() []score.ShadowStatus // how challengers do; nil: there are none
	Memo     func() MemoStatus           // what is remembered of rows; nil: nothing is told
	Metrics  *telemetry.Metrics
	Tell     []telemetry.Teller // who is told of each request, in this order
	Listed   []string           // fields of events whose keyed hashes are told, too: see telemetry.Request
	Exporter http.Handler       // serves GET /metrics; nil: 404
	OpenAPI  []byte             // the document of GET /openapi.json
	XRay     bool               // X-Amzn-Trace-Id is believed before traceparent: traces go to where it comes from
	Log      *slog.Logger
	Ready    func() error // nil when requests can be answered; else why not

	Dashboard http.Handler // serves GET /dashboard and what is below; nil: 404

	Admission *admit.Admission
	// Certificate returns the client's, verified, nil when there is none; barred says that there must be one and is none.
	Certificate func(*http.Request) (c *x509.Certificate, barred bool)
	Address     func(*http.Request) netip.Addr // where the client is

	Deadline, BatchDeadline time.Duration // for an answer; 0: none

	Hasher      *entity.Hasher   // of event ids, entities and texts
	History     *history.History // what labels are about
	CardNumbers bool             // ids may look like card numbers
	Recovering  func() bool      // nothing can be scored yet

	MaxBody, MaxBatchBody int64 // bytes
	MaxBatch              int   // events
	IgnoreUnknown         bool  // features that the model does not have are ignored, not refused
}

// A Gateway answers HTTP requests.
type Gateway struct {
	Options
	router router
	calls  sync.Pool // *call
	labels sync.Pool // *labelCall
	visits sync.Pool // *visit

	unpackers sync.Pool // *unpacker
	draining  atomic.Bool
	problems  map[string]*telemetry.Counter // by code
}

// New returns the gateway.
func New(o Options) *Gateway {
	g := &Gateway{Options: o, problems: map[string]*telemetry.Counter{}}
	for _, c := range problem.Codes() {
		g.problems[c.Name] = o.Metrics.Problem(c.Name)
	}
	g.calls.New = func() any { return newCall() }
	g.visits.New = func() any { return new(visit) }
	g.labels.New = func() any { return newLabelCall() }
	g.router = g.newRouter()
	return g
}

// Drain makes every further answer tell its client to close the connection.
func (g *Gateway) Drain() { g.draining.Store(true) }

// ServeHTTP answers one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.router.of(r).ServeHTTP(w, r) }
