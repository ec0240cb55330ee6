package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/telemetry/emf"
	"github.com/besra-ml/besra/internal/telemetry/otlp"
)

// A stdout can be written and read at once.
type stdout struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *stdout) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *stdout) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// telling are backends that tell, as the binary's do, of metrics to out.
func telling(out *stdout) Backends {
	b := testBackends()
	b.Tracer = func(o TracerOptions) (Tracer, error) {
		return otlp.New(otlp.Options{
			Endpoint: o.Endpoint, Headers: o.Headers, TLS: o.TLS, Sample: o.Sample, Slow: o.Slow,
			Service: o.Service, Store: o.Store, Metrics: o.Metrics, Log: o.Log,
		})
	}
	b.EMF = func(o EmitterOptions) (Emitter, error) {
		return emf.New(emf.Options{Namespace: o.Namespace, Service: o.Service, Every: o.Every, Metrics: o.Metrics, Out: out, Log: o.Log})
	}
	return b
}

func TestWhatIsTold(t *testing.T) {
	t.Parallel()
	var posts, keyed atomic.Int64
	collector := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		posts.Add(1)
		if r.Header.Get("Authorization") == "Bearer hush" {
			keyed.Add(1)
		}
	}))
	defer collector.Close()
	dir := t.TempDir()
	headers, ca := filepath.Join(dir, "headers"), filepath.Join(dir, "ca.pem")
	put(t, headers, "\nAuthorization: Bearer hush\n")
	put(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: collector.Certificate().Raw})))

	var out stdout
	c := Defaults()
	c.Listen, c.Admin.Listen, c.Limits.Concurrency = "127.0.0.1:0", "", "off"
	c.Traces.Endpoint, c.Traces.Sample, c.Traces.HeadersFile, c.Traces.CA = collector.URL, 1, headers, ca
	c.EMF.Namespace, c.Service = "besra", "payments"
	a, err := New(c, telling(&out), nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	l, err := a.Listen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- a.Serve(ctx, l) }()
	score := func() {
		t.Helper()
		answer, err := http.Post("http://"+l.Addr().String()+"/v1/score", "application/json", strings.NewReader(demoRow))
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatal(answer, err)
		}
		answer.Body.Close()
	}

	score()
	eventually(t, "the request is told of", func() bool { return a.metrics.Traces.Kept.Value() == 1 })
	if err := errors.Join(a.tracer.Flush(t.Context()), a.emitter.Flush(t.Context())); err != nil {
		t.Error(err)
	}
	if sent := a.metrics.Traces.Sent.Value(); sent != 1 || posts.Load() != 1 || keyed.Load() != 1 {
		t.Errorf("%d sent, in %d posts, %d with a key", sent, posts.Load(), keyed.Load())
	}
	if lines := out.String(); !strings.Contains(lines, `"service":"payments"`) || !strings.Contains(lines, `"Requests":1`) {
		t.Errorf("%s", lines)
	}

	score()
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if sent, lines := a.metrics.Traces.Sent.Value(), out.String(); sent != 2 || strings.Count(lines, `"Requests":1`) != 2 {
		t.Errorf("%d sent, when it has ended; lines:\n%s", sent, lines)
	}
}

