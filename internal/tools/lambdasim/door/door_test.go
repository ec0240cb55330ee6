package door_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
	"github.com/besra-ml/besra/internal/tools/lambdasim/door"
	"github.com/besra-ml/besra/internal/tools/scaling"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is when everything happens, unless a test says otherwise.
var now = time.Date(2026, 11, 27, 8, 30, 0, 123_000_000, time.FixedZone("", 3600))

// function is one that a test makes up.
type function func(in lambdasim.Invocation) (lambdasim.Answer, error)

func (f function) Invoke(ctx context.Context, in lambdasim.Invocation) (lambdasim.Answer, error) {
	type both struct {
		a   lambdasim.Answer
		err error
	}
	done := make(chan both, 1)
	go func() {
		a, err := f(in)
		done <- both{a, err}
	}()
	select {
	case b := <-done:
		return b.a, b.err
	case <-ctx.Done():
		return lambdasim.Answer{}, ctx.Err()
	}
}

func answers(payload string) function {
	return func(lambdasim.Invocation) (lambdasim.Answer, error) {
		return lambdasim.Answer{Payload: []byte(payload), RequestID: "id", Version: "3"}, nil
	}
}

func open(t *testing.T, o door.Options) *httptest.Server {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return now }
	}
	if o.Function == nil {
		o.Function = answers(`{"statusCode":200,"headers":{"content-type":"text/plain"},"body":"scored"}`)
	}
	h, err := door.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.Close(); http.DefaultClient.CloseIdleConnections() })
	return s
}

// ask sends a request as it is spelled: method, path, headers, body.
func ask(t *testing.T, s *httptest.Server, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return do(t, r)
}

func do(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// event returns what the function gets of a request, with what differs from run to run made the same.
func event(t *testing.T, o door.Options, method, path, body string, header ...string) map[string]any {
	t.Helper()
	var got []byte
	o.Function = function(func(in lambdasim.Invocation) (lambdasim.Answer, error) {
		got = in.Payload
		return lambdasim.Answer{Payload: []byte(`{"statusCode":200}`)}, nil
	})
	s := open(t, o)
	if resp, said := ask(t, s, method, path, body, header...); resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", resp.StatusCode, said)
	}
	text := strings.ReplaceAll(string(got), strings.TrimPrefix(s.URL, "http://"), "HOST")
	for _, r := range [][2]string{
		{`"(apiId|domainPrefix)":"[a-z0-9]{10}"`, `"$1":"API"`},
		{`"domainName":"[a-z0-9]{10}\.`, `"domainName":"API.`},
		{`targetgroup/besra/[a-z0-9]{10}`, `targetgroup/besra/API`},
		{`"(requestId|extendedRequestId)":"[^"]+"`, `"$1":"ID"`},
		{`"resourceId":"[a-z0-9]{6}"`, `"resourceId":"RES"`},
		{`Root=1-[0-9a-f]{8}-[0-9a-f]{24}`, `Root=TRACE`},
	} {
		text = regexp.MustCompile(r[0]).ReplaceAllString(text, r[1])
	}
	var e map[string]any
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return e
}

