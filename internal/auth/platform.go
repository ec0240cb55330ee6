package auth

import (
	"cmp"
	"slices"
	"strings"

	"github.com/besra-ml/besra/internal/identity"
)

// letIn is what callers may do whom a platform in front of besra lets in, unless it says less of them.
const letIn = identity.All &^ identity.Admin

// Platform returns who a platform says that a caller is, by an id of its own: it may do everything but change models.
func Platform(id string) *identity.Identity {
	id = visibleSubject(id)
	return &identity.Identity{ID: id, Name: id, Method: identity.Platform, Scopes: letIn}
}

// Issuers makes identities of the claims of tokens that a platform has verified, as API Gateway does. They mean what they
// mean in tokens that besra verifies itself. Its methods may be called from many goroutines.
type Issuers struct {
	issuers map[string]*Issuer // by iss
	names   map[string]string
}

// NewIssuers returns what knows these issuers, and then takes no others: whoever says what tokens may do does not mean that
// those of an issuer that is spelled otherwise may do everything. Without any, whom the platform lets in with a token may do
// everything but change models.
func NewIssuers(issuers []Issuer) *Issuers {
	c := &Issuers{map[string]*Issuer{}, map[string]string{}}
	for i, name := range issuerNames(issuers) {
		c.issuers[issuers[i].URL], c.names[issuers[i].URL] = &issuers[i], name
	}
	return c
}

// Identity returns whom claims are about. An error is a *TokenError: they lack what the issuer's settings ask of them.
func (c *Issuers) Identity(claims map[string]any) (*identity.Identity, error) {
	url, _ := claims["iss"].(string)
	switch i := c.issuers[url]; {
	case i != nil:
		unlist(claims, "aud", i.Scopes.Claim, i.Models)
		if !i.meant(claims) {
			return nil, tokenErrorf(tokenClaims, "it is for somebody else: neither aud nor client_id is the issuer's audience in auth.jwt")
		}
		return i.verified(c.names[url], claims)
	case len(c.issuers) > 0:
		return nil, tokenErrorf(tokenUnknown, "its issuer, %.200q, is not among those of auth.jwt", url)
	}
	other := Issuer{URL: url, Scopes: ScopeClaim{Only: letIn}}
	return other.verified(issuerNames([]Issuer{other})[0], claims)
}

// meant reports whether a token was made for us. A platform's authorizer may let in what was made for any of its clients.
// Cognito's access tokens have client_id in the place of aud.
func (i *Issuer) meant(claims tokenClaimSet) bool {
	for _, name := range []string{"aud", "client_id"} {
		if words, err := claims.words(name); err == nil && slices.Contains(words, i.Audience) {
			return true
		}
	}
	return false
}

// unlist makes words of lists, which API Gateway spells as [a b]. Other claims stay as they are: a subject or a tenant that
// has brackets of its own is another than the one without.
func unlist(claims map[string]any, lists ...string) {
	for _, name := range lists {
		text, _ := claims[name].(string)
		if inner, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(inner, "]") {
			claims[name] = strings.TrimSuffix(inner, "]")
		}
	}
}

// Authorized returns of whom a platform's own authorizer has told, such as a function in front of API Gateway: who it is
// (principalId or sub) and, where they are there, whose histories it asks about (tenant), what it may (scope) and which
// models (models), words with spaces between them.
func Authorized(context map[string]string) (*identity.Identity, error) {
	i := Issuer{Scopes: ScopeClaim{Only: letIn}}
	claims := map[string]any{}
	for name, value := range context {
		claims[name] = value
		switch name {
		case "tenant":
			i.Tenant = name
		case "scope":
			i.Scopes.Claim = name
		case "models":
			i.Models = name
		}
	}
	claims["sub"] = cmp.Or(context["principalId"], context["sub"], "somebody")
	return i.verified("authorizer:", claims)
}

func (i *Issuer) verified(name string, claims map[string]any) (*identity.Identity, error) {
	id, err := i.identity(name, claims)
	if err == nil {
		id.Method = identity.Platform
	}
	return id, err
}
