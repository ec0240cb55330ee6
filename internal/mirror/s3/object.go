package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/besra-ml/besra/internal/mirror"
)

// Stat asks for an object's size and ETag.
func (b *Bucket) Stat(ctx context.Context, key string) (o mirror.Object, err error) {
	err = b.do(ctx, call{
		method: http.MethodHead, key: key, action: "s3:GetObject",
		read: func(answer *http.Response) error {
			o = mirror.Object{Key: key, Size: answer.ContentLength, ETag: answer.Header.Get("ETag")}
			if o.Size < 0 || !isETag(o.ETag) {
				return errors.New("the answer has no size, or no ETag")
			}
			return nil
		},
	})
	return o, err
}

// Fetch writes all of an object, in parts that are read at the same time. Each asks for the ETag of the list, so that all
// are of one object.
func (b *Bucket) Fetch(ctx context.Context, o mirror.Object, to io.WriterAt) error {
	if o.Size <= b.partSize {
		return b.part(ctx, o, to, 0, o.Size)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var team sync.WaitGroup
	room := make(chan struct{}, parallel)
	for from := int64(0); from < o.Size && ctx.Err() == nil; from += b.partSize {
		room <- struct{}{}
		team.Go(func() {
			defer func() { <-room }()
			if err := b.part(ctx, o, to, from, min(b.partSize, o.Size-from)); err != nil {
				cancel(err) // the first counts; the others end by it
			}
		})
	}
	team.Wait()
	return context.Cause(ctx)
}

// part writes n bytes of an object.
func (b *Bucket) part(ctx context.Context, o mirror.Object, to io.WriterAt, from, n int64) error {
	header, status := http.Header{"If-Match": {o.ETag}}, http.StatusOK
	if n < o.Size {
		header["Range"], status = []string{fmt.Sprintf("bytes=%d-%d", from, from+n-1)}, http.StatusPartialContent
	}
	return b.do(ctx, call{
		method: http.MethodGet, key: o.Key, header: header, action: "s3:GetObject", bytes: n,
		read: func(answer *http.Response) error {
			switch {
			case answer.StatusCode != status:
				return fmt.Errorf("answers %d to a request that wants %d: it knows no ranges", answer.StatusCode, status)
			case answer.ContentLength >= 0 && answer.ContentLength != n:
				return fmt.Errorf("the answer has %d bytes, want %d", answer.ContentLength, n)
			case status == http.StatusPartialContent && answer.Header.Get("Content-Range") != fmt.Sprintf("bytes %d-%d/%d", from, from+n-1, o.Size):
				return fmt.Errorf("the answer has %.100q, want bytes %d-%d/%d", answer.Header.Get("Content-Range"), from, from+n-1, o.Size)
			}
			return b.write(answer.Body, io.NewOffsetWriter(to, from), n)
		},
	})
}

// write copies n bytes, which must be all there are.
func (b *Bucket) write(from io.Reader, to io.Writer, n int64) error {
	body := &body{r: from}
	got, err := io.Copy(to, io.LimitReader(body, n))
	b.metrics.Bytes.Add(uint64(got))
	switch {
	case body.err != nil:
		return fmt.Errorf("%w: %w", errCut, body.err)
	case err != nil:
		return err
	case got < n:
		return fmt.Errorf("%w: %w", errCut, io.ErrUnexpectedEOF)
	}
	if extra, err := io.CopyN(io.Discard, body, 1); extra > 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("the answer has more than %d bytes", n)
	}
	return nil
}

// body tells what went wrong with reading from what went wrong with writing.
type body struct {
	r   io.Reader
	err error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}
