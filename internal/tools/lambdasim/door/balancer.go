package door

import (
	"net/http"
	"strings"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
)

// eventALB is what a load balancer sends to a function, as it is documented.
type eventALB struct {
	Context struct {
		ELB struct {
			TargetGroup string `json:"targetGroupArn"`
		} `json:"elb"`
	} `json:"requestContext"`
	Method   string              `json:"httpMethod"`
	Path     string              `json:"path"`
	Query    map[string]string   `json:"queryStringParameters,omitzero"`
	Queries  map[string][]string `json:"multiValueQueryStringParameters,omitzero"`
	Headers  map[string]string   `json:"headers,omitzero"`
	Many     map[string][]string `json:"multiValueHeaders,omitzero"`
	Body     string              `json:"body"`
	IsBase64 bool                `json:"isBase64Encoded"`
}

type balancer struct{}

// maxALB is the most bytes of a body, of a request or an answer, where the target is a function.
const maxALB = 1 << 20

func (balancer) limit() int64 { return maxALB }

func (balancer) event(v *visit) (lambdasim.Invocation, error) {
	e := eventALB{Method: v.r.Method, Path: v.r.URL.EscapedPath()}
	e.Context.ELB.TargetGroup = "arn:aws:elasticloadbalancing:" + v.options.Region + ":" + v.options.Account + ":targetgroup/" + v.options.Name + "/" + v.door.id
	e.Body, e.IsBase64 = text(v.body, isText(v.r.Header))
	if v.options.MultiValue {
		e.Many, e.Queries = map[string][]string{}, map[string][]string{}
	} else {
		e.Headers, e.Query = map[string]string{}, map[string]string{}
	}
	for name, values := range v.header() {
		name = strings.ToLower(name)
		if v.options.MultiValue {
			e.Many[name] = values
		} else {
			e.Headers[name] = values[len(values)-1] // the last counts
		}
	}
	for _, p := range parameters(v.r.URL.RawQuery, false) { // they are handed on as they are spelled
		if v.options.MultiValue {
			e.Queries[p.name] = append(e.Queries[p.name], p.value)
		} else {
			e.Query[p.name] = p.value
		}
	}
	return v.invocation(e)
}

func (balancer) answer(v *visit, a *lambdasim.Answer) error {
	if a.FunctionError != "" {
		return &refusal{cause: functionError}
	}
	s, ok, err := readSaid(a.Payload)
	if err != nil || !ok {
		return errMalformed
	}
	body, err := s.bytes(true)
	if err != nil {
		return err
	}
	if len(body) > maxALB {
		return errMalformed
	}
	h := http.Header{}
	if err := s.header(h, !v.options.MultiValue, v.options.MultiValue); err != nil {
		return err
	}
	v.send(*s.Status, h, body, "application/octet-stream")
	return nil
}
