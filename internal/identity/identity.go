// Package identity is who asks: what a client proved to be, and what it may do.
//
// Identities are made by internal/auth from credentials, or by a platform that has verified its caller, and are
// immutable from then on. No header that a client sends becomes one.
package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// An Identity is who a client proved to be.
type Identity struct {
	ID       string // tells it from all others; it is no secret, and stands in logs: a key's id, a token's issuer and subject
	Name     string // what its operator calls it
	Tenant   string // whose events, histories and answers it asks about; "": the only one there is
	Method   Method
	Scopes   Scopes
	Models   []string // the names of models that it may ask; nil: all
	Limits   Limits
	Priority Priority
}

// Limits are what an identity may ask for. Zero is no limit.
type Limits struct {
	Rate       float64 // requests a second
	Burst      int     // requests at once, after a pause
	Concurrent int     // requests in flight
	Quota      Quota   // requests in a period
}

// Priority says who yields first when there is more to do than can be done.
type Priority uint8

// The priorities.
const (
	Interactive Priority = iota
	Batch
)

// Method says how an identity was proven.
type Method uint8

// The methods.
const (
	None        Method = iota // nobody is authenticated: anybody
	Key                       // an API key
	Token                     // a JWT
	Certificate               // a TLS client certificate
	Platform                  // a gateway in front of us, by the event that its platform hands over
)

// Anybody is who asks where nobody is authenticated.
func Anybody() *Identity { return &Identity{ID: "anybody", Name: "anybody", Scopes: All} }

// Sees reports whether i may ask the model of that name.
func (i *Identity) Sees(model string) bool {
	return i.Models == nil || slices.Contains(i.Models, model)
}

// Scopes are what an identity may do.
type Scopes uint8

// The scopes. Each is one bit.
const (
	Score   Scopes = 1 << iota // ask for scores
	Explain                    // ask for reasons of scores
	Labels                     // say what events turned out to be
	Models                     // read which models are served, and what they take
	Metrics                    // read metrics and status
	Admin                      // change which models are live; the admin listener

	All = Score | Explain | Labels | Models | Metrics | Admin
)

var scopeNames = [...]string{"score", "explain", "labels", "models", "metrics", "admin"}

// Has reports whether all of want are among s.
func (s Scopes) Has(want Scopes) bool { return s&want == want }

// Names returns the scopes' names.
func (s Scopes) Names() []string {
	var names []string
	for i, name := range scopeNames {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String returns the scopes' names with spaces between them.
func (s Scopes) String() string { return strings.Join(s.Names(), " ") }

// ScopeNames returns the names of all scopes.
func ScopeNames() []string { return scopeNames[:] }

// ParseScope returns the scope of that name.
func ParseScope(name string) (Scopes, error) {
	if i := slices.Index(scopeNames[:], name); i >= 0 {
		return 1 << i, nil
	}
	return 0, fmt.Errorf("no scope %.40q; there are %s", name, strings.Join(scopeNames[:], ", "))
}

type contextKey struct{}

// NewContext returns a context of a request whose caller is known already: to a platform, such as an API Gateway in
// front of a Lambda function, by what the platform itself hands over; or to a door that has admitted it. Nothing that
// a client sends is a reason to call it.
func NewContext(ctx context.Context, i *Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, i)
}

// FromContext returns the identity that NewContext was given; nil: there is none.
func FromContext(ctx context.Context) *Identity {
	i, _ := ctx.Value(contextKey{}).(*Identity)
	return i
}
