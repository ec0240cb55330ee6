package gateway

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/besra-ml/besra/internal/telemetry"
)

// An endpoint answers a request and returns the status it answered with.
type endpoint func(w http.ResponseWriter, r *http.Request) int

// chain is what every request passes, from the outside in: it is counted and timed, panics are caught,
// and it gets its id.
func (g *Gateway) chain(route *telemetry.Route, next endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		g.Metrics.InFlight.Inc()
		status := http.StatusInternalServerError
		defer func() {
			g.Metrics.InFlight.Dec()
			route.Answered(status, time.Since(start))
			if p := recover(); p != nil {
				g.panicked(w, r, p)
			}
		}()
		setRequestID(w, r)
		if g.draining.Load() {
			w.Header()["Connection"] = closing
		}
		status = next(w, r)
	})
}

// panicked answers a request whose endpoint panicked. http.ErrAbortHandler is how a handler hangs up.
func (g *Gateway) panicked(w http.ResponseWriter, r *http.Request, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so, too
		panic(p)
	}
	g.Log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.String("request", w.Header().Get("X-Request-Id")),
		slog.String("what", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
	g.refuse(w, internal.of("", "the log has more, by the request's id"))
}

// refuse answers with a problem.
func (g *Gateway) refuse(w http.ResponseWriter, p *Problem) int {
	h := w.Header()
	h["Content-Type"] = problemType
	h["Cache-Control"] = noStore
	if p.code.status == http.StatusServiceUnavailable {
		h["Retry-After"] = retryAfter
	}
	w.WriteHeader(p.code.status)
	_, _ = w.Write(p.appendTo(nil)) // whoever asked may have gone
	return p.code.status
}

// Header values are shared between answers; net/http reads them only.
var (
	jsonType    = []string{"application/json"}
	problemType = []string{"application/problem+json"}
	noStore     = []string{"no-store"}
	retryAfter  = []string{"1"}
	closing     = []string{"close"}
)
