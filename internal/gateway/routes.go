package gateway

import (
	"net/http"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A route is a path, the one method it takes, what answers it, and who may ask.
type route struct {
	method, path string
	endpoint     endpoint
	access       access
}

// access says who may ask.
type access struct {
	open     bool            // anybody, without credentials
	needs    identity.Scopes // an identity with these
	limited  bool            // it takes part in limits, and can be shed
	long     bool            // there may be much to do
	deadline *time.Duration  // for the answer; nil: none but the client's own
	promise  telemetry.Promise
}

// routes lists every path that the gateway serves.
func (g *Gateway) routes() []route {
	var (
		anybody = access{open: true}
		known   = access{}
		single  = access{needs: identity.Score, limited: true, deadline: &g.Deadline, promise: telemetry.PromiseQuick}
		batch   = access{needs: identity.Score, limited: true, long: true, deadline: &g.BatchDeadline, promise: telemetry.PromiseAvailable}
		labels  = access{needs: identity.Labels, limited: true, long: true, deadline: &g.BatchDeadline, promise: telemetry.PromiseAvailable}
		models  = access{needs: identity.Models}
		metrics = access{needs: identity.Metrics}
	)
	return []route{
		{http.MethodPost, "/v1/score", g.score, single},
		{http.MethodPost, "/v1/score/batch", g.scoreBatch, batch},
		{http.MethodPost, "/v1/labels", g.takeLabels, labels},
		{http.MethodGet, "/v1/models", g.models, models},
		{http.MethodGet, "/v1/models/{name}", g.model, models},
		{http.MethodGet, "/v1/status", g.status, metrics},
		{http.MethodGet, "/livez", g.livez, anybody},
		{http.MethodGet, "/readyz", g.readyz, anybody},
		{http.MethodGet, "/ping", g.readyz, anybody},
		{http.MethodGet, "/metrics", g.exportMetrics, metrics},
		{http.MethodGet, "/openapi.json", g.openAPI, known},
		{http.MethodGet, "/dashboard", g.dashboard, metrics},
		{http.MethodGet, "/dashboard/{name}", g.dashboard, metrics},
		{http.MethodGet, "/dashboard/events", g.watch, metrics},
	}
}

// A served path answers its one method, and refuses the others. GET stands for HEAD, too.
type served struct {
	method        string
	answer, wrong http.Handler
}

// A router finds the handler of a request. Paths are matched as they are: there is one spelling of each, without
// escapes but in a {name}, and no redirect to it. (http.ServeMux would redirect, uncounted, and costs as much as decoding a payment.)
type router struct {
	paths map[string]*served
	below map[string]*served // paths that end in {name}, by what stands before it
	lost  http.Handler       // of all others
}

const nameParameter = "{name}"

func (g *Gateway) newRouter() router {
	t := router{
		paths: map[string]*served{}, below: map[string]*served{},
		lost: g.chain(g.Metrics.Route(telemetry.OtherRoute, telemetry.NoPromise), access{open: true}, g.noRoute),
	}
	for _, r := range g.routes() {
		counted := g.Metrics.Route(r.path, r.access.promise)
		s := &served{r.method, g.chain(counted, r.access, r.endpoint), g.chain(counted, access{open: true}, g.wrongMethod(r.method))}
		if parent, ok := strings.CutSuffix(r.path, nameParameter); ok {
			t.below[parent] = s
		} else {
			t.paths[r.path] = s
		}
	}
	return t
}

// of returns the handler of a request, whose {name} it sets.
func (t *router) of(r *http.Request) http.Handler {
	path := r.URL.Path
	s, ok := t.paths[path]
	if !ok || r.URL.RawPath != "" {
		i := strings.LastIndexByte(path, '/') + 1
		if s, ok = t.below[path[:i]]; !ok || i == len(path) || !strings.HasPrefix(r.URL.EscapedPath(), path[:i]) {
			return t.lost
		}
		r.SetPathValue("name", path[i:])
	}
	if r.Method == s.method || r.Method == http.MethodHead && s.method == http.MethodGet {
		return s.answer
	}
	return s.wrong
}

func (g *Gateway) wrongMethod(takes string) endpoint {
	if takes == http.MethodGet {
		takes = "GET, HEAD"
	}
	return func(w http.ResponseWriter, r *http.Request, v *visit) int {
		w.Header().Set("Allow", takes)
		return v.refuse(w, problem.MethodNotAllowed.Of("", r.Method+" is not among "+takes))
	}
}

func (g *Gateway) noRoute(w http.ResponseWriter, r *http.Request, v *visit) int {
	detail := "GET /openapi.json describes the paths that are served"
	if strings.HasPrefix(r.URL.Path, "/v2") {
		detail = "this version of besra does not speak the Open Inference Protocol; POST /v1/score"
	}
	return v.refuse(w, problem.NoSuchRoute.Of("", detail))
}
