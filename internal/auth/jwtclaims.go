package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/besra-ml/besra/internal/identity"
)

// tokenClaimSet is what a verified token says.
type tokenClaimSet jwt.MapClaims

const (
	maxVisible     = 128 // bytes of an identity's id, name and tenant
	maxTokenModels = 1024
	maxDate        = 253402300799 // the last second of the year 9999, which every clock here can count
)

// until returns when the token ends, and refuses dates that no issuer means.
func (c tokenClaimSet) until(leeway time.Duration) (time.Time, error) {
	for _, name := range []string{"exp", "nbf", "iat"} {
		x, is := c[name].(float64)
		if is && !(x >= 0 && x <= maxDate) {
			return time.Time{}, tokenErrorf(tokenClaims, "%s is no date", name)
		}
	}
	exp, _ := c["exp"].(float64) // the parser has required it
	seconds, fraction := math.Modf(exp)
	return time.Unix(int64(seconds), int64(fraction*1e9)).Truncate(jwt.TimePrecision).Add(leeway), nil
}

// identity returns who a verified token says that its bearer is. Its id begins with the issuer's name.
func (i *Issuer) identity(name string, c tokenClaimSet) (*identity.Identity, error) {
	sub, _ := c["sub"].(string)
	if sub == "" {
		return nil, tokenErrorf(tokenClaims, "sub is missing")
	}
	scopes, err := i.Scopes.granted(c)
	if err != nil {
		return nil, err
	}
	tenant, err := c.tenant(i.Tenant)
	if err != nil {
		return nil, err
	}
	models, err := c.models(i.Models)
	if err != nil {
		return nil, err
	}
	return &identity.Identity{
		ID: visibleSubject(name + sub), Name: visibleSubject(sub), Tenant: tenant, Method: identity.Token,
		Scopes: scopes, Models: models, Limits: i.Limits, Priority: i.Priority,
	}, nil
}

// granted returns the scopes that a token's words stand for. Words that nobody knows are other services'.
func (s *ScopeClaim) granted(c tokenClaimSet) (all identity.Scopes, err error) {
	if s.Claim == "" {
		return s.Only, nil
	}
	words, err := c.words(s.Claim)
	if err != nil {
		return 0, err
	}
	for _, word := range words {
		if s.Map != nil {
			all |= s.Map[word]
		} else if scope, err := identity.ParseScope(word); err == nil {
			all |= scope
		}
	}
	return all & s.Only, nil
}

// tenant returns the tenant that a claim names. It keeps customers apart, so it is never guessed, shortened or empty.
func (c tokenClaimSet) tenant(claim string) (string, error) {
	if claim == "" {
		return "", nil
	}
	tenant, _ := c[claim].(string)
	if tenant == "" || len(tenant) > maxVisible || strings.ContainsFunc(tenant, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", tokenErrorf(tokenClaims, "%.100q, which names the tenant, is not 1 to %d visible ASCII characters", claim, maxVisible)
	}
	return tenant, nil
}

// models returns the models that a claim lists, never nil if there is to be such a claim: nil is all.
func (c tokenClaimSet) models(claim string) ([]string, error) {
	if claim == "" {
		return nil, nil
	}
	if c[claim] == nil {
		return nil, tokenErrorf(tokenClaims, "%.100q, which lists the models, is missing", claim)
	}
	words, err := c.words(claim)
	if err != nil {
		return nil, err
	}
	if len(words) > maxTokenModels {
		return nil, tokenErrorf(tokenClaims, "%.100q lists more than %d models", claim, maxTokenModels)
	}
	return append([]string{}, words...), nil
}

// words returns the words of a claim: a list's texts, or a text's words. Of a claim that is missing there are none.
func (c tokenClaimSet) words(claim string) ([]string, error) {
	switch v := c[claim].(type) {
	case nil:
		return nil, nil
	case string:
		return strings.Fields(v), nil
	case []any:
		words := make([]string, len(v))
		for i := range v {
			word, ok := v[i].(string)
			if !ok {
				return nil, tokenErrorf(tokenClaims, "%.100q is not a list of texts", claim)
			}
			words[i] = word
		}
		return words, nil
	}
	return nil, tokenErrorf(tokenClaims, "%.100q is neither text nor a list of texts", claim)
}

// issuerNames returns what the ids of each issuer's identities begin with: its host, or the whole URL where several
// issuers share a host, as the realms of one server do. No two subjects of theirs have the same id.
func issuerNames(all []Issuer) []string {
	hosts := make([]string, len(all))
	for i := range all {
		if u, err := url.Parse(all[i].URL); err == nil {
			hosts[i] = strings.ToLower(u.Host)
		}
	}
	names := make([]string, len(all))
	for i, host := range hosts {
		names[i] = host + "/"
		if slices.Index(hosts, host) != i || slices.Contains(hosts[i+1:], host) {
			names[i] = all[i].URL + "#" // which no issuer's URL has in it
		}
	}
	return names
}

// visibleSubject returns text as at most 128 visible ASCII characters. Text that is not all of that, or has the ~ that marks
// such text, is shortened, and ends in its own digest: different texts stay different.
func visibleSubject(text string) string {
	plain := len(text) <= maxVisible
	for i := 0; plain && i < len(text); i++ {
		plain = text[i] > ' ' && text[i] < '~'
	}
	if plain {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	mark := "~" + hex.EncodeToString(sum[:16])
	b := []byte(text[:min(len(text), maxVisible-len(mark))])
	for i, c := range b {
		if c <= ' ' || c >= '~' {
			b[i] = '_'
		}
	}
	return string(b) + mark
}

// claimsError turns the library's refusal of a token into ours. Whom a token is for comes before when.
func claimsError(err error) error {
	for _, r := range []struct {
		err error
		why string
	}{
		{jwt.ErrTokenMalformed, tokenMalformed},
		{jwt.ErrTokenSignatureInvalid, tokenSignature},
		{jwt.ErrTokenUnverifiable, tokenSignature},
		{jwt.ErrTokenInvalidAudience, tokenClaims},
		{jwt.ErrTokenInvalidIssuer, tokenClaims},
		{jwt.ErrTokenRequiredClaimMissing, tokenClaims},
		{jwt.ErrInvalidType, tokenClaims},
		{jwt.ErrTokenExpired, tokenExpired},
		{jwt.ErrTokenNotValidYet, tokenExpired},
		{jwt.ErrTokenUsedBeforeIssued, tokenExpired},
	} {
		if errors.Is(err, r.err) {
			return &TokenError{r.why, err}
		}
	}
	return &TokenError{tokenMalformed, fmt.Errorf("refused: %w", err)}
}
