// Package problem is errors as clients see them: application/problem+json, RFC 9457, with the codes of all doors.
package problem

import (
	"net/http"
	"strconv"

	"github.com/besra-ml/besra/internal/strictjson"
)

// A Problem is one error.
type Problem struct {
	Code   Code
	Field  string // the member or feature at fault, "" when none is
	Detail string // a sentence for people

	Challenge  string // how to say who asks; "": that is not the matter
	RetryAfter int    // seconds after which it is worth asking again; 0: nobody knows
}

func (p *Problem) Error() string { return p.Code.Name + ": " + p.Detail }

// A Code is one kind of problem. The table below is all that clients can meet.
type Code struct {
	Name   string
	Status int // of HTTP
	Title  string
}

// The codes.
var (
	BadJSON          = Code{"bad-json", http.StatusBadRequest, "The body is not the JSON it should be"}
	BadRequest       = Code{"bad-request", http.StatusBadRequest, "The request makes no sense"}
	Unauthenticated  = Code{"unauthenticated", http.StatusUnauthorized, "Nobody knows who asks"}
	Forbidden        = Code{"forbidden", http.StatusForbidden, "Whoever asks may not"}
	NoSuchRoute      = Code{"no-such-route", http.StatusNotFound, "There is nothing at this path"}
	NoSuchModel      = Code{"no-such-model", http.StatusNotFound, "No such model is served"}
	NoSuchVersion    = Code{"no-such-version", http.StatusNotFound, "No such version of the model is served"}
	MethodNotAllowed = Code{"method-not-allowed", http.StatusMethodNotAllowed, "The path does not take this method"}
	TooLarge         = Code{"too-large", http.StatusRequestEntityTooLarge, "The request is too large"}
	BadMediaType     = Code{"unsupported-media-type", http.StatusUnsupportedMediaType, "The body's media type is not JSON"}
	UnknownFeature   = Code{"unknown-feature", http.StatusUnprocessableEntity, "The model has no such feature"}
	MissingFeature   = Code{"missing-feature", http.StatusUnprocessableEntity, "The model needs this feature"}
	WrongType        = Code{"wrong-type", http.StatusUnprocessableEntity, "The value is of the wrong type"}
	OutOfBounds      = Code{"out-of-bounds", http.StatusUnprocessableEntity, "The value is out of bounds"}
	WrongShape       = Code{"wrong-shape", http.StatusUnprocessableEntity, "The row is not as long as the model's"}
	NoOutput         = Code{"no-output", http.StatusUnprocessableEntity, "None of the model's outputs is selected as the score"}
	EventReused      = Code{"event-reused", http.StatusConflict, "The event_id was used for another event"}
	ModelRefused     = Code{"model-refused", http.StatusConflict, "The version is there and cannot be served"}
	RateLimited      = Code{"rate-limited", http.StatusTooManyRequests, "That is more than was agreed"}
	QuotaExceeded    = Code{"quota-exceeded", http.StatusTooManyRequests, "That is more than was agreed for the day or month"}
	Overloaded       = Code{"overloaded", http.StatusServiceUnavailable, "There is more to do than can be done in time"}
	DeadlineExceeded = Code{"deadline-exceeded", http.StatusGatewayTimeout, "There was no answer in time"}
	NotReady         = Code{"not-ready", http.StatusServiceUnavailable, "The service is not ready"}
	Internal         = Code{"internal", http.StatusInternalServerError, "Internal error"}
)

// Codes returns all codes.
func Codes() []Code {
	return []Code{
		BadJSON, BadRequest, Unauthenticated, Forbidden, NoSuchRoute, NoSuchModel, NoSuchVersion, MethodNotAllowed, TooLarge,
		BadMediaType, UnknownFeature, MissingFeature, WrongType, OutOfBounds, WrongShape, NoOutput, EventReused, ModelRefused,
		RateLimited, QuotaExceeded, Overloaded, DeadlineExceeded, NotReady, Internal,
	}
}

// Of returns a problem of that code.
func (c Code) Of(field, detail string) *Problem {
	return &Problem{Code: c, Field: field, Detail: detail}
}

// Append appends the problem's JSON.
func (p *Problem) Append(b []byte) []byte {
	b = append(b, `{"type":"urn:besra:problem:`...)
	b = append(b, p.Code.Name...)
	b = append(b, `","title":`...)
	b = strictjson.AppendString(b, p.Code.Title)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(p.Code.Status), 10)
	b = append(b, `,"code":"`...)
	b = append(b, p.Code.Name...)
	b = append(b, '"')
	if p.Field != "" {
		b = append(b, `,"field":`...)
		b = strictjson.AppendString(b, p.Field)
	}
	if p.Detail != "" {
		b = append(b, `,"detail":`...)
		b = strictjson.AppendString(b, p.Detail)
	}
	return append(b, '}')
}

// Write answers with the problem, and returns the status.
func (p *Problem) Write(w http.ResponseWriter) int {
	h := w.Header()
	h["Content-Type"] = mediaType
	h["Cache-Control"] = noStore
	switch {
	case p.RetryAfter > 0:
		h["Retry-After"] = []string{strconv.Itoa(p.RetryAfter)}
	case p.Code.Status == http.StatusServiceUnavailable:
		h["Retry-After"] = soon
	}
	if p.Challenge != "" {
		h["Www-Authenticate"] = []string{p.Challenge}
	}
	w.WriteHeader(p.Code.Status)
	_, _ = w.Write(p.Append(nil)) // whoever asked may have gone
	return p.Code.Status
}

// Header values are shared between answers; net/http reads them only.
var (
	mediaType = []string{"application/problem+json"}
	noStore   = []string{"no-store"}
	soon      = []string{"1"}
)
