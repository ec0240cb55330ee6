package gateway

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/problem"
)

// dashboardPath begins the routes of operators' page.
const dashboardPath = "/dashboard"

// dashboard serves operators' page. What it shows is the whole process's: who is bound to models, or to a tenant, would
// see there what others do.
func (g *Gateway) dashboard(w http.ResponseWriter, r *http.Request, v *visit) int {
	if g.Dashboard == nil {
		return v.refuse(w, problem.NoSuchRoute.Of("", "the dashboard is switched off: dashboard: false"))
	}
	if id := v.identity(); id.Models != nil || id.Tenant != "" {
		g.Metrics.Access.Denied.Model.Inc()
		return v.refuse(w, problem.Forbidden.Of("", "the dashboard shows what all models and tenants do, and whoever asks is bound to some"))
	}
	a := &answered{w, http.StatusOK}
	g.Dashboard.ServeHTTP(a, r)
	return a.status
}

// watch serves the page's stream. It is not in flight as requests are: it ends when besra stops, and not before.
func (g *Gateway) watch(w http.ResponseWriter, r *http.Request, v *visit) int {
	g.Metrics.InFlight.Dec()
	begun := time.Now()
	defer func() {
		g.Metrics.InFlight.Inc()
		v.streamed = time.Since(begun)
	}()
	return g.dashboard(w, r, v)
}

// challenge returns how a client is to say who asks: a browser that opens the dashboard is to ask for a key.
func (v *visit) challenge(p *problem.Problem, err error) string {
	var denied *auth.Denied
	if !strings.HasPrefix(v.told.Route, dashboardPath) || !errors.As(err, &denied) {
		return p.Challenge
	}
	return denied.Browser()
}
