package gateway

import "net/http"

// livez answers as long as the process can answer at all.
func (g *Gateway) livez(w http.ResponseWriter, _ *http.Request) int {
	return writeJSON(w, http.StatusOK, []byte(`{"live":true}`))
}

// readyz answers 200 while besra takes requests: what is remembered has been read, and it is not stopping.
func (g *Gateway) readyz(w http.ResponseWriter, _ *http.Request) int {
	if err := g.Ready(); err != nil {
		return g.refuse(w, notReady.of("", err.Error()))
	}
	return writeJSON(w, http.StatusOK, []byte(`{"ready":true}`))
}

// exportMetrics serves what the exporter makes of the metrics.
func (g *Gateway) exportMetrics(w http.ResponseWriter, r *http.Request) int {
	if g.Exporter == nil {
		return g.refuse(w, noSuchRoute.of("", "no exporter is built in"))
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

// openAPI serves the description of this interface.
func (g *Gateway) openAPI(w http.ResponseWriter, _ *http.Request) int {
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
