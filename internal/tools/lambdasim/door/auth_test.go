package door_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
	"github.com/besra-ml/besra/internal/tools/lambdasim/door"
)

// echo answers with the event's requestContext.
var echo = function(func(in lambdasim.Invocation) (lambdasim.Answer, error) {
	var e struct {
		Context any `json:"requestContext"`
	}
	if err := json.Unmarshal(in.Payload, &e); err != nil {
		return lambdasim.Answer{}, err
	}
	body, err := json.Marshal(e.Context)
	if err != nil {
		return lambdasim.Answer{}, err
	}
	payload, err := json.Marshal(map[string]any{"statusCode": 200, "body": string(body), "headers": map[string]string{"content-type": "application/json"}})
	return lambdasim.Answer{Payload: payload}, err
})

// signed signs a request by AWS's own code.
func signed(t *testing.T, c door.Credential, r *http.Request, body, service, region string, at time.Time) *http.Request {
	t.Helper()
	hash := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: c.AccessKey, SecretAccessKey: c.Secret, SessionToken: c.Token}, r, hex.EncodeToString(hash[:]), service, region, at); err != nil {
		t.Fatal(err)
	}
	return r
}

func post(t *testing.T, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	return r
}

func TestSignedRequestsAreTheirSigners(t *testing.T) {
	user := door.NewCredential("111122223333", "till")
	session := door.NewCredential("111122223333", "session")
	session.Token = "token"
	iam := &door.IAM{Users: []door.Credential{session, user}}
	for _, kind := range []door.Kind{door.HTTPAPI, door.RESTAPI, door.FunctionURL, door.Direct} {
		t.Run(string(kind), func(t *testing.T) {
			o := door.Options{Kind: kind, IAM: iam, Function: echo, Region: "eu-west-1", Stage: "$default", Now: time.Now}
			path, service := "/v1/score", "execute-api"
			if kind == door.Direct {
				path, o.Function = "/2015-03-31/functions/besra/invocations", answers(`{"ok":true}`)
			}
			if kind == door.FunctionURL || kind == door.Direct {
				service = "lambda"
			}
			s := open(t, o)
			for _, c := range []door.Credential{user, session} {
				resp, body := do(t, signed(t, c, post(t, s.URL+path, `{"a":1}`), `{"a":1}`, service, "eu-west-1", time.Now()))
				if resp.StatusCode != 200 {
					t.Fatalf("%d %s", resp.StatusCode, body)
				}
				if kind == door.Direct {
					continue
				}
				if !strings.Contains(body, c.AccessKey) || !strings.Contains(body, c.ARN) || !strings.Contains(body, `"accountId":"111122223333"`) {
					t.Errorf("%s", body)
				}
			}
		})
	}
	t.Run("whatever path and query they have", func(t *testing.T) {
		s := open(t, door.Options{Kind: door.HTTPAPI, IAM: iam, Function: echo, Now: time.Now})
		for _, path := range []string{"/", "/a%20b/c%2Fd", "/v1/models/fraud:load", "/?b=2&a=1&a=0&a-b=3&empty", "/x?q=a%2Bb%20c%2F~&z=%C3%A9", "/é"} {
			r := post(t, s.URL+path, "")
			r.Header.Set("X-Odd", "  a   b ")
			if resp, body := do(t, signed(t, user, r, "", "execute-api", "us-east-1", time.Now())); resp.StatusCode != 200 {
				t.Errorf("%s: %d %s", path, resp.StatusCode, body)
			}
		}
	})
}

