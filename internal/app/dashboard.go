package app

import (
	"net/http"

	"github.com/besra-ml/besra/internal/dashboard"
)

// newDashboard returns operators' page; nil: there is none.
func (a *App) newDashboard() http.Handler {
	if !a.config.Dashboard || a.foreign || a.function {
		return nil
	}
	a.dashboard = dashboard.NewRecorder(dashboard.Options{Metrics: a.metrics, Recent: a.recent})
	return dashboard.Handler(a.dashboard)
}
