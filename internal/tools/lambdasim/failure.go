package lambdasim

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// ErrClosed is returned when a function is asked that has been closed.
var ErrClosed = errors.New("the function was closed")

// ErrNotJSON is returned for a payload that is not JSON: 400, InvalidRequestContentException.
var ErrNotJSON = errors.New("Could not parse request body into json") //nolint:staticcheck // AWS's own words

// ErrRequestTooLarge is returned for a payload above [MaxPayload]: 413, RequestTooLargeException.
var ErrRequestTooLarge = fmt.Errorf("Request must be smaller than %d bytes for the InvokeFunction operation", MaxPayload) //nolint:staticcheck // AWS's own words

// The types of errors that Lambda answers with for the function.
const (
	exitError = "Runtime.ExitError"
	timedOut  = "Sandbox.Timedout"
	tooLarge  = "Function.ResponseSizeTooLarge"
)

// A failure is why an invocation has no answer: a function error, in Lambda's words.
type failure struct {
	kind    string
	text    string
	payload []byte // what the function itself has said of it; nil: kind and text
}

func (e *failure) document(requestID string) []byte {
	if e.payload != nil {
		return e.payload
	}
	text := e.text
	if e.kind != tooLarge {
		text = "RequestId: " + requestID + " Error: " + text
	}
	b, err := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{e.kind, text})
	if err != nil { // the text is no UTF-8
		return []byte(`{"errorType":"` + e.kind + `"}`)
	}
	return b
}

func crashed(p *process) *failure { return &failure{kind: exitError, text: p.how()} }

func outOfTime(limit time.Duration) *failure {
	return &failure{kind: timedOut, text: fmt.Sprintf("Task timed out after %.2f seconds", limit.Seconds())}
}
