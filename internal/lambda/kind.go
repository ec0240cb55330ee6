package lambda

import (
	"fmt"
	"strings"
)

// A Kind is what sends a function its events. A function has one, and refuses events of all others. Whoever may invoke it
// can make up an event of its kind, and in it who asks: only Direct may be invoked by others than its door.
type Kind uint8

// The kinds.
const (
	HTTPAPI     Kind = iota // API Gateway's HTTP API, payload format 2.0
	RESTAPI                 // API Gateway's REST API, proxy integration
	FunctionURL             // Lambda's own URL
	ALB                     // an Application Load Balancer
	Direct                  // Invoke of the Lambda API: the event is the body of a request
)

var kindNames = [...]string{"http-api", "rest-api", "function-url", "alb", "direct"}

// ParseKind returns the kind of that name.
func ParseKind(name string) (Kind, error) {
	for i, n := range kindNames {
		if n == name {
			return Kind(i), nil
		}
	}
	return 0, fmt.Errorf("want one of %s", strings.Join(kindNames[:], ", "))
}

func (k Kind) String() string { return kindNames[k] }
