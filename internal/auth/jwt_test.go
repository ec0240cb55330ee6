package auth_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/telemetry"
)

func signerOf(alg string) (kid string, key crypto.Signer) {
	switch alg {
	case "ES256":
		return "p256", keyP256()
	case "ES384":
		return "p384", keyP384()
	case "ES512":
		return "p521", keyP521()
	case "EdDSA":
		return "ed", keyEd25519()
	}
	return "rsa", keyRSA()
}

var everyAlgorithm = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

func TestATokenOfEachAlgorithmIsTakenWhereItIsPinned(t *testing.T) {
	noJWTLeaks(t)
	p := newIDP(t, allKeys(t))
	for _, alg := range everyAlgorithm {
		t.Run(alg, func(t *testing.T) {
			i := p.issuer()
			i.Algorithms = []string{alg}
			j := readyJWT(t, auth.JWTOptions{Issuers: []auth.Issuer{i}})
			for _, other := range everyAlgorithm {
				kid, key := signerOf(other)
				want := "signature"
				if other == alg {
					want = ""
				}
				if got := j.reason(t, signed(t, other, kid, key, claims(p.url, nil))); got != want {
					t.Errorf("a token signed by %s is refused with %q, want %q", other, got, want)
				}
				if got := j.reason(t, signed(t, other, "", key, claims(p.url, nil))); got != want {
					t.Errorf("one without kid, by %s, is refused with %q, want %q", other, got, want)
				}
			}
		})
	}
}

func TestAVerifiedTokenIsKnown(t *testing.T) {
	p := newIDP(t, allKeys(t))
	j := readyJWT(t, auth.JWTOptions{Issuers: []auth.Issuer{p.issuer()}})
	token := signed(t, "RS256", "rsa", keyRSA(), claims(p.url, nil))
	if _, ok := j.Known(token); ok {
		t.Error("known before it is verified")
	}
	id, err := j.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if again, ok := j.Known(token); !ok || again != id {
		t.Errorf("known as %v, %v", again, ok)
	}
	if got := j.metrics.TokensKnown.Value(); got != 1 {
		t.Errorf("%v tokens are remembered", got)
	}
	for _, other := range []string{token + "A", token[:len(token)-1], "", strings.Repeat("A", 9000)} {
		if _, ok := j.Known(other); ok {
			t.Errorf("known: %.20s…", other)
		}
	}
}

