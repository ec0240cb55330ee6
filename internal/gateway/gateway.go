// Package gateway is the HTTP door: bytes in, bytes out.
//
// A request's life reads from top to bottom: routes.go, chain.go, score.go.
package gateway

import (
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/score"
	"github.com/besra-ml/besra/internal/telemetry"
)

// Options is what a Gateway is made of. All fields are needed but those that say otherwise.
type Options struct {
	Registry *registry.Registry
	Scorer   score.Scorer
	Metrics  *telemetry.Metrics
	Exporter http.Handler // serves GET /metrics; nil: 404
	OpenAPI  []byte       // the document of GET /openapi.json
	Log      *slog.Logger
	Ready    func() error // nil when requests can be answered; else why not

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
	router  router
	calls   sync.Pool // *call
	labels  sync.Pool // *labelCall
	schemas schemas

	draining atomic.Bool
}

// New returns the gateway.
func New(o Options) *Gateway {
	g := &Gateway{Options: o}
	g.calls.New = func() any { return newCall() }
	g.labels.New = func() any { return newLabelCall() }
	g.router = g.newRouter()
	return g
}

// Drain makes every further answer tell its client to close the connection.
func (g *Gateway) Drain() { g.draining.Store(true) }

// ServeHTTP answers one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.router.of(r).ServeHTTP(w, r) }
