package auth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/strictjson"
)

const (
	jwksTimeout      = 5 * time.Second // of one answer, redirects included
	maxJWKSBytes     = 1 << 20         // bytes
	maxJWKSRedirects = 3
)

// issuerClient returns the client that asks issuers: the one given, or one of our own, with redirects bounded.
func issuerClient(given *http.Client) *http.Client {
	c := &http.Client{Transport: &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: jwksTimeout}).DialContext,
		// It asks rarely: a connection kept would be one that has broken meanwhile.
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    jwksTimeout,
	}}
	if given != nil {
		*c = *given
	}
	c.CheckRedirect = followIssuer
	return c
}

func followIssuer(to *http.Request, via []*http.Request) error {
	switch from := via[len(via)-1].URL; {
	case len(via) > maxJWKSRedirects:
		return fmt.Errorf("more than %d redirects", maxJWKSRedirects)
	case !secureURL(to.URL) || from.Scheme == "https" && to.URL.Scheme != "https":
		return fmt.Errorf("redirected from %s to %s", from.Scheme, to.URL.Scheme)
	}
	return nil
}

// secureURL reports whether nobody between us and a URL's host can change what it says: https, or a host that is this one.
func secureURL(u *url.URL) bool {
	if u.Hostname() == "" || u.User != nil {
		return false
	}
	loopback := u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1"
	return u.Scheme == "https" || u.Scheme == "http" && loopback
}

func secureText(text string) bool {
	u, err := url.Parse(text)
	return err == nil && secureURL(u)
}

// isHTTPS reports whether a URL that was parsed before is of https.
func isHTTPS(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https"
}

// fetch returns the issuer's keys as they are now. Where they are is asked again once a day, and when they are not there.
func (k *issuerKeys) fetch(ctx context.Context) (set *jwkSet, skipped, err error) {
	if k.issuer.JWKS != "" {
		return k.keysAt(ctx, k.issuer.JWKS)
	}
	if k.found != "" {
		set, skipped, err = k.keysAt(ctx, k.found)
		if err == nil && k.now().Sub(k.foundAt) < discoveryEvery || ctx.Err() != nil {
			return set, skipped, err
		}
	}
	at, discoverErr := k.discover(ctx)
	switch {
	case discoverErr != nil && set != nil:
		return set, skipped, nil // it is asked again the next time
	case discoverErr != nil && err != nil:
		return nil, nil, fmt.Errorf("%w; %w", err, discoverErr)
	case discoverErr != nil:
		return nil, nil, discoverErr
	}
	if at == k.found {
		k.foundAt = k.now()
		return set, skipped, err
	}
	if set, skipped, err = k.keysAt(ctx, at); err == nil {
		k.found, k.foundAt = at, k.now()
	}
	return set, skipped, err
}

func (k *issuerKeys) keysAt(ctx context.Context, at string) (set *jwkSet, skipped, err error) {
	text, err := k.get(ctx, at)
	if err != nil {
		return nil, nil, err
	}
	set, skipped, err = readJWKSet(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", at, err)
	}
	return set, skipped, nil
}

// discover returns where the issuer's discovery document says that its keys are. OpenID Connect Discovery 1.0, section 4.
func (k *issuerKeys) discover(ctx context.Context) (at string, err error) {
	from := strings.TrimSuffix(k.issuer.URL, "/") + "/.well-known/openid-configuration"
	text, err := k.get(ctx, from)
	if err != nil {
		return "", err
	}
	var issuer string
	err = eachJSONMember(text, func(name string, s *strictjson.Scanner) (err error) {
		switch name {
		case "issuer":
			issuer, err = tokenText(s)
		case "jwks_uri":
			at, err = tokenText(s)
		default:
			_, err = s.Skip()
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("%s: %w", from, err)
	}
	if issuer != k.issuer.URL {
		return "", fmt.Errorf("%s: it is of issuer %.200q", from, issuer)
	}
	if !secureText(at) || isHTTPS(k.issuer.URL) && !isHTTPS(at) {
		return "", fmt.Errorf("%s: jwks_uri: want an https URL, not %.200q", from, at)
	}
	return at, nil
}

// get returns a document, however slow or endless its server.
func (k *issuerKeys) get(ctx context.Context, at string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, jwksTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "besra")
	answer, err := k.client.Do(request)
	if err != nil {
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err // whose URL may be one that we were sent to
		}
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d", at, answer.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxJWKSBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	if len(text) > maxJWKSBytes {
		return nil, fmt.Errorf("%s: more than %d bytes", at, maxJWKSBytes)
	}
	return text, nil
}
