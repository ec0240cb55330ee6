package app

import (
	"strconv"
	"time"

	"github.com/besra-ml/besra/internal/drift"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/telemetry"
)

const (
	leastDriftWindow = time.Minute
	driftEvery       = 10 * time.Second // from one comparison for the metrics to the next
)

// watchDrift has a model that is to be served compared with its reference, if it has one.
func (a *App) watchDrift(m *registry.Model, r *drift.Reference) {
	if r == nil || a.foreign {
		return
	}
	m.Drift = r.Watch(time.Now(), drift.Options{Window: a.config.Drift.Window})
	a.driftOf(m).ReferenceRows.Set(float64(r.Rows))
}

// driftOf returns the metrics of a model's drift.
func (a *App) driftOf(m *registry.Model) telemetry.Drift {
	names := make([]string, len(m.Columns))
	for i := range m.Columns {
		names[i] = m.Columns[i].Name
	}
	return a.metrics.Drift(m.Name, strconv.Itoa(m.Version), names)
}

// drifts looks after the watches of the models that are served.
type drifts struct{ measured time.Time }

// tend is called each second. The stock is held while metrics are set, so that none are made anew of a version that
// leaves meanwhile; but nobody waits for it: a look at the models may take long.
func (d *drifts) tend(a *App, now time.Time) {
	for _, m := range a.models.Models() {
		if m.Drift != nil {
			m.Drift.Turn(now, m.Counters.Rows.Value())
		}
	}
	if now.Sub(d.measured) < driftEvery || !a.stock.mu.TryLock() {
		return
	}
	defer a.stock.mu.Unlock()
	d.measured = now
	for _, m := range a.models.Models() {
		if m.Drift != nil {
			a.measureDrift(m)
		}
	}
}

func (a *App) measureDrift(m *registry.Model) {
	r, to := m.Drift.Report(), a.driftOf(m)
	to.Rows.Set(float64(r.Rows))
	to.Score.Set(r.Score.PSI)
	for i := range r.Features {
		to.Features[i].Set(r.Features[i].PSI)
	}
}
