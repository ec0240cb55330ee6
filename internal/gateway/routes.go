package gateway

import (
	"net/http"
	"path"
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
		{http.MethodGet, "/v1/models", g.models},
		{http.MethodGet, "/v1/models/{name}", g.model},
		{http.MethodGet, "/livez", g.livez},
		{http.MethodGet, "/readyz", g.readyz},
		{http.MethodGet, "/ping", g.readyz},
		{http.MethodGet, "/metrics", g.exportMetrics},
		{http.MethodGet, "/openapi.json", g.openAPI},
	}
}

// mux builds the handler of all routes, and that of what is on none.
func (g *Gateway) mux() (all, lost http.Handler) {
	mux := http.NewServeMux()
	for _, r := range g.routes() {
		counted := g.metrics.Route(r.path)
		mux.Handle(r.method+" "+r.path, g.chain(counted, r.endpoint))
		mux.Handle(r.path, g.chain(counted, g.wrongMethod(r.method)))
	}
	lost = g.chain(g.metrics.Route(telemetry.OtherRoute), g.noRoute)
	mux.Handle("/", lost)
	return mux, lost
}

// plain reports whether a path is spelled as routes are. The mux redirects those with //, /./ or /../ to
// another spelling, which is neither counted nor an answer that a client of an API expects; a path that
// begins without a slash comes with CONNECT and OPTIONS *.
func plain(p string) bool {
	if p == "" || p[0] != '/' {
		return false
	}
	clean := path.Clean(p)
	return p == clean || p[:len(p)-1] == clean
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
