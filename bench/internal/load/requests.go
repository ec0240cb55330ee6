//go:build linux

package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Requests are what a Client sends. Next returns a whole HTTP request, which is good until the next.
type Requests interface{ Next() []byte }

// Cycle returns requests that are sent in turn, again and again.
func Cycle(requests ...[]byte) Requests { return &cycle{all: requests} }

type cycle struct {
	all  [][]byte
	next int
}

// Next returns the request whose turn it is.
func (c *cycle) Next() []byte {
	r := c.all[c.next]
	if c.next++; c.next == len(c.all) {
		c.next = 0
	}
	return r
}

// Request makes a whole HTTP request; a body is JSON.
func Request(method, path string, body []byte) []byte { return AppendRequest(nil, method, path, body) }

// AppendRequest appends a whole HTTP request; a body is JSON.
func AppendRequest(dst []byte, method, path string, body []byte) []byte {
	dst = append(dst, method...)
	dst = append(append(dst, ' '), path...)
	dst = append(dst, " HTTP/1.1\r\nHost: localhost\r\n"...)
	if body != nil {
		dst = append(dst, "Content-Type: application/json\r\nContent-Length: "...)
		dst = strconv.AppendInt(dst, int64(len(body)), 10)
		dst = append(dst, "\r\n"...)
	}
	return append(append(dst, "\r\n"...), body...)
}

// Get asks for JSON, which v takes. Each header is whole, such as "X-Who: somebody".
func Get(address, path string, v any, headers ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return err
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Add(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, answer.Status)
	}
	return json.NewDecoder(answer.Body).Decode(v)
}
