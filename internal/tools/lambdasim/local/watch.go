package local

import (
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// watch is where one looks: text for people at /__besra/, JSON for programs below it.
func (l *Local) watch() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/__besra/", http.StatusFound) })
	mux.HandleFunc("GET /__besra/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(l.page())
	})
	mux.HandleFunc("GET /__besra/status", func(w http.ResponseWriter, _ *http.Request) { answer(w, l.status()) })
	mux.HandleFunc("GET /__besra/metrics", func(w http.ResponseWriter, _ *http.Request) { answer(w, l.metrics()) })
	mux.HandleFunc("GET /__besra/logs", func(w http.ResponseWriter, r *http.Request) { answer(w, l.logs(number(r, 100))) })
	mux.HandleFunc("GET /__besra/traces", func(w http.ResponseWriter, r *http.Request) { answer(w, l.spans(number(r, 100))) })
	if l.issuer != nil {
		mux.Handle("GET /__besra/issuer/", l.issuer)
	}
	return mux
}

// number reads n of the query.
func number(r *http.Request, otherwise int) int {
	n, err := strconv.Atoi(r.URL.Query().Get("n"))
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.MarshalWrite(w, v, jsontext.Multiline(true), json.Deterministic(true)) // who has left is told nothing
}
