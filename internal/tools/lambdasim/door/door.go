// Package door is what stands in front of a function in AWS: an HTTP API or a REST API of API Gateway, a function URL, an
// Application Load Balancer, or Lambda's own Invoke API. Each makes of a request the event that AWS documents, and of the
// function's answer a response; who may ask, how often, how much, and what clients see when something fails is as
// documented too, by platform (refuse.go).
//
// Sources: docs.aws.amazon.com/apigateway/latest/developerguide (http-api-develop-integrations-lambda.html,
// set-up-lambda-proxy-integrations.html, http-api-jwt-authorizer.html, supported-gateway-response-types.html, limits.html),
// lambda/latest/dg (urls-invocation.html, services-apigateway-errors.html, API_Invoke.html), elasticloadbalancing/latest/
// application (lambda-functions.html, load-balancer-troubleshooting.html).
package door

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
	"github.com/besra-ml/besra/internal/tools/scaling"
)

// A Kind is what stands in front.
type Kind string

// The kinds, as besra's setting lambda.event spells them.
const (
	HTTPAPI     Kind = "http-api"     // payload format 2.0
	RESTAPI     Kind = "rest-api"     // proxy integration, payload format 1.0
	FunctionURL Kind = "function-url" // payload format 2.0
	ALB         Kind = "alb"
	Direct      Kind = "direct" // the Invoke API
)

// Kinds lists them all.
func Kinds() []Kind { return []Kind{HTTPAPI, RESTAPI, FunctionURL, ALB, Direct} }

// A Function is what is asked: a [lambdasim.Function].
type Function interface {
	Invoke(context.Context, lambdasim.Invocation) (lambdasim.Answer, error)
}

// A Rate is a token bucket of requests, as API Gateway throttles by. Its zero value lets all through.
type Rate struct {
	PerSecond float64
	Burst     float64 // tokens that the bucket holds
}

// Options are a front door's configuration. Kind and Function are needed.
type Options struct {
	Kind     Kind
	Function Function

	Name    string // of the function; "": besra
	Version string // the only one that there is, or an alias; "": any
	Region  string // "": us-east-1
	Account string // "": 123456789012
	Stage   string // "": $default of an HTTP API, prod of a REST API

	Routes     []string // such as "POST /v1/score" or "ANY /{proxy+}"; none: $default, or "ANY /{proxy+}" of a REST API
	Binary     []string // media types that a REST API takes for bytes, such as */*
	MultiValue bool     // the load balancer's target group has multi-value headers

	IAM  *IAM  // requests must be signed; not for a load balancer
	JWT  *JWT  // requests must have a token; for an HTTP API only
	Plan *Plan // requests must have a key; for a REST API only

	StageRate   Rate          // of API Gateway
	AccountRate Rate          // of API Gateway; its default in AWS is 10,000 a second, burst 5,000
	Timeout     time.Duration // of the integration; 0: the most that the platform allows

	Metrics *lambdasim.Metrics // nil: not measured
	Now     func() time.Time   // nil: time.Now
}

// New returns a front door.
func New(o Options) (http.Handler, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	for p, value := range map[*string]string{&o.Name: "besra", &o.Region: "us-east-1", &o.Account: "123456789012"} {
		if *p == "" {
			*p = value
		}
	}
	p, err := o.platform()
	if err != nil {
		return nil, err
	}
	switch {
	case o.Function == nil:
		return nil, errors.New("no function")
	case o.JWT != nil && o.Kind != HTTPAPI:
		return nil, fmt.Errorf("%s has no JWT authorizer", o.Kind)
	case o.Plan != nil && o.Kind != RESTAPI:
		return nil, fmt.Errorf("%s has no API keys", o.Kind)
	case o.IAM != nil && o.Kind == ALB:
		return nil, errors.New("a load balancer does not know IAM")
	case o.IAM != nil && o.JWT != nil:
		return nil, errors.New("a route has one authorizer")
	case (o.StageRate != Rate{} || o.AccountRate != Rate{}) && o.Kind != HTTPAPI && o.Kind != RESTAPI:
		return nil, fmt.Errorf("%s does not throttle", o.Kind)
	}
	routes, err := parseRoutes(o.Routes)
	if err != nil {
		return nil, err
	}
	d := &door{options: o, platform: p, routes: routes, began: o.Now(), id: lambdasim.NewName(10)}
	for _, r := range []Rate{o.StageRate, o.AccountRate} {
		if r != (Rate{}) {
			d.rates = append(d.rates, &scaling.Bucket{Rate: r.PerSecond, Depth: r.Burst})
		}
	}
	return d, nil
}

// platform returns what is particular to the kind, with its defaults.
func (o *Options) platform() (platform, error) {
	switch o.Kind {
	case HTTPAPI:
		o.set("$default", "$default", maxTimeoutHTTP)
		return httpAPI{}, nil
	case RESTAPI:
		o.set("prod", "ANY /{proxy+}", maxTimeoutREST)
		return restAPI{}, nil
	case FunctionURL:
		o.set("$default", "$default", 0)
		return functionURL{}, nil
	case ALB:
		o.set("", "$default", 0)
		return balancer{}, nil
	case Direct:
		o.set("", "$default", 0)
		return direct{}, nil
	}
	return nil, fmt.Errorf("no front door %q", o.Kind)
}

// The most that integrations may take.
const (
	maxTimeoutHTTP = 30 * time.Second
	maxTimeoutREST = 29 * time.Second
)

