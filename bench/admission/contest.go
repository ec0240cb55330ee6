//go:build linux

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/besra-ml/besra/bench/internal/load"
	"github.com/besra-ml/besra/bench/internal/report"
	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
)

// callers is how many keys and how many tokens there are.
const callers = 2048

// A contestant is a server and what it is asked.
type contestant struct {
	spent    report.Spent
	requests load.Requests
	flags    []string // of besra serve; nil: it is the empty handler
	server   *load.Process
}

// A contest is between these.
type contest struct {
	options
	empty, keyUnasked, key, tokenUnasked, token *contestant

	all    []*contestant
	dir    string
	issuer *httptest.Server
}

func newContest(o options) (*contest, error) {
	dir, err := os.MkdirTemp("", "admission-")
	if err != nil {
		return nil, err
	}
	c := &contest{options: o, dir: dir}
	keys, file, err := c.keys()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	tokens, issuers, err := c.tokens()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	unasked := []string{"--limits-concurrency", "off"}
	asked := []string{"--limits-concurrency", "adaptive"}
	c.empty = &contestant{spent: report.Spent{What: "empty handler"}, requests: asks(keys)}
	c.keyUnasked = &contestant{spent: report.Spent{What: "no admission, sent keys"}, requests: asks(keys), flags: unasked}
	c.key = &contestant{spent: report.Spent{What: "key, rate, deadline, adaptive limit"}, requests: asks(keys), flags: append(asked, "--auth-keys", file)}
	c.tokenUnasked = &contestant{spent: report.Spent{What: "no admission, sent tokens"}, requests: asks(tokens), flags: unasked}
	c.token = &contestant{spent: report.Spent{What: "JWT seen before, rate, deadline, adaptive limit"}, requests: asks(tokens), flags: append(asked, "--auth-jwt", issuers)}
	c.all = []*contestant{c.empty, c.keyUnasked, c.key, c.tokenUnasked, c.token}
	return c, nil
}

// asks are requests to score a row of the demo's, each with the next credential.
func asks(credentials []string) load.Requests {
	const body = `{"row":[138.43,0,0,3,104.76,8,73.7325,16,86.62063,2,0,12,0,48,0]}`
	all := make([][]byte, len(credentials))
	for i, credential := range credentials {
		all[i] = fmt.Appendf(nil, "POST /v1/score HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", credential, len(body), body)
	}
	return load.Cycle(all...)
}

// keys makes the keys, and returns them and their file.
func (c *contest) keys() (keys []string, file string, err error) {
	now := time.Now().UTC().Truncate(time.Second)
	entries := make([]auth.Entry, callers)
	for i := range entries {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // it does not fail
		text := base64.RawURLEncoding.EncodeToString(secret)
		entries[i] = auth.Entry{
			ID: fmt.Sprintf("k%07d", i), Name: "shop", Scopes: identity.Score, Created: now,
			Limits:  identity.Limits{Rate: 1e6, Burst: 1000},
			Secrets: []auth.Secret{{SHA256: sha256.Sum256([]byte(text)), Created: now}},
		}
		keys = append(keys, "besra_"+entries[i].ID+"_"+text)
	}
	file = filepath.Join(c.dir, "keys.yaml")
	return keys, file, os.WriteFile(file, auth.FormatKeys(entries), 0o600)
}

// tokens makes the tokens of an issuer that serves its keys here, and returns them and the setting auth.jwt.
func (c *contest) tokens() (tokens []string, issuers string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	public, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, "", err
	}
	x, y := public[1:33], public[33:]
	set := fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","kid":"1","x":%q,"y":%q}]}`, encode(x), encode(y))
	c.issuer = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(set))
	}))
	for i := range callers {
		token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
			"iss": c.issuer.URL, "aud": "besra", "sub": fmt.Sprint("shop-", i), "scope": "score",
			"iat": time.Now().Unix(), "exp": time.Now().Add(6 * time.Hour).Unix(),
		})
		token.Header["kid"] = "1"
		signed, err := token.SignedString(key)
		if err != nil {
			return nil, "", err
		}
		tokens = append(tokens, signed)
	}
	return tokens, fmt.Sprintf("[{issuer: %q, audience: besra, jwks: %q, algorithms: [ES256], rate: 1000000, burst: 1000}]",
		c.issuer.URL, c.issuer.URL), nil
}

// stop ends the servers.
func (c *contest) stop() {
	for _, x := range c.all {
		if x.server != nil {
			x.server.Stop()
			x.server = nil
		}
	}
}

// close ends everything.
func (c *contest) close() {
	c.stop()
	c.issuer.Close()
	_ = os.RemoveAll(c.dir)
}

// prepare starts the servers and asks each until it has seen every caller.
func (c *contest) prepare() (err error) {
	length := 0
	for _, x := range []*contestant{c.keyUnasked, c.key, c.tokenUnasked, c.token} {
		x.server, err = load.Start(filepath.Join(c.cache, "besra"), func(address string) []string {
			return append([]string{"serve", "--listen", address, "--admin-listen", "", "--log-level", "warn"}, x.flags...)
		})
		if err != nil {
			return err
		}
		if _, err := x.server.Answered(load.Request("GET", "/readyz", nil)); err != nil {
			return err
		}
		if length, err = x.warm(c.options); err != nil {
			return err
		}
	}
	c.empty.server, err = load.Start(filepath.Join(c.cache, "empty"), func(address string) []string {
		return []string{address, fmt.Sprint(length)}
	})
	if err != nil {
		return err
	}
	if _, err := c.empty.server.Answered(c.empty.requests.Next()); err != nil {
		return err
	}
	_, err = c.empty.warm(c.options)
	return err
}

// warm shows every credential a few times, and returns the length of an answer. A server that has not fetched its
// issuer's keys yet is asked again.
func (x *contestant) warm(o options) (length int, err error) {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if length, err = x.ask(); err == nil {
			break
		}
		if time.Now().After(end) || !strings.Contains(err.Error(), " 503 ") && !strings.Contains(err.Error(), "unavailable") {
			return 0, fmt.Errorf("%s: %w", x.spent.What, err)
		}
	}
	return length, x.send(4*callers, o.connections)
}

func (x *contestant) ask() (int, error) {
	client, err := load.NewClient(x.server.Address, 1, x.requests)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	body, err := client.Ask()
	return len(body), err
}

// send sends the next n requests and waits for all answers.
func (x *contestant) send(n, connections int) error {
	if err := load.Send(x.server.Address, connections, x.requests, n); err != nil {
		return fmt.Errorf("%s: %w", x.spent.What, err)
	}
	return nil
}

func (x *contestant) measure(o options) error {
	cpu, err := x.server.Spend(o.connections, x.requests, o.requests)
	x.spent.CPU = append(x.spent.CPU, cpu)
	return err
}