// TestWhatIsDue has an X-Ray daemon told after each request, and metrics written as their time comes.
func TestWhatIsDue(t *testing.T) {
	daemon, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Close()
	var out stdout
	var clock atomic.Int64
	b := telling(&out)
	b.EMF = func(o EmitterOptions) (Emitter, error) {
		return emf.New(emf.Options{
			Namespace: o.Namespace, Service: o.Service, Function: "score", Every: o.Every, Metrics: o.Metrics, Out: &out, Log: o.Log,
			Now: func() time.Time { return time.Unix(clock.Load(), 0) },
		})
	}
	c := Defaults()
	c.Admin.Listen, c.Limits.Concurrency, c.Traces.Endpoint, c.EMF.Namespace = "", "off", "udp://"+daemon.LocalAddr().String(), "besra"
	a, err := New(c, b, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.closeTold()
	score := func() {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, "/v1/score", strings.NewReader(demoRow))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")
		r.Header.Set("X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
		w := httptest.NewRecorder()
		a.gateway.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if err := a.FlushDue(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	lines := func() int { return strings.Count(out.String(), "\"Requests\":") }
	buf := make([]byte, 1<<16)
	for i, step := range []struct {
		at   int64
		want int
	}{{0, 1}, {10, 1}, {59, 1}, {60, 2}, {61, 2}} {
		clock.Store(step.at)
		score()
		if got := lines(); got != step.want {
			t.Errorf("request %d: %d lines, want %d", i, got, step.want)
		}
		_ = daemon.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, _, err := daemon.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		message, err := base64.StdEncoding.DecodeString(string(buf[strings.Index(string(buf[:n]), "T1S")+3 : n]))
		if err != nil || !bytes.Contains(message, []byte("\x57\x59\xe9\x88\xbd\x86\x2e\x3f\xe1\xbe\x46\xa9\x94\x27\x27\x93")) {
			t.Errorf("request %d: %v, %q", i, err, message)
		}
	}
	if n := testing.AllocsPerRun(1000, func() { _ = a.FlushDue(t.Context()) }); n != 0 {
		t.Errorf("where nothing is due: %v allocations", n)
	}
	if err := a.emitter.Flush(t.Context()); err != nil || lines() != 3 {
		t.Errorf("in the end: %d lines, %v", lines(), err)
	}
}

func TestSettingsOfWhatIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := filepath.Join(dir, "headers")
	put(t, bad, "Authorization: Bearer hush\nBearer hush\n")
	good := filepath.Join(dir, "good")
	put(t, good, "Authorization: Bearer hush\n")
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no URL": {func(c *Config) { c.Traces.Endpoint = "localhost:4318" }, "traces.endpoint: want a URL such as http://localhost:4318"},
		"datagrams with headers": {func(c *Config) {
			c.Traces.Endpoint, c.Traces.HeadersFile = "udp://127.0.0.1:2000", good
		}, "traces.endpoint: datagrams have no headers"},
		"a secret in it":           {func(c *Config) { c.Traces.Endpoint = "http://user:hush@collector" }, "traces.endpoint: secrets do not belong into a URL"},
		"no headers there":         {func(c *Config) { c.Traces.HeadersFile = filepath.Join(dir, "none") }, "traces.headers_file: open "},
		"no headers":               {func(c *Config) { c.Traces.HeadersFile = bad }, "headers:2: want a name, a colon and a value"},
		"no certificate":           {func(c *Config) { c.Traces.CA = bad }, "traces.ca: " + bad + " has no certificate"},
		"a namespace that AWS has": {func(c *Config) { c.EMF.Namespace = "AWS/Lambda" }, `emf.namespace: "AWS/Lambda" is no namespace`},
	} {
		t.Run(name, func(t *testing.T) {
			conf := Defaults()
			conf.Traces.Endpoint = "http://localhost:4318"
			c.change(&conf)
			_, err := New(conf, telling(new(stdout)), nil, slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
				t.Errorf("%v", err)
			}
		})
	}
	conf := Defaults()
	for name, value := range map[string]string{"traces.endpoint": "http://localhost:4318", "emf.namespace": "besra"} {
		for _, s := range conf.Settings() {
			if s.Name == name {
				if err := s.Value.Set(value); err != nil {
					t.Error(err)
				}
			}
		}
		if _, err := New(conf, testBackends(), nil, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "this binary") {
			t.Errorf("a binary without it: %s: %v", name, err)
		}
	}
}

func TestProfilesAreForOperatorsAlone(t *testing.T) {
	t.Parallel()
	operators := freeAddress(t)
	g := guard(t, func(c *Config) { c.Admin.Listen, c.Flight = operators, time.Second })
	listening(t, operators)
	score, _ := g.create(t, auth.Entry{Name: "shop", Scopes: identity.All &^ identity.Admin})
	operator, _ := g.create(t, auth.Entry{Name: "operator", Scopes: identity.Admin})
	bound, _ := g.create(t, auth.Entry{Name: "one model's", Scopes: identity.Admin, Models: []string{"fraud"}})
	s := *g.server
	s.addr = operators
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/profile?seconds=0.01", "/debug/flight"} {
		status, _, body := s.ask(http.MethodGet, path, "")
		refused(t, status, body, http.StatusUnauthorized, "unauthenticated")
		for _, key := range []string{score, bound} {
			status, _, body = s.ask(http.MethodGet, path, "", "X-API-Key", key)
			refused(t, status, body, http.StatusForbidden, "forbidden")
		}
		eventually(t, path+" is answered", func() bool {
			status, _, _ := s.ask(http.MethodGet, path, "", "X-API-Key", operator)
			return status == http.StatusOK
		})
		if status, body := g.get(path); status == http.StatusOK {
			t.Errorf("%s of clients: %d %.100s", path, status, body)
		}
	}
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestEntitiesThatAreListedAreFound looks for a card's payments in the log, by the hash that lists of policies have.
func TestEntitiesThatAreListedAreFound(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	s := startLogged(t, slog.New(slog.NewTextHandler(&log, nil)), func(c *Config) {
		c.Log.Sample, c.Log.Entities = 1, []string{"card"}
	})
	for _, card := range []string{"c_17", "c_18", "c_17"} {
		body := fmt.Sprintf(`{"event":{"time":"2026-11-27T00:00:01Z","card":%q,"terminal":"t_1","amount":12.5}}`, card)
		if status, answer := s.post("/v1/score", body); status != http.StatusOK {
			t.Fatalf("%d %s", status, answer)
		}
	}
	hash := s.hasher.Hash("card", []byte("c_17"))
	if n := strings.Count(log.String(), fmt.Sprintf(" card=%x ", hash[:])); n != 2 || strings.Contains(log.String(), "terminal=") {
		t.Errorf("%d lines of it:\n%s", n, log.String())
	}
}
