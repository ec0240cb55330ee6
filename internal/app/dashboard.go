package app

import (
	"net/http"

	"github.com/besra-ml/besra/internal/dashboard"
)

// newDashboard returns operators' page; nil: there is none.
func (a *App) newDashboard(page func(*dashboard.Recorder) http.Handler) http.Handler {
	if page == nil || !a.config.Dashboard || a.foreign || a.function {
		return nil
	}
	a.dashboard = dashboard.NewRecorder(dashboard.Options{Metrics: a.metrics, Recent: a.recent})
	return page(a.dashboard)
}
