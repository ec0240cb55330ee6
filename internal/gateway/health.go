package gateway

import (
	"net/http"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/problem"
)

// livez answers as long as the process can answer at all.
func (g *Gateway) livez(w http.ResponseWriter, _ *http.Request, _ *visit) int {
	return writeJSON(w, http.StatusOK, []byte(`{"live":true}`))
}

// readyz answers 200 while besra takes requests: what is remembered has been read, and it is not stopping. Versions that
// were refused are told; those that are served do not mind.
func (g *Gateway) readyz(w http.ResponseWriter, _ *http.Request, v *visit) int {
	if err := g.Ready(); err != nil {
		return v.refuse(w, problem.NotReady.Of("", err.Error()))
	}
	b := []byte(`{"ready":true`)
	if s := g.Registry.Set(); len(s.Refused()) > 0 {
		b = appendRefused(b, s, identity.Anybody())
	}
	return writeJSON(w, http.StatusOK, append(b, '}'))
}

// exportMetrics serves what the exporter makes of the metrics.
func (g *Gateway) exportMetrics(w http.ResponseWriter, r *http.Request, v *visit) int {
	if g.Exporter == nil {
		return v.refuse(w, problem.NoSuchRoute.Of("", "no exporter is built in"))
	}
	a := &answered{w, http.StatusOK}
	g.Exporter.ServeHTTP(a, r)
	return a.status
}

// answered remembers the status of an answer.
type answered struct {
	http.ResponseWriter
	status int
}

func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// openAPI serves the description of this interface.
func (g *Gateway) openAPI(w http.ResponseWriter, _ *http.Request, _ *visit) int {
	return writeJSON(w, http.StatusOK, g.OpenAPI)
}

func writeJSON(w http.ResponseWriter, status int, body []byte) int {
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Cache-Control"] = noStore
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever asked may have gone
	return status
}
