package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A seen request is what the handler was given.
type seen struct {
	Method, Path, Escaped, Query, Host, From, Body string
	Header                                         http.Header
	Who                                            *identity.Identity
}

// door returns a door whose handler notes what it sees and answers with do.
func door(t *testing.T, kind Kind, do http.HandlerFunc) (*Door, *seen) {
	t.Helper()
	s := &seen{}
	return New(Options{
		Kind: kind, Issuers: auth.NewIssuers(nil),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil || int64(len(body)) != r.ContentLength {
				t.Errorf("the body has %d bytes of %d: %v", len(body), r.ContentLength, err)
			}
			*s = seen{
				r.Method, r.URL.Path, r.URL.EscapedPath(), r.URL.RawQuery, r.Host, r.RemoteAddr, string(body), r.Header.Clone(),
				identity.FromContext(r.Context()),
			}
			if do == nil {
				_, _ = io.WriteString(w, `{"ok":true}`)
				return
			}
			do(w, r)
		}),
	}), s
}

func payload(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func invoke(t *testing.T, d *Door, event any, answer any) {
	t.Helper()
	out, err := d.Invoke(t.Context(), payload(t, event))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, answer); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

const body = `{"model":"fraud","event":{"card":"c_\"17\"","amount":1e2,"city":"Zürich"}}`

func httpEvent() events.APIGatewayV2HTTPRequest {
	e := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "POST /v1/score", RawPath: "/v1/score", RawQueryString: "a=1&b=%20",
		Headers: map[string]string{"host": "abc.execute-api.eu-central-1.amazonaws.com", "content-type": "application/json", "x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793"},
		Body:    body,
	}
	e.RequestContext.APIID, e.RequestContext.Stage, e.RequestContext.RequestID = "abc", "$default", "r-1"
	e.RequestContext.DomainName = "abc.execute-api.eu-central-1.amazonaws.com"
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path, e.RequestContext.HTTP.SourceIP = "POST", "/v1/score", "192.0.2.7"
	return e
}

func restEvent() events.APIGatewayProxyRequest {
	e := events.APIGatewayProxyRequest{
		Resource: "/{proxy+}", Path: "/v1/score", HTTPMethod: "POST", Body: body,
		Headers:                         map[string]string{"Content-Type": "application/json", "X-Two": "b", "Host": "rest.example.com"},
		MultiValueHeaders:               map[string][]string{"Content-Type": {"application/json"}, "X-Two": {"a", "b"}, "Host": {"rest.example.com"}},
		QueryStringParameters:           map[string]string{"a": "2"},
		MultiValueQueryStringParameters: map[string][]string{"a": {"1", "2"}},
	}
	e.RequestContext.APIID, e.RequestContext.Stage, e.RequestContext.RequestID = "abc", "prod", "r-2"
	e.RequestContext.Identity.SourceIP, e.RequestContext.Identity.APIKeyID = "192.0.2.8", "k1"
	return e
}

func balancerEvent(many bool) events.ALBTargetGroupRequest {
	e := events.ALBTargetGroupRequest{HTTPMethod: "POST", Path: "/v1/score", Body: body}
	e.RequestContext.ELB.TargetGroupArn = "arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/besra/1"
	if many {
		e.MultiValueHeaders = map[string][]string{"content-type": {"application/json"}, "x-forwarded-for": {"203.0.113.9, 192.0.2.9"}, "host": {"lb.example.com"}}
		return e
	}
	e.Headers = map[string]string{"content-type": "application/json", "x-forwarded-for": "203.0.113.9, 192.0.2.9", "host": "lb.example.com"}
	return e
}

func urlEvent() events.LambdaFunctionURLRequest {
	e := events.LambdaFunctionURLRequest{
		Version: "2.0", RawPath: "/v1/score", Headers: map[string]string{"content-type": "application/json", "host": "u.lambda-url.eu-central-1.on.aws"},
		Body: base64.StdEncoding.EncodeToString([]byte(body)), IsBase64Encoded: true,
	}
	e.RequestContext.APIID, e.RequestContext.RequestID = "u", "r-3"
	e.RequestContext.DomainName = "u.lambda-url.eu-central-1.on.aws"
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.SourceIP = "POST", "192.0.2.10"
	e.RequestContext.Authorizer = &events.LambdaFunctionURLRequestContextAuthorizerDescription{
		IAM: &events.LambdaFunctionURLRequestContextAuthorizerIAMDescription{UserARN: "arn:aws:iam::1:user/shop", AccessKey: "AKIA"},
	}
	return e
}

