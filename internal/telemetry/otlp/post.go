package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// A poster sends spans by OTLP over HTTP, in protobuf.
type poster struct {
	url     string
	headers func() (http.Header, error)
	client  *http.Client
	agent   string
	own     *http.Transport // nil: it is somebody else's
	packed  bytes.Buffer
	packer  *gzip.Writer
}

func newPoster(o Options) *poster {
	p := &poster{url: o.Endpoint, headers: o.Headers, agent: "besra/" + o.Version}
	transport := o.Transport
	if transport == nil {
		p.own = &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: o.TLS, DialContext: (&net.Dialer{Timeout: postTime}).DialContext,
			TLSHandshakeTimeout: postTime, IdleConnTimeout: lastPause, MaxIdleConns: 1, ForceAttemptHTTP2: true,
			MaxResponseHeaderBytes: maxReply,
		}
		transport = p.own
	}
	p.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // what a header has is for the endpoint alone
	}}
	return p
}

func (p *poster) close() outcome {
	if p.own != nil {
		p.own.CloseIdleConnections()
	}
	return outcome{}
}

// send posts spans in one message. What it returns no error for is told.
func (p *poster) send(ctx context.Context, s *spanner) (outcome, error) {
	r, err := p.spans(ctx, s.encode())
	if err != nil {
		return outcome{}, err
	}
	requests := requestsOf(s.held)
	o := outcome{lost: min(r.spans, requests)} // as many requests at most
	if o.sent = requests - o.lost; o.lost > 0 {
		o.why = fmt.Errorf("the collector rejects %d spans: %s", r.spans, r.why)
	}
	return o, nil
}

const maxReply = 64 << 10 // bytes of an answer that are read

// A refusedError is an answer other than 200.
type refusedError struct {
	status int
	again  bool          // it may be sent again
	after  time.Duration // at the earliest
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("the collector answers %d %s", e.status, http.StatusText(e.status))
}

// A rejection says how many spans were not taken, of those that were sent.
type rejection struct {
	spans int
	why   string
}

// spans posts a message. A refusedError is the collector's; after any other error it may be sent again.
func (p *poster) spans(ctx context.Context, message []byte) (r rejection, err error) {
	p.packed.Reset()
	if p.packer == nil {
		p.packer, _ = gzip.NewWriterLevel(&p.packed, gzip.BestSpeed) // the level is one
	}
	p.packer.Reset(&p.packed)
	_, err = p.packer.Write(message)
	if err = errors.Join(err, p.packer.Close()); err != nil {
		return r, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(p.packed.Bytes()))
	if err != nil {
		return r, err
	}
	if p.headers != nil {
		if req.Header, err = p.headers(); err != nil {
			return r, err
		}
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("User-Agent", p.agent)
	reply, err := p.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the URL is told apart
		}
		return r, err
	}
	defer reply.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(reply.Body, maxReply)) // the status says what became of the spans
	if reply.StatusCode == http.StatusOK {
		return readReply(body), nil
	}
	refused := &refusedError{status: reply.StatusCode}
	switch reply.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		refused.again = true
		seconds, _ := strconv.ParseUint(reply.Header.Get("Retry-After"), 10, 16)
		refused.after = time.Duration(seconds) * time.Second
	}
	return r, refused
}

// readReply reads ExportTraceServiceResponse. What is none rejects nothing.
func readReply(b []byte) (r rejection) {
	_ = fields(b, func(n protowire.Number, partial []byte, _ uint64) { // partial_success
		if n != 1 {
			return
		}
		_ = fields(partial, func(n protowire.Number, text []byte, v uint64) {
			if n == 1 { // rejected_spans
				r.spans = int(min(v, 1<<30))
			}
			if n == 2 { // error_message
				r.why = string(text[:min(len(text), 200)])
			}
		})
	})
	return r
}

// fields reads the fields of a message that are bytes or varints.
func fields(b []byte, field func(n protowire.Number, bytes []byte, v uint64)) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		var text []byte
		var v uint64
		switch kind {
		case protowire.BytesType:
			text, size = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			v, size = protowire.ConsumeVarint(b)
		default:
			size = protowire.ConsumeFieldValue(n, kind, b)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		field(n, text, v)
	}
	return nil
}
