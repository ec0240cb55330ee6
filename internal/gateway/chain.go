package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/telemetry"
)

// An endpoint answers a request and returns the status it answered with.
type endpoint func(w http.ResponseWriter, r *http.Request, v *visit) int

// chain is what every request passes, from the outside in: it is counted, timed and told of, panics are caught, it gets
// its id, and is admitted.
func (g *Gateway) chain(route *telemetry.Route, a access, next endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := g.enter(route, w, r)
		defer func() {
			p := recover()
			if p != nil && p != http.ErrAbortHandler { //nolint:errorlint // net/http compares it so, too
				v.told.Status = g.panicked(v, w, p)
			}
			g.leave(v, route)
			if p == http.ErrAbortHandler { //nolint:errorlint // likewise: it is how a handler hangs up
				panic(p)
			}
		}()
		if g.draining.Load() {
			w.Header()["Connection"] = closing
		}
		if !a.open {
			if status := g.admitted(v, w, r, a); status != 0 {
				v.told.Status = status
				return
			}
			v.line.Spent(telemetry.StageAdmit, 0)
		}
		v.told.Status = next(w, r, v)
	})
}

// Guard returns next for whoever has these scopes: what other doors of the house stand behind. The request's context
// says who that is (identity.FromContext). pattern is the route's name in metrics.
func (g *Gateway) Guard(pattern string, needs identity.Scopes, next http.Handler) http.Handler {
	return g.chain(g.Metrics.Route(pattern, telemetry.NoPromise), access{needs: needs}, func(w http.ResponseWriter, r *http.Request, v *visit) int {
		a := &answered{w, http.StatusOK}
		next.ServeHTTP(a, r.WithContext(identity.NewContext(r.Context(), v.identity())))
		return a.status
	})
}

// panicked answers a request whose endpoint panicked.
func (g *Gateway) panicked(v *visit, w http.ResponseWriter, p any) (status int) {
	what := telemetry.Panic(p)
	v.told.Cause = what
	g.Log.LogAttrs(context.Background(), slog.LevelError, "panic", slog.String("request", v.told.ID),
		slog.String("what", what.Error()), slog.String("stack", string(debug.Stack())))
	return v.refuse(w, problem.Internal.Of("", "the log has more, by the request's id"))
}

// Header values are shared between answers; net/http reads them only.
var (
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"}
	closing  = []string{"close"}
	gzipOnly = []string{"gzip"}
)
