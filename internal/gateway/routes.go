package gateway

import (
	"net/http"
	"strings"

	"github.com/besra-ml/besra/internal/telemetry"
)

// A route is a path, the one method it takes, and what answers it.
type route struct {
	method, path string
	endpoint     endpoint
}

// routes lists every path that the gateway serves.
func (g *Gateway) routes() []route {
	return []route{
		{http.MethodPost, "/v1/score", g.score},
		{http.MethodPost, "/v1/score/batch", g.scoreBatch},
		{http.MethodPost, "/v1/labels", g.takeLabels},
		{http.MethodGet, "/v1/models", g.models},
		{http.MethodGet, "/v1/models/{name}", g.model},
		{http.MethodGet, "/v1/status", g.status},
		{http.MethodGet, "/livez", g.livez},
		{http.MethodGet, "/readyz", g.readyz},
		{http.MethodGet, "/ping", g.readyz},
		{http.MethodGet, "/metrics", g.exportMetrics},
		{http.MethodGet, "/openapi.json", g.openAPI},
	}
}

// A served path answers its one method, and refuses the others. GET stands for HEAD, too.
type served struct {
	method        string
	answer, wrong http.Handler
}

// A router finds the handler of a request. Paths are matched as they are: there is one spelling of each, and
// no redirect to it. (http.ServeMux would redirect, uncounted, and costs as much as decoding a payment.)
type router struct {
	paths map[string]*served
	below map[string]*served // paths that end in {name}, by what stands before it
	lost  http.Handler       // of all others
}

const nameParameter = "{name}"

func (g *Gateway) newRouter() router {
	t := router{
		paths: map[string]*served{}, below: map[string]*served{},
		lost: g.chain(g.Metrics.Route(telemetry.OtherRoute), g.noRoute),
	}
	for _, r := range g.routes() {
		counted := g.Metrics.Route(r.path)
		s := &served{r.method, g.chain(counted, r.endpoint), g.chain(counted, g.wrongMethod(r.method))}
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
	s, ok := t.paths[r.URL.Path]
	if !ok {
		i := strings.LastIndexByte(r.URL.Path, '/') + 1
		if s, ok = t.below[r.URL.Path[:i]]; !ok || i == len(r.URL.Path) {
			return t.lost
		}
		r.SetPathValue("name", r.URL.Path[i:])
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
	return func(w http.ResponseWriter, r *http.Request) int {
		w.Header().Set("Allow", takes)
		return g.refuse(w, methodNotAllowed.of("", r.Method+" is not among "+takes))
	}
}

func (g *Gateway) noRoute(w http.ResponseWriter, r *http.Request) int {
	detail := "GET /openapi.json describes the paths that are served"
	if strings.HasPrefix(r.URL.Path, "/v2") {
		detail = "this version of besra does not speak the Open Inference Protocol; POST /v1/score"
	}
	return g.refuse(w, noSuchRoute.of("", detail))
}
