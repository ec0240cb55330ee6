// Package local is besra's architecture on AWS on one machine: a front door on loopback, a function behind it whose
// environments are real processes, and a second address where one can look at what CloudWatch, X-Ray and Lambda would show.
package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
	"github.com/besra-ml/besra/internal/tools/lambdasim/door"
)

// Who may ask.
const (
	IAM  = "iam"  // who signs by a credential that is made up; of a REST API also who has its key
	JWT  = "jwt"  // who has a token of an issuer that is started; of an HTTP API
	Key  = "key"  // who has a key that is made up; of a REST API
	None = "none" // everybody
)

// Options are what runs. Function.Bootstrap and Kind are needed.
type Options struct {
	Function lambdasim.Options // Logs, Metrics and Traces are made
	Kind     door.Kind
	Auth     string        // "": none
	Throttle door.Rate     // of API Gateway's stage
	Within   time.Duration // that an integration may take; 0: a second more than the function
	Quota    int           // requests a day of the key; 0: no limit

	Listen string // address of the front door
	Watch  string // address where one looks

	Sample string               // body of a request that works
	Line   func(lambdasim.Line) // is called with each line of the log; nil: nobody is
}

// The stage of a REST API, and how long a made-up token is good, are those of a stack of besra's, or generous.
const (
	restStage = "live"
	tokenLife = 12 * time.Hour
	audience  = "besra"
	alias     = "live"
)

// Routes are the paths that a stack of besra's lets through.
func Routes() []string {
	return []string{
		"POST /v1/score", "POST /v1/score/batch", "POST /v1/labels", "GET /v1/models", "GET /v1/models/{name}", "GET /v1/status",
		"GET /openapi.json", "GET /readyz",
	}
}

// A Local is what runs. Whoever has started it closes it.
type Local struct {
	URL        string // of the front door, with the stage; of the direct kind, of the invocations
	WatchURL   string
	Credential door.Credential // with IAM
	Token      string          // with JWT
	Issuer     string          // URL, with JWT
	Key        door.Key        // of a REST API

	options  Options
	function *lambdasim.Function
	traces   *lambdasim.Traces
	issuer   *door.Issuer
	servers  []*http.Server
	serving  sync.WaitGroup
	failed   chan error
}

// Start starts everything, and returns when it answers.
func Start(ctx context.Context, o Options) (_ *Local, err error) {
	l := &Local{options: o, failed: make(chan error, 2)}
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	f := &l.options.Function
	f.Logs, f.Metrics, f.Alias = lambdasim.NewLogs(0), lambdasim.NewMetrics(), alias
	if f.Version == "" {
		f.Version = "1"
	}
	if o.Line != nil {
		f.Logs.Watch(o.Line)
	}
	if f.Traces, err = lambdasim.ListenTraces(); err != nil {
		return nil, err
	}
	l.traces = f.Traces
	if l.function, err = lambdasim.New(*f); err != nil {
		return nil, err
	}
	*f = l.function.Options()
	if err := l.function.Start(ctx); err != nil {
		return nil, err
	}
	watch, err := listen(ctx, o.Watch)
	if err != nil {
		return nil, err
	}
	l.WatchURL = "http://" + watch.Addr().String() + "/__besra/"
	front, err := listen(ctx, o.Listen)
	if err != nil {
		_ = watch.Close()
		return nil, err
	}
	h, err := l.door()
	if err != nil {
		return nil, errors.Join(err, watch.Close(), front.Close())
	}
	l.URL = "http://" + front.Addr().String() + l.path()
	l.serve(watch, l.watch())
	l.serve(front, h)
	return l, nil
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%s is not on loopback: what is made up for tests is for this machine alone", address)
	}
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}

func (l *Local) serve(on net.Listener, h http.Handler) {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	l.servers = append(l.servers, s)
	l.serving.Go(func() {
		if err := s.Serve(on); !errors.Is(err, http.ErrServerClosed) {
			l.failed <- err
		}
	})
}

// Wait waits until ctx ends, or what runs fails.
func (l *Local) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-l.failed:
		return err
	}
}

// Close ends everything: first who listens, then the environments, as Lambda does.
func (l *Local) Close() {
	for _, s := range l.servers {
		_ = s.Close() // what it serves is over with it
	}
	l.serving.Wait()
	if l.function != nil {
		l.function.Close()
	}
	if l.traces != nil {
		l.traces.Close()
	}
}

// door makes the front door and what opens it.
func (l *Local) door() (http.Handler, error) {
	o, f := &l.options, &l.options.Function
	d := door.Options{
		Kind: o.Kind, Function: l.function, Name: f.Name, Version: f.Alias, Region: f.Region, Account: f.Account, Metrics: f.Metrics,
	}
	switch o.Kind {
	case door.HTTPAPI, door.RESTAPI:
		d.Routes, d.StageRate = Routes(), o.Throttle
		if d.Timeout = o.Within; d.Timeout == 0 {
			d.Timeout = f.Timeout + time.Second
		}
	default:
	}
	if o.Kind == door.RESTAPI {
		d.Stage = restStage
		if o.Auth != None && o.Auth != "" {
			l.Key = door.Key{ID: lambdasim.NewName(10), Value: lambdasim.NewName(40)}
			d.Plan = &door.Plan{Keys: []door.Key{l.Key}, Quota: o.Quota}
		}
	}
	switch o.Auth {
	case IAM:
		l.Credential = door.NewCredential(f.Account, "tester")
		d.IAM = &door.IAM{Users: []door.Credential{l.Credential}}
	case JWT:
		d.JWT = &door.JWT{Issuer: l.WatchURL + "issuer", Audience: []string{audience}}
		if err := l.makeToken(d.JWT.Issuer); err != nil {
			return nil, err
		}
	case Key:
		if o.Kind != door.RESTAPI {
			return nil, fmt.Errorf("%s has no API keys", o.Kind)
		}
	case None, "":
	default:
		return nil, fmt.Errorf("auth %q: want %s, %s, %s or %s", o.Auth, IAM, JWT, Key, None)
	}
	return door.New(d)
}

func (l *Local) makeToken(issuer string) (err error) {
	if l.issuer, err = door.NewIssuer(issuer); err != nil {
		return err
	}
	l.Issuer = l.issuer.URL()
	l.Token, err = l.issuer.Token(audience, "tester", tokenLife, nil)
	return err
}

// path is what stands between the address and the paths of besra.
func (l *Local) path() string {
	switch l.options.Kind {
	case door.RESTAPI:
		return "/" + restStage
	case door.Direct:
		return "/2015-03-31/functions/" + l.options.Function.Name + "/invocations"
	default:
		return ""
	}
}

// Curl returns a command that asks, as who may.
func (l *Local) Curl() string {
	o := &l.options
	line := "curl"
	if o.Auth == IAM {
		service := "lambda"
		if o.Kind == door.HTTPAPI || o.Kind == door.RESTAPI {
			service = "execute-api"
		}
		line += " --aws-sigv4 aws:amz:" + o.Function.Region + ":" + service + " --user " + l.Credential.AccessKey + ":" + l.Credential.Secret
	}
	if l.Token != "" {
		line += " -H 'Authorization: Bearer " + l.Token + "'"
	}
	if l.Key.Value != "" {
		line += " -H 'X-Api-Key: " + l.Key.Value + "'"
	}
	path := "/v1/models"
	if o.Kind == door.Direct {
		path = ""
	}
	if o.Sample != "" {
		line += " -H 'Content-Type: application/json' -d '" + o.Sample + "'"
		if o.Kind != door.Direct {
			path = "/v1/score"
		}
	}
	return line + " " + l.URL + path
}