func TestATokenSaysWhoItsBearerIs(t *testing.T) {
	p := newIDP(t, allKeys(t))
	i := p.issuer()
	i.Tenant, i.Models, i.Priority = "tenant", "https://example.com/models", identity.Batch
	i.Limits = identity.Limits{Rate: 10, Burst: 20, Concurrent: 3}
	i.Scopes = auth.ScopeClaim{
		Claim: "roles", Only: identity.Score | identity.Explain | identity.Labels,
		Map: map[string]identity.Scopes{"all": identity.All, "fraud.score": identity.Score},
	}
	j := readyJWT(t, auth.JWTOptions{Issuers: []auth.Issuer{i}})
	host := strings.TrimPrefix(p.url, "http://")
	long := strings.Repeat("x", 300)
	base := identity.Identity{
		ID: host + "/jane", Name: "jane", Tenant: "acme", Method: identity.Token, Scopes: identity.Score, Models: []string{"fraud"},
		Limits: i.Limits, Priority: identity.Batch,
	}
	for name, c := range map[string]struct {
		change map[string]any
		want   func(*identity.Identity)
	}{
		"a plain one":                  {nil, nil},
		"words in a text":              {map[string]any{"roles": "openid  fraud.score other", "https://example.com/models": "fraud takeover"}, func(i *identity.Identity) { i.Models = []string{"fraud", "takeover"} }},
		"more than only":               {map[string]any{"roles": []string{"all"}}, func(i *identity.Identity) { i.Scopes = identity.Score | identity.Explain | identity.Labels }},
		"a scope's own name":           {map[string]any{"roles": "score admin"}, func(i *identity.Identity) { i.Scopes = 0 }},
		"no scopes":                    {map[string]any{"roles": nil}, func(i *identity.Identity) { i.Scopes = 0 }},
		"no models":                    {map[string]any{"https://example.com/models": []string{}}, func(i *identity.Identity) { i.Models = []string{} }},
		"aud is a list":                {map[string]any{"aud": []string{"other", "besra"}}, nil},
		"a fraction of a second":       {map[string]any{"exp": float64(time.Now().Unix()) + 99.5}, nil},
		"no nbf and no iat":            {map[string]any{"nbf": nil, "iat": nil}, nil},
		"just expired":                 {map[string]any{"exp": time.Now().Unix() - 5}, nil},
		"not quite valid yet":          {map[string]any{"nbf": time.Now().Unix() + 5, "iat": time.Now().Unix() + 5}, nil},
		"claims that are not asked":    {map[string]any{"jku": "https://evil.example.com", "nested": map[string]any{"a": []any{1, nil, true}}}, nil},
		"a subject that is no name":    {map[string]any{"sub": "jane\ndoe ~ é"}, func(i *identity.Identity) { i.ID, i.Name = "", "" }},
		"a subject that is very long":  {map[string]any{"sub": long}, func(i *identity.Identity) { i.ID, i.Name = "", "" }},
		"a subject that is very long2": {map[string]any{"sub": long + "x"}, func(i *identity.Identity) { i.ID, i.Name = "", "" }},
	} {
		t.Run(name, func(t *testing.T) {
			given := claims(p.url, map[string]any{"tenant": "acme", "roles": []string{"fraud.score", "who"}, "https://example.com/models": []string{"fraud"}})
			for k, v := range c.change {
				given[k] = v
				if v == nil {
					delete(given, k)
				}
			}
			id, err := j.Verify(t.Context(), signed(t, "ES256", "p256", keyP256(), given))
			if err != nil {
				t.Fatal(err)
			}
			got, want := *id, base
			if c.want != nil {
				c.want(&want)
			}
			if want.ID == "" {
				sub := given["sub"].(string)
				if len(got.ID) > 128 || len(got.Name) > 128 || strings.ContainsFunc(got.ID+got.Name, func(r rune) bool { return r <= ' ' || r > '~' }) {
					t.Errorf("id %q, name %q", got.ID, got.Name)
				}
				if !strings.HasPrefix(got.ID, host+"/"+sub[:4]) || !strings.HasPrefix(got.Name, sub[:4]) {
					t.Errorf("id %q, name %q", got.ID, got.Name)
				}
				got.ID, got.Name = "", ""
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if got.Models == nil {
				t.Error("all models")
			}
		})
	}
}

func TestSubjectsHaveIDsOfTheirOwn(t *testing.T) {
	p := newIDP(t, allKeys(t))
	a, b := p.issuer(), p.issuer()
	a.URL, a.JWKS = p.url+"/realms/a", p.url+"/keys"
	b.URL, b.JWKS = p.url+"/realms/a/b", p.url+"/keys"
	j := readyJWT(t, auth.JWTOptions{Issuers: []auth.Issuer{a, b}})
	ids := map[string]string{}
	long := strings.Repeat("x", 200)
	for _, iss := range []string{a.URL, b.URL} {
		for _, sub := range []string{"jane", "Jane", "b/jane", "/jane", "#jane", "b#jane", "jane ", "jane_", "ja ne", "ja\tne", "é", "è", long, long + "x"} {
			id, err := j.Verify(t.Context(), signed(t, "RS256", "rsa", keyRSA(), claims(iss, map[string]any{"sub": sub})))
			if err != nil {
				t.Fatal(err)
			}
			// A subject that looks like what another one was made to look like is another one still.
			_, tail, ok := strings.Cut(id.ID, "#")
			if !ok || ids[id.ID] != "" {
				t.Fatalf("%q of %s has id %s, which %s has", sub, iss, id.ID, ids[id.ID])
			}
			ids[id.ID] = iss + " " + sub
			fake, err := j.Verify(t.Context(), signed(t, "RS256", "rsa", keyRSA(), claims(iss, map[string]any{"sub": tail})))
			if err != nil {
				t.Fatal(err)
			}
			if tail != sub && fake.ID == id.ID {
				t.Errorf("%q and %q have one id, %s", sub, tail, id.ID)
			}
		}
	}
}

func TestWithoutAClaimForScopesAllOfOnlyIsGranted(t *testing.T) {
	p := newIDP(t, allKeys(t))
	i := p.issuer()
	i.Scopes = auth.ScopeClaim{Only: identity.Score}
	j := readyJWT(t, auth.JWTOptions{Issuers: []auth.Issuer{i}})
	id, err := j.Verify(t.Context(), signed(t, "RS256", "rsa", keyRSA(), claims(p.url, map[string]any{"scope": "labels admin"})))
	if err != nil || id.Scopes != identity.Score {
		t.Errorf("%+v, %v", id, err)
	}
}

func TestTokensAreRefused(t *testing.T) {
	noJWTLeaks(t)
	p := newIDP(t, allKeys(t))
	follower := newIDP(t, jwksJSON(t, jwkJSON(t, "rsa", keyRSA2()))) // where a forged header points to
	other := newIDP(t, allKeys(t))
	i := p.issuer()
	i.Tenant, i.Models = "tenant", "models"
	j := readyJWT(t, auth.JWTOptions{Issuers: []auth.Issuer{i, other.issuer()}})

	full := func(change map[string]any) jwt.MapClaims {
		c := claims(p.url, map[string]any{"tenant": "acme", "models": []string{"fraud"}})
		for k, v := range change {
			c[k] = v
			if v == nil {
				delete(c, k)
			}
		}
		return c
	}
	rs := func(change map[string]any) string { return signed(t, "RS256", "rsa", keyRSA(), full(change)) }
	good := rs(nil)
	if got := j.reason(t, good); got != "" {
		t.Fatalf("a good token is refused with %q", got)
	}
	rs256 := jwt.SigningMethodRS256
	payload := payloadJSON(t, full(nil))
	withHeader := func(header string) string { return crafted(t, header, payload, rs256, keyRSA()) }
	withPayload := func(payload string) string {
		return crafted(t, `{"alg":"RS256","kid":"rsa"}`, payload, rs256, keyRSA())
	}
	add := func(member string) string { return strings.TrimSuffix(payload, "}") + "," + member + "}" }
	if got := j.reason(t, withPayload(payload)); got != "" {
		t.Fatalf("a good token made by hand is refused with %q", got)
	}

	now := time.Now().Unix()
	unsigned := func(alg, signature string) string {
		return b64(fmt.Sprintf(`{"alg":%q,"typ":"JWT"}`, alg)) + "." + b64(payload) + "." + signature
	}
	part := func(n int) string { return strings.Split(good, ".")[n] }
	pkix, _ := x509.MarshalPKIXPublicKey(&keyRSA().PublicKey)
	pkcs1 := x509.MarshalPKCS1PublicKey(&keyRSA().PublicKey)
	secret := func(alg string, key []byte) string {
		return crafted(t, fmt.Sprintf(`{"alg":%q,"kid":"rsa"}`, alg), payload, jwt.GetSigningMethod(alg), key)
	}
	forged := func(header string) string { return crafted(t, header, payload, rs256, keyRSA2()) }
	evil := jwkJSON(t, "rsa", keyRSA2())
	evilJWK := fmt.Sprintf(`{"kty":"RSA","kid":"rsa","n":%q,"e":"AQAB"}`, evil["n"])

	type cases map[string]string
	for why, tokens := range map[string]cases{
		"malformed": {
			"nothing":                           "",
			"a word":                            "token",
			"two dots":                          "..",
			"two parts":                         part(0) + "." + part(1),
			"four parts":                        good + ".",
			"five parts, as of a JWE":           good + ".a.b",
			"no header":                         "." + part(1) + "." + part(2),
			"no payload":                        part(0) + ".." + part(2),
			"1 MB":                              strings.Repeat("A", 1<<20),
			"1 MB of dots":                      strings.Repeat(".", 1<<20),
			"a subject of 1 MB":                 rs(map[string]any{"sub": strings.Repeat("x", 1<<20)}),
			"a byte more than 8 KiB":            part(0) + "." + strings.Repeat("A", 8<<10-len(part(0))) + ".",
			"a space in front":                  " " + good,
			"a line break at its end":           good + "\n",
			"a line break in its signature":     good[:len(good)-4] + "\r\n" + good[len(good)-4:],
			"padding":                           part(0) + "." + part(1) + "." + part(2) + "==",
			"plain base64":                      part(0) + "." + part(1) + "." + base64.RawStdEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 256)),
			"bits left over in the header":      leftOver(t, b64(`{"alg":"RS256","kid":"rsa" }`)) + "." + part(1) + "." + part(2),
			"a header that is no JSON":          withHeader(`{"alg":"RS256",}`),
			"a header that is text":             withHeader(`"RS256"`),
			"a header that is null":             withHeader(`null`),
			"a header with bytes after it":      withHeader(`{"alg":"RS256","kid":"rsa"}{}`),
			"a header that is not UTF-8":        withHeader("{\"alg\":\"RS256\",\"kid\":\"rsa\",\"x\":\"\xff\"}"),
			"alg twice":                         withHeader(`{"alg":"none","alg":"RS256","kid":"rsa"}`),
			"alg twice, once escaped":           withHeader(`{"alg":"RS256","\u0061lg":"RS256","kid":"rsa"}`),
			"kid twice":                         withHeader(`{"alg":"RS256","kid":"x","kid":"rsa"}`),
			"alg that is a number":              withHeader(`{"alg":256,"kid":"rsa"}`),
			"alg that is a list":                withHeader(`{"alg":["RS256"],"kid":"rsa"}`),
			"kid that is a number":              withHeader(`{"alg":"RS256","kid":1}`),
			"kid that is null":                  withHeader(`{"alg":"RS256","kid":null}`),
			"kid of 257 bytes":                  withHeader(`{"alg":"RS256","kid":"` + strings.Repeat("k", 257) + `"}`),
			"crit":                              withHeader(`{"alg":"RS256","kid":"rsa","crit":["exp"],"exp":1}`),
			"an empty crit":                     withHeader(`{"alg":"RS256","kid":"rsa","crit":[]}`),
			"b64 false with crit":               withHeader(`{"alg":"RS256","kid":"rsa","b64":false,"crit":["b64"]}`),
			"a token for logging out":           withHeader(`{"alg":"RS256","kid":"rsa","typ":"logout+jwt"}`),
			"a proof of possession":             withHeader(`{"alg":"RS256","kid":"rsa","typ":"dpop+jwt"}`),
			"typ that is a number":              withHeader(`{"alg":"RS256","kid":"rsa","typ":1}`),
			"a header 100 deep":                 withHeader(`{"alg":"RS256","kid":"rsa","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`),
			"a payload that is no JSON":         withPayload(payload + "}"),
			"a payload that is a list":          withPayload("[" + payload + "]"),
			"a payload that is null":            withPayload("null"),
			"an empty payload":                  withPayload(" "),
			"iss twice":                         withPayload(add(fmt.Sprintf(`"iss":%q`, p.url))),
			"exp twice":                         withPayload(add(fmt.Sprintf(`"exp":%d`, now+3600))),
			"scope twice":                       withPayload(add(`"scope":"admin"`)),
			"tenant twice, once escaped":        withPayload(add(`"t\u0065nant":"other"`)),
			"a claim twice in another":          withPayload(add(`"x":{"a":1,"a":2}`)),
			"iss that is a list":                rs(map[string]any{"iss": []string{p.url}}),
			"a lone surrogate":                  withPayload(add(`"x":"\ud800"`)),
			"a number beyond float64":           withPayload(add(`"x":1e999`)),
			"a signature with bits left over":   part(0) + "." + part(1) + "." + leftOver(t, part(2)),
			"a signature that is no base64":     part(0) + "." + part(1) + "." + part(2) + "AAA",
			"a signature cut within a byte":     part(0) + "." + part(1) + "." + part(2)[:len(part(2))-1],
			"exp of a number of another script": withPayload(strings.Replace(payload, `"exp":`, `"exp":٣,"x":`, 1)),
		},
		"unknown": {
			"an issuer with a slash at its end":     rs(map[string]any{"iss": p.url + "/"}),
			"an issuer in upper case":               rs(map[string]any{"iss": strings.ToUpper(p.url)}),
			"an issuer with a space":                rs(map[string]any{"iss": p.url + " "}),
			"an issuer that is below ours":          rs(map[string]any{"iss": p.url + "/realms/x"}),
			"another issuer":                        rs(map[string]any{"iss": "https://evil.example.com"}),
			"an empty issuer":                       rs(map[string]any{"iss": ""}),
			"no issuer":                             rs(map[string]any{"iss": nil}),
			"an issuer under a name like iss":       withPayload(strings.Replace(payload, `"iss"`, `"ISS"`, 1)),
			"an empty kid":                          withHeader(`{"alg":"RS256","kid":""}`),
			"a kid in upper case":                   withHeader(`{"alg":"RS256","kid":"RSA"}`),
			"a kid with a path":                     withHeader(`{"alg":"RS256","kid":"../../../../dev/null"}`),
			"a kid with a path in it":               withHeader(`{"alg":"RS256","kid":"x/../rsa"}`),
			"a kid with SQL":                        withHeader(`{"alg":"RS256","kid":"x' UNION SELECT 'rsa"}`),
			"a kid with a command":                  withHeader(`{"alg":"RS256","kid":"rsa|whoami"}`),
			"a kid with a zero byte":                withHeader(`{"alg":"RS256","kid":"rsa\u0000"}`),
			"a kid that looks the same":             withHeader(`{"alg":"RS256","kid":"rѕa"}`),
			"a kid that is a URL":                   withHeader(fmt.Sprintf(`{"alg":"RS256","kid":%q}`, follower.url+"/keys")),
			"a kid of 256 bytes":                    withHeader(`{"alg":"RS256","kid":"` + strings.Repeat("k", 256) + `"}`),
			"a kid of 256 bytes that need escaping": withHeader(`{"alg":"RS256","kid":"` + strings.Repeat(`\n`, 256) + `"}`),
		},
		"signature": {
			"no algorithm":                         withHeader(`{"kid":"rsa"}`),
			"an empty algorithm":                   withHeader(`{"alg":"","kid":"rsa"}`),
			"an algorithm in lower case":           withHeader(`{"alg":"rs256","kid":"rsa"}`),
			"an algorithm that is not pinned":      signed(t, "RS384", "rsa", keyRSA(), full(nil)),
			"PS256, not pinned":                    signed(t, "PS256", "rsa", keyRSA(), full(nil)),
			"none":                                 unsigned("none", ""),
			"None":                                 unsigned("None", ""),
			"NONE":                                 unsigned("NONE", ""),
			"nOnE":                                 unsigned("nOnE", ""),
			"none with a space":                    unsigned("none ", ""),
			"none with another's signature":        unsigned("none", part(2)),
			"none by its own library":              crafted(t, `{"alg":"none"}`, payload, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType),
			"ALG: none beside alg":                 b64(`{"alg":"RS256","ALG":"none","kid":"rsa"}`) + "." + b64(payload) + ".",
			"HS256 by the key's PEM, PKIX":         secret("HS256", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix})),
			"HS256 by the key's PEM, PKCS 1":       secret("HS256", pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1})),
			"HS256 by the key's DER, PKIX":         secret("HS256", pkix),
			"HS256 by the key's DER, PKCS 1":       secret("HS256", pkcs1),
			"HS256 by the modulus":                 secret("HS256", keyRSA().N.Bytes()),
			"HS256 by nothing":                     secret("HS256", []byte{}),
			"HS384 by the key's DER":               secret("HS384", pkix),
			"HS512 by the key's DER":               secret("HS512", pkix),
			"RS256 that is HS256":                  crafted(t, `{"alg":"RS256","kid":"rsa"}`, payload, jwt.SigningMethodHS256, pkix),
			"RS256 that is PS256":                  crafted(t, `{"alg":"RS256","kid":"rsa"}`, payload, jwt.SigningMethodPS256, keyRSA()),
			"RS256 that is RS512":                  crafted(t, `{"alg":"RS256","kid":"rsa"}`, payload, jwt.SigningMethodRS512, keyRSA()),
			"RS256 of a key for ES256":             crafted(t, `{"alg":"RS256","kid":"p256"}`, payload, jwt.SigningMethodES256, keyP256()),
			"ES256 of a key for RS256":             crafted(t, `{"alg":"ES256","kid":"rsa"}`, payload, rs256, keyRSA()),
			"ES256 that is ES384":                  crafted(t, `{"alg":"ES256","kid":"p256"}`, payload, jwt.SigningMethodES384, keyP384()),
			"ES256 of a key for ES384":             crafted(t, `{"alg":"ES256","kid":"p384"}`, payload, jwt.SigningMethodES384, keyP384()),
			"ES256 of a key for EdDSA":             crafted(t, `{"alg":"ES256","kid":"ed"}`, payload, jwt.SigningMethodEdDSA, keyEd25519()),
			"ES256 of zeros":                       b64(`{"alg":"ES256","kid":"p256"}`) + "." + b64(payload) + "." + b64(strings.Repeat("\x00", 64)),
			"ES256 in DER":                         inDER(t, signed(t, "ES256", "p256", keyP256(), full(nil))),
			"ES256 with s beyond the order":        beyondOrder(t, signed(t, "ES256", "p256", keyP256(), full(nil))),
			"RS256 of zeros":                       part(0) + "." + part(1) + "." + b64(strings.Repeat("\x00", 256)),
			"no signature":                         part(0) + "." + part(1) + ".",
			"half a signature":                     part(0) + "." + part(1) + "." + part(2)[:168],
			"a byte of its signature changed":      part(0) + "." + part(1) + "." + flippedPart(part(2)),
			"a signature with a zero byte before":  part(0) + "." + part(1) + "." + b64("\x00"+rawPart(t, part(2))),
			"a signature with a zero byte after":   part(0) + "." + part(1) + "." + b64(rawPart(t, part(2))+"\x00"),
			"its payload changed":                  part(0) + "." + b64(strings.Replace(payload, "jane", "john", 1)) + "." + part(2),
			"its header changed":                   b64(`{"kid":"rsa","alg":"RS256"}`) + "." + part(1) + "." + part(2),
			"another's key":                        forged(`{"alg":"RS256","kid":"rsa"}`),
			"jku":                                  forged(fmt.Sprintf(`{"alg":"RS256","kid":"rsa","jku":%q}`, follower.url+"/keys")),
			"x5u":                                  forged(fmt.Sprintf(`{"alg":"RS256","kid":"rsa","x5u":%q}`, follower.url+"/keys")),
			"jwk":                                  forged(`{"alg":"RS256","kid":"rsa","jwk":` + evilJWK + `}`),
			"jwk without kid":                      forged(`{"alg":"RS256","jwk":` + evilJWK + `}`),
			"x5c":                                  forged(fmt.Sprintf(`{"alg":"RS256","kid":"rsa","x5c":[%q]}`, base64.StdEncoding.EncodeToString(pkix))),
			"an expired one by another's key":      signed(t, "RS256", "rsa", keyRSA2(), full(map[string]any{"exp": now - 3600})),
			"another issuer's key for this issuer": signed(t, "RS256", "rsa", keyRSA2(), full(nil)),
		},
		"expired": {
			"an hour ago":                  rs(map[string]any{"exp": now - 3600}),
			"just beyond the leeway":       rs(map[string]any{"exp": now - 32}),
			"in 1970":                      rs(map[string]any{"exp": 1}),
			"before 1970":                  rs(map[string]any{"exp": -1}),
			"not valid yet":                rs(map[string]any{"nbf": now + 3600}),
			"issued in an hour":            rs(map[string]any{"iat": now + 3600}),
			"expired before it was issued": rs(map[string]any{"iat": now + 3600, "exp": now - 3600}),
		},
		"claims": {
			"no exp":                           rs(map[string]any{"exp": nil}),
			"exp that is null":                 withPayload(strings.Replace(payload, `"exp":`, `"exp":null,"x":`, 1)),
			"exp that is text":                 rs(map[string]any{"exp": fmt.Sprint(now + 3600)}),
			"exp that is 0":                    rs(map[string]any{"exp": 0}),
			"nbf that is text":                 rs(map[string]any{"nbf": "now"}),
			"iat that is a list":               rs(map[string]any{"iat": []int64{now}}),
			"exp in the year 10000":            rs(map[string]any{"exp": 253402300800}),
			"no audience":                      rs(map[string]any{"aud": nil}),
			"another audience":                 rs(map[string]any{"aud": "other"}),
			"other audiences":                  rs(map[string]any{"aud": []string{"other", "besra2"}}),
			"an audience in upper case":        rs(map[string]any{"aud": "BESRA"}),
			"an audience with a space":         rs(map[string]any{"aud": "besra "}),
			"an empty audience":                rs(map[string]any{"aud": ""}),
			"a list of no audience":            rs(map[string]any{"aud": []string{}}),
			"an audience that is a number":     rs(map[string]any{"aud": 1}),
			"an audience in a list of numbers": rs(map[string]any{"aud": []any{1, "besra"}}),
			"an audience under another name":   withPayload(strings.Replace(payload, `"aud"`, `"AUD"`, 1)),
			"another audience, and expired":    rs(map[string]any{"aud": "other", "exp": now - 3600}),
			"no subject":                       rs(map[string]any{"sub": nil}),
			"an empty subject":                 rs(map[string]any{"sub": ""}),
			"a subject that is a number":       rs(map[string]any{"sub": 7}),
			"scopes that are a number":         rs(map[string]any{"scope": 7}),
			"scopes with a number among them":  rs(map[string]any{"scope": []any{"score", 7}}),
			"no tenant":                        rs(map[string]any{"tenant": nil}),
			"an empty tenant":                  rs(map[string]any{"tenant": ""}),
			"a tenant that is a number":        rs(map[string]any{"tenant": 7}),
			"a tenant that is a list":          rs(map[string]any{"tenant": []string{"acme"}}),
			"a tenant that is not visible":     rs(map[string]any{"tenant": "acme\u200b"}),
			"a tenant with a space":            rs(map[string]any{"tenant": "ac me"}),
			"a tenant that is too long":        rs(map[string]any{"tenant": strings.Repeat("x", 129)}),
			"no models":                        rs(map[string]any{"models": nil}),
			"models that are null":             withPayload(strings.Replace(payload, `"models":`, `"models":null,"x":`, 1)),
			"models that are a map":            rs(map[string]any{"models": map[string]any{"fraud": true}}),
			"more models than there can be":    rs(map[string]any{"models": strings.Repeat("m ", 1025)}),
		},
	} {
		for name, token := range tokens {
			t.Run(why+"/"+name, func(t *testing.T) {
				if got := j.reason(t, token); got != why {
					_, err := j.Verify(t.Context(), token)
					t.Errorf("refused with %q, want %q: %v", got, why, err)
				}
			})
		}
	}
	if follower.fetched.Load()+follower.discovered.Load() > 0 {
		t.Error("a header made us ask its server")
	}
	if got := j.metrics.TokensKnown.Value(); got != 2 {
		t.Errorf("%v tokens are remembered, not the two good ones", got)
	}
}

