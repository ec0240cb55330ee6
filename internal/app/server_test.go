package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/dashboard"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/valkey"
	"github.com/besra-ml/besra/internal/telemetry"
	"github.com/besra-ml/besra/internal/telemetry/prometheus"
)

// demoBundle is the bundle that the binary embeds.
const demoBundle = "../../models/fraud/1"

// patience bounds every wait for something that must happen.
const patience = 20 * time.Second

// A server is the real service on a real socket.
type server struct {
	*App
	t      *testing.T
	addr   string
	client *http.Client

	cancel context.CancelFunc
	served chan error
}

// newApp makes the service of these models, the demo when there are none.
func newApp(t *testing.T, c Config, paths ...string) *App {
	t.Helper()
	return newLogged(t, slog.New(slog.DiscardHandler), c, paths...)
}

func newLogged(t *testing.T, log *slog.Logger, c Config, paths ...string) *App {
	t.Helper()
	a, err := New(c, testBackends(), paths, log)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func testBackends() Backends {
	return Backends{
		Exporter: func(m *telemetry.Metrics) http.Handler { return prometheus.Handler(m) },
		Page:     dashboard.Handler,
		Demo:     os.DirFS(demoBundle),
		Shared:   testShared{},
	}
}

// testShared is the store that the binary links.
type testShared struct{}

func (testShared) Open(ctx context.Context, o store.SharedOptions, m *telemetry.Store) (store.Shared, error) {
	return valkey.Open(ctx, o, m)
}

func (testShared) IAM(string, string, string, bool) (func(context.Context) (string, string, time.Time, error), error) {
	return nil, errors.ErrUnsupported
}

// start serves these models, the demo when there are none, until the test ends.
func start(t *testing.T, change func(*Config), paths ...string) *server {
	t.Helper()
	return startLogged(t, slog.New(slog.DiscardHandler), change, paths...)
}

func startLogged(t *testing.T, log *slog.Logger, change func(*Config), paths ...string) *server {
	t.Helper()
	return startWith(t, testBackends(), log, change, paths...)
}

func startWith(t *testing.T, b Backends, log *slog.Logger, change func(*Config), paths ...string) *server {
	t.Helper()
	c := Defaults()
	c.Listen, c.Admin.Listen = "127.0.0.1:0", ""
	c.Limits.Deadline, c.Limits.Concurrency = patience, "off" // the machine may be busy
	if change != nil {
		change(&c)
	}
	a, err := New(c, b, paths, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l, err := a.Listen(ctx)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	s := &server{
		App: a, t: t, addr: l.Addr().String(), client: &http.Client{Transport: transport, Timeout: patience},
		cancel: cancel, served: make(chan error, 1),
	}
	go func() { s.served <- a.Serve(ctx, l) }()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		cancel()
		s.served <- <-s.served // whoever asked before has put it back
	})
	return s
}

// ended waits for Serve to return, and returns its error.
func (s *server) ended() error {
	s.t.Helper()
	select {
	case err := <-s.served:
		s.served <- err
		return err
	case <-time.After(patience):
		s.t.Fatal("Serve does not return")
		return nil
	}
}

// inFlight waits until n requests are in flight.
func (s *server) inFlight(n uint64) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%d requests are in flight", n), func() bool { return s.metrics.InFlight.Value() == n })
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// post sends a JSON body and returns the answer's status and body.
func (s *server) post(path, body string) (int, string) {
	s.t.Helper()
	return s.do(http.MethodPost, path, body)
}

func (s *server) get(path string) (int, string) {
	s.t.Helper()
	return s.do(http.MethodGet, path, "")
}

func (s *server) do(method, path, body string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, "http://"+s.addr+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// scores checks that the server still answers others, and quickly. One who is told that there is too much to do asks again.
func (s *server) scores() {
	s.t.Helper()
	begun := time.Now()
	code, answer := s.post("/v1/score", demoRow)
	for code == http.StatusServiceUnavailable && strings.Contains(answer, "overloaded") && time.Since(begun) < 5*time.Second {
		time.Sleep(10 * time.Millisecond)
		code, answer = s.post("/v1/score", demoRow)
	}
	if code != http.StatusOK {
		s.t.Fatalf("%d %s", code, answer)
	}
	if took := time.Since(begun); took > 5*time.Second {
		s.t.Errorf("a request took %v", took)
	}
}

// demoRow asks for the score of a row of the demo.
const demoRow = `{"row":[138.43,0,0,3,104.76,8,73.7325,16,86.62063,2,0,12,0,48,0]}`

// A wire is a connection on which every byte is ours to send, when we like.
type wire struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

// dial connects to s; the connection is closed when the test ends.
func dial(t *testing.T, s *server) *wire {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &wire{c, t, bufio.NewReader(c)}
}

func (w *wire) send(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		w.t.Fatal(err)
	}
}

// answer reads an answer with its body.
func (w *wire) answer() (*http.Response, string) {
	w.t.Helper()
	resp, err := http.ReadResponse(w.r, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp, string(body)
}

// closed waits until the server has hung up, having sent nothing more.
func (w *wire) closed() {
	w.t.Helper()
	rest, err := io.ReadAll(w.r)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.t.Fatal("the server keeps the connection open")
	}
	if len(rest) > 0 {
		w.t.Errorf("before it hung up, the server said %q", rest)
	}
}

// scoreRequest is the head of a request to score, whose body has n bytes.
func scoreRequest(path string, n int) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, n)
}

// A problemJSON is an error as a client reads it.
type problemJSON struct {
	Type, Title, Code, Field, Detail string
	Status                           int
}

// refused checks that an answer is a problem of that status and code, and returns it.
func refused(t *testing.T, status int, body string, wantStatus int, wantCode string) problemJSON {
	t.Helper()
	var p problemJSON
	d := json.NewDecoder(bytes.NewBufferString(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatalf("%d %.300s: %v", status, body, err)
	}
	if status != wantStatus || p.Status != wantStatus || p.Code != wantCode || p.Type != "urn:besra:problem:"+wantCode {
		t.Errorf("%d %s\nwant %d %s", status, body, wantStatus, wantCode)
	}
	if p.Title == "" || len(body) > 1000 {
		t.Errorf("title %q, %d bytes in all", p.Title, len(body))
	}
	return p
}

// copyOf copies a file of testdata under another name, which is what a bare model file is served under.
func copyOf(t *testing.T, dir, from, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../testdata/xgboost", from))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
