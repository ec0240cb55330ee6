//go:build unix

package serverless

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/besratest"
	"github.com/besra-ml/besra/internal/tools/lambdasim"
)

func TestMain(m *testing.M) { besratest.Main(m) }

// A function is the real program in a simulation of Lambda, and what sends it its events.
type function struct {
	*lambdasim.Function
	t    *testing.T
	kind string
}

// taskRoot is a directory as a package unpacks to, with the demo's model.
func taskRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(filepath.Join(root, "models", "fraud", "1"), os.DirFS("../../models/fraud/1")); err != nil {
		t.Fatal(err)
	}
	return root
}

// start makes a function with these settings, NAME=VALUE, which ends with the test.
func start(t *testing.T, kind string, change func(*lambdasim.Options), settings ...string) function {
	t.Helper()
	o := lambdasim.Options{
		Bootstrap: besratest.Bootstrap(t), TaskRoot: taskRoot(t), TempDir: t.TempDir(), Timeout: time.Minute, Memory: 1769,
		Variables: map[string]string{"BESRA_LAMBDA_EVENT": kind, "BESRA_LIMITS_DEADLINE": "30s", "BESRA_VALKEY_DEADLINE": "1s"},
	}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		o.Variables[name] = value
	}
	if change != nil {
		change(&o)
	}
	if o.Logs == nil {
		o.Logs = lambdasim.NewLogs(0)
	}
	f, err := lambdasim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.Close()
		if t.Failed() {
			for _, l := range o.Logs.Tail(40) {
				t.Log(l.Text)
			}
		}
	})
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return function{f, t, kind}
}

// An answer is what came back, as HTTP has it.
type answer struct {
	Status int
	Header map[string]string
	Body   string
	Failed string // what the function failed with, instead of all that
	Cold   bool
}

func (a answer) String() string { return fmt.Sprintf("%d %s%s", a.Status, a.Body, a.Failed) }

// post has the function answer a request, as the front door of its kind hands it over.
func (f function) post(path, body string) answer {
	f.t.Helper()
	got, err := f.Invoke(context.Background(), lambdasim.Invocation{Payload: f.event("POST", path, body)})
	if err != nil {
		return answer{Failed: err.Error()}
	}
	a := answer{Cold: got.Init > 0}
	switch {
	case got.FunctionError != "":
		a.Failed = string(got.Payload)
		return a
	case f.kind == "direct":
		a.Status, a.Body = 200, string(got.Payload)
		return a
	}
	var shaped struct {
		StatusCode        int
		Headers           map[string]string
		MultiValueHeaders map[string][]string
		Body              string
		IsBase64Encoded   bool
	}
	if err := json.Unmarshal(got.Payload, &shaped); err != nil {
		f.t.Errorf("%s: %v", got.Payload, err)
	}
	a.Status, a.Header, a.Body = shaped.StatusCode, shaped.Headers, shaped.Body
	if shaped.IsBase64Encoded {
		raw, err := base64.StdEncoding.DecodeString(shaped.Body)
		if err != nil {
			f.t.Error(err)
		}
		a.Body = string(raw)
	}
	for name, values := range shaped.MultiValueHeaders {
		if a.Header == nil {
			a.Header = map[string]string{}
		}
		a.Header[name] = strings.Join(values, ", ")
	}
	return a
}

// event is a request as the front door of the function's kind hands it over, of somebody whom the platform knows.
func (f function) event(method, path, body string) []byte {
	f.t.Helper()
	one := map[string]string{"content-type": "application/json", "host": "besra.example.com"}
	var e map[string]any
	switch f.kind {
	case "http-api", "function-url":
		domain := "a1b2c3.execute-api.eu-central-1.amazonaws.com"
		if f.kind == "function-url" {
			domain = "a1b2c3.lambda-url.eu-central-1.on.aws"
		}
		e = map[string]any{
			"version": "2.0", "rawPath": path, "rawQueryString": "", "headers": one, "body": body, "isBase64Encoded": false,
			"requestContext": map[string]any{
				"apiId": "a1b2c3", "domainName": domain, "stage": "$default", "requestId": "r",
				"http":       map[string]any{"method": method, "path": path, "sourceIp": "192.0.2.1"},
				"authorizer": map[string]any{"iam": map[string]any{"userArn": "arn:aws:iam::1:user/shop"}},
			},
		}
	case "rest-api":
		e = map[string]any{
			"resource": "/{proxy+}", "path": path, "httpMethod": method, "headers": one, "body": body, "isBase64Encoded": false,
			"multiValueHeaders": map[string][]string{"content-type": {"application/json"}, "host": {"besra.example.com"}},
			"requestContext": map[string]any{
				"apiId": "a1b2c3", "stage": "prod", "requestId": "r", "identity": map[string]any{"sourceIp": "192.0.2.1", "apiKeyId": "k1"},
			},
		}
	case "alb":
		e = map[string]any{
			"path": path, "httpMethod": method, "headers": one, "isBase64Encoded": true, "body": base64.StdEncoding.EncodeToString([]byte(body)),
			"requestContext": map[string]any{"elb": map[string]any{"targetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/besra/1"}},
		}
	case "direct":
		return []byte(body)
	}
	b, err := json.Marshal(e)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

// pids returns the processes of the function's environments.
func (f function) pids() (all []int) {
	for _, e := range f.Status().Environments {
		if e.PID > 0 && e.State != "ended" {
			all = append(all, e.PID)
		}
	}
	return all
}
