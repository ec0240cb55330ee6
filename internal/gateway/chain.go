package gateway

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/telemetry"
)

// An endpoint answers a request and returns the status it answered with. v is nil where anybody may ask.
type endpoint func(w http.ResponseWriter, r *http.Request, v *visit) int

// chain is what every request passes, from the outside in: it is counted and timed, panics are caught,
// it gets its id, and is admitted.
func (g *Gateway) chain(route *telemetry.Route, a access, next endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		g.Metrics.InFlight.Inc()
		status := http.StatusInternalServerError
		var v *visit
		defer func() {
			ended := time.Now()
			if v != nil {
				g.leave(v, ended)
			}
			g.Metrics.InFlight.Dec()
			route.Answered(status, ended.Sub(start))
			if p := recover(); p != nil {
				g.panicked(w, r, p)
			}
		}()
		setRequestID(w, r)
		if g.draining.Load() {
			w.Header()["Connection"] = closing
		}
		if !a.open {
			v = g.visits.Get().(*visit)
			if status = g.admitted(v, w, r, a, start); status != 0 {
				return
			}
			status = http.StatusInternalServerError
			g.Metrics.Stages.Admit.ObserveDuration(time.Since(start))
		}
		status = next(w, r, v)
	})
}

// Guard returns next for whoever has these scopes: what other doors of the house stand behind. The request's context
// says who that is (identity.FromContext). pattern is the route's name in metrics.
func (g *Gateway) Guard(pattern string, needs identity.Scopes, next http.Handler) http.Handler {
	return g.chain(g.Metrics.Route(pattern), access{needs: needs}, func(w http.ResponseWriter, r *http.Request, v *visit) int {
		a := &answered{w, http.StatusOK}
		next.ServeHTTP(a, r.WithContext(identity.NewContext(r.Context(), v.identity())))
		return a.status
	})
}

// panicked answers a request whose endpoint panicked. http.ErrAbortHandler is how a handler hangs up.
func (g *Gateway) panicked(w http.ResponseWriter, r *http.Request, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so, too
		panic(p)
	}
	g.Log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.String("request", w.Header().Get("X-Request-Id")),
		slog.String("what", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
	problem.Internal.Of("", "the log has more, by the request's id").Write(w)
}

// Header values are shared between answers; net/http reads them only.
var (
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"}
	closing  = []string{"close"}
	gzipOnly = []string{"gzip"}
)
