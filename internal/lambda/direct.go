package lambda

import (
	"fmt"
	"net/http"

	"github.com/besra-ml/besra/internal/strictjson"
)

// readDirect takes the event for the body of a request: of labels when it has some, of a batch when it has events, else
// of one score.
func (e *event) readDirect(payload []byte) error {
	e.method, e.path = http.MethodPost, "/v1/score"
	e.header["Content-Type"] = []string{"application/json"}
	e.body = append(e.body, payload...)
	if e.scanner.Kind() != strictjson.Object {
		return fmt.Errorf("%w: want an object, as POST /v1/score takes it", errJSON)
	}
	e.caller.invoked = true
	return e.scanner.object(func(name string) (bool, error) {
		switch name {
		case "events":
			e.path = "/v1/score/batch"
		case "labels":
			e.path = "/v1/labels"
		case "requestContext":
			return false, fmt.Errorf("%w: it has a requestContext, and is none of its own", errOther)
		}
		return false, nil
	})
}
