package lambda

import (
	"strings"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/strictjson"
)

// A caller is who asks, as the platform has found out. Nothing in it is from the request itself.
type caller struct {
	stage   string            // of API Gateway
	arn     string            // of IAM: who has signed the request
	key     string            // the id of API Gateway's key, which says who is meant, and is no proof
	claims  map[string]any    // of a token that an authorizer has verified
	context map[string]string // that a function of ours has made of the request, as an authorizer
	invoked bool              // IAM lets whoever it is invoke the function
}

// authorizer reads a member of requestContext.authorizer.
func (c *caller) authorizer(s *scanner) func(string) (bool, error) {
	return func(name string) (bool, error) {
		if s.Kind() != strictjson.Object { // one of ours may use any name for what it says
			return true, c.told(s, name)
		}
		switch name {
		case "iam":
			return true, s.object(func(name string) (bool, error) {
				if name == "userArn" {
					return true, s.text(&c.arn)
				}
				return false, nil
			})
		case "jwt":
			return true, s.object(func(name string) (bool, error) {
				if name == "claims" {
					return true, c.readClaims(s)
				}
				return false, nil
			})
		case "claims": // of Cognito, in a REST API
			return true, c.readClaims(s)
		case "lambda":
			return true, s.object(func(name string) (bool, error) { return true, c.told(s, name) })
		}
		return true, c.told(s, name)
	}
}

// told reads what a function that authorizes says. The REST API puts it beside what API Gateway says itself.
func (c *caller) told(s *scanner, name string) error {
	if c.context == nil {
		c.context = map[string]string{}
	}
	var text string
	err := s.scalar(&text)
	c.context[name] = text
	return err
}

// readClaims reads claims, all of which API Gateway has made texts.
func (c *caller) readClaims(s *scanner) error {
	c.claims = map[string]any{}
	return s.object(func(name string) (bool, error) {
		var text string
		err := s.scalar(&text)
		c.claims[name] = text
		return true, err
	})
}

// identity returns who asks; nil: the platform does not know.
func (c *caller) identity(o *Options) (*identity.Identity, error) {
	switch {
	case c.claims != nil:
		return o.Issuers.Identity(c.claims)
	case c.arn != "":
		return auth.Platform("iam:" + role(c.arn)), nil
	case c.authorized():
		return auth.Authorized(c.context)
	case c.key != "" && !o.OwnKeys:
		return auth.Platform("api-key:" + c.key), nil
	case c.invoked:
		return auth.Platform("invoke"), nil
	}
	return nil, nil
}

// role returns the ARN of a role for that of one of its sessions, whose names callers choose: limits and logs are about who
// it is, whatever it calls itself.
func role(arn string) string {
	const sessions = ":assumed-role/"
	at := strings.Index(arn, sessions)
	if at < 0 {
		return arn
	}
	if last := strings.LastIndexByte(arn, '/'); last > at+len(sessions) {
		return arn[:last]
	}
	return arn
}

// authorized reports whether a function that authorizes has said anything. API Gateway itself says how long it took.
func (c *caller) authorized() bool {
	for name, value := range c.context {
		if name != "integrationLatency" && value != "" {
			return true
		}
	}
	return false
}
