package credentials

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	attempts  = 3
	pause     = 100 * time.Millisecond // before the second attempt; twice that before the third
	maxAnswer = 64 << 10               // bytes; AWS's answers have two or three thousand
)

type proxy = func(*http.Request) (*url.URL, error)

// client returns one that asks rarely, and keeps no connection. It goes nowhere but where it is sent: a redirect is an
// answer like others.
func client(p proxy) *http.Client {
	return &http.Client{
		Timeout:       AskTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  p,
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: 64 << 10,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		},
	}
}

// A statusError is an answer that is none.
type statusError struct {
	code int
	body []byte // what it said; it may have been given secrets
}

// Error leaves out what was said.
func (e *statusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("answers %d %s", e.code, http.StatusText(e.code)))
}

// fetch returns the body of a good answer. What may pass is tried again, as long as the request's context allows.
func fetch(c *http.Client, r *http.Request) (body []byte, err error) {
	again := true
	for n := 0; again && n < attempts; n++ {
		if n > 0 {
			select {
			case <-r.Context().Done():
			case <-time.After(pause << (n - 1)):
			}
			if r.GetBody != nil {
				if r.Body, err = r.GetBody(); err != nil {
					return nil, err
				}
			}
		}
		body, again, err = try(c, r)
	}
	if err != nil {
		return nil, fmt.Errorf("%s://%s: %w", r.URL.Scheme, r.URL.Host, err) // without the path, which may hold a secret
	}
	return body, nil
}

func try(c *http.Client, r *http.Request) (body []byte, again bool, err error) {
	answer, err := c.Do(r)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return nil, r.Context().Err() == nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, r.Context().Err() == nil, err
	case answer.StatusCode != http.StatusOK:
		again = answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests
		return nil, again, &statusError{answer.StatusCode, body}
	case len(body) > maxAnswer:
		return nil, false, fmt.Errorf("answers more than %d bytes", maxAnswer)
	}
	return body, false, nil
}

// readCredentials reads the JSON in which containers and EC2 instances are given credentials.
func readCredentials(body []byte) (aws.Credentials, error) {
	var a struct {
		Code                                string // of EC2, whose errors have status 200
		AccessKeyID, SecretAccessKey, Token string
		Expiration                          time.Time
	}
	// What is wrong with it is not told: it would quote what is secret.
	if json.Unmarshal(body, &a) != nil {
		return aws.Credentials{}, errors.New("the answer is no credentials in JSON")
	}
	if a.Code != "" && a.Code != "Success" {
		return aws.Credentials{}, fmt.Errorf("the answer has code %.50q", a.Code)
	}
	return aws.Credentials{
		AccessKeyID: a.AccessKeyID, SecretAccessKey: a.SecretAccessKey, SessionToken: a.Token,
		CanExpire: !a.Expiration.IsZero(), Expires: a.Expiration,
	}, nil
}

// readFile reads a file that holds a token. It is read each time, as it is replaced from time to time.
func readFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	bytes, err := io.ReadAll(io.LimitReader(f, maxAnswer+1))
	text := strings.TrimSpace(string(bytes))
	switch {
	case err != nil:
		return "", err
	case text == "":
		return "", fmt.Errorf("%s is empty", name)
	case len(bytes) > maxAnswer:
		return "", fmt.Errorf("%s has more than %d bytes", name, maxAnswer)
	}
	return text, nil
}

// get returns what is at a URL.
func get(ctx context.Context, c *http.Client, at, header, value string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return nil, err
	}
	if value != "" {
		r.Header.Set(header, value)
	}
	return fetch(c, r)
}