func document(t *testing.T, text string) (d map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

var request = []string{
	"Accept: application/json", "X-Twice: a", "X-Twice: b, c", "Cookie: s=1; t=2", "Cookie: u=3", "User-Agent: till/1", "Content-Type: application/json",
	"Accept-Encoding: identity",
}

func TestAnHTTPAPIMakesEventsOfFormat2(t *testing.T) {
	got := event(t, door.Options{Kind: door.HTTPAPI, Routes: []string{"$default", "POST /v1/{what}"}}, "POST", "/v1/score?a=1&b=x%20y&a=2%262", `{"x":1}`, request...)
	want := document(t, `{
		"version":"2.0","routeKey":"POST /v1/{what}","rawPath":"/v1/score","rawQueryString":"a=1&b=x%20y&a=2%262","cookies":["s=1","t=2","u=3"],
		"headers":{"accept":"application/json","x-twice":"a,b, c","user-agent":"till/1","content-type":"application/json","content-length":"7",
			"accept-encoding":"identity","host":"HOST","x-forwarded-for":"127.0.0.1","x-forwarded-port":"443","x-forwarded-proto":"https","x-amzn-trace-id":"Root=TRACE"},
		"queryStringParameters":{"a":"1,2&2","b":"x y"},
		"requestContext":{"accountId":"123456789012","apiId":"API","authentication":null,"domainName":"API.execute-api.us-east-1.amazonaws.com","domainPrefix":"API",
			"http":{"method":"POST","path":"/v1/score","protocol":"HTTP/1.1","sourceIp":"127.0.0.1","userAgent":"till/1"},
			"requestId":"ID","routeKey":"POST /v1/{what}","stage":"$default","time":"27/Nov/2026:07:30:00 +0000","timeEpoch":1795764600123},
		"body":"{\"x\":1}","pathParameters":{"what":"score"},"isBase64Encoded":false}`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("- documented, + made\n%s", diff)
	}
	t.Run("a stage is the beginning of the path", func(t *testing.T) {
		got := event(t, door.Options{Kind: door.HTTPAPI, Stage: "test", Routes: []string{"GET /livez"}}, "GET", "/test/livez", "")
		if got["rawPath"] != "/test/livez" || got["routeKey"] != "GET /livez" || got["body"] != nil {
			t.Errorf("%v", got)
		}
	})
}

func TestAFunctionURLMakesEventsOfFormat2(t *testing.T) {
	got := event(t, door.Options{Kind: door.FunctionURL, Region: "eu-central-1"}, "PUT", "/a%20b", "x", "User-Agent: till/1", "Content-Type: text/plain", "Accept-Encoding: identity", "X-Forwarded-For: 10.0.0.1")
	want := document(t, `{
		"version":"2.0","routeKey":"$default","rawPath":"/a%20b","rawQueryString":"",
		"headers":{"user-agent":"till/1","content-type":"text/plain","content-length":"1","accept-encoding":"identity","host":"HOST",
			"x-forwarded-for":"10.0.0.1, 127.0.0.1","x-forwarded-port":"443","x-forwarded-proto":"https","x-amzn-trace-id":"Root=TRACE"},
		"requestContext":{"accountId":"123456789012","apiId":"API","authentication":null,"domainName":"API.lambda-url.eu-central-1.on.aws","domainPrefix":"API",
			"http":{"method":"PUT","path":"/a%20b","protocol":"HTTP/1.1","sourceIp":"127.0.0.1","userAgent":"till/1"},
			"requestId":"ID","routeKey":"$default","stage":"$default","time":"27/Nov/2026:07:30:00 +0000","timeEpoch":1795764600123},
		"body":"x","isBase64Encoded":false}`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("- documented, + made\n%s", diff)
	}
}

func TestARESTAPIMakesEventsOfFormat1(t *testing.T) {
	got := event(t, door.Options{Kind: door.RESTAPI}, "POST", "/prod/v1/score?a=1&b=x%20y&a=2", `{"x":1}`, request...)
	want := document(t, `{
		"resource":"/{proxy+}","path":"/v1/score","httpMethod":"POST",
		"headers":{"Accept":"application/json","X-Twice":"b, c","Cookie":"u=3","User-Agent":"till/1","Content-Type":"application/json","Accept-Encoding":"identity",
			"Host":"HOST","X-Forwarded-For":"127.0.0.1","X-Forwarded-Port":"443","X-Forwarded-Proto":"https","X-Amzn-Trace-Id":"Root=TRACE"},
		"multiValueHeaders":{"Accept":["application/json"],"X-Twice":["a","b, c"],"Cookie":["s=1; t=2","u=3"],"User-Agent":["till/1"],"Content-Type":["application/json"],
			"Accept-Encoding":["identity"],"Host":["HOST"],"X-Forwarded-For":["127.0.0.1"],"X-Forwarded-Port":["443"],"X-Forwarded-Proto":["https"],"X-Amzn-Trace-Id":["Root=TRACE"]},
		"queryStringParameters":{"a":"2","b":"x y"},"multiValueQueryStringParameters":{"a":["1","2"],"b":["x y"]},
		"pathParameters":{"proxy":"v1/score"},"stageVariables":null,
		"requestContext":{"resourceId":"RES","resourcePath":"/{proxy+}","httpMethod":"POST","extendedRequestId":"ID","requestTime":"27/Nov/2026:07:30:00 +0000",
			"path":"/prod/v1/score","accountId":"123456789012","protocol":"HTTP/1.1","stage":"prod","domainPrefix":"API","requestTimeEpoch":1795764600123,"requestId":"ID",
			"identity":{"accessKey":null,"accountId":null,"caller":null,"cognitoAuthenticationProvider":null,"cognitoAuthenticationType":null,"cognitoIdentityId":null,
				"cognitoIdentityPoolId":null,"principalOrgId":null,"sourceIp":"127.0.0.1","user":null,"userAgent":"till/1","userArn":null},
			"domainName":"API.execute-api.us-east-1.amazonaws.com","apiId":"API"},
		"body":"{\"x\":1}","isBase64Encoded":false}`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("- documented, + made\n%s", diff)
	}
	t.Run("without a body it is null", func(t *testing.T) {
		if got := event(t, door.Options{Kind: door.RESTAPI}, "GET", "/prod/livez", ""); got["body"] != nil || got["queryStringParameters"] != nil {
			t.Errorf("%v", got)
		}
	})
}

func TestALoadBalancerMakesItsOwnEvents(t *testing.T) {
	got := event(t, door.Options{Kind: door.ALB}, "POST", "/v1/score?a=1&b=x%20y&a=2", `{"x":1}`, request...)
	want := document(t, `{
		"requestContext":{"elb":{"targetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/besra/API"}},
		"httpMethod":"POST","path":"/v1/score","queryStringParameters":{"a":"2","b":"x%20y"},
		"headers":{"accept":"application/json","x-twice":"b, c","cookie":"u=3","user-agent":"till/1","content-type":"application/json","content-length":"7","accept-encoding":"identity",
			"host":"HOST","x-forwarded-for":"127.0.0.1","x-forwarded-port":"80","x-forwarded-proto":"http","x-amzn-trace-id":"Root=TRACE"},
		"body":"{\"x\":1}","isBase64Encoded":false}`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("- documented, + made\n%s", diff)
	}
	got = event(t, door.Options{Kind: door.ALB, MultiValue: true}, "GET", "/?a=1&a=2", "", "X-Twice: a", "X-Twice: b")
	if many := got["multiValueHeaders"].(map[string]any); got["headers"] != nil || !cmp.Equal(many["x-twice"], []any{"a", "b"}) ||
		!cmp.Equal(got["multiValueQueryStringParameters"], any(map[string]any{"a": []any{"1", "2"}})) || got["body"] != "" {
		t.Errorf("%v", got)
	}
}

func TestWhatIsNotTextIsSentInBase64(t *testing.T) {
	packed := "\x1f\x8b\x00\xff"
	for _, c := range []struct {
		name   string
		o      door.Options
		header []string
		body   string
		base64 bool
	}{
		{"JSON", door.Options{Kind: door.HTTPAPI}, []string{"Content-Type: application/json; charset=utf-8"}, "{}", false},
		{"problem+json", door.Options{Kind: door.FunctionURL}, []string{"Content-Type: application/problem+json"}, "{}", false},
		{"bytes", door.Options{Kind: door.HTTPAPI}, []string{"Content-Type: application/octet-stream"}, "abc", true},
		{"a form", door.Options{Kind: door.HTTPAPI}, []string{"Content-Type: application/x-www-form-urlencoded"}, "a=b", true},
		{"of no type", door.Options{Kind: door.HTTPAPI}, nil, "abc", true},
		{"packed", door.Options{Kind: door.ALB}, []string{"Content-Type: application/json", "Content-Encoding: gzip"}, packed, true},
		{"what says that it is text and is not", door.Options{Kind: door.HTTPAPI}, []string{"Content-Type: text/plain"}, packed, true},
		{"bytes to a REST API that knows them", door.Options{Kind: door.RESTAPI, Stage: "$default", Binary: []string{"application/octet-stream"}}, []string{"Content-Type: application/octet-stream"}, packed, true},
		{"text to a REST API that takes all for bytes", door.Options{Kind: door.RESTAPI, Stage: "$default", Binary: []string{"*/*"}}, []string{"Content-Type: text/plain"}, "abc", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := c.body
			if c.base64 {
				want = base64.StdEncoding.EncodeToString([]byte(c.body))
			}
			if got := event(t, c.o, "POST", "/x", c.body, c.header...); got["body"] != want || got["isBase64Encoded"] != c.base64 {
				t.Errorf("%v, %v", got["body"], got["isBase64Encoded"])
			}
		})
	}
	t.Run("a REST API spoils bytes that it takes for text", func(t *testing.T) {
		if got := event(t, door.Options{Kind: door.RESTAPI, Stage: "$default"}, "POST", "/x", packed); got["body"] != "\x1f\uFFFD\x00\uFFFD" {
			t.Errorf("%q", got["body"])
		}
	})
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name    string
		o       door.Options
		payload string
		accept  string
		status  int
		want    string
		header  map[string]string
	}{
		{name: "all of format 2", o: door.Options{Kind: door.HTTPAPI}, payload: `{"statusCode":201,"headers":{"content-type":"text/html","X-Number":7},"cookies":["a=1","b=2"],"body":"aGk=","isBase64Encoded":true}`, status: 201, want: "hi", header: map[string]string{"Content-Type": "text/html", "X-Number": "7", "Set-Cookie": "a=1|b=2"}},
		{name: "JSON is the body", o: door.Options{Kind: door.HTTPAPI}, payload: `{"message": "hi"}`, status: 200, want: `{"message": "hi"}`, header: map[string]string{"Content-Type": "application/json"}},
		{name: "text is the body", o: door.Options{Kind: door.FunctionURL}, payload: `"hi"`, status: 200, want: `"hi"`, header: map[string]string{"Content-Type": "application/json"}},
		{name: "no type", o: door.Options{Kind: door.HTTPAPI}, payload: `{"statusCode":200,"body":"hi"}`, status: 200, want: "hi", header: map[string]string{"Content-Type": "application/json"}},
		{name: "lists are not of format 2", o: door.Options{Kind: door.HTTPAPI}, payload: `{"statusCode":200,"multiValueHeaders":{"x-a":["1"]},"body":"hi"}`, status: 200, want: "hi", header: map[string]string{"X-A": ""}},
		{name: "lists of a REST API win", o: door.Options{Kind: door.RESTAPI, Stage: "$default"}, payload: `{"statusCode":200,"headers":{"x-a":"0","x-b":"9"},"multiValueHeaders":{"x-a":["1","2"]},"body":"hi"}`, status: 200, want: "hi", header: map[string]string{"X-A": "1|2", "X-B": "9"}},
		{name: "a REST API renames what is its own", o: door.Options{Kind: door.RESTAPI, Stage: "$default"}, payload: `{"statusCode":401,"headers":{"www-authenticate":"Bearer"},"body":""}`, status: 401, header: map[string]string{"Www-Authenticate": "", "X-Amzn-Remapped-Www-Authenticate": "Bearer"}},
		{name: "a REST API leaves base64", o: door.Options{Kind: door.RESTAPI, Stage: "$default"}, payload: `{"statusCode":200,"body":"aGk=","isBase64Encoded":true}`, status: 200, want: "aGk="},
		{name: "a REST API of bytes unpacks it for who accepts them", o: door.Options{Kind: door.RESTAPI, Stage: "$default", Binary: []string{"image/png"}}, accept: "image/png,*/*", payload: `{"statusCode":200,"body":"aGk=","isBase64Encoded":true}`, status: 200, want: "hi"},
		{name: "a REST API infers nothing", o: door.Options{Kind: door.RESTAPI, Stage: "$default"}, payload: `{"message":"hi"}`, status: 502, want: `{"message":"Internal server error"}`},
		{name: "a load balancer of lists knows them alone", o: door.Options{Kind: door.ALB, MultiValue: true}, payload: `{"statusCode":200,"headers":{"x-b":"9"},"multiValueHeaders":{"x-a":["1","2"]},"body":"hi"}`, status: 200, want: "hi", header: map[string]string{"X-A": "1|2", "X-B": ""}},
		{name: "a load balancer without lists knows none", o: door.Options{Kind: door.ALB}, payload: `{"statusCode":200,"headers":{"x-b":"9"},"multiValueHeaders":{"x-a":["1","2"]},"body":"hi"}`, status: 200, want: "hi", header: map[string]string{"X-A": "", "X-B": "9"}},
		{name: "no content", o: door.Options{Kind: door.HTTPAPI}, payload: `{"statusCode":204}`, status: 204},
		{name: "headers of connections are dropped", o: door.Options{Kind: door.HTTPAPI}, payload: `{"statusCode":200,"headers":{"connection":"close","content-length":"99"},"body":"hi"}`, status: 200, want: "hi"},

		{name: "a status that is none", o: door.Options{Kind: door.HTTPAPI}, payload: `{"statusCode":"ok"}`, status: 500, want: `{"message":"Internal Server Error"}`},
		{name: "a body that is none", o: door.Options{Kind: door.FunctionURL}, payload: `{"statusCode":200,"body":{"a":1}}`, status: 502, want: "Internal Server Error"},
		{name: "base64 that is none", o: door.Options{Kind: door.RESTAPI, Stage: "$default", Binary: []string{"*/*"}}, payload: `{"statusCode":200,"body":"*","isBase64Encoded":true}`, status: 502, want: `{"message":"Internal server error"}`},
		{name: "a header that is none", o: door.Options{Kind: door.RESTAPI, Stage: "$default"}, payload: `{"statusCode":200,"headers":{"x":"a\nb"}}`, status: 502, want: `{"message":"Internal server error"}`},
		{name: "no JSON", o: door.Options{Kind: door.HTTPAPI}, payload: `hi`, status: 500, want: `{"message":"Internal Server Error"}`},
		{name: "too much for a load balancer", o: door.Options{Kind: door.ALB}, payload: `{"statusCode":200,"body":"` + strings.Repeat("x", 1<<20+1) + `"}`, status: 502, want: "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Function = answers(c.payload)
			resp, body := ask(t, open(t, c.o), "GET", "/x", "", "Accept: "+c.accept)
			if resp.StatusCode != c.status || body != c.want {
				t.Errorf("%d %.300q", resp.StatusCode, body)
			}
			for name, want := range c.header {
				if got := strings.Join(resp.Header.Values(name), "|"); got != want {
					t.Errorf("%s: %q", name, got)
				}
			}
		})
	}
}

