package lambdasim

import (
	"encoding/base64"
	"io"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
)

// routes are the Runtime API and as much of the Extensions API as internal extensions use.
func (s *sandbox) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", s.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", s.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", s.error)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", s.refuseInit)
	mux.HandleFunc("POST /2020-01-01/extension/register", s.register)
	mux.HandleFunc("GET /2020-01-01/extension/event/next", s.nextEvent)
	return mux
}

func (s *sandbox) next(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.waiting++
	s.settle()
	s.mu.Unlock()

	var c *call
	select {
	case c = <-s.calls:
	case <-r.Context().Done():
	}
	s.mu.Lock()
	s.waiting--
	if c != nil {
		s.announce(c)
	}
	s.mu.Unlock()
	if c == nil {
		return
	}
	h := w.Header()
	h.Set("Lambda-Runtime-Aws-Request-Id", c.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(c.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", c.arn)
	h.Set("Lambda-Runtime-Trace-Id", c.trace)
	if c.invocation.ClientContext != "" {
		h.Set("Lambda-Runtime-Client-Context", c.invocation.ClientContext)
	}
	h.Set("Content-Type", "application/json")
	_, _ = w.Write(c.invocation.Payload) // when the process is gone, that is noticed elsewhere
}

func (s *sandbox) response(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(io.LimitReader(r.Body, MaxAnswer+1))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", "the answer cannot be read")
		return
	}
	id := r.PathValue("id")
	if len(payload) > MaxAnswer {
		limit := strconv.Itoa(MaxAnswer)
		s.answer(id, nil, &failure{kind: tooLarge, text: "Response payload size exceeded maximum allowed payload size (" + limit + " bytes)."})
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "Exceeded maximum allowed payload size ("+limit+" bytes).")
		return
	}
	var f *failure
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		said, err := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		if f = (&failure{kind: kind, text: "the answer broke off"}); err == nil {
			f.payload = said
		}
	}
	s.accept(w, s.answer(id, payload, f))
}

func (s *sandbox) error(w http.ResponseWriter, r *http.Request) {
	f := readFailure(r)
	s.accept(w, s.answer(r.PathValue("id"), nil, f))
}

func (s *sandbox) refuseInit(w http.ResponseWriter, r *http.Request) {
	f := readFailure(r)
	s.mu.Lock()
	first := !s.initialed && s.initError == nil
	if first {
		s.initError = f
		close(s.refused)
	}
	s.mu.Unlock()
	s.accept(w, first)
}

// readFailure reads what a function says of its failure.
func readFailure(r *http.Request) *failure {
	f := &failure{kind: r.Header.Get("Lambda-Runtime-Function-Error-Type")}
	f.payload, _ = io.ReadAll(io.LimitReader(r.Body, MaxAnswer)) // what came of it
	var said struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal(f.payload, &said) != nil {
		f.payload = nil
	}
	if said.Type != "" {
		f.kind = said.Type
	}
	if f.text = said.Message; f.kind == "" {
		f.kind = "Runtime.Unknown"
	}
	return f
}

func (s *sandbox) accept(w http.ResponseWriter, known bool) {
	if !known {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "there is no such invocation, or it was answered")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`+"\n")
}

func refuse(w http.ResponseWriter, status int, kind, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, struct {
		Text string `json:"errorMessage"`
		Type string `json:"errorType"`
	}{text, kind})
}
