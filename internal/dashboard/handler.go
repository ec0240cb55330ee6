package dashboard

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/problem"
)

// Where the page is, and the stream.
const (
	pagePath   = "/dashboard"
	eventsPath = "/dashboard/events"
)

// patience is how long a message may take to be taken by a viewer's connection.
const patience = 10 * time.Second

// A handler answers under /dashboard: the page, what it is made of, and the stream. Who may ask is settled before it.
type handler struct {
	recorder *Recorder
	files    map[string]*file
}

// Handler returns the page of what r records.
func Handler(r *Recorder) http.Handler { return &handler{r, files()} }

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if r.URL.Path == eventsPath {
		h.watch(w, r)
		return
	}
	name := "index.html"
	if r.URL.Path != pagePath {
		name = strings.TrimPrefix(r.URL.Path, pagePath+"/")
	}
	f, ok := h.files[name]
	if !ok || name == "index.html" && r.URL.Path != pagePath {
		problem.NoSuchRoute.Of("", "the dashboard has no such part").Write(w)
		return
	}
	f.serve(w, r)
}

// secure says what a browser may do with an answer: nothing but what the page needs, and that from here alone.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// longest is how long a stream lasts. Then the browser asks anew, and whoever may no longer see it is refused.
const longest = 15 * time.Minute

// watch answers GET /dashboard/events: server-sent events, until the client goes, falls behind, or besra stops. First
// comes "history", then a "tick" a second, and "told" when there is something new to tell of single requests.
func (h *handler) watch(w http.ResponseWriter, r *http.Request) {
	v, err := h.recorder.join()
	if err != nil {
		problem.Overloaded.Of("", err.Error()).Write(w)
		return
	}
	defer h.recorder.part(v)
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would gather what is to be seen at once
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // or the server takes the client for gone when timeouts.body is over
	ctx, cancel := context.WithTimeout(r.Context(), longest)
	defer cancel()
	for m := range v.next(ctx.Done()) {
		// A deadline of its own for each message, in place of the one for all of an answer.
		_ = c.SetWriteDeadline(time.Now().Add(patience))
		if _, err := w.Write(m); err != nil || c.Flush() != nil {
			return
		}
	}
}

// next yields messages until the viewer is let go, or has gone.
func (v *viewer) next(gone <-chan struct{}) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for {
			select {
			case <-gone:
				return
			case m, ok := <-v.messages:
				if !ok || !yield(m) {
					return
				}
			}
		}
	}
}