func TestWhatGoesWrongIsToldAsDocumented(t *testing.T) {
	failing := function(func(lambdasim.Invocation) (lambdasim.Answer, error) {
		return lambdasim.Answer{Payload: []byte(`{"errorType":"x"}`), FunctionError: "Unhandled", RequestID: "id", Version: "3"}, nil
	})
	fails := func(err error) function {
		return func(lambdasim.Invocation) (lambdasim.Answer, error) { return lambdasim.Answer{}, err }
	}
	slow := function(func(lambdasim.Invocation) (lambdasim.Answer, error) {
		time.Sleep(200 * time.Millisecond)
		return lambdasim.Answer{}, nil
	})
	never := fails(errors.New("it must not be asked"))
	const url, invoke = "/x", "/2015-03-31/functions/besra/invocations"
	html := func(title string) string {
		return "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title + "</h1></center>\r\n</body>\r\n</html>\r\n"
	}
	for _, c := range []struct {
		name   string
		kind   door.Kind
		change func(*door.Options)
		path   string
		size   int
		status int
		body   string
		kindOf string // X-Amzn-Errortype
	}{
		{"a function that fails", door.HTTPAPI, func(o *door.Options) { o.Function = failing }, url, 0, 500, `{"message":"Internal Server Error"}`, ""},
		{"a function that fails", door.RESTAPI, func(o *door.Options) { o.Function = failing }, url, 0, 502, `{"message":"Internal server error"}`, "InternalServerErrorException"},
		{"a function that fails", door.FunctionURL, func(o *door.Options) { o.Function = failing }, url, 0, 502, "Internal Server Error", ""},
		{"a function that fails", door.ALB, func(o *door.Options) { o.Function = failing }, url, 0, 502, html("502 Bad Gateway"), ""},
		{"a function that fails", door.Direct, func(o *door.Options) { o.Function = failing }, invoke, 0, 200, `{"errorType":"x"}`, ""},

		{"Lambda throttles", door.HTTPAPI, func(o *door.Options) { o.Function = fails(scaling.OverConcurrency) }, url, 0, 500, `{"message":"Internal Server Error"}`, ""},
		{"Lambda throttles", door.RESTAPI, func(o *door.Options) { o.Function = fails(scaling.OverConcurrency) }, url, 0, 500, `{"message":"Internal server error"}`, "InternalServerErrorException"},
		{"Lambda throttles", door.FunctionURL, func(o *door.Options) { o.Function = fails(scaling.OverConcurrency) }, url, 0, 429, `{"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}`, "TooManyRequestsException"},
		{"Lambda throttles", door.ALB, func(o *door.Options) { o.Function = fails(scaling.OverConcurrency) }, url, 0, 502, html("502 Bad Gateway"), ""},
		{"Lambda throttles", door.Direct, func(o *door.Options) { o.Function = fails(scaling.OverReserved) }, invoke, 0, 429, `{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}`, "TooManyRequestsException"},

		{"too much", door.HTTPAPI, nil, url, 10<<20 + 1, 413, `{"message":"Request Entity Too Large"}`, ""},
		{"too much", door.RESTAPI, nil, url, 10<<20 + 1, 413, `{"message":"HTTP content length exceeded 10485760 bytes."}`, "RequestTooLargeException"},
		{"too much", door.FunctionURL, nil, url, 6<<20 + 1, 413, `{"message":"Request Entity Too Large"}`, "RequestTooLargeException"},
		{"too much", door.ALB, nil, url, 1<<20 + 1, 413, html("413 Request Entity Too Large"), ""},
		{"too much for Lambda", door.HTTPAPI, func(o *door.Options) { o.Function = fails(lambdasim.ErrRequestTooLarge) }, url, 0, 500, `{"message":"Internal Server Error"}`, ""},
		{"too much for Lambda", door.Direct, func(o *door.Options) { o.Function = fails(lambdasim.ErrRequestTooLarge) }, invoke, 0, 413, `{"Type":"User","message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}`, "RequestTooLargeException"},
		{"no JSON for Lambda", door.Direct, func(o *door.Options) { o.Function = fails(lambdasim.ErrNotJSON) }, invoke, 0, 400, `{"Type":"User","message":"Could not parse request body into json"}`, "InvalidRequestContentException"},

		{"too slow", door.HTTPAPI, func(o *door.Options) { o.Function, o.Timeout = slow, 50*time.Millisecond }, url, 0, 503, `{"message":"Service Unavailable"}`, ""},
		{"too slow", door.RESTAPI, func(o *door.Options) { o.Function, o.Timeout = slow, 50*time.Millisecond }, url, 0, 504, `{"message":"Endpoint request timed out"}`, "InternalServerErrorException"},

		{"no route", door.HTTPAPI, func(o *door.Options) { o.Function, o.Routes = never, []string{"POST /x", "GET /y"} }, url, 0, 404, `{"message":"Not Found"}`, ""},
		{"no route", door.RESTAPI, func(o *door.Options) { o.Function, o.Routes = never, []string{"POST /x"} }, url, 0, 403, `{"message":"Missing Authentication Token"}`, "MissingAuthenticationTokenException"},
		{"another stage", door.RESTAPI, func(o *door.Options) { o.Function, o.Stage = never, "prod" }, "/test/x", 0, 403, `{"message":"Missing Authentication Token"}`, "MissingAuthenticationTokenException"},
		{"another function", door.Direct, func(o *door.Options) { o.Function = never }, "/2015-03-31/functions/other/invocations", 0, 404, `{"Type":"User","message":"Function not found: arn:aws:lambda:us-east-1:123456789012:function:other"}`, "ResourceNotFoundException"},
		{"another version", door.Direct, func(o *door.Options) { o.Function, o.Version = never, "live" }, invoke + "?Qualifier=4", 0, 404, `{"Type":"User","message":"Function not found: arn:aws:lambda:us-east-1:123456789012:function:besra"}`, "ResourceNotFoundException"},

		{"the stage throttles", door.HTTPAPI, func(o *door.Options) { o.StageRate = door.Rate{PerSecond: 1} }, url, 0, 429, `{"message":"Too Many Requests"}`, ""},
		{"the account throttles", door.RESTAPI, func(o *door.Options) { o.AccountRate = door.Rate{PerSecond: 1} }, url, 0, 429, `{"message":"Too Many Requests"}`, "TooManyRequestsException"},
	} {
		t.Run(c.name+", "+string(c.kind), func(t *testing.T) {
			o := door.Options{Kind: c.kind}
			if c.kind == door.RESTAPI {
				o.Stage = "$default"
			}
			if c.change != nil {
				c.change(&o)
			}
			method := "GET"
			if c.kind == door.Direct {
				method = "POST"
			}
			resp, body := ask(t, open(t, o), method, c.path, strings.Repeat("x", c.size))
			if resp.StatusCode != c.status || body != c.body || resp.Header.Get("X-Amzn-Errortype") != c.kindOf {
				t.Errorf("%d %q %s", resp.StatusCode, body, resp.Header.Get("X-Amzn-Errortype"))
			}
			if c.kind == door.Direct && c.status == 200 && (resp.Header.Get("X-Amz-Function-Error") != "Unhandled" || resp.Header.Get("X-Amz-Executed-Version") != "3") {
				t.Errorf("%v", resp.Header)
			}
		})
	}
}