func TestWhatIsNotSignedAsItShouldIsRefused(t *testing.T) {
	user := door.NewCredential("111122223333", "till")
	at := time.Now()
	url := ""
	for _, c := range []struct {
		name string
		make func() *http.Request
		want string // X-Amzn-Errortype and text of a REST API
	}{
		{"nothing", func() *http.Request { return post(t, url, "{}") }, `MissingAuthenticationTokenException {"message":"Missing Authentication Token"}`},
		{"another user", func() *http.Request {
			return signed(t, door.NewCredential("1", "other"), post(t, url, "{}"), "{}", "execute-api", "us-east-1", at)
		}, `UnrecognizedClientException {"message":"The security token included in the request is invalid."}`},
		{"another secret", func() *http.Request {
			c := user
			c.Secret += "x"
			return signed(t, c, post(t, url, "{}"), "{}", "execute-api", "us-east-1", at)
		}, `InvalidSignatureException {"message":"The request signature we calculated`},
		{"another body", func() *http.Request {
			return signed(t, user, post(t, url, "{ }"), "{}", "execute-api", "us-east-1", at)
		}, `InvalidSignatureException {"message":"The request signature we calculated`},
		{"another path", func() *http.Request {
			r := signed(t, user, post(t, url, "{}"), "{}", "execute-api", "us-east-1", at)
			r.URL.Path += "x"
			return r
		}, `InvalidSignatureException {"message":"The request signature we calculated`},
		{"another query", func() *http.Request {
			r := signed(t, user, post(t, url, "{}"), "{}", "execute-api", "us-east-1", at)
			r.URL.RawQuery = "a=1"
			return r
		}, `InvalidSignatureException {"message":"The request signature we calculated`},
		{"a header that came later", func() *http.Request {
			r := signed(t, user, post(t, url, "{}"), "{}", "execute-api", "us-east-1", at)
			r.Header.Set("X-Amz-Target", "x")
			return r
		}, `InvalidSignatureException {"message":"The request signature we calculated`},
		{"a token that came along", func() *http.Request {
			c := user
			c.Token = "x"
			return signed(t, c, post(t, url, "{}"), "{}", "execute-api", "us-east-1", at)
		}, `UnrecognizedClientException`},
		{"another service", func() *http.Request { return signed(t, user, post(t, url, "{}"), "{}", "lambda", "us-east-1", at) }, `InvalidSignatureException {"message":"Credential should be scoped to correct service: 'execute-api'."}`},
		{"another region", func() *http.Request { return signed(t, user, post(t, url, "{}"), "{}", "execute-api", "eu-west-1", at) }, `InvalidSignatureException {"message":"Credential should be scoped to a valid region."}`},
		{"long ago", func() *http.Request {
			return signed(t, user, post(t, url, "{}"), "{}", "execute-api", "us-east-1", at.Add(-6*time.Minute))
		}, `InvalidSignatureException {"message":"Signature expired: `},
		{"soon", func() *http.Request {
			return signed(t, user, post(t, url, "{}"), "{}", "execute-api", "us-east-1", at.Add(6*time.Minute))
		}, `InvalidSignatureException {"message":"Signature not yet current: `},
		{"no signature", func() *http.Request {
			r := post(t, url, "{}")
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host")
			return r
		}, `IncompleteSignatureException {"message":"Authorization header requires 'Signature' parameter."}`},
		{"a token", func() *http.Request {
			r := post(t, url, "{}")
			r.Header.Set("Authorization", "Bearer x")
			return r
		}, `IncompleteSignatureException {"message":"Unsupported AWS 'algorithm'"}`},
		{"a host that is not signed", func() *http.Request {
			r := signed(t, user, post(t, url, "{}"), "{}", "execute-api", "us-east-1", at)
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "host;", "", 1))
			return r
		}, `IncompleteSignatureException {"message":"'Host' or ':authority' must be`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, kind := range []door.Kind{door.RESTAPI, door.HTTPAPI, door.FunctionURL} {
				o := door.Options{Kind: kind, IAM: &door.IAM{Users: []door.Credential{user}}, Function: echo, Stage: "$default", Now: func() time.Time { return at }}
				if url = open(t, o).URL + "/v1/score"; kind == door.FunctionURL && strings.HasPrefix(c.name, "another service") {
					continue // it is the right one here
				}
				resp, body := do(t, c.make())
				want := map[door.Kind]string{door.RESTAPI: c.want, door.HTTPAPI: ` {"message":"Forbidden"}`, door.FunctionURL: `AccessDeniedException {"Message":"Forbidden"}`}[kind]
				if got := resp.Header.Get("X-Amzn-Errortype") + " " + body; resp.StatusCode != 403 || !strings.HasPrefix(got, want) {
					t.Errorf("%s: %d %s", kind, resp.StatusCode, got)
				}
			}
		})
	}
}

