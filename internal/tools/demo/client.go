package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	timeout   = 10 * time.Second // for one answer
	maxAnswer = 4 << 20
)

// client talks to a server's doors over connections that are kept alive.
type client struct {
	single, batch, labels, status *http.Request // each request is a shallow copy of one
	transport                     *http.Transport
}

func newClient(base string) (*client, error) {
	c := &client{
		transport: &http.Transport{
			Proxy:               nil, // only the given address is talked to
			DialContext:         (&net.Dialer{Timeout: timeout}).DialContext,
			MaxIdleConnsPerHost: 16,
			DisableCompression:  true,
		},
	}
	for _, door := range []struct {
		request      **http.Request
		method, path string
	}{
		{&c.single, http.MethodPost, "/v1/score"},
		{&c.batch, http.MethodPost, "/v1/score/batch"},
		{&c.labels, http.MethodPost, "/v1/labels"},
		{&c.status, http.MethodGet, "/v1/status"},
	} {
		request, err := http.NewRequestWithContext(context.Background(), door.method, base+door.path, nil)
		if err != nil {
			return nil, err
		}
		if door.method == http.MethodPost {
			request.Header.Set("Content-Type", "application/json")
		}
		request.Header.Set("User-Agent", "besra-demo")
		*door.request = request
	}
	return c, nil
}

func (c *client) close() { c.transport.CloseIdleConnections() }

// An answer is what is read of the server's about one payment.
type answer struct {
	Decision string   `json:"decision"`
	Score    *float64 `json:"score"` // null when the fallback decided
	Error    *problem `json:"error"` // in a batch: there is nothing else
}

// check returns what is wrong with an answer. Its errors are failures.
func (a *answer) check() error {
	if a.Error != nil {
		return a.Error.failure(a.Error.Status)
	}
	switch a.Decision {
	case "approve", "review", "decline":
		return nil
	case "":
		return &failure{"no decision", errors.New("the answer has no decision; has the model a policy?")}
	}
	return &failure{"unknown decision", fmt.Errorf("decision is %q", a.Decision)}
}

// score asks about one payment.
func (c *client) score(ctx context.Context, body []byte) (a answer, err error) {
	if err = c.ask(ctx, c.single, body, &a); err == nil {
		err = a.check()
	}
	return a, err
}

// scoreBatch asks about n payments. Their answers are not checked; memory may hold them.
func (c *client) scoreBatch(ctx context.Context, body []byte, n int, memory []answer) ([]answer, error) {
	clear(memory[:cap(memory)]) // decoding leaves what an answer lacks as it was
	results := struct {
		Results []answer `json:"results"`
	}{memory[:0]}
	err := c.ask(ctx, c.batch, body, &results)
	if err == nil && len(results.Results) != n {
		err = &failure{"no answer", fmt.Errorf("%d payments were sent, %d answered", n, len(results.Results))}
	}
	return results.Results, err
}

// label sends n labels.
func (c *client) label(ctx context.Context, body []byte, n int) error {
	var taken struct {
		Accepted int `json:"accepted"`
	}
	if err := c.ask(ctx, c.labels, body, &taken); err != nil {
		return fmt.Errorf("labels: %w", err)
	}
	if taken.Accepted != n {
		return fmt.Errorf("labels: %d were sent, %d taken", n, taken.Accepted)
	}
	return nil
}

// Own is what the server works out of how well it does, from the labels it was sent: of the payments of the last 30
// days that it saw.
type Own struct {
	Events      int `json:"events"`
	Labelled    int `json:"labelled"`
	Frauds      int `json:"frauds"`
	Caught      int `json:"caught"`
	FalseAlarms int `json:"false_alarms"`
}

// Precision is the share of what was stopped and is labelled that was fraud; NaN if there is none.
func (o Own) Precision() float64 { return share(o.Caught, o.Caught+o.FalseAlarms) }

// Recall is the share of known fraud that was stopped; NaN if there is none.
func (o Own) Recall() float64 { return share(o.Caught, o.Frauds) }

// performance asks what the server makes of its labels; model may be empty.
func (c *client) performance(ctx context.Context, model string) (sum Own, err error) {
	var status struct {
		Performance []struct {
			Own
			Model string `json:"model"`
			Age   string `json:"age"`
		} `json:"performance"`
	}
	if err := c.ask(ctx, c.status, nil, &status); err != nil {
		return sum, fmt.Errorf("status: %w", err)
	}
	for _, p := range status.Performance {
		if (model == "" || p.Model == model) && (p.Age == "0-7d" || p.Age == "7-30d") {
			sum.Events += p.Events
			sum.Labelled += p.Labelled
			sum.Frauds += p.Frauds
			sum.Caught += p.Caught
			sum.FalseAlarms += p.FalseAlarms
		}
	}
	return sum, nil
}

// ask sends one request and reads its answer into into. Its errors are failures.
func (c *client) ask(ctx context.Context, door *http.Request, body []byte, into any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request := door.WithContext(ctx)
	if body != nil {
		request.ContentLength = int64(len(body))
		request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		request.Body, _ = request.GetBody()
	}
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return &failure{kind(err), err}
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, maxProblem))
		return refusal(response.StatusCode, text)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return &failure{kind(err), err}
	}
	if err := json.Unmarshal(text, into); err != nil {
		return &failure{"answer is not JSON", err}
	}
	return nil
}

// A failure is a payment that was not judged.
type failure struct {
	kind string // one of few
	err  error
}

func (f *failure) Error() string { return f.kind + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

const maxProblem = 64 << 10

// A problem is what the server says of what it refuses.
type problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// refusal reads an application/problem+json, if it is one.
func refusal(status int, text []byte) error {
	var p problem
	if err := json.Unmarshal(text, &p); err != nil || p.Code == "" {
		return &failure{fmt.Sprintf("status %d", status), errors.New(http.StatusText(status))}
	}
	return p.failure(status)
}

func (p *problem) failure(status int) error {
	detail := p.Detail
	if p.Field != "" {
		detail = p.Field + ": " + detail
	}
	return &failure{fmt.Sprintf("status %d %.40s", status, p.Code), errors.New(detail)}
}

// kind sorts the failures of a connection into few words.
func kind(err error) string {
	var network net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &network) && network.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection lost"
	}
	return "no answer"
}