func TestRates(t *testing.T) {
	at := now
	s := open(t, door.Options{
		Kind: door.HTTPAPI, StageRate: door.Rate{PerSecond: 10, Burst: 3}, AccountRate: door.Rate{PerSecond: 1000, Burst: 1000},
		Now: func() time.Time { return at },
	})
	statuses := func(n int) string {
		var b strings.Builder
		for range n {
			resp, _ := ask(t, s, "GET", "/", "")
			fmt.Fprintf(&b, "%d ", resp.StatusCode)
		}
		return b.String()
	}
	if got := statuses(5); got != "200 200 200 429 429 " {
		t.Error(got)
	}
	at = at.Add(200 * time.Millisecond)
	if got := statuses(3); got != "200 200 429 " {
		t.Error(got)
	}
}

func TestRoutes(t *testing.T) {
	o := door.Options{Kind: door.HTTPAPI, Routes: []string{"$default", "ANY /{proxy+}", "GET /v1/models/{name}", "GET /v1/models/fraud", "ANY /v1/models/fraud", "POST /v1/{all+}"}}
	for path, want := range map[string]string{
		"GET /v1/models/fraud": "GET /v1/models/fraud", "PUT /v1/models/fraud": "ANY /v1/models/fraud", "GET /v1/models/other": "GET /v1/models/{name}",
		"POST /v1/a/b": "POST /v1/{all+}", "GET /v1/models/a/b": "ANY /{proxy+}", "GET /": "$default",
	} {
		method, path, _ := strings.Cut(path, " ")
		if got := event(t, o, method, path, "")["routeKey"]; got != want {
			t.Errorf("%s %s: %v, want %s", method, path, got, want)
		}
	}
	for _, bad := range []string{"", "/x", "FETCH /x", "GET x", "GET /{a+}/b", "GET /{}", "GET /a{b}"} {
		if _, err := door.New(door.Options{Kind: door.HTTPAPI, Function: answers("{}"), Routes: []string{bad}}); err == nil {
			t.Errorf("%q is a route", bad)
		}
	}
}

