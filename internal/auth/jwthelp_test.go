package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/telemetry"
)

// Keys cost time to make, so the tests share them.
var (
	keyRSA     = sync.OnceValue(func() *rsa.PrivateKey { return madeRSA(2048) })
	keyRSA2    = sync.OnceValue(func() *rsa.PrivateKey { return madeRSA(2048) })
	keyP256    = sync.OnceValue(func() *ecdsa.PrivateKey { return madeEC(elliptic.P256()) })
	keyP384    = sync.OnceValue(func() *ecdsa.PrivateKey { return madeEC(elliptic.P384()) })
	keyP521    = sync.OnceValue(func() *ecdsa.PrivateKey { return madeEC(elliptic.P521()) })
	keyEd25519 = sync.OnceValue(func() ed25519.PrivateKey {
		_, k, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			panic(err)
		}
		return k
	})
)

func madeRSA(bits int) *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return k
}

func madeEC(c elliptic.Curve) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

// jwkJSON spells a key for a set, by a library that is not ours.
func jwkJSON(t testing.TB, kid string, key crypto.Signer) map[string]any {
	t.Helper()
	k, err := jwkset.NewJWKFromKey(key.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid, USE: jwkset.UseSig}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(k.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

func jwksJSON(t testing.TB, keys ...map[string]any) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// An idp is an issuer: a server with a discovery document and a set of keys, and counts of who asked for them.
type idp struct {
	url  string
	mu   sync.Mutex
	set  string
	keys http.HandlerFunc // in place of set
	conf http.HandlerFunc // in place of the discovery document

	discovered, fetched atomic.Int64
}

func (p *idp) publish(set string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set, p.keys = set, nil
}

func (p *idp) answer(keys http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = keys
}

func (p *idp) describe(conf http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conf = conf
}

func (p *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		p.discovered.Add(1)
		p.mu.Lock()
		conf := p.conf
		p.mu.Unlock()
		if conf != nil {
			conf(w, r)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{
			"issuer": p.url, "jwks_uri": p.url + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"},
		})
	case "/keys":
		p.fetched.Add(1)
		p.mu.Lock()
		set, keys := p.set, p.keys
		p.mu.Unlock()
		if keys != nil {
			keys(w, r)
			return
		}
		io.WriteString(w, set)
	default:
		http.NotFound(w, r)
	}
}

func newIDP(t testing.TB, set string) *idp {
	t.Helper()
	p := &idp{set: set}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

// issuer returns the issuer as settings would have it: RS256 and ES256 for audience besra.
func (p *idp) issuer() auth.Issuer {
	return auth.Issuer{
		URL: p.url, Audience: "besra", Algorithms: []string{"RS256", "ES256"}, Leeway: 30 * time.Second,
		Scopes: auth.ScopeClaim{Claim: "scope", Only: identity.All &^ identity.Admin},
	}
}

// allKeys is a set with a key of each type; its ids are rsa, p256, p384, p521 and ed.
func allKeys(t testing.TB) string {
	return jwksJSON(t, jwkJSON(t, "rsa", keyRSA()), jwkJSON(t, "p256", keyP256()), jwkJSON(t, "p384", keyP384()),
		jwkJSON(t, "p521", keyP521()), jwkJSON(t, "ed", keyEd25519()))
}

type jwtUnderTest struct {
	*auth.JWT
	metrics *telemetry.Access
}

// startJWT runs a JWT until the test ends, and looks that nothing of it stays.
func startJWT(t testing.TB, o auth.JWTOptions) jwtUnderTest {
	t.Helper()
	if o.Metrics == nil {
		o.Metrics = &telemetry.New(telemetry.Options{}).Access
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	j, err := auth.NewJWT(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		j.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return jwtUnderTest{j, o.Metrics}
}

// asked waits until so many fetches were made, well or not.
func (j jwtUnderTest) asked(t testing.TB, n uint64) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); j.metrics.JWKSFetched.Value()+j.metrics.JWKSFailed.Value() < n; {
		if time.Now().After(end) {
			t.Fatalf("%d fetches, not %d, in half a minute", j.metrics.JWKSFetched.Value()+j.metrics.JWKSFailed.Value(), n)
		}
		time.Sleep(time.Millisecond)
	}
}

// readyJWT is startJWT whose issuers have been asked once.
func readyJWT(t testing.TB, o auth.JWTOptions) jwtUnderTest {
	t.Helper()
	j := startJWT(t, o)
	j.asked(t, uint64(len(o.Issuers)))
	return j
}

// noJWTLeaks looks, when the test has ended, that no goroutine of it stays.
func noJWTLeaks(t *testing.T) {
	t.Helper()
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
}

// claims are good ones of an issuer, changed: a nil leaves a claim out.
func claims(iss string, change map[string]any) jwt.MapClaims {
	now := time.Now()
	c := jwt.MapClaims{
		"iss": iss, "aud": "besra", "sub": "jane", "scope": "openid score",
		"exp": now.Add(time.Hour).Unix(), "nbf": now.Unix(), "iat": now.Unix(),
	}
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// signed returns a token by golang-jwt; kid "" leaves it out.
func signed(t testing.TB, alg, kid string, key any, c jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.GetSigningMethod(alg), c)
	if kid != "" {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// crafted returns a token of exactly this header and payload, signed by the method with the key.
func crafted(t testing.TB, header, payload string, method jwt.SigningMethod, key any) string {
	t.Helper()
	text := b64(header) + "." + b64(payload)
	sig, err := method.Sign(text, key)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(string(sig))
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func payloadJSON(t testing.TB, c jwt.MapClaims) string {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// reason returns why Verify refuses a token: "" if it does not.
func (j jwtUnderTest) reason(t testing.TB, token string) string {
	t.Helper()
	id, err := j.Verify(t.Context(), token)
	if err == nil {
		if id == nil {
			t.Fatal("neither an identity nor an error")
		}
		return ""
	}
	var e *auth.TokenError
	if id != nil || !errors.As(err, &e) {
		t.Fatalf("refused with %v, %v", id, err)
	}
	if text := err.Error(); strings.Contains(text, "\n") || len(text) > 1000 {
		t.Errorf("not one line: %q", text)
	}
	if _, ok := j.Known(token); ok {
		t.Errorf("a token refused with %v is remembered", err)
	}
	return e.Reason()
}