// leftOver changes the bits of the last character that stand for nothing; many decoders read the same bytes.
func leftOver(t testing.TB, part string) string {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, part[len(part)-1])
	changed := part[:len(part)-1] + string(alphabet[last^1])
	b, err := base64.RawURLEncoding.DecodeString(changed)
	if err != nil || string(b) != rawPart(t, part) {
		t.Fatalf("no bits are left over in %d characters", len(part))
	}
	return changed
}

func rawPart(t testing.TB, part string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func flippedPart(part string) string {
	b := []byte(part)
	if b[10]++; b[10] > 'y' || b[10] < 'a' {
		b[10] = 'a' + b[10]%20
	}
	return string(b)
}

func inDER(t testing.TB, token string) string {
	t.Helper()
	head, sig := cutSignature(t, token)
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])})
	if err != nil {
		t.Fatal(err)
	}
	return head + "." + b64(string(der))
}

func cutSignature(t testing.TB, token string) (head string, sig []byte) {
	t.Helper()
	dot := strings.LastIndexByte(token, '.')
	return token[:dot], []byte(rawPart(t, token[dot+1:]))
}

// beyondOrder adds the order of the curve to s, which is the same number to careless readers.
func beyondOrder(t testing.TB, token string) string {
	t.Helper()
	head, sig := cutSignature(t, token)
	s := new(big.Int).Add(new(big.Int).SetBytes(sig[32:]), elliptic.P256().Params().N)
	if s.BitLen() > 256 {
		s.SetBytes(bytes.Repeat([]byte{0xff}, 32))
	}
	s.FillBytes(sig[32:])
	return head + "." + b64(string(sig))
}

