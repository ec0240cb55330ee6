package door

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
)

// A JWT is a JWT authorizer of an HTTP API: tokens of one issuer, by RSA alone, checked as API Gateway does
// (http-api-jwt-authorizer.html).
type JWT struct {
	Issuer   string   // URL; its discovery document leads to its keys
	Audience []string // one of them must be the token's aud or client_id
	Scopes   []string // one of them must be among the token's scope or scp; none: any token will do
	Client   *http.Client

	mu   sync.Mutex
	keys map[string]*rsa.PublicKey
	at   time.Time
}

// How long an issuer may take, and how long its keys are kept.
const (
	issuerTimeout = 1500 * time.Millisecond
	keysFresh     = time.Minute
)

func noTokenf(format string, args ...any) error {
	return &refusal{cause: noToken, text: fmt.Sprintf(format, args...)}
}

// authorize returns what the request's token says.
func (j *JWT) authorize(r *http.Request, now time.Time) (c caller, err error) {
	token := r.Header.Get("Authorization")
	if token == "" {
		return c, &refusal{cause: noToken}
	}
	if len(token) > 7 && strings.EqualFold(token[:7], "Bearer ") {
		token = strings.TrimSpace(token[7:])
	}
	claims := jwt.MapClaims{}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256", "RS384", "RS512"}), jwt.WithoutClaimsValidation(), jwt.WithJSONNumber())
	_, err = parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		return j.key(r.Context(), kid)
	})
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return c, noTokenf("the token is malformed")
	case err != nil:
		return c, noTokenf("signature verification failed")
	}
	if err := j.check(claims, now); err != nil {
		return c, err
	}
	c.claims = map[string]string{}
	for name, value := range claims {
		c.claims[name] = spell(value)
	}
	if len(j.Scopes) == 0 {
		return c, nil
	}
	granted := append(strings.Fields(spell(claims["scope"])), strings.Fields(strings.Trim(spell(claims["scp"]), "[]"))...)
	for _, s := range j.Scopes {
		if slices.Contains(granted, s) {
			c.scopes = append(c.scopes, s)
		}
	}
	if c.scopes == nil {
		return c, &refusal{cause: noScope}
	}
	return c, nil
}

func (j *JWT) check(claims jwt.MapClaims, now time.Time) error {
	if iss, _ := claims["iss"].(string); iss != j.Issuer {
		return noTokenf("the token does not have a valid issuer")
	}
	audience, _ := claims.GetAudience() // a wrong one is none
	if client, ok := claims["client_id"].(string); ok && len(audience) == 0 {
		audience = []string{client}
	}
	if !slices.ContainsFunc(audience, func(a string) bool { return slices.Contains(j.Audience, a) }) {
		return noTokenf("the token does not have a valid audience")
	}
	exp, err := claims.GetExpirationTime()
	if err != nil || exp == nil || !now.Before(exp.Time) {
		return noTokenf("the token has expired")
	}
	for _, get := range []func() (*jwt.NumericDate, error){claims.GetNotBefore, claims.GetIssuedAt} {
		if at, err := get(); err != nil || at != nil && now.Before(at.Time) {
			return noTokenf("the token is not valid yet")
		}
	}
	return nil
}

// spell makes text of a claim, as API Gateway does.
func spell(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, spell(one))
		}
		return "[" + strings.Join(all, " ") + "]"
	case bool:
		return strconv.FormatBool(v)
	case fmt.Stringer: // a number
		return v.String()
	}
	b, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return ""
	}
	return string(b)
}

// key returns the issuer's key of that name, which it is asked for again when it is not known, once a minute at most.
func (j *JWT) key(ctx context.Context, kid string) (*rsa.PublicKey, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if k := j.keys[kid]; k != nil && time.Since(j.at) < 2*time.Hour {
		return k, nil
	}
	if time.Since(j.at) > keysFresh {
		keys, err := j.fetch(ctx)
		if err != nil {
			return nil, err
		}
		j.keys, j.at = keys, time.Now()
	}
	if k := j.keys[kid]; k != nil {
		return k, nil
	}
	return nil, errors.New("no such key")
}

func (j *JWT) fetch(ctx context.Context) (map[string]*rsa.PublicKey, error) {
	var discovered struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	if err := j.get(ctx, strings.TrimSuffix(j.Issuer, "/")+"/.well-known/openid-configuration", &discovered); err != nil {
		return nil, err
	}
	if discovered.Issuer != j.Issuer {
		return nil, fmt.Errorf("%s says that it is %.200q", j.Issuer, discovered.Issuer)
	}
	var set struct {
		Keys []struct {
			Kty, Kid, N, E string
		} `json:"keys"`
	}
	if err := j.get(ctx, discovered.JWKS, &set); err != nil {
		return nil, err
	}
	keys := map[string]*rsa.PublicKey{}
	for _, k := range set.Keys {
		n, err := base64.RawURLEncoding.DecodeString(k.N)
		e, err2 := base64.RawURLEncoding.DecodeString(k.E)
		if k.Kty != "RSA" || err != nil || err2 != nil || len(n) < 256 || len(n) > 1024 || len(e) == 0 || len(e) > 4 {
			continue
		}
		keys[k.Kid] = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	}
	return keys, nil
}

func (j *JWT) get(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, issuerTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := j.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", url, resp.Status)
	}
	if err == nil {
		err = json.Unmarshal(b, into, json.MatchCaseInsensitiveNames(true))
	}
	return err
}
