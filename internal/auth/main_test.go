package auth_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// A page is a log to look into.
type page struct {
	mu   sync.Mutex
	text strings.Builder
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func (p *page) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(p, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "file" {
			return slog.Attr{}
		}
		return a
	}}))
}

// A door is an Authenticator with all that it stands on.
type door struct {
	*auth.Authenticator
	t       testing.TB
	clock   *clock
	file    *auth.File
	watcher *auth.Watcher
	metrics *telemetry.Access
	log     page
}

var start = time.Date(2026, 11, 26, 17, 0, 0, 0, time.UTC)

// newDoor opens a door with an empty file of keys.
func newDoor(t testing.TB, tokens auth.Tokens) *door {
	t.Helper()
	d := &door{t: t, clock: &clock{at: start}, metrics: &telemetry.New(telemetry.Options{}).Access}
	d.file = &auth.File{Path: filepath.Join(t.TempDir(), "keys.yaml"), Now: d.clock.now}
	write(t, d.file.Path, "besra: 1\nkeys: []\n")
	var err error
	if d.watcher, err = auth.NewWatcher(d.file.Path, time.Second, d.log.logger(), d.metrics); err != nil {
		t.Fatal(err)
	}
	d.Authenticator = auth.New(auth.Options{Keys: d.watcher, Tokens: tokens, Metrics: d.metrics, Log: d.log.logger(), Now: d.clock.now})
	return d
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// create makes a key that the door knows at once.
func (d *door) create(e auth.Entry) (key, id string) {
	d.t.Helper()
	if e.Scopes == 0 {
		e.Scopes = identity.Score
	}
	key, made, err := d.file.Create(context.Background(), e)
	if err != nil {
		d.t.Fatal(err)
	}
	d.watcher.Poll()
	return key, made.ID
}

var client = netip.MustParseAddr("192.0.2.77")

// ask shows credentials; an absent address is the client's.
func (d *door) ask(c auth.Credentials) (*identity.Identity, error) {
	if !c.Address.IsValid() {
		c.Address = client
	}
	return d.Authenticate(context.Background(), &c)
}

// header makes headers of pairs of name and value.
func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func bearer(token string) http.Header { return header("Authorization", "Bearer "+token) }

// wantDenied checks why somebody is not let in, that it is counted, and that nothing of the secrets is told.
func (d *door) wantDenied(c auth.Credentials, want auth.Reason, keyID string, secrets ...string) {
	d.t.Helper()
	before := d.counter(want).Value()
	i, err := d.ask(c)
	var denied *auth.Denied
	if !errors.As(err, &denied) || i != nil {
		d.t.Fatalf("let in as %+v, %v; want %v", i, err, want)
	}
	if denied.Reason != want || denied.KeyID != keyID {
		d.t.Fatalf("denied as %v of key %q, want %v of %q", denied.Reason, denied.KeyID, want, keyID)
	}
	if n := d.counter(want).Value() - before; n != 1 {
		d.t.Errorf("%v is counted %d times", want, n)
	}
	for _, s := range secrets {
		if strings.Contains(d.log.String()+err.Error()+denied.Challenge(), s) {
			d.t.Errorf("%q is told", s)
		}
	}
}

// wantIn checks that somebody is let in by the entry of that id.
func (d *door) wantIn(c auth.Credentials, id string) *identity.Identity {
	d.t.Helper()
	i, err := d.ask(c)
	if err != nil || i.ID != id {
		d.t.Fatalf("let in as %+v, %v; want %s", i, err, id)
	}
	return i
}

func (d *door) counter(r auth.Reason) *telemetry.Counter {
	c := &d.metrics.Denied
	return map[auth.Reason]*telemetry.Counter{
		auth.Missing: c.Missing, auth.Malformed: c.Malformed, auth.Unknown: c.Unknown, auth.Expired: c.Expired, auth.Revoked: c.Revoked,
		auth.Signature: c.Signature, auth.Claims: c.Claims, auth.InURL: c.InURL, auth.Unready: c.Unready, auth.Attempts: c.Attempts,
		auth.CrossSite: c.CrossSite,
	}[r]
}
