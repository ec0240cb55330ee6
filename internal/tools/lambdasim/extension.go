package lambdasim

import (
	"io"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"
)

// An extension is one inside the bootstrap's process. Its being there is what makes Lambda send SIGTERM.
type extension struct {
	invokes bool // it is told of invocations, and asks for the next event after each
	waiting bool
	events  chan *call // with room for one
}

// maxExtensions is how many Lambda takes.
const maxExtensions = 10

func (s *sandbox) register(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Events []string `json:"events"`
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err == nil && len(body) > 0 {
		err = json.Unmarshal(body, &asked)
	}
	name := r.Header.Get("Lambda-Extension-Name")
	if err != nil || name == "" {
		refuse(w, http.StatusBadRequest, "Extension.InvalidRequest", "an extension needs a name, and a list of events")
		return
	}
	for _, event := range asked.Events {
		switch event {
		case "INVOKE":
		case "SHUTDOWN":
			refuse(w, http.StatusForbidden, "ShutdownEventNotSupportedForInternalExtension", "SHUTDOWN event is not supported for internal extensions")
			return
		default:
			refuse(w, http.StatusBadRequest, "Extension.InvalidEventType", event+": No such event type")
			return
		}
	}
	id := NewID()
	s.mu.Lock()
	late, many := s.initialed, len(s.extensions) >= maxExtensions
	if !late && !many {
		s.extensions[id] = &extension{invokes: slices.Contains(asked.Events, "INVOKE"), events: make(chan *call, 1)}
	}
	s.mu.Unlock()
	switch {
	case late:
		refuse(w, http.StatusForbidden, "Extension.RegistrationClosed", "Extension registration closed already")
		return
	case many:
		refuse(w, http.StatusForbidden, "Extension.TooManyExtensions", "Extension limit (10) reached")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Lambda-Extension-Identifier", id)
	_, _ = io.WriteString(w, `{"functionName":"","functionVersion":"","handler":""}`)
}

func (s *sandbox) nextEvent(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	x := s.extensions[r.Header.Get("Lambda-Extension-Identifier")]
	if x != nil {
		x.waiting = true
		s.settle()
	}
	s.mu.Unlock()
	if x == nil {
		refuse(w, http.StatusForbidden, "Extension.UnknownExtensionIdentifier", "no extension of this identifier is registered")
		return
	}
	select {
	case c := <-x.events:
		w.Header().Set("Content-Type", "application/json")
		_ = json.MarshalWrite(w, struct {
			Type     string `json:"eventType"`
			Deadline int64  `json:"deadlineMs"`
			ID       string `json:"requestId"`
			ARN      string `json:"invokedFunctionArn"`
		}{"INVOKE", c.deadline.UnixMilli(), c.id, c.arn})
	case <-r.Context().Done():
	}
}

// announce tells extensions of an invocation. The lock is held. Where requests come one at a time there is room: the one
// before is over only when all have asked for the next event. Where they do not, some are not told of.
func (s *sandbox) announce(c *call) {
	for _, x := range s.extensions {
		if x.invokes {
			x.waiting = false
			select {
			case x.events <- c:
			default:
			}
		}
	}
}