func (o *Options) set(stage, route string, timeout time.Duration) {
	if o.Stage == "" {
		o.Stage = stage
	}
	if len(o.Routes) == 0 {
		o.Routes = []string{route}
	}
	if o.Timeout == 0 || timeout > 0 && o.Timeout > timeout {
		o.Timeout = timeout
	}
}

// A platform is what is particular to a kind of front door.
type platform interface {
	// limit returns the most bytes of a request's body.
	limit() int64
	// event returns what the function gets, or a refusal.
	event(*visit) (lambdasim.Invocation, error)
	// answer makes a response of what the function has said. The error is a refusal, before anything was written.
	answer(*visit, *lambdasim.Answer) error
	// refuse tells the client of a refusal.
	refuse(*visit, *refusal)
}

type door struct {
	options  Options
	platform platform
	routes   []route
	id       string // of the API, as in its domain name
	began    time.Time

	mu    sync.Mutex
	rates []*scaling.Bucket
}

// A visit is a request at the door.
type visit struct {
	*door
	w    http.ResponseWriter
	r    *http.Request
	at   time.Time
	id   string // of the request
	body []byte

	route  string // its key
	params map[string]string
	caller caller
	trace  string // header
	status int
}

// ServeHTTP serves a request. Its errors go to the client.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := &visit{door: d, w: w, r: r, at: d.options.Now(), id: lambdasim.NewID()}
	v.trace = traceOf(r)
	began := time.Now()
	var refused *refusal
	if err := v.serve(); errors.As(err, &refused) {
		d.platform.refuse(v, refused)
	} else if err != nil {
		d.platform.refuse(v, &refusal{cause: lambdaFailed, text: err.Error()})
	}
	v.measure(time.Since(began))
}

func (v *visit) serve() error {
	err := v.read()
	if err == nil {
		err = v.find()
	}
	if err == nil {
		err = v.authorize()
	}
	if err == nil {
		err = v.throttle()
	}
	if err != nil {
		return err
	}
	in, err := v.platform.event(v)
	if err != nil {
		return err
	}
	a, err := v.invoke(in)
	if err != nil {
		return err
	}
	return v.platform.answer(v, &a)
}

// read reads the body.
func (v *visit) read() (err error) {
	most := v.platform.limit()
	if v.r.ContentLength > most {
		return &refusal{cause: tooLarge}
	}
	v.body, err = io.ReadAll(io.LimitReader(v.r.Body, most+1))
	switch {
	case err != nil:
		return &refusal{cause: badRequest, text: "the body cannot be read"}
	case int64(len(v.body)) > most:
		return &refusal{cause: tooLarge}
	}
	return nil
}

func (v *visit) authorize() (err error) {
	switch o := &v.options; {
	case o.IAM != nil:
		v.caller, err = o.IAM.authorize(v.r, v.body, o.service(), o.Region, v.at)
	case o.JWT != nil:
		v.caller, err = o.JWT.authorize(v.r, v.at)
	}
	if err == nil && v.options.Plan != nil {
		err = v.options.Plan.admit(v, &v.caller)
	}
	return err
}

// service is what signatures are for.
func (o *Options) service() string {
	if o.Kind == HTTPAPI || o.Kind == RESTAPI {
		return "execute-api"
	}
	return "lambda"
}

func (v *visit) throttle() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, b := range v.rates {
		if !b.Take(v.at.Sub(v.began)) {
			return &refusal{cause: throttled}
		}
	}
	return nil
}

// invoke asks the function, for as long as the integration may take.
func (v *visit) invoke(in lambdasim.Invocation) (lambdasim.Answer, error) {
	ctx := v.r.Context()
	if v.options.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, v.options.Timeout)
		defer cancel()
	}
	a, err := v.options.Function.Invoke(ctx, in)
	why := scaling.Throttle(0)
	switch {
	case errors.As(err, &why):
		return a, &refusal{cause: lambdaThrottled, text: why.Reason()}
	case errors.Is(err, lambdasim.ErrRequestTooLarge):
		return a, &refusal{cause: lambdaTooLarge, text: err.Error()}
	case errors.Is(err, lambdasim.ErrNotJSON):
		return a, &refusal{cause: lambdaNotJSON, text: err.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		return a, &refusal{cause: integrationTimeout}
	case err != nil:
		return a, &refusal{cause: lambdaFailed, text: err.Error()}
	}
	return a, nil
}

// measure counts the request, as API Gateway does.
func (v *visit) measure(took time.Duration) {
	m := v.options.Metrics
	if m == nil {
		return
	}
	put := func(name, unit string, value float64) {
		m.Put(v.options.namespace(), name, unit, value, 1, lambdasim.Dimension{Name: "Door", Value: string(v.options.Kind)})
	}
	is := func(yes bool) float64 {
		if yes {
			return 1
		}
		return 0
	}
	put("Count", "Count", 1)
	put("4xx", "Count", is(v.status/100 == 4))
	put("5xx", "Count", is(v.status/100 == 5))
	put("Latency", "Milliseconds", float64(took.Microseconds())/1000)
}

func (o *Options) namespace() string {
	switch o.Kind {
	case HTTPAPI, RESTAPI:
		return "AWS/ApiGateway"
	case ALB:
		return "AWS/ApplicationELB"
	default:
		return "AWS/Lambda"
	}
}

// traceOf returns the request's trace header, or a new one without a decision.
func traceOf(r *http.Request) string {
	if h := r.Header.Get("X-Amzn-Trace-Id"); h != "" {
		return h
	}
	return "Root=" + lambdasim.NewTraceID()
}