func TestEventsBecomeRequests(t *testing.T) {
	jsonType := []string{"application/json"}
	for _, c := range []struct {
		kind  Kind
		event any
		want  seen
	}{
		{HTTPAPI, httpEvent(), seen{
			"POST", "/v1/score", "/v1/score", "a=1&b=%20", "abc.execute-api.eu-central-1.amazonaws.com", "192.0.2.7:0", body,
			http.Header{"Content-Type": jsonType, "Host": {"abc.execute-api.eu-central-1.amazonaws.com"}, "X-Amzn-Trace-Id": {"Root=1-5759e988-bd862e3fe1be46a994272793"}, "X-Request-Id": {"r-1"}},
			nil,
		}},
		{RESTAPI, restEvent(), seen{
			"POST", "/v1/score", "/v1/score", "a=1&a=2", "rest.example.com", "192.0.2.8:0", body,
			http.Header{"Content-Type": jsonType, "Host": {"rest.example.com"}, "X-Two": {"a", "b"}, "X-Request-Id": {"r-2"}},
			auth.Platform("api-key:k1"),
		}},
		{FunctionURL, urlEvent(), seen{
			"POST", "/v1/score", "/v1/score", "", "u.lambda-url.eu-central-1.on.aws", "192.0.2.10:0", body,
			http.Header{"Content-Type": jsonType, "Host": {"u.lambda-url.eu-central-1.on.aws"}, "X-Request-Id": {"r-3"}},
			auth.Platform("iam:arn:aws:iam::1:user/shop"),
		}},
		{ALB, balancerEvent(false), seen{
			"POST", "/v1/score", "/v1/score", "", "lb.example.com", "192.0.2.9:0", body,
			http.Header{"Content-Type": jsonType, "Host": {"lb.example.com"}, "X-Forwarded-For": {"203.0.113.9, 192.0.2.9"}},
			nil,
		}},
		{ALB, balancerEvent(true), seen{
			"POST", "/v1/score", "/v1/score", "", "lb.example.com", "192.0.2.9:0", body,
			http.Header{"Content-Type": jsonType, "Host": {"lb.example.com"}, "X-Forwarded-For": {"203.0.113.9, 192.0.2.9"}},
			nil,
		}},
		{Direct, json.RawMessage(body), seen{"POST", "/v1/score", "/v1/score", "", "", ":0", body, http.Header{"Content-Type": jsonType}, auth.Platform("invoke")}},
		{Direct, json.RawMessage(`{"events":[]}`), seen{"POST", "/v1/score/batch", "/v1/score/batch", "", "", ":0", `{"events":[]}`, http.Header{"Content-Type": jsonType}, auth.Platform("invoke")}},
		{Direct, json.RawMessage(`{"labels":[]}`), seen{"POST", "/v1/labels", "/v1/labels", "", "", ":0", `{"labels":[]}`, http.Header{"Content-Type": jsonType}, auth.Platform("invoke")}},
	} {
		t.Run(c.kind.String(), func(t *testing.T) {
			d, got := door(t, c.kind, nil)
			var answer any
			invoke(t, d, c.event, &answer)
			if diff := cmp.Diff(c.want, *got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAStageOfAnHTTPAPIIsNoPartOfThePath(t *testing.T) {
	t.Run("but at a domain of one's own it is none", func(t *testing.T) {
		e := httpEvent()
		e.RequestContext.Stage, e.RawPath, e.RequestContext.DomainName = "v1", "/v1/score", "fraud.example.com"
		d, got := door(t, HTTPAPI, nil)
		var answer any
		invoke(t, d, e, &answer)
		if got.Path != "/v1/score" {
			t.Errorf("got %s", got.Path)
		}
	})
	for path, want := range map[string]string{"/prod/v1/score": "/v1/score", "/v1/score": "/v1/score", "/production/v1": "/production/v1", "/prod": "/prod"} {
		e := httpEvent()
		e.RequestContext.Stage, e.RawPath = "prod", path
		d, got := door(t, HTTPAPI, nil)
		var answer any
		invoke(t, d, e, &answer)
		if got.Path != want {
			t.Errorf("%s is %s", path, got.Path)
		}
	}
}

// An HTTP API decodes the path, and all others hand it over as it was sent.
func TestPaths(t *testing.T) {
	api, url, rest, balancer := httpEvent(), urlEvent(), restEvent(), balancerEvent(true)
	for sent, want := range map[string][3]string{ // as an HTTP API means it, as others do, and how that is spelled
		"/v1/models/a%2Fb": {"/v1/models/a%2Fb", "/v1/models/a/b", "/v1/models/a%2Fb"},
		"/v1/models/a b?c": {"/v1/models/a b?c", "/v1/models/a b?c", "/v1/models/a%20b%3Fc"},
		"/v1/models/%":     {"/v1/models/%", "/v1/models/%", "/v1/models/%25"},
		"/v1/models/%zz":   {"/v1/models/%zz", "/v1/models/%zz", "/v1/models/%25zz"},
	} {
		api.RawPath, url.RawPath, rest.Path, balancer.Path = sent, sent, sent, sent
		for kind, event := range map[Kind]any{HTTPAPI: api, FunctionURL: url, RESTAPI: rest, ALB: balancer} {
			d, got := door(t, kind, nil)
			var answer any
			invoke(t, d, event, &answer)
			path := want[1]
			if kind == HTTPAPI {
				path = want[0]
			}
			if got.Path != path || kind != HTTPAPI && got.Escaped != want[2] {
				t.Errorf("%s: %s: got %q, escaped %q", kind, sent, got.Path, got.Escaped)
			}
		}
	}
}

func TestAHeaderThatIsSpelledInTwoWaysHasBothValues(t *testing.T) {
	rest := restEvent()
	rest.MultiValueHeaders["authorization"], rest.MultiValueHeaders["Authorization"] = []string{"a"}, []string{"b"}
	balancer := balancerEvent(false)
	balancer.Headers["authorization"], balancer.Headers["Authorization"] = "a", "b"
	for kind, event := range map[Kind]any{RESTAPI: rest, ALB: balancer} {
		d, got := door(t, kind, nil)
		var answer any
		invoke(t, d, event, &answer)
		if values := slices.Sorted(slices.Values(got.Header["Authorization"])); !slices.Equal(values, []string{"a", "b"}) {
			t.Errorf("%s: got %q", kind, values)
		}
	}
}

func TestWhereTheClientOfABalancerIs(t *testing.T) {
	for _, c := range []struct {
		forwarded []string
		want      string
	}{
		{[]string{"203.0.113.9, 192.0.2.9"}, "192.0.2.9:0"},
		{[]string{"203.0.113.9", "198.51.100.1,192.0.2.9"}, "192.0.2.9:0"}, // a client may send several
		{[]string{"203.0.113.9, 192.0.2.9:50123"}, "192.0.2.9:0"},
		{[]string{"2001:db8::7"}, "[2001:db8::7]:0"},
		{[]string{"[2001:db8::7]:50123"}, "[2001:db8::7]:0"},
		{nil, ":0"},
	} {
		e := balancerEvent(true)
		e.MultiValueHeaders["x-forwarded-for"] = c.forwarded
		d, got := door(t, ALB, nil)
		var answer any
		invoke(t, d, e, &answer)
		if got.From != c.want {
			t.Errorf("%q: got %s", c.forwarded, got.From)
		}
	}
}

func TestOneKindOfEventIsTakenAndNoOther(t *testing.T) {
	old := httpEvent()
	old.Version = "1.0"
	all := map[string]any{
		"http-api": httpEvent(), "rest-api": restEvent(), "function-url": urlEvent(), "alb": balancerEvent(false), "payload 1.0": old,
		"direct": json.RawMessage(body), "a list": json.RawMessage(`[]`), "null": json.RawMessage(`null`), "nothing": json.RawMessage(``),
		"cut": json.RawMessage(`{"version":"2.0","requestContext":{"apiId":"x"`), "no UTF-8": json.RawMessage("{\"version\":\"\xff\"}"),
		"a schedule": json.RawMessage(`{"version":"0","id":"1","detail-type":"Scheduled Event","source":"aws.events","detail":{}}`),
		"two":        json.RawMessage(`{"version":"2.0","version":"2.0"}`), "deep": json.RawMessage(strings.Repeat("[", 1000)),
	}
	for _, kind := range []Kind{HTTPAPI, RESTAPI, FunctionURL, ALB, Direct} {
		for name, event := range all {
			if name == kind.String() || kind == Direct && name == "a schedule" { // that is a body which is wrong
				continue
			}
			d, got := door(t, kind, nil)
			raw, ok := event.(json.RawMessage)
			if !ok {
				raw = payload(t, event)
			}
			out, err := d.Invoke(t.Context(), raw)
			if err == nil || out != nil || got.Method != "" {
				t.Errorf("%s takes %s: %s, %v", kind, name, out, err)
			} else if !strings.HasPrefix(err.Error(), "lambda.event is "+kind.String()+", and this is none: ") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestWhoAsksIsWhatThePlatformSays(t *testing.T) {
	issuers := auth.NewIssuers([]auth.Issuer{{
		URL: "https://id.example.com", Audience: "besra", Tenant: "tenant",
		Scopes: auth.ScopeClaim{Claim: "scope", Only: identity.All &^ identity.Admin},
	}})
	most := identity.All &^ identity.Admin
	rest := func(authorizer map[string]any, arn string) any {
		e := restEvent()
		e.RequestContext.Authorizer, e.RequestContext.Identity.UserArn = authorizer, arn
		return e
	}
	api := func(a *events.APIGatewayV2HTTPRequestContextAuthorizerDescription) any {
		e := httpEvent()
		e.RequestContext.Authorizer = a
		e.Headers["x-amzn-identity"], e.Headers["x-besra-identity"] = "admin", "admin"
		e.Headers["authorization"] = "Bearer eyJ.e30.x"
		return e
	}
	type authorizer = events.APIGatewayV2HTTPRequestContextAuthorizerDescription
	jwt := func(claims map[string]string) any {
		return api(&authorizer{JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: claims}})
	}
	for name, c := range map[string]struct {
		kind  Kind
		event any
		want  *identity.Identity
	}{
		"nobody": {HTTPAPI, api(nil), nil},
		"IAM": {
			HTTPAPI, api(&authorizer{IAM: &events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription{UserARN: "arn:aws:sts::1:assumed-role/shop/s"}}),
			&identity.Identity{ID: "iam:arn:aws:sts::1:assumed-role/shop", Name: "iam:arn:aws:sts::1:assumed-role/shop", Method: identity.Platform, Scopes: most},
		},
		"a token of an issuer that is known": {
			HTTPAPI, jwt(map[string]string{"iss": "https://id.example.com", "aud": "besra", "sub": "jane", "tenant": "acme", "scope": "[score labels admin other]"}),
			&identity.Identity{ID: "id.example.com/jane", Name: "jane", Tenant: "acme", Method: identity.Platform, Scopes: identity.Score | identity.Labels},
		},
		"a token without the tenant that it should have": {
			HTTPAPI, jwt(map[string]string{"iss": "https://id.example.com", "aud": "besra", "sub": "jane", "scope": "score"}),
			&identity.Identity{ID: "unknown", Name: "unknown", Method: identity.Platform},
		},
		"a token whose subject and tenant have brackets of their own": {
			HTTPAPI, jwt(map[string]string{"iss": "https://id.example.com", "aud": "besra", "sub": "[jane]", "tenant": "[acme]", "scope": "score"}),
			&identity.Identity{ID: "id.example.com/[jane]", Name: "[jane]", Tenant: "[acme]", Method: identity.Platform, Scopes: identity.Score},
		},
		"a token of another, which is spelled nearly so": {
			HTTPAPI, jwt(map[string]string{"iss": "https://id.example.com/", "aud": "besra", "sub": "joe", "tenant": "acme", "scope": "score"}),
			&identity.Identity{ID: "unknown", Name: "unknown", Method: identity.Platform},
		},
		"a token for several, us among them": {
			HTTPAPI, jwt(map[string]string{"iss": "https://id.example.com", "aud": "[shop besra]", "sub": "jane", "tenant": "acme", "scope": "score"}),
			&identity.Identity{ID: "id.example.com/jane", Name: "jane", Tenant: "acme", Method: identity.Platform, Scopes: identity.Score},
		},
		"a token for somebody else": {
			HTTPAPI, jwt(map[string]string{"iss": "https://id.example.com", "aud": "[shop]", "sub": "jane", "tenant": "acme", "scope": "score"}),
			&identity.Identity{ID: "unknown", Name: "unknown", Method: identity.Platform},
		},
		"a token about nobody": {
			HTTPAPI, jwt(map[string]string{"iss": "https://id.example.com", "aud": "besra", "tenant": "acme", "scope": "score"}),
			&identity.Identity{ID: "unknown", Name: "unknown", Method: identity.Platform},
		},
		"a function that authorizes": {
			HTTPAPI, api(&authorizer{Lambda: map[string]any{"sub": "joe", "tenant": "acme", "scope": "score nothing", "models": "fraud abuse", "level": 3}}),
			&identity.Identity{ID: "authorizer:joe", Name: "joe", Tenant: "acme", Method: identity.Platform, Scopes: identity.Score, Models: []string{"fraud", "abuse"}},
		},
		"a function that authorizes, and a tenant that is none": {
			HTTPAPI, api(&authorizer{Lambda: map[string]any{"sub": "joe", "tenant": "a b"}}),
			&identity.Identity{ID: "unknown", Name: "unknown", Method: identity.Platform},
		},
		"REST: a key": {RESTAPI, rest(nil, ""), auth.Platform("api-key:k1")},
		"REST: a key, and how long the authorizer took": {
			RESTAPI, rest(map[string]any{"integrationLatency": 3}, ""), auth.Platform("api-key:k1"),
		},
		"REST: IAM, and a key": {RESTAPI, rest(nil, "arn:aws:iam::1:user/shop"), auth.Platform("iam:arn:aws:iam::1:user/shop")},
		"REST: a function that authorizes": {
			RESTAPI, rest(map[string]any{"principalId": "joe", "integrationLatency": 3}, ""),
			&identity.Identity{ID: "authorizer:joe", Name: "joe", Method: identity.Platform, Scopes: most},
		},
		"REST: a function that authorizes, and calls what it says as API Gateway calls others' words": {
			RESTAPI, rest(map[string]any{"principalId": "joe", "claims": "{\"sub\":\"jane\"}", "iam": "x", "jwt": 1, "lambda": true}, ""),
			&identity.Identity{ID: "authorizer:joe", Name: "joe", Method: identity.Platform, Scopes: most},
		},
		"REST: Cognito": {
			RESTAPI, rest(map[string]any{"claims": map[string]any{"iss": "https://id.example.com", "client_id": "besra", "sub": "jane", "tenant": "acme", "scope": "score"}}, ""),
			&identity.Identity{ID: "id.example.com/jane", Name: "jane", Tenant: "acme", Method: identity.Platform, Scopes: identity.Score},
		},
		"a load balancer knows nobody": {ALB, balancerEvent(true), nil},
	} {
		t.Run(name, func(t *testing.T) {
			d, got := door(t, c.kind, nil)
			var denied []error
			d.Issuers, d.Denied = issuers, func(_ context.Context, err error) { denied = append(denied, err) }
			var answer any
			invoke(t, d, c.event, &answer)
			if diff := cmp.Diff(c.want, got.Who); diff != "" {
				t.Error(diff)
			}
			if unknown := c.want != nil && c.want.ID == "unknown"; unknown != (len(denied) == 1) {
				t.Errorf("denied: %v", denied)
			}
		})
	}
}

func TestWhereNoIssuerIsListedATokenMayWhatThePlatformLetsIn(t *testing.T) {
	e := httpEvent()
	e.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
		JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: map[string]string{"iss": "https://other.example.com", "sub": "joe", "scope": "admin"}},
	}
	d, got := door(t, HTTPAPI, nil)
	var answer any
	invoke(t, d, e, &answer)
	want := &identity.Identity{ID: "other.example.com/joe", Name: "joe", Method: identity.Platform, Scopes: identity.All &^ identity.Admin}
	if diff := cmp.Diff(want, got.Who); diff != "" {
		t.Error(diff)
	}
}

func TestAKeyOfAPIGatewayIsNobodysProofWhereThereAreOthers(t *testing.T) {
	d, got := door(t, RESTAPI, nil)
	d.OwnKeys = true
	var answer any
	invoke(t, d, restEvent(), &answer)
	if got.Who != nil {
		t.Errorf("it is %+v", got.Who)
	}
}

func TestAnswers(t *testing.T) {
	do := func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Ratelimit"] = []string{"a", "b"}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusTooManyRequests)
		w.WriteHeader(http.StatusOK) // too late
		_, _ = io.WriteString(w, "{\"city\":\"Zürich \\\"\u2028\"}\n")
	}
	const text = "{\"city\":\"Zürich \\\"\u2028\"}\n"
	one := map[string]string{"Content-Type": "application/problem+json", "Ratelimit": "a, b"}
	many := map[string][]string{"Content-Type": {"application/problem+json"}, "Ratelimit": {"a", "b"}}

	d, _ := door(t, HTTPAPI, do)
	var two events.APIGatewayV2HTTPResponse
	invoke(t, d, httpEvent(), &two)
	if diff := cmp.Diff(events.APIGatewayV2HTTPResponse{StatusCode: 429, Headers: one, Body: text}, two); diff != "" {
		t.Error(diff)
	}
	d, _ = door(t, FunctionURL, do)
	var of events.LambdaFunctionURLResponse
	invoke(t, d, urlEvent(), &of)
	if diff := cmp.Diff(events.LambdaFunctionURLResponse{StatusCode: 429, Headers: one, Body: text}, of); diff != "" {
		t.Error(diff)
	}
	d, _ = door(t, RESTAPI, do)
	var rest events.APIGatewayProxyResponse
	invoke(t, d, restEvent(), &rest)
	if diff := cmp.Diff(events.APIGatewayProxyResponse{StatusCode: 429, MultiValueHeaders: many, Body: text}, rest); diff != "" {
		t.Error(diff)
	}
	for _, lists := range []bool{false, true} {
		d, _ = door(t, ALB, do)
		want := events.ALBTargetGroupResponse{StatusCode: 429, StatusDescription: "429 Too Many Requests", Headers: one, Body: text}
		if lists {
			want.Headers, want.MultiValueHeaders = nil, many
		}
		var lb events.ALBTargetGroupResponse
		invoke(t, d, balancerEvent(lists), &lb)
		if diff := cmp.Diff(want, lb); diff != "" {
			t.Error(diff)
		}
	}
	d, _ = door(t, Direct, do)
	out, err := d.Invoke(t.Context(), []byte(body))
	if err != nil || string(out) != text {
		t.Errorf("got %s, %v", out, err)
	}

	t.Run("what is no text is in base64", func(t *testing.T) {
		d, _ := door(t, HTTPAPI, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte{0xff, 0}) })
		var got events.APIGatewayV2HTTPResponse
		invoke(t, d, httpEvent(), &got)
		if !got.IsBase64Encoded || got.Body != "/wA=" || got.StatusCode != 200 {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("HEAD has no body", func(t *testing.T) {
		e := urlEvent()
		e.RequestContext.HTTP.Method = "HEAD"
		d, _ := door(t, FunctionURL, do)
		var got events.LambdaFunctionURLResponse
		invoke(t, d, e, &got)
		if got.Body != "" || got.StatusCode != 429 {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("a handler that says nothing has said 200", func(t *testing.T) {
		d, _ := door(t, HTTPAPI, func(http.ResponseWriter, *http.Request) {})
		var got events.APIGatewayV2HTTPResponse
		invoke(t, d, httpEvent(), &got)
		if got.StatusCode != 200 || got.Body != "" {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("a handler that gives up is an error", func(t *testing.T) {
		d, _ := door(t, HTTPAPI, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		if out, err := d.Invoke(t.Context(), payload(t, httpEvent())); err == nil || out != nil {
			t.Errorf("got %s, %v", out, err)
		}
	})
}

func TestAnAnswerThatLambdaWouldNotTakeIsReplaced(t *testing.T) {
	for _, c := range []struct {
		size int
		fits bool
	}{{maxAnswer - 200, true}, {maxAnswer, false}, {3 * maxAnswer, false}} {
		d, _ := door(t, HTTPAPI, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Request-Id", "r-1")
			_, _ = w.Write(bytes.Repeat([]byte("x"), c.size))
		})
		out, err := d.Invoke(t.Context(), payload(t, httpEvent()))
		if err != nil || len(out) > maxAnswer {
			t.Fatalf("%d bytes: %v", len(out), err)
		}
		var got events.APIGatewayV2HTTPResponse
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if c.fits != (got.StatusCode == 200) || got.Headers["X-Request-Id"] != "r-1" {
			t.Errorf("%d bytes: %d %.300s", c.size, got.StatusCode, got.Body)
		}
		if !c.fits && (got.StatusCode != 413 || !strings.Contains(got.Body, "urn:besra:problem:too-large")) {
			t.Errorf("%d bytes: %d %.300s", c.size, got.StatusCode, got.Body)
		}
	}
}

func TestABalancerTakesLessThanLambda(t *testing.T) {
	for size, status := range map[int]int{1<<20 - 200: 200, 1 << 20: 413} {
		d, _ := door(t, ALB, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), size)) })
		var got events.ALBTargetGroupResponse
		invoke(t, d, balancerEvent(true), &got)
		if got.StatusCode != status {
			t.Errorf("%d bytes: %d %.300s", size, got.StatusCode, got.Body)
		}
	}
}

func TestBeforeAndAfter(t *testing.T) {
	var order []string
	d, _ := door(t, HTTPAPI, func(http.ResponseWriter, *http.Request) { order = append(order, "answer") })
	d.Before = func(context.Context) { order = append(order, "before") }
	d.After = func(context.Context) { order = append(order, "after") }
	var answer any
	invoke(t, d, httpEvent(), &answer)
	if !slices.Equal(order, []string{"before", "answer", "after"}) {
		t.Errorf("got %v", order)
	}
}

func TestTheTraceOfLambdaIsTheRequestsWhereItHasNone(t *testing.T) {
	d, got := door(t, Direct, nil)
	d.Trace = func(context.Context) string { return "Root=1-2-3;Sampled=1" }
	if _, err := d.Invoke(t.Context(), []byte(body)); err != nil || got.Header.Get("X-Amzn-Trace-Id") != "Root=1-2-3;Sampled=1" {
		t.Errorf("got %v, %v", got.Header, err)
	}
	d, got = door(t, HTTPAPI, nil)
	d.Trace = func(context.Context) string { return "Root=1-2-3;Sampled=1" }
	var answer any
	invoke(t, d, httpEvent(), &answer)
	if got.Header.Get("X-Amzn-Trace-Id") == "Root=1-2-3;Sampled=1" {
		t.Error("the request's own trace is lost")
	}
}

func TestSeveralEventsAtOnce(t *testing.T) {
	d := New(Options{Kind: Direct, Issuers: auth.NewIssuers(nil), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	})})
	errs := make(chan error)
	for i := range 8 {
		go func() {
			want := []byte(`{"n":"` + strings.Repeat(string(rune('a'+i)), 100+i) + `"}`)
			for range 500 {
				if out, err := d.Invoke(context.Background(), want); err != nil || !bytes.Equal(out, want) {
					errs <- errors.New(string(out))
					return
				}
			}
			errs <- nil
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func FuzzInvoke(f *testing.F) {
	for _, e := range []any{httpEvent(), restEvent(), urlEvent(), balancerEvent(true), balancerEvent(false), json.RawMessage(body)} {
		b, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		for kind := range kindNames {
			f.Add(byte(kind), b)
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, payload []byte) {
		d := New(Options{
			Kind: Kind(int(kind) % len(kindNames)), Issuers: auth.NewIssuers(nil),
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == "" || !strings.HasPrefix(r.URL.Path, "/") || r.Body == nil {
					t.Errorf("%q %q", r.Method, r.URL.Path)
				}
				_, _ = io.Copy(w, r.Body)
			}),
		})
		out, err := d.Invoke(t.Context(), payload)
		if err == nil && d.Kind != Direct && !json.Valid(out) {
			t.Errorf("no JSON: %q", out)
		}
	})
}
