package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
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
	packed  bytes.Buffer
	packer  *gzip.Writer
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
