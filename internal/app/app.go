// Package app wires the service: settings and backends go in, a running service comes out.
package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/besra-ml/besra/api"
	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/gateway"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/score"
	"github.com/besra-ml/besra/internal/telemetry"
)

// Backends is what a binary links and hands in.
type Backends struct {
	Exporter func(*telemetry.Metrics) http.Handler // serves GET /metrics
	Demo     fs.FS                                 // the bundle that is served when no model is named
	Build    telemetry.Options
}

// An App is the service.
type App struct {
	config  Config
	log     *slog.Logger
	metrics *telemetry.Metrics
	models  *registry.Registry
	watcher *policy.Watcher // nil: no policy is given apart
	hasher  *entity.Hasher
	history *history.History
	gateway *gateway.Gateway
	stage   atomic.Int32

	recovered atomic.Bool // what is remembered is whole: it may be added to and written down
	foreign   bool        // histories of models that are not named are kept as they are: nothing is served
}

// The stages of an App's life.
const (
	recovering = iota
	ready
	stopping
)

// New reads the models that paths name (files, bundles, directories of models) and wires the service.
// Without paths and without a models directory it takes the demo.
func New(c Config, b Backends, paths []string, log *slog.Logger) (*App, error) {
	return assemble(&App{config: c, log: log, metrics: telemetry.New(b.Build)}, b, paths)
}

func assemble(a *App, b Backends, paths []string) (*App, error) {
	c, log := a.config, a.log
	pins := map[string]int{}
	models, err := a.load(b.Demo, paths, pins)
	if err != nil {
		return nil, err
	}
	if a.models, err = registry.New(models, pins); err != nil {
		return nil, err
	}
	a.checkLists()
	if err := a.warm(); err != nil {
		return nil, err
	}
	if err := a.openState(); err != nil {
		return nil, err
	}
	if a.history.Journal == nil {
		a.recovered.Store(true)
		a.stage.Store(ready)
	}
	a.gateway = gateway.New(gateway.Options{
		Registry:      a.models,
		Hasher:        a.hasher,
		History:       a.history,
		CardNumbers:   c.State.CardNumbers,
		Recovering:    func() bool { return !a.recovered.Load() },
		Scorer:        a.scorer(),
		Metrics:       a.metrics,
		Exporter:      b.Exporter(a.metrics),
		OpenAPI:       api.OpenAPI,
		Log:           log,
		Ready:         a.isReady,
		MaxBody:       c.Limits.Body,
		MaxBatchBody:  c.Limits.BatchBody,
		MaxBatch:      int(c.Limits.Batch),
		IgnoreUnknown: c.UnknownFeatures == "ignore",
	})
	return a, nil
}

// scorer stacks the scorers. A batch meets them from the last line up.
func (a *App) scorer() score.Scorer {
	s := score.Direct()                               // margin, value, decision
	s = score.Recorded(s, a.history, a.log)           // row from history; event, answer and history become one record
	s = score.Replayed(s, a.history.Store, a.metrics) // a repeated event gets its first answer
	return score.Measured(s, a.metrics)               // outermost, so that it sees replays, too
}

// warm predicts a row with every model, so that ready means that scoring works. It leaves out what counts: a
// made-up row is nobody's.
func (a *App) warm() error {
	for _, m := range a.models.Models() {
		row := make([]float64, len(m.Columns))
		margins, values := make([]float64, m.Outputs), make([]float64, m.Values)
		if err := errors.Join(m.Engine.Margin64(margins, row), m.Engine.Apply(values, margins)); err != nil {
			return fmt.Errorf("model %s@%d: %w", m.Name, m.Version, err)
		}
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
	return c.State.Bytes + c.State.Bytes/8 + c.Replay.Bytes + work
}

// Models returns the models that are served.
func (a *App) Models() []*registry.Model { return a.models.Models() }

// Listen opens the address to serve on. Beyond loopback it refuses, since nobody is authenticated there,
// unless the settings insist.
func (a *App) Listen(ctx context.Context) (net.Listener, error) {
	if a.config.Listen == "" {
		return nil, errors.New("listen: want an address such as 127.0.0.1:8080")
	}
	addr, err := net.ResolveTCPAddr("tcp", a.config.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen %s: %w", a.config.Listen, unwrapNet(err))
	}
	if !addr.IP.IsLoopback() && !a.config.Insecure {
		return nil, fmt.Errorf("listen %s: nobody who calls is authenticated; "+
			"serve on loopback (127.0.0.1), or say --insecure where something in front of besra does it", a.config.Listen)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr.String())
	if err != nil {
		return nil, fmt.Errorf("listen %s: %w", a.config.Listen, unwrapNet(err))
	}
	return l, nil
}

// unwrapNet strips the words that net puts around an error, which name the address again.
func unwrapNet(err error) error {
	var op *net.OpError
	var addr *net.AddrError
	switch {
	case errors.As(err, &op):
		return op.Err
	case errors.As(err, &addr):
		return errors.New(addr.Err)
	}
	return err
}
