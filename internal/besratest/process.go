package besratest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a test waits for what must come.
const Patience = 2 * time.Minute

// A Process is one of besra serve. It ends with the test at the latest.
type Process struct {
	Ended <-chan struct{} // closed when it has ended

	t       testing.TB
	cmd     *exec.Cmd
	client  *http.Client
	url     string        // set before listens is closed
	listens chan struct{} // closed when it listens
	mu      sync.Mutex
	log     bytes.Buffer
	said    map[string]int // messages
}

// Start starts a process, of a command that ends in besra serve. When the test fails, the end of its log is shown.
func Start(t testing.TB, command ...string) *Process {
	t.Helper()
	ended := make(chan struct{})
	p := &Process{
		Ended: ended, t: t, cmd: exec.CommandContext(context.Background(), command[0], command[1:]...), listens: make(chan struct{}), said: map[string]int{},
		client: &http.Client{Timeout: Patience, Transport: &http.Transport{MaxIdleConnsPerHost: 1000}},
	}
	log, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(ended)
		p.follow(log)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("its log:\n%s", p.Log())
		}
	})
	return p
}

// follow reads the log until the process ends.
func (p *Process) follow(log io.Reader) {
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct{ Msg, URL string }
		_ = json.Unmarshal(lines.Bytes(), &line) // what a panic prints is no JSON
		if line.Msg == "listening" {
			p.url = line.URL
			close(p.listens)
		}
		p.mu.Lock()
		p.said[line.Msg]++
		p.log.Write(lines.Bytes())
		p.log.WriteByte('\n')
		p.mu.Unlock()
	}
	_ = p.cmd.Wait() // tests that mind how it ended ask with Exits
}

// Log returns the end of the log.
func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := p.log.String()
	return text[max(0, len(text)-6000):]
}

// Says returns how many lines of the log have this message.
func (p *Process) Says(message string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said[message]
}

// URL waits until the process listens, and returns where.
func (p *Process) URL() string {
	p.t.Helper()
	select {
	case <-p.listens:
	case <-p.Ended:
		p.t.Fatal("it ended instead of listening")
	case <-time.After(Patience):
		p.t.Fatal("it does not listen")
	}
	return p.url
}

// Ready waits until the process has recovered, and is ready for requests.
func (p *Process) Ready() {
	p.t.Helper()
	p.URL()
	p.Until("it is ready", func() bool { return p.Get("/readyz").Status == http.StatusOK })
}

// Until waits until something holds, while the process runs.
func (p *Process) Until(what string, holds func() bool) {
	p.t.Helper()
	late := time.After(Patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-p.Ended:
			p.t.Fatalf("%s: it ended", what)
		case <-late:
			p.t.Fatalf("%s: it does not happen", what)
		}
	}
}

// Crash kills the process, which must have been running.
func (p *Process) Crash() {
	p.t.Helper()
	p.kill()
	if p.cmd.ProcessState.Exited() {
		p.t.Fatalf("it had ended by itself: %v", p.cmd.ProcessState)
	}
}

func (p *Process) kill() {
	_ = p.cmd.Process.Kill() // an error says that it has ended
	<-p.Ended
	p.client.CloseIdleConnections()
}

// Stop ends the process as operators do, which must end well.
func (p *Process) Stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	p.Exits(0)
}

// Exits waits until the process ends by itself, with this code.
func (p *Process) Exits(code int) {
	p.t.Helper()
	select {
	case <-p.Ended:
	case <-time.After(Patience):
		p.t.Fatal("it does not end")
	}
	p.client.CloseIdleConnections()
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.t.Fatalf("it ended with %d, want %d", got, code)
	}
}

// An Answer is what a process has said; or why it has not, without a status.
type Answer struct {
	Status     int
	RetryAfter string // seconds
	Replayed   bool
	Body       []byte
	Err        error
}

func (a Answer) String() string {
	if a.Err != nil {
		return a.Err.Error()
	}
	return fmt.Sprintf("%d %s", a.Status, a.Body)
}

// Get asks for a path.
func (p *Process) Get(path string) Answer { return p.ask(http.MethodGet, path, "") }

// Post sends JSON to a path.
func (p *Process) Post(path, body string) Answer { return p.ask(http.MethodPost, path, body) }

func (p *Process) ask(method, path, body string) Answer {
	req, err := http.NewRequestWithContext(context.Background(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		return Answer{Err: err}
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := p.client.Do(req)
	if err != nil {
		return Answer{Err: err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return Answer{Err: err}
	}
	return Answer{
		Status: res.StatusCode, RetryAfter: res.Header.Get("Retry-After"),
		Replayed: res.Header.Get("Idempotent-Replayed") == "true", Body: text,
	}
}