func TestDirectInvocationsAreWhatTheyAsk(t *testing.T) {
	var got lambdasim.Invocation
	s := open(t, door.Options{Kind: door.Direct, Version: "live", Function: function(func(in lambdasim.Invocation) (lambdasim.Answer, error) {
		got = in
		return lambdasim.Answer{Payload: []byte("7"), RequestID: "id", Version: "3", Log: []byte("START")}, nil
	})})
	for _, name := range []string{"besra", "besra:live", "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Abesra%3Alive", "123456789012:function:besra"} {
		resp, body := ask(t, s, "POST", "/2015-03-31/functions/"+name+"/invocations", `{"a":1}`,
			"X-Amz-Log-Type: Tail", "X-Amz-Client-Context: "+base64.StdEncoding.EncodeToString([]byte(`{"c":1}`)), "X-Amzn-Trace-Id: Root=1-2-3")
		if resp.StatusCode != 200 || body != "7" || resp.Header.Get("X-Amzn-Requestid") != "id" || resp.Header.Get("X-Amz-Log-Result") != "U1RBUlQ=" {
			t.Errorf("%s: %d %s %v", name, resp.StatusCode, body, resp.Header)
		}
		if string(got.Payload) != `{"a":1}` || !got.Tail || got.ClientContext != `{"c":1}` || got.TraceHeader != "Root=1-2-3" {
			t.Errorf("%+v", got)
		}
	}
	for header, want := range map[string]int{"X-Amz-Invocation-Type: Event": 400, "X-Amz-Client-Context: *": 400, "X-Amz-Invocation-Type: RequestResponse": 200} {
		if resp, body := ask(t, s, "POST", "/2015-03-31/functions/besra/invocations", "{}", header); resp.StatusCode != want {
			t.Errorf("%s: %d %s", header, resp.StatusCode, body)
		}
	}
}

