//go:build unix

package outage

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// A process is one of besra serve.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	client *http.Client
	url    string
	ended  chan struct{} // closed when the process has ended
	mu     sync.Mutex
	log    bytes.Buffer
	said   map[string]int // messages
}

// A setup is what processes have in common: a store, and the key of entities' hashes.
type setup struct {
	store string // its address; "": each remembers by itself
	key   string // file
}

func newSetup(t *testing.T, store string) setup {
	t.Helper()
	key := filepath.Join(t.TempDir(), "entity.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("5a", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return setup{store, key}
}

// start starts a process with the demo's model, and waits until it is ready.
func (u setup) start(t *testing.T, flags ...string) *process {
	t.Helper()
	args := []string{
		"serve", "--listen", "127.0.0.1:0", "--admin-listen", "", "--state-entity-key-file", u.key,
		"--limits-deadline", "10s", "--limits-concurrency", "off", "--valkey-deadline", "100ms", "--log-level", "info",
	}
	if u.store != "" {
		args = append(args, "--valkey-address", u.store)
	}
	p := &process{
		t: t, ended: make(chan struct{}), said: map[string]int{},
		cmd:    exec.Command(built(t), append(args, flags...)...),
		client: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 1000}},
	}
	out, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("its log:\n%s", p.logged())
		}
	})
	listens := make(chan string, 1)
	go p.follow(out, listens)
	select {
	case p.url = <-listens:
	case <-p.ended:
		t.Fatalf("it ended instead of listening:\n%s", p.logged())
	case <-time.After(patience):
		t.Fatalf("it does not listen:\n%s", p.logged())
	}
	p.until("it is ready", func() bool { return p.get("/readyz").status == http.StatusOK })
	return p
}

// follow reads the log until the process ends.
func (p *process) follow(out io.Reader, listens chan<- string) {
	defer close(p.ended)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var line struct{ Msg, URL string }
		_ = json.Unmarshal(lines.Bytes(), &line) // what a panic prints is no JSON
		if line.Msg == "listening" {
			listens <- line.URL
		}
		p.mu.Lock()
		p.said[line.Msg]++
		p.log.Write(lines.Bytes())
		p.log.WriteByte('\n')
		p.mu.Unlock()
	}
	_ = p.cmd.Wait() // how it ended does not matter
}

func (p *process) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := p.log.String()
	return text[max(0, len(text)-6000):]
}

// says returns how often the log has said something.
func (p *process) says(message string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said[message]
}

// kill ends the process at once.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error says that it has ended
	<-p.ended
	p.client.CloseIdleConnections()
}

// An answer is what the process has said. Without a status it has not.
type answer struct {
	status   int
	retry    string // Retry-After
	replayed bool
	body     string
	err      error
}

func (a answer) String() string { return fmt.Sprintf("%d %s%v", a.status, a.body, a.err) }

func (p *process) get(path string) answer { return p.ask(http.MethodGet, path, "") }

func (p *process) score(body string) answer { return p.ask(http.MethodPost, "/v1/score", body) }

func (p *process) ask(method, path, body string) answer {
	req, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := p.client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return answer{
		status: res.StatusCode, retry: res.Header.Get("Retry-After"), replayed: res.Header.Get("Idempotent-Replayed") == "true",
		body: string(text), err: err,
	}
}

// metric returns what a metric says, the sum of its series whose labels contain a text.
func (p *process) metric(name, labels string) (sum float64) {
	p.t.Helper()
	got := p.get("/metrics")
	if got.status != http.StatusOK {
		p.t.Fatal(got)
	}
	for line := range strings.Lines(got.body) {
		series, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || series != name && !strings.HasPrefix(series, name+"{") || !strings.Contains(series, labels) {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// A store is what /v1/status says of it.
type store struct {
	Up     bool
	Why    string
	Losses int
}

func (p *process) store() store {
	p.t.Helper()
	var status struct{ Store store }
	got := p.get("/v1/status")
	if err := json.Unmarshal([]byte(got.body), &status); err != nil || got.status != http.StatusOK {
		p.t.Fatalf("%v: %v", got, err)
	}
	return status.Store
}

// until waits until something holds, and returns how long that took.
func (p *process) until(what string, holds func() bool) time.Duration {
	p.t.Helper()
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if holds() {
			return time.Since(begun)
		}
		if time.Since(begun) > patience {
			p.t.Fatalf("%s: it does not\n%s", what, p.logged())
		}
	}
}

// event returns a payment's body; without an id if that is empty. at is seconds from some moment.
func event(id, card string, at, amount int) string {
	when := time.Unix(1_700_000_000+int64(at), 0).UTC().Format(time.RFC3339)
	e := fmt.Sprintf(`{"time":%q,"card":%q,"terminal":"t_1","amount":%d.25}`, when, card, amount)
	if id == "" {
		return fmt.Sprintf(`{"event":%s}`, e)
	}
	return fmt.Sprintf(`{"event_id":%q,"event":%s}`, id, e)
}
