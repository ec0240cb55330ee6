package gateway

import (
	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/strictjson"
)

// fromJSON turns a scanner's error into a problem. field names where it was met.
func fromJSON(err error, field string) *problem.Problem {
	e, ok := err.(*strictjson.Error) //nolint:errorlint // the scanner returns its own errors, unwrapped
	if !ok {
		return problem.Internal.Of("", "")
	}
	switch e.Kind {
	case strictjson.Type:
		return problem.WrongType.Of(field, e.Error())
	case strictjson.Range:
		return problem.OutOfBounds.Of(field, e.Error())
	case strictjson.Duplicate:
		return problem.BadJSON.Of(short([]byte(e.Name)), e.Error())
	default:
		return problem.BadJSON.Of(field, e.Error())
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