func TestDoorsThatCannotBeAreRefused(t *testing.T) {
	for want, o := range map[string]door.Options{
		"no front door":         {Kind: "websocket"},
		"has no JWT authorizer": {Kind: door.RESTAPI, JWT: &door.JWT{}},
		"has no API keys":       {Kind: door.HTTPAPI, Plan: &door.Plan{}},
		"does not know IAM":     {Kind: door.ALB, IAM: &door.IAM{}},
		"has one authorizer":    {Kind: door.HTTPAPI, IAM: &door.IAM{}, JWT: &door.JWT{}},
		"does not throttle":     {Kind: door.FunctionURL, StageRate: door.Rate{PerSecond: 1}},
	} {
		o.Function = answers("{}")
		if _, err := door.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := door.New(door.Options{Kind: door.HTTPAPI}); err == nil {
		t.Error("a door without a function")
	}
}

func TestMetricsOfADoor(t *testing.T) {
	m := lambdasim.NewMetrics()
	s := open(t, door.Options{Kind: door.HTTPAPI, Metrics: m, Routes: []string{"GET /x"}})
	ask(t, s, "GET", "/x", "")
	ask(t, s, "GET", "/y", "")
	is := lambdasim.Dimension{Name: "Door", Value: "http-api"}
	for name, want := range map[string]float64{"Count": 2, "4xx": 1, "5xx": 0} {
		if got, _ := m.Get("AWS/ApiGateway", name, is); got.Sum != want {
			t.Errorf("%s: %v", name, got.Sum)
		}
	}
}
