package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/besra-ml/besra/internal/mirror"
)

const (
	pageKeys = 1000    // that a page has, at most
	maxPage  = 8 << 20 // bytes of one: keys have 1024, which escapes make three times as many
)

// List returns the objects whose keys begin with prefix: a request for each thousand of them.
func (b *Bucket) List(ctx context.Context, prefix string, most int) ([]mirror.Object, error) {
	var all []mirror.Object
	token := ""
	for range most/pageKeys + 2 {
		p, err := b.page(ctx, prefix, token)
		if err != nil {
			return nil, err
		}
		all = append(all, p.objects...)
		switch {
		case len(all) > most:
			return nil, fmt.Errorf("%s: there are more than %d objects", b.at(prefix), most)
		case p.next == "":
			return all, nil
		case p.next == token:
			return nil, fmt.Errorf("%s: the list does not go on", b.at(prefix))
		}
		token = p.next
	}
	return nil, fmt.Errorf("%s: the list has more pages than %d objects need", b.at(prefix), most)
}

func (b *Bucket) page(ctx context.Context, prefix, token string) (p page, err error) {
	query := url.Values{"list-type": {"2"}, "max-keys": {strconv.Itoa(pageKeys)}, "encoding-type": {"url"}, "prefix": {prefix}}
	if token != "" {
		query.Set("continuation-token", token)
	}
	err = b.do(ctx, call{
		method: http.MethodGet, query: query, action: "s3:ListBucket", bytes: maxPage / 8,
		read: func(answer *http.Response) (err error) {
			body := &bounded{r: answer.Body, left: maxPage}
			if p, err = readPage(body, prefix); err == nil {
				_, err = io.Copy(io.Discard, body) // to its end, so that the connection can be used again
			}
			if body.err != nil {
				return body.err
			}
			return err
		},
	})
	return p, err
}

// A page is a part of a list.
type page struct {
	objects []mirror.Object
	next    string // asks for the next part; "": this is the last
}

var errLarge = errors.New("the answer is larger than a list can be")

// bounded reads no more than it may, and remembers why it ended, if not by itself.
type bounded struct {
	r    io.Reader
	left int
	err  error
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		b.err = errLarge
		return 0, b.err
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = fmt.Errorf("%w: %w", errCut, err)
	}
	return n, err
}

// readPage reads the XML of ListObjectsV2. Memory stays within a small multiple of what is read.
func readPage(r io.Reader, prefix string) (p page, err error) {
	defer func() {
		if err != nil {
			p, err = page{}, fmt.Errorf("the answer is no list: %w", err)
		}
	}()
	d := xml.NewDecoder(r)
	if err := root(d); err != nil {
		return p, err
	}
	escaped, truncated := false, false
	for {
		token, err := d.Token()
		if err != nil {
			return p, notEOF(err)
		}
		switch t := token.(type) {
		case xml.EndElement:
			return p.finished(escaped, truncated, prefix)
		case xml.StartElement:
			var text string
			switch t.Name.Local {
			case "Contents":
				if len(p.objects) == pageKeys {
					return p, fmt.Errorf("it has more than %d keys", pageKeys)
				}
				o, err := readObject(d, t)
				if err != nil {
					return p, err
				}
				p.objects = append(p.objects, o)
				continue
			case "EncodingType":
				err = d.DecodeElement(&text, &t)
				escaped = strings.EqualFold(text, "url")
			case "IsTruncated":
				err = d.DecodeElement(&text, &t)
				truncated = strings.EqualFold(text, "true")
			case "NextContinuationToken":
				err = d.DecodeElement(&p.next, &t)
			default:
				err = d.Skip()
			}
			if err != nil {
				return p, notEOF(err)
			}
		}
	}
}

func root(d *xml.Decoder) error {
	for {
		token, err := d.Token()
		if err != nil {
			return notEOF(err)
		}
		if t, ok := token.(xml.StartElement); ok {
			if t.Name.Local != "ListBucketResult" {
				return fmt.Errorf("it is %.50q", t.Name.Local)
			}
			return nil
		}
	}
}

func readObject(d *xml.Decoder, t xml.StartElement) (mirror.Object, error) {
	var c struct {
		Key, ETag string
		Size      string
	}
	if err := d.DecodeElement(&c, &t); err != nil {
		return mirror.Object{}, notEOF(err)
	}
	size, err := strconv.ParseInt(strings.TrimSpace(c.Size), 10, 64)
	switch {
	case err != nil || size < 0:
		return mirror.Object{}, fmt.Errorf("size %.30q of %.200q", c.Size, c.Key)
	case !isETag(c.ETag):
		return mirror.Object{}, fmt.Errorf("ETag %.100q of %.200q", c.ETag, c.Key)
	}
	return mirror.Object{Key: c.Key, Size: size, ETag: c.ETag}, nil
}

// finished returns the page with its keys as they are, once the whole of it is known.
func (p page) finished(escaped, truncated bool, prefix string) (page, error) {
	for i := range p.objects {
		o := &p.objects[i]
		if escaped {
			key, err := url.QueryUnescape(o.Key)
			if err != nil {
				return p, fmt.Errorf("key %.200q: %w", o.Key, err)
			}
			o.Key = key
		}
		if !strings.HasPrefix(o.Key, prefix) {
			return p, fmt.Errorf("key %.200q does not begin with %.200q", o.Key, prefix)
		}
	}
	switch {
	case !truncated:
		p.next = ""
	case p.next == "":
		return p, errors.New("it goes on, and does not say where")
	}
	return p, nil
}

// isETag reports whether s can be sent back as an ETag.
func isETag(s string) bool {
	return s != "" && len(s) <= 200 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// notEOF has an end that came too early look like one.
func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
