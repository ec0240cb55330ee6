package gateway

import (
	"net/http"
	"strconv"
	"time"

	"github.com/besra-ml/besra/internal/strictjson"
)

// A Problem is an error as a client sees it: application/problem+json, RFC 9457.
type Problem struct {
	code   code
	field  string // the member or feature at fault, "" when none is
	detail string

	challenge string        // how to say who asks; "": that is not the matter
	retry     time.Duration // after which it is worth asking again; 0: nobody knows
}

func (p *Problem) Error() string { return p.code.name + ": " + p.detail }

// A code is one kind of problem. The table below is all that clients can meet.
type code struct {
	name   string
	status int
	title  string
}

var (
	badJSON          = code{"bad-json", http.StatusBadRequest, "The body is not the JSON it should be"}
	badRequest       = code{"bad-request", http.StatusBadRequest, "The request makes no sense"}
	unauthenticated  = code{"unauthenticated", http.StatusUnauthorized, "Nobody knows who asks"}
	forbidden        = code{"forbidden", http.StatusForbidden, "Whoever asks may not"}
	noSuchRoute      = code{"no-such-route", http.StatusNotFound, "There is nothing at this path"}
	noSuchModel      = code{"no-such-model", http.StatusNotFound, "No such model is served"}
	noSuchVersion    = code{"no-such-version", http.StatusNotFound, "No such version of the model is served"}
	methodNotAllowed = code{"method-not-allowed", http.StatusMethodNotAllowed, "The path does not take this method"}
	tooLarge         = code{"too-large", http.StatusRequestEntityTooLarge, "The request is too large"}
	badMediaType     = code{"unsupported-media-type", http.StatusUnsupportedMediaType, "The body's media type is not JSON"}
	unknownFeature   = code{"unknown-feature", http.StatusUnprocessableEntity, "The model has no such feature"}
	missingFeature   = code{"missing-feature", http.StatusUnprocessableEntity, "The model needs this feature"}
	wrongType        = code{"wrong-type", http.StatusUnprocessableEntity, "The value is of the wrong type"}
	outOfBounds      = code{"out-of-bounds", http.StatusUnprocessableEntity, "The value is out of bounds"}
	wrongShape       = code{"wrong-shape", http.StatusUnprocessableEntity, "The row is not as long as the model's"}
	noOutput         = code{"no-output", http.StatusUnprocessableEntity, "None of the model's outputs is selected as the score"}
	eventReused      = code{"event-reused", http.StatusConflict, "The event_id was used for another event"}
	rateLimited      = code{"rate-limited", http.StatusTooManyRequests, "That is more than was agreed"}
	overloaded       = code{"overloaded", http.StatusServiceUnavailable, "There is more to do than can be done in time"}
	deadlineExceeded = code{"deadline-exceeded", http.StatusGatewayTimeout, "There was no answer in time"}
	notReady         = code{"not-ready", http.StatusServiceUnavailable, "The service is not ready"}
	internal         = code{"internal", http.StatusInternalServerError, "Internal error"}
)

func (c code) of(field, detail string) *Problem {
	return &Problem{code: c, field: field, detail: detail}
}

// appendTo appends the problem's JSON.
func (p *Problem) appendTo(b []byte) []byte {
	b = append(b, `{"type":"urn:besra:problem:`...)
	b = append(b, p.code.name...)
	b = append(b, `","title":`...)
	b = strictjson.AppendString(b, p.code.title)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(p.code.status), 10)
	b = append(b, `,"code":"`...)
	b = append(b, p.code.name...)
	b = append(b, '"')
	if p.field != "" {
		b = append(b, `,"field":`...)
		b = strictjson.AppendString(b, p.field)
	}
	if p.detail != "" {
		b = append(b, `,"detail":`...)
		b = strictjson.AppendString(b, p.detail)
	}
	return append(b, '}')
}

// fromJSON turns a scanner's error into a problem. field names where it was met.
func fromJSON(err error, field string) *Problem {
	e, ok := err.(*strictjson.Error) //nolint:errorlint // the scanner returns its own errors, unwrapped
	if !ok {
		return internal.of("", "")
	}
	switch e.Kind {
	case strictjson.Type:
		return wrongType.of(field, e.Error())
	case strictjson.Range:
		return outOfBounds.of(field, e.Error())
	case strictjson.Duplicate:
		return badJSON.of(short([]byte(e.Name)), e.Error())
	default:
		return badJSON.of(field, e.Error())
	}
}

// short returns a client's name for something, cut to what an error may repeat of it.
func short(name []byte) string {
	const most = 64
	if len(name) > most {
		return string(name[:most]) + "…"
	}
	return string(name)
}