// A signature (r, s) of ECDSA is as good as (r, -s), so that one token has two spellings. They are the same in
// all that they say, so nothing rests on a token's own text.
func TestTheOtherSpellingOfASignatureSaysTheSame(t *testing.T) {
	p := newIDP(t, allKeys(t))
	j := readyJWT(t, auth.JWTOptions{Issuers: []auth.Issuer{p.issuer()}})
	token := signed(t, "ES256", "p256", keyP256(), claims(p.url, nil))
	head, sig := cutSignature(t, token)
	new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(sig[32:])).FillBytes(sig[32:])
	one, err := j.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	other, err := j.Verify(t.Context(), head+"."+b64(string(sig)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(one, other); diff != "" {
		t.Error(diff)
	}
}

func TestTokensOfSeveralIssuersAreProvenByTheirOwnKeys(t *testing.T) {
	a := newIDP(t, jwksJSON(t, jwkJSON(t, "k", keyRSA())))
	b := newIDP(t, jwksJSON(t, jwkJSON(t, "k", keyRSA2())))
	other := b.issuer()
	other.Audience = "other"
	j := readyJWT(t, auth.JWTOptions{Issuers: []auth.Issuer{a.issuer(), other}})
	for _, c := range []struct {
		name string
		iss  string
		key  *rsa.PrivateKey
		aud  string
		want string
	}{
		{"a's own", a.url, keyRSA(), "besra", ""},
		{"b's own", b.url, keyRSA2(), "other", ""},
		{"b's key for a", a.url, keyRSA2(), "besra", "signature"},
		{"a's key for b", b.url, keyRSA(), "other", "signature"},
		{"a's audience of b", b.url, keyRSA2(), "besra", "claims"},
	} {
		if got := j.reason(t, signed(t, "RS256", "k", c.key, claims(c.iss, map[string]any{"aud": c.aud}))); got != c.want {
			t.Errorf("%s: refused with %q, want %q", c.name, got, c.want)
		}
	}
}

func TestATokenWithoutKidNeedsOneKeyOfItsAlgorithm(t *testing.T) {
	p := newIDP(t, jwksJSON(t, jwkJSON(t, "a", keyRSA()), jwkJSON(t, "b", keyRSA2()), jwkJSON(t, "", keyP256())))
	j := readyJWT(t, auth.JWTOptions{Issuers: []auth.Issuer{p.issuer()}})
	if got := j.reason(t, signed(t, "RS256", "", keyRSA(), claims(p.url, nil))); got != "unknown" {
		t.Errorf("of two keys one is guessed: %q", got)
	}
	if got := j.reason(t, signed(t, "RS256", "b", keyRSA2(), claims(p.url, nil))); got != "" {
		t.Errorf("one that names its key is refused with %q", got)
	}
	if got := j.reason(t, signed(t, "ES256", "", keyP256(), claims(p.url, nil))); got != "" {
		t.Errorf("one whose key is the only one is refused with %q", got)
	}
	empty := crafted(t, `{"alg":"ES256","kid":""}`, payloadJSON(t, claims(p.url, nil)), jwt.SigningMethodES256, keyP256())
	if got := j.reason(t, empty); got != "unknown" {
		t.Errorf("an empty name is that of a key without one: %q", got)
	}
}

func TestTypesOfTokens(t *testing.T) {
	p := newIDP(t, allKeys(t))
	j := readyJWT(t, auth.JWTOptions{Issuers: []auth.Issuer{p.issuer()}})
	for _, typ := range []string{"JWT", "jwt", "at+jwt", "at+JWT", "application/at+jwt", "application/jwt"} {
		token := crafted(t, fmt.Sprintf(`{"alg":"RS256","kid":"rsa","typ":%q}`, typ), payloadJSON(t, claims(p.url, nil)), jwt.SigningMethodRS256, keyRSA())
		if got := j.reason(t, token); got != "" {
			t.Errorf("%s is refused with %q", typ, got)
		}
	}
}

func TestAnIssuerOverTLS(t *testing.T) {
	noJWTLeaks(t)
	p := &idp{set: allKeys(t)}
	s := httptest.NewUnstartedServer(p)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of those who do not trust it
	s.StartTLS()
	defer s.Close()
	p.url = s.URL
	o := auth.JWTOptions{Issuers: []auth.Issuer{p.issuer()}, Client: s.Client()}
	token := signed(t, "RS256", "rsa", keyRSA(), claims(p.url, nil))
	t.Run("that the client trusts", func(t *testing.T) {
		if got := readyJWT(t, o).reason(t, token); got != "" {
			t.Errorf("refused with %q", got)
		}
	})
	t.Run("that sends us to plain http", func(t *testing.T) {
		plain := newIDP(t, allKeys(t))
		p.answer(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, plain.url+"/keys", http.StatusFound) })
		defer p.publish(p.set)
		j := readyJWT(t, o)
		if got := j.reason(t, token); got != "unready" || plain.fetched.Load() != 0 {
			t.Errorf("refused with %q, asked %d times", got, plain.fetched.Load())
		}
	})
	t.Run("that nobody trusts", func(t *testing.T) {
		o.Client = nil
		j := readyJWT(t, o)
		if got := j.reason(t, token); got != "unready" || j.metrics.JWKSFetched.Value() != 0 {
			t.Errorf("refused with %q", got)
		}
	})
}

