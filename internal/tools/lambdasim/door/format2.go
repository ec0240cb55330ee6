package door

import (
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
)

// What follows is payload format 2.0, as it is documented.
type (
	event2 struct {
		Version     string            `json:"version"`
		RouteKey    string            `json:"routeKey"`
		RawPath     string            `json:"rawPath"`
		RawQuery    string            `json:"rawQueryString"`
		Cookies     []string          `json:"cookies,omitempty"`
		Headers     map[string]string `json:"headers"`
		Query       map[string]string `json:"queryStringParameters,omitempty"`
		Context     context2          `json:"requestContext"`
		Body        string            `json:"body,omitzero"`
		Path        map[string]string `json:"pathParameters,omitempty"`
		IsBase64    bool              `json:"isBase64Encoded"`
		StageValues map[string]string `json:"stageVariables,omitempty"`
	}
	context2 struct {
		Account        string         `json:"accountId"`
		API            string         `json:"apiId"`
		Authentication *struct{}      `json:"authentication"`
		Authorizer     map[string]any `json:"authorizer,omitempty"`
		Domain         string         `json:"domainName"`
		Prefix         string         `json:"domainPrefix"`
		HTTP           http2          `json:"http"`
		ID             string         `json:"requestId"`
		RouteKey       string         `json:"routeKey"`
		Stage          string         `json:"stage"`
		Time           string         `json:"time"`
		Epoch          int64          `json:"timeEpoch"`
	}
	http2 struct {
		Method   string `json:"method"`
		Path     string `json:"path"`
		Protocol string `json:"protocol"`
		Source   string `json:"sourceIp"`
		Agent    string `json:"userAgent"`
	}
)

// timeFormat is that of requestContext.time.
const timeFormat = "02/Jan/2006:15:04:05 -0700"

func (v *visit) event2(path, domain, id string) event2 {
	e := event2{
		Version: "2.0", RouteKey: v.route, RawPath: path, RawQuery: v.r.URL.RawQuery, Headers: map[string]string{}, Path: v.params,
		Context: context2{
			Account: v.options.Account, API: v.door.id, Domain: domain, Prefix: v.door.id, ID: id, RouteKey: v.route, Stage: v.options.Stage,
			Time: v.at.UTC().Format(timeFormat), Epoch: v.at.UnixMilli(), Authorizer: v.authorizer2(),
			HTTP: http2{Method: v.r.Method, Path: path, Protocol: v.r.Proto, Source: v.source(), Agent: v.r.UserAgent()},
		},
	}
	for name, values := range v.header() {
		if name == "Cookie" {
			for _, line := range values {
				for cookie := range strings.SplitSeq(line, ";") {
					e.Cookies = append(e.Cookies, strings.TrimSpace(cookie))
				}
			}
			continue
		}
		e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	for _, p := range parameters(v.r.URL.RawQuery, true) {
		if e.Query == nil {
			e.Query = map[string]string{}
		}
		if before, more := e.Query[p.name]; more {
			p.value = before + "," + p.value
		}
		e.Query[p.name] = p.value
	}
	e.Body, e.IsBase64 = text(v.body, isText(v.r.Header))
	return e
}

// authorizer2 is who asks, in format 2.0.
func (v *visit) authorizer2() map[string]any {
	switch c := &v.caller; {
	case c.user != nil:
		return map[string]any{"iam": map[string]any{
			"accessKey": c.user.AccessKey, "accountId": c.user.Account, "callerId": c.user.ID, "cognitoIdentity": nil, "principalOrgId": nil,
			"userArn": c.user.ARN, "userId": c.user.ID,
		}}
	case c.claims != nil:
		var scopes any
		if len(c.scopes) > 0 {
			scopes = c.scopes
		}
		return map[string]any{"jwt": map[string]any{"claims": c.claims, "scopes": scopes}}
	}
	return nil
}

// invocation makes an event what is sent to the function.
func (v *visit) invocation(event any) (lambdasim.Invocation, error) {
	payload, err := json.Marshal(event, json.Deterministic(true), json.FormatNilMapAsNull(true))
	if err != nil { // a header or path is no UTF-8
		return lambdasim.Invocation{}, &refusal{cause: badRequest, text: err.Error()}
	}
	return lambdasim.Invocation{Payload: payload, TraceHeader: v.trace}, nil
}

type httpAPI struct{}

func (httpAPI) limit() int64 { return maxBody }

func (httpAPI) event(v *visit) (lambdasim.Invocation, error) {
	// HTTP APIs hand paths over decoded, as captured events show; function URLs as they are.
	return v.invocation(v.event2(v.r.URL.Path, v.domain(), apiID(v.id)))
}

// domain is that of an API.
func (v *visit) domain() string {
	return v.door.id + ".execute-api." + v.options.Region + ".amazonaws.com"
}

func (httpAPI) answer(v *visit, a *lambdasim.Answer) error {
	v.w.Header().Set("Apigw-Requestid", apiID(v.id))
	return v.respond(a)
}

type functionURL struct{}

// limit is that of Lambda: a body in base64 is a third larger, and then refused by it.
func (functionURL) limit() int64 { return lambdasim.MaxPayload }

func (functionURL) event(v *visit) (lambdasim.Invocation, error) {
	e := v.event2(v.r.URL.EscapedPath(), v.door.id+".lambda-url."+v.options.Region+".on.aws", v.id)
	e.RouteKey, e.Context.RouteKey = "$default", "$default"
	return v.invocation(e)
}

func (functionURL) answer(v *visit, a *lambdasim.Answer) error {
	v.w.Header().Set("X-Amzn-Requestid", v.id)
	v.w.Header().Set("X-Amzn-Trace-Id", v.trace)
	return v.respond(a)
}
