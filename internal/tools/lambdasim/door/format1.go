package door

import (
	"mime"
	"net/http"
	"strings"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
)

// What follows is the input of a REST API's proxy integration, as it is documented.
type (
	event1 struct {
		Resource string              `json:"resource"`
		Path     string              `json:"path"`
		Method   string              `json:"httpMethod"`
		Headers  map[string]string   `json:"headers"`
		Many     map[string][]string `json:"multiValueHeaders"`
		Query    map[string]string   `json:"queryStringParameters"`           // null: none
		Queries  map[string][]string `json:"multiValueQueryStringParameters"` // null: none
		Params   map[string]string   `json:"pathParameters"`                  // null: none
		Stage    map[string]string   `json:"stageVariables"`                  // null: none
		Context  context1            `json:"requestContext"`
		Body     *string             `json:"body"`
		IsBase64 bool                `json:"isBase64Encoded"`
	}
	context1 struct {
		ResourceID   string         `json:"resourceId"`
		ResourcePath string         `json:"resourcePath"`
		Method       string         `json:"httpMethod"`
		ExtendedID   string         `json:"extendedRequestId"`
		Time         string         `json:"requestTime"`
		Path         string         `json:"path"` // with the stage
		Account      string         `json:"accountId"`
		Protocol     string         `json:"protocol"`
		Stage        string         `json:"stage"`
		Prefix       string         `json:"domainPrefix"`
		Epoch        int64          `json:"requestTimeEpoch"`
		ID           string         `json:"requestId"`
		Identity     map[string]any `json:"identity"`
		Domain       string         `json:"domainName"`
		API          string         `json:"apiId"`
	}
)

type restAPI struct{}

func (restAPI) limit() int64 { return maxBody }

func (restAPI) event(v *visit) (lambdasim.Invocation, error) {
	resource := v.route
	if _, path, ok := strings.Cut(resource, " "); ok {
		resource = path
	}
	e := event1{
		Resource: resource, Path: unescaped(v.path()), Method: v.r.Method, Headers: map[string]string{}, Many: map[string][]string{}, Params: v.params,
		Context: context1{
			ResourceID: v.door.id[:6], ResourcePath: resource, Method: v.r.Method, ExtendedID: apiID(v.id), Time: v.at.UTC().Format(timeFormat),
			Path: v.r.URL.Path, Account: v.options.Account, Protocol: v.r.Proto, Stage: v.options.Stage, Prefix: v.door.id,
			Epoch: v.at.UnixMilli(), ID: v.id, Identity: v.identity1(), Domain: v.domain(), API: v.door.id,
		},
	}
	h := v.header()
	h.Del("Content-Length") // it is not handed on
	for name, values := range h {
		e.Headers[name], e.Many[name] = values[len(values)-1], values
	}
	for _, p := range parameters(v.r.URL.RawQuery, true) {
		if e.Query == nil {
			e.Query, e.Queries = map[string]string{}, map[string][]string{}
		}
		e.Query[p.name] = p.value
		e.Queries[p.name] = append(e.Queries[p.name], p.value)
	}
	if len(v.body) > 0 {
		body := strings.ToValidUTF8(string(v.body), "\uFFFD") // bytes that are taken for text suffer
		if v.isBinary(v.r.Header.Get("Content-Type")) {
			body, e.IsBase64 = text(v.body, false)
		}
		e.Body = &body
	}
	return v.invocation(e)
}

// identity1 is who asks, in format 1.0.
func (v *visit) identity1() map[string]any {
	id := map[string]any{"sourceIp": v.source(), "userAgent": v.r.UserAgent()}
	for _, name := range []string{
		"accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType", "cognitoIdentityId",
		"cognitoIdentityPoolId", "principalOrgId", "user", "userArn",
	} {
		id[name] = nil
	}
	if u := v.caller.user; u != nil {
		id["accessKey"], id["accountId"], id["caller"], id["user"], id["userArn"] = u.AccessKey, u.Account, u.ID, u.ID, u.ARN
	}
	if k := v.caller.key; k != nil {
		id["apiKey"], id["apiKeyId"] = k.Value, k.ID
	}
	return id
}

// isBinary reports whether the API takes a media type for bytes (api-gateway-payload-encodings.html).
func (v *visit) isBinary(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = "application/json" // what it is without a type
	}
	for _, b := range v.options.Binary {
		if b == "*/*" || strings.EqualFold(b, kind) {
			return true
		}
	}
	return false
}

func (restAPI) answer(v *visit, a *lambdasim.Answer) error {
	if a.FunctionError != "" {
		return &refusal{cause: functionError}
	}
	s, ok, err := readSaid(a.Payload)
	if err != nil || !ok {
		return errMalformed
	}
	h := http.Header{}
	if err := s.header(h, true, true); err != nil {
		return err
	}
	// Base64 stays what it is unless the first type that the client accepts is one for bytes.
	accept, _, _ := strings.Cut(v.r.Header.Get("Accept"), ",")
	body, err := s.bytes(v.isBinary(accept))
	if err != nil {
		return err
	}
	for _, name := range []string{"Connection", "Content-Length", "Date", "Server", "Www-Authenticate"} { // api-gateway-known-issues.html
		if values := h[name]; values != nil {
			h["X-Amzn-Remapped-"+name] = values
			delete(h, name)
		}
	}
	v.w.Header().Set("X-Amzn-Requestid", v.id)
	v.w.Header().Set("X-Amz-Apigw-Id", apiID(v.id))
	v.w.Header().Set("X-Amzn-Trace-Id", v.trace)
	v.send(*s.Status, h, body, "application/json")
	return nil
}
