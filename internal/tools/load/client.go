package load

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

// client sends one kind of request over a bounded pool of connections. It speaks HTTP/1.1, where one
// connection carries one request at a time, so that connections mean what they say.
type client struct {
	transport *http.Transport
	request   *http.Request // each request is a shallow copy of it
	bodies    [][]byte
	timeout   time.Duration
}

func newClient(o Options) (*client, error) {
	request, err := http.NewRequestWithContext(context.Background(), o.Method, o.URL, nil)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if user := request.URL.User; user != nil {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	for name, values := range o.Header {
		name = http.CanonicalHeaderKey(name)
		if name == "Host" && len(values) > 0 {
			request.Host = values[0]
			continue
		}
		request.Header[name] = values
	}
	if len(o.Bodies) > 0 && request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", "besra-load")
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &client{
		request: request,
		bodies:  o.Bodies,
		timeout: o.Timeout,
		transport: &http.Transport{
			Proxy:               nil, // only the given address is talked to
			Protocols:           protocols,
			DialContext:         (&net.Dialer{Timeout: o.Timeout}).DialContext,
			MaxConnsPerHost:     o.Connections,
			MaxIdleConns:        o.Connections,
			MaxIdleConnsPerHost: o.Connections,
			DisableCompression:  true,
		},
	}, nil
}

// send sends request n and reads its answer to the end.
func (c *client) send(ctx context.Context, n int64) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request := c.request.WithContext(ctx)
	if len(c.bodies) > 0 {
		body := c.bodies[n%int64(len(c.bodies))]
		request.ContentLength = int64(len(body))
		request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		request.Body, _ = request.GetBody()
	}
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0, err
	}
	return response.StatusCode, nil
}

func (c *client) close() { c.transport.CloseIdleConnections() }

// kindTimeout is the failure that says something of latency: it was at least this long.
const kindTimeout = "timeout"

// kind sorts failures into few words.
func kind(err error) string {
	var (
		network  net.Error
		dns      *net.DNSError
		record   tls.RecordHeaderError
		verified *tls.CertificateVerificationError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &dns):
		return "name not found"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &network) && network.Timeout():
		return kindTimeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.EADDRNOTAVAIL):
		return "out of sockets"
	case errors.As(err, &record), errors.As(err, &verified):
		return "tls"
	case strings.Contains(err.Error(), "malformed HTTP"): // net/http has no type for it
		return "not HTTP"
	}
	return "other"
}
