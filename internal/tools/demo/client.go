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
	timeout   = 5 * time.Second // for one answer
	maxAnswer = 1 << 20
)

// client asks for scores over connections that are kept alive.
type client struct {
	request   *http.Request // each request is a shallow copy of it
	transport *http.Transport
}

func newClient(base string) (*client, error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, base+"/v1/score", nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "besra-demo")
	return &client{
		request: request,
		transport: &http.Transport{
			Proxy:               nil, // only the given address is talked to
			DialContext:         (&net.Dialer{Timeout: timeout}).DialContext,
			MaxIdleConnsPerHost: workers,
			DisableCompression:  true,
		},
	}, nil
}

func (c *client) close() { c.transport.CloseIdleConnections() }

// An answer is what is read of the server's.
type answer struct {
	Score    *float64 `json:"score"` // null when the fallback decided
	Decision string   `json:"decision"`
}

// score sends one request and reads its answer. Its errors are failures.
func (c *client) score(ctx context.Context, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request := c.request.WithContext(ctx)
	request.ContentLength = int64(len(body))
	request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	request.Body, _ = request.GetBody()
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return answer{}, &failure{kind(err), err}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil:
		return answer{}, &failure{kind(err), err}
	case response.StatusCode != http.StatusOK:
		return answer{}, refusal(response.StatusCode, text)
	}
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return a, &failure{"answer is not JSON", err}
	}
	switch a.Decision {
	case "approve", "review", "decline":
		return a, nil
	case "":
		return a, &failure{"no decision", errors.New("the answer has no decision; has the model a policy?")}
	}
	return a, &failure{"unknown decision", fmt.Errorf("decision is %q", a.Decision)}
}

// A failure is a payment that was not judged.
type failure struct {
	kind string // one of few
	err  error
}

func (f *failure) Error() string { return f.kind + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// refusal reads an application/problem+json, if it is one.
func refusal(status int, text []byte) error {
	var problem struct {
		Code   string `json:"code"`
		Field  string `json:"field"`
		Detail string `json:"detail"`
	}
	kind := fmt.Sprintf("status %d", status)
	if err := json.Unmarshal(text, &problem); err != nil || problem.Code == "" {
		return &failure{kind, errors.New(http.StatusText(status))}
	}
	detail := problem.Detail
	if problem.Field != "" {
		detail = problem.Field + ": " + detail
	}
	return &failure{fmt.Sprintf("%s %.40s", kind, problem.Code), errors.New(detail)}
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