func TestIssuersThatCannotBeHadAreRefused(t *testing.T) {
	good := auth.Issuer{URL: "https://a.example.com", Audience: "besra", Algorithms: []string{"RS256"}, Scopes: auth.ScopeClaim{Only: identity.Score}}
	for name, c := range map[string]struct {
		change func(*auth.JWTOptions)
		want   string
	}{
		"none":         {func(o *auth.JWTOptions) { o.Issuers = nil }, "need an issuer"},
		"no metrics":   {func(o *auth.JWTOptions) { o.Metrics = nil }, "metrics"},
		"no log":       {func(o *auth.JWTOptions) { o.Log = nil }, "log"},
		"twice":        {func(o *auth.JWTOptions) { o.Issuers = append(o.Issuers, good) }, "stands twice"},
		"no audience":  {func(o *auth.JWTOptions) { o.Issuers[0].Audience = "" }, "audience is missing"},
		"no algorithm": {func(o *auth.JWTOptions) { o.Issuers[0].Algorithms = nil }, "none is pinned"},
		"HS256":        {func(o *auth.JWTOptions) { o.Issuers[0].Algorithms = []string{"HS256"} }, `no algorithm "HS256"`},
		"plain http":   {func(o *auth.JWTOptions) { o.Issuers[0].URL = "http://a.example.com" }, "want an https URL"},
		"keys on http": {func(o *auth.JWTOptions) { o.Issuers[0].JWKS = "http://a.example.com" }, "jwks: want an https URL"},
	} {
		o := auth.JWTOptions{Issuers: []auth.Issuer{good}, Metrics: &telemetry.New(telemetry.Options{}).Access, Log: slog.New(slog.DiscardHandler)}
		c.change(&o)
		if _, err := auth.NewJWT(o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestBeforeItRunsNoTokenIsGood(t *testing.T) {
	p := newIDP(t, allKeys(t))
	j, err := auth.NewJWT(auth.JWTOptions{
		Issuers: []auth.Issuer{p.issuer()}, Metrics: &telemetry.New(telemetry.Options{}).Access, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = j.Verify(t.Context(), signed(t, "RS256", "rsa", keyRSA(), claims(p.url, nil)))
	if e, ok := err.(interface{ Reason() string }); !ok || e.Reason() != "unready" {
		t.Errorf("%v", err)
	}
}

// The memory is bounded, and what was pushed out is verified again.
func TestRememberedTokensAreBounded(t *testing.T) {
	p := newIDP(t, allKeys(t))
	i := p.issuer()
	i.Algorithms = []string{"EdDSA"}
	j := readyJWT(t, auth.JWTOptions{Issuers: []auth.Issuer{i}, Entries: 64})
	var all []string
	for n := range 500 {
		all = append(all, signed(t, "EdDSA", "ed", keyEd25519(), claims(p.url, map[string]any{"sub": fmt.Sprint(n)})))
		if got := j.reason(t, all[n]); got != "" {
			t.Fatal(got)
		}
		if got := j.metrics.TokensKnown.Value(); got > 64 {
			t.Fatalf("%v tokens are remembered", got)
		}
	}
	known := 0
	for n, token := range all {
		if id, ok := j.Known(token); ok {
			known++
			if id.Name != fmt.Sprint(n) {
				t.Errorf("token %d is that of %s", n, id.Name)
			}
		}
	}
	if known < 16 || known > 64 {
		t.Errorf("%d of the last tokens are known", known)
	}
	if got := j.reason(t, all[0]); got != "" {
		t.Error(got)
	}
}

func TestKnownDoesNotAllocate(t *testing.T) {
	p := newIDP(t, allKeys(t))
	j := readyJWT(t, auth.JWTOptions{Issuers: []auth.Issuer{p.issuer()}})
	token := signed(t, "RS256", "rsa", keyRSA(), claims(p.url, nil))
	if got := j.reason(t, token); got != "" {
		t.Fatal(got)
	}
	stranger := token + "A"
	if n := testing.AllocsPerRun(1000, func() {
		if _, ok := j.Known(token); !ok {
			t.Error("not known")
		}
		if _, ok := j.Known(stranger); ok {
			t.Error("known")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzVerify(f *testing.F) {
	p := newIDP(f, allKeys(f))
	i := p.issuer()
	i.Algorithms, i.Tenant, i.Models = everyAlgorithm, "tenant", "models"
	i.JWKS = p.url + "/keys"
	j := readyJWT(f, auth.JWTOptions{Issuers: []auth.Issuer{i}})
	c := claims(p.url, map[string]any{"tenant": "acme", "models": "fraud", "exp": 253402300799})
	for _, alg := range everyAlgorithm {
		kid, key := signerOf(alg)
		f.Add(signed(f, alg, kid, key, c))
	}
	f.Add(b64(`{"alg":"none"}`) + "." + b64(payloadJSON(f, c)) + ".")
	f.Add("..")
	var n atomic.Int64
	f.Fuzz(func(t *testing.T, token string) {
		id, err := j.Verify(t.Context(), token)
		if (id == nil) == (err == nil) {
			t.Fatalf("%v, %v", id, err)
		}
		if err != nil && strings.Contains(err.Error(), "reading it fails") {
			t.Fatal(err) // a panic that was caught
		}
		if id != nil && (id.Tenant != "acme" || id.Name != "jane") {
			t.Fatalf("forged: %+v", id)
		}
		if _, known := j.Known(token); known != (id != nil) {
			t.Fatalf("known: %v", known)
		}
		// The same text, as header and as payload of a token that is signed.
		if n.Add(1)%4 == 0 {
			for _, forged := range []string{
				crafted(t, token, payloadJSON(t, c), jwt.SigningMethodEdDSA, keyEd25519()),
				crafted(t, `{"alg":"EdDSA","kid":"ed"}`, token, jwt.SigningMethodEdDSA, keyEd25519()),
			} {
				if _, err := j.Verify(t.Context(), forged); err != nil && strings.Contains(err.Error(), "reading it fails") {
					t.Fatal(err)
				}
			}
		}
	})
}

func BenchmarkKnown(b *testing.B) {
	p := newIDP(b, allKeys(b))
	i := p.issuer()
	i.Algorithms = []string{"EdDSA", "RS256"}
	j := readyJWT(b, auth.JWTOptions{Issuers: []auth.Issuer{i}})
	all := make([]string, 2048)
	for n := range all {
		// A token as issuers make them: about 700 bytes.
		all[n] = signed(b, "RS256", "rsa", keyRSA(), claims(p.url, map[string]any{"sub": fmt.Sprintf("auth0|%024d", n), "azp": "client", "sid": "0f8b5b3e", "email": "jane@example.com"}))
		if got := j.reason(b, all[n]); got != "" {
			b.Fatal(got)
		}
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if _, ok := j.Known(all[n%len(all)]); !ok {
			b.Fatal("not known")
		}
		n++
	}
	b.ReportMetric(float64(len(all[0])), "bytes/token")
}

func BenchmarkVerify(b *testing.B) {
	p := newIDP(b, allKeys(b))
	i := p.issuer()
	i.Algorithms = everyAlgorithm
	j := readyJWT(b, auth.JWTOptions{Issuers: []auth.Issuer{i}})
	for _, alg := range []string{"RS256", "PS256", "ES256", "EdDSA"} {
		b.Run(alg, func(b *testing.B) {
			kid, key := signerOf(alg)
			token := signed(b, alg, kid, key, claims(p.url, nil))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := j.Verify(context.Background(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