func TestCurlSigns(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("NOT RUN: there is no curl here")
	}
	user := door.NewCredential("111122223333", "till")
	for kind, service := range map[door.Kind]string{door.HTTPAPI: "execute-api", door.RESTAPI: "execute-api", door.FunctionURL: "lambda"} {
		s := open(t, door.Options{Kind: kind, IAM: &door.IAM{Users: []door.Credential{user}}, Function: echo, Stage: "$default", Now: time.Now})
		for _, secret := range []string{user.Secret, "wrong"} {
			out, err := exec.CommandContext(t.Context(), curl, "-s", "--aws-sigv4", "aws:amz:us-east-1:"+service, "-u", user.AccessKey+":"+secret,
				"-H", "Content-Type: application/json", "-d", `{"event":{"amount":12.5}}`, s.URL+"/v1/score?a=1").CombinedOutput()
			if good := strings.Contains(string(out), user.ARN); err != nil || good != (secret != "wrong") {
				t.Errorf("%s, %s: %v %s", kind, secret, err, out)
			}
		}
	}
}

func TestTokens(t *testing.T) {
	idp := httptest.NewUnstartedServer(nil)
	idp.Start()
	defer idp.Close()
	issuer, err := door.NewIssuer(idp.URL + "/realm")
	if err != nil {
		t.Fatal(err)
	}
	idp.Config.Handler = issuer
	other, err := door.NewIssuer(idp.URL + "/realm")
	if err != nil {
		t.Fatal(err)
	}
	client := idp.Client()
	defer client.CloseIdleConnections()
	token := func(i *door.Issuer, claims map[string]any) string {
		s, err := i.Token("besra", "till-1", time.Hour, claims)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open(t, door.Options{Kind: door.HTTPAPI, Function: echo, Now: time.Now, JWT: &door.JWT{Issuer: issuer.URL(), Audience: []string{"besra"}, Client: client}})
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"iss": issuer.URL(), "aud": "besra", "exp": time.Now().Unix() + 60}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	hmac, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": issuer.URL(), "aud": "besra", "exp": time.Now().Unix() + 60}).SignedString([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for _, c := range []struct{ name, header, why string }{
		{"none", "", ""},
		{"no token", "Bearer x", "the token is malformed"},
		{"no signature", "Bearer " + unsigned, "signature verification failed"},
		{"another algorithm", "Bearer " + hmac, "signature verification failed"},
		{"another's key", "Bearer " + token(other, nil), "signature verification failed"},
		{"another issuer", "Bearer " + token(issuer, map[string]any{"iss": "https://other"}), "the token does not have a valid issuer"},
		{"another audience", "Bearer " + token(issuer, map[string]any{"aud": "x"}), "the token does not have a valid audience"},
		{"no audience", "Bearer " + token(issuer, map[string]any{"aud": nil}), "the token does not have a valid audience"},
		{"expired", "Bearer " + token(issuer, map[string]any{"exp": in(-time.Second)}), "the token has expired"},
		{"without an end", "Bearer " + token(issuer, map[string]any{"exp": nil}), "the token has expired"},
		{"not valid yet", "Bearer " + token(issuer, map[string]any{"nbf": in(time.Minute)}), "the token is not valid yet"},
	} {
		resp, body := ask(t, s, "GET", "/", "", "Authorization: "+c.header)
		want := "Bearer"
		if c.why != "" {
			want = `Bearer scope="" error="invalid_token" error_description="` + c.why + `"`
		}
		if got := resp.Header.Get("Www-Authenticate"); resp.StatusCode != 401 || body != `{"message":"Unauthorized"}` || got != want {
			t.Errorf("%s: %d %s %s", c.name, resp.StatusCode, body, got)
		}
	}
	for name, header := range map[string]string{
		"with its word":    "bearer " + token(issuer, nil),
		"without its word": token(issuer, nil),
		"of a client":      token(issuer, map[string]any{"aud": nil, "client_id": "besra"}),
		"of many":          token(issuer, map[string]any{"aud": []string{"x", "besra"}}),
	} {
		if resp, body := ask(t, s, "GET", "/", "", "Authorization: "+header); resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
	t.Run("their claims are text", func(t *testing.T) {
		_, body := ask(t, s, "GET", "/", "", "Authorization: "+token(issuer, map[string]any{"groups": []string{"a", "b"}, "vip": true, "level": 7, "iat": 1_700_000_000, "exp": 1_900_000_000}))
		var got struct {
			Authorizer any `json:"authorizer"`
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		want := any(map[string]any{"jwt": map[string]any{"scopes": nil, "claims": map[string]any{
			"iss": issuer.URL(), "aud": "besra", "sub": "till-1", "iat": "1700000000", "exp": "1900000000", "groups": "[a b]", "vip": "true", "level": "7",
		}}})
		if diff := cmp.Diff(want, got.Authorizer); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a route may want scopes", func(t *testing.T) {
		s := open(t, door.Options{Kind: door.HTTPAPI, Function: echo, Now: time.Now, JWT: &door.JWT{Issuer: issuer.URL(), Audience: []string{"besra"}, Scopes: []string{"score", "admin"}, Client: client}})
		for scope, status := range map[string]int{"read score": 200, "admin": 200, "scored": 403, "": 403} {
			if resp, body := ask(t, s, "GET", "/", "", "Authorization: "+token(issuer, map[string]any{"scope": scope})); resp.StatusCode != status || status == 403 && body != `{"message":"Forbidden"}` {
				t.Errorf("%s: %d %s", scope, resp.StatusCode, body)
			}
		}
	})
	t.Run("of an issuer that does not answer are not taken", func(t *testing.T) {
		s := open(t, door.Options{Kind: door.HTTPAPI, Function: echo, Now: time.Now, JWT: &door.JWT{Issuer: "http://127.0.0.1:1", Audience: []string{"besra"}, Client: client}})
		if resp, _ := ask(t, s, "GET", "/", "", "Authorization: "+token(issuer, nil)); resp.StatusCode != 401 {
			t.Errorf("%d", resp.StatusCode)
		}
	})
}

func TestKeysOfARESTAPI(t *testing.T) {
	at := now
	s := open(t, door.Options{
		Kind: door.RESTAPI, Function: echo, Stage: "$default", Now: func() time.Time { return at },
		Plan: &door.Plan{Keys: []door.Key{{ID: "k1", Value: "one"}, {ID: "k2", Value: "two"}}, Rate: door.Rate{PerSecond: 1, Burst: 2}, Quota: 3},
	})
	is := func(key string, status int, want string) {
		t.Helper()
		if resp, body := ask(t, s, "GET", "/x", "", "X-Api-Key: "+key); resp.StatusCode != status || !regexp.MustCompile(want).MatchString(resp.Header.Get("X-Amzn-Errortype")+body) {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	}
	is("", 403, `^ForbiddenException{"message":"Forbidden"}$`)
	is("three", 403, `^ForbiddenException{"message":"Forbidden"}$`)
	is("one", 200, `"apiKeyId":"k1"`)
	is("one", 200, ``)
	is("one", 429, `^TooManyRequestsException{"message":"Too Many Requests"}$`)
	is("two", 200, `"apiKeyId":"k2"`)
	at = at.Add(5 * time.Second)
	is("one", 200, ``)
	is("one", 429, `^LimitExceededException{"message":"Limit Exceeded"}$`)
	at = at.Add(24 * time.Hour)
	is("one", 200, ``)
}
