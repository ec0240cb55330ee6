package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/besra-ml/besra/internal/mirror"
)

// emptySHA256 is the digest of a request without a body.
const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// A call is a question to the bucket.
type call struct {
	method string
	key    string // "": the bucket itself
	query  url.Values
	header http.Header
	action string // what IAM calls it
	bytes  int64  // about as many are in the answer
	read   func(*http.Response) error
}

// errPassing marks what may be gone at the next attempt.
var errPassing = errors.New("may pass")

type passing struct{ error }

func (p passing) Unwrap() []error { return []error{p.error, errPassing} }

// do makes a call, again and again while what is in its way may pass.
func (b *Bucket) do(ctx context.Context, c call) error {
	late := b.now().Add(b.patience)
	wait := b.pause
	for {
		err := b.try(ctx, c)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w", b.at(c.key), ctx.Err())
		case !errors.Is(err, errPassing):
			return fmt.Errorf("%s: %w", b.at(c.key), err)
		}
		delay := wait/2 + rand.N(wait/2+1) // those who were turned away together come back apart
		if !b.now().Add(delay).Before(late) {
			return fmt.Errorf("%s: %w, after %v of trying: %w", b.at(c.key), mirror.ErrUnavailable, b.patience, err)
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", b.at(c.key), ctx.Err())
		}
		wait = min(2*wait, maxPause)
		b.metrics.Retries.Inc()
	}
}

// at names a key for people.
func (b *Bucket) at(key string) string {
	if key == "" {
		return b.String()
	}
	return b.String() + "/" + key
}

// try makes a call once.
func (b *Bucket) try(ctx context.Context, c call) error {
	select {
	case b.slots <- struct{}{}:
		defer func() { <-b.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	keys, err := b.from.Retrieve(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, b.answerTime+time.Duration(float64(c.bytes)/slowest*float64(time.Second)), errSlow)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, c.method, "", http.NoBody)
	if err != nil {
		return err
	}
	r.URL = b.url(c.key, c.query)
	r.Host = r.URL.Host
	for name, values := range c.header {
		r.Header[name] = values
	}
	r.Header.Set("User-Agent", "besra")
	r.Header.Set("X-Amz-Content-Sha256", emptySHA256)
	if err := b.signer.SignHTTP(ctx, keys, r, emptySHA256, "s3", b.region, b.now()); err != nil {
		return err
	}
	answer, err := b.client.Do(r)
	if err != nil {
		return lost(ctx, r.URL.Host, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return b.refusal(answer, c)
	}
	if err := c.read(answer); err != nil {
		return lost(ctx, r.URL.Host, err)
	}
	return nil
}

var errSlow = errors.New("too slow")

// lost says what became of an answer that did not come, or not to its end. Ports and paths, which differ each time, are
// left out.
func lost(ctx context.Context, host string, err error) error {
	if errors.Is(context.Cause(ctx), errSlow) {
		return passing{fmt.Errorf("%s: %w: no whole answer in time", host, errSlow)}
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	} else if !errors.Is(err, errCut) {
		return err // it is about what was read, or where it was written
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("%s: %w", host, e.Err)
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return fmt.Errorf("%s: there is no such host", host)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	return passing{fmt.Errorf("%s: %w", host, err)}
}
