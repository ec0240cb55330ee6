// Package app wires the service: settings and backends go in, a running service comes out.
package app

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/besra-ml/besra/api"
	"github.com/besra-ml/besra/internal/admin"
	"github.com/besra-ml/besra/internal/dashboard"
	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/gateway"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/listen"
	"github.com/besra-ml/besra/internal/memo"
	"github.com/besra-ml/besra/internal/mirror"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/score"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
)

// Backends is what a binary links and hands in.
type Backends struct {
	Exporter func(*telemetry.Metrics) http.Handler  // serves GET /metrics
	Shared   SharedStore                            // the store that processes share; nil: this binary has none
	Tracer   func(TracerOptions) (Tracer, error)    // tells a collector of requests; nil: this binary has none
	EMF      func(EmitterOptions) (Emitter, error)  // writes metrics into a log; nil: likewise
	Page     func(*dashboard.Recorder) http.Handler // operators' page; nil: this binary has none
	Remotes  map[string]Remote                      // where models may be that are not on this machine, by scheme: s3; nil: nowhere
	Demo     fs.FS                                  // the bundle that is served when no model is named
	Build    telemetry.Options
}

// An App is the service.
type App struct {
	config  Config
	log     *slog.Logger
	metrics *telemetry.Metrics
	models  *registry.Registry
	stock   stock
	mirrors []*mirror.Mirror // copies of models that are elsewhere
	watcher *policy.Watcher  // nil: no policy is given apart
	hasher  *entity.Hasher
	history *history.History
	shared  store.Shared  // nil: this process remembers by itself
	shadow  *score.Shadow // nil: there are no challengers
	memo    *memo.Memo    // nil: no model's rows are remembered
	ghost   *memo.Ghost   // nil: nobody estimates what that would be worth
	rates   rates         // of rows, for that estimate
	gateway *gateway.Gateway
	access  access
	tls     *listen.TLS // nil: connections are not encrypted
	clients listen.Addresses
	trusted []netip.Prefix // proxies
	stage   atomic.Int32

	deciding sync.Mutex // held while policies change, or the models that they decide for
	policies policy.Set

	recent  *telemetry.Recent
	tellers []telemetry.Teller // of requests
	tracer  Tracer             // nil: no traces are kept
	emitter Emitter            // nil: metrics are written nowhere
	flight  *admin.Flight      // nil: it is not recorded

	dashboard *dashboard.Recorder // nil: there is none

	recovered atomic.Bool // what is remembered is whole: it may be added to and written down
	function  bool        // it runs for the time of requests, as one of many: there is no listener, and no memory of its own
	foreign   bool        // histories of models that are not named are kept as they are: nothing is served
}

// The stages of an App's life.
const (
	recovering = iota
	ready
	stopping
)

// New reads the models that paths name (files, bundles, directories of models, on this machine or at an address of
// Backends.Remotes) and wires the service.
// Without paths and without a models directory it takes the demo.
func New(c Config, b Backends, paths []string, log *slog.Logger) (*App, error) {
	return assemble(&App{config: c, log: log, metrics: telemetry.New(b.Build)}, b, paths)
}

func assemble(a *App, b Backends, paths []string) (*App, error) {
	if err := a.wire(b, paths); err != nil {
		return nil, errors.Join(err, a.closeMirrors())
	}
	return a, nil
}

// wire makes the parts of the service, each of those before it.
func (a *App) wire(b Backends, paths []string) error {
	c, log := a.config, a.log
	if c.Drift.Window < leastDriftWindow {
		return fmt.Errorf("drift.window: %v is too short to compare anything, want at least %v", c.Drift.Window, leastDriftWindow)
	}
	if err := a.readPolicies(); err != nil {
		return err
	}
	if err := a.take(b, paths); err != nil {
		return err
	}
	if len(a.stock.shelves) > 0 && c.Models.Poll <= 0 {
		return fmt.Errorf("models.poll: a directory of models cannot be watched every %v", c.Models.Poll)
	}
	if err := a.serve(); err != nil {
		return err
	}
	if !a.function { // which has begun with it
		if err := a.openShared(b.Shared); err != nil {
			return err
		}
	}
	if err := a.openAccess(); err != nil {
		return err
	}
	if err := a.openState(); err != nil {
		return err
	}
	if a.history.Journal == nil {
		a.recovered.Store(true)
		a.stage.Store(ready)
	}
	a.shadow = a.newShadow()
	if err := a.openMemo(); err != nil {
		return err
	}
	if err := a.openTold(b); err != nil {
		return err
	}
	if c.Flight > 0 {
		a.flight = admin.NewFlight(c.Flight, log)
	}
	a.gateway = gateway.New(gateway.Options{
		Registry:      a.models,
		Hasher:        a.hasher,
		History:       a.history,
		CardNumbers:   c.State.CardNumbers,
		Recovering:    func() bool { return !a.recovered.Load() },
		Scorer:        a.scorer(),
		Shadow:        a.shadow.Status,
		Memo:          a.memoStatus,
		Metrics:       a.metrics,
		Tell:          a.tellers,
		Listed:        c.Log.Entities,
		Exporter:      b.Exporter(a.metrics),
		OpenAPI:       api.OpenAPI,
		XRay:          strings.HasPrefix(c.Traces.Endpoint, "udp://"), // such a collector is X-Ray's daemon
		Dashboard:     a.newDashboard(b.Page),
		Log:           log,
		Ready:         a.isReady,
		Admission:     a.access.admission,
		Certificate:   a.certificate(),
		Address:       a.clients.Of,
		Deadline:      c.Limits.Deadline,
		BatchDeadline: c.Limits.BatchDeadline,
		MaxBody:       c.Limits.Body,
		MaxBatchBody:  c.Limits.BatchBody,
		MaxBatch:      int(c.Limits.Batch),
		IgnoreUnknown: c.UnknownFeatures == "ignore",
	})
	return nil
}

// scorer stacks the scorers. A batch meets them from the last line up.
func (a *App) scorer() score.Scorer {
	late, closed := a.config.Limits.OnDeadline == "fallback", a.config.Replay.OnOutage == "closed"
	s := score.Remembering(a.memo, a.ghost, a.far())           // margin, value, decision; a row that is known is not predicted
	s = score.Timely(s)                                        // what cannot be done in time is not begun
	s = score.Recorded(s, a.history, a.shadow)                 // row from history; event, answer and history become one record
	s = score.Replayed(s, a.history.Kept(), closed, a.metrics) // a repeated event gets its first answer
	s = score.Overdue(s, late, a.metrics)                      // what is late fails, or the policy's fallback decides
	return score.Measured(s)                                   // outermost, so that it sees replays, too
}

// warm predicts a row with a model, so that ready means that scoring works. It leaves out what counts: a made-up row
// is nobody's.
func warm(m *registry.Model) error {
	row := make([]float64, len(m.Columns))
	margins, values := make([]float64, m.Outputs), make([]float64, m.Values)
	if err := errors.Join(m.Margins(margins, row), m.Apply(values, margins)); err != nil {
		return fmt.Errorf("model %s: %w", m, err)
	}
	return nil
}

var (
	errRecovering = errors.New("besra is recovering its state")
	errStopping   = errors.New("besra is stopping")
)

func (a *App) isReady() error {
	switch a.stage.Load() {
	case recovering:
		return errRecovering
	case stopping:
		return errStopping
	}
	return nil
}

// Memory returns how many bytes of memory the service may take: what it remembers, and room to work. Histories
// and answers are memory that the garbage collector need not look into, so it may be told of a limit that is near.
func (c Config) Memory() int64 {
	const work = 512 << 20
	if c.Valkey.Address != "" {
		return work + c.Memo.Bytes
	}
	return c.State.Bytes + c.State.Bytes/8 + c.Replay.Bytes + c.Memo.Bytes + work
}

// Models returns the models that are served.
func (a *App) Models() []*registry.Model { return a.models.Models() }
