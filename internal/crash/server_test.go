//go:build unix

package crash

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must come.
const patience = 2 * time.Minute

// A server is a process of besra serve.
type server struct {
	t      *testing.T
	cmd    *exec.Cmd
	client *http.Client
	url    string        // set before listens is closed
	listen chan struct{} // closed when it listens
	ended  chan struct{} // closed when the process has ended
	mu     sync.Mutex
	log    bytes.Buffer
}

// start starts besra serve on a state.dir, by the command that wraps it, if one is given.
func start(t *testing.T, dir string, wrap []string, flags ...string) *server {
	t.Helper()
	args := append([]string{}, wrap...)
	args = append(args, built(t), "serve", "--listen", "127.0.0.1:0", "--state-dir", dir)
	args = append(args, flags...)
	s := &server{
		t: t, listen: make(chan struct{}), ended: make(chan struct{}),
		cmd:    exec.Command(args[0], args[1:]...),
		client: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 32}},
	}
	out, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go s.follow(out)
	t.Cleanup(s.kill)
	return s
}

// follow reads the log until the process ends.
func (s *server) follow(out io.Reader) {
	defer close(s.ended)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct{ Msg, URL string }
		_ = json.Unmarshal(lines.Bytes(), &line) // what a panic prints is no JSON
		if line.Msg == "listening" {
			s.url = line.URL
			close(s.listen)
		}
		s.mu.Lock()
		s.log.Write(lines.Bytes())
		s.log.WriteByte('\n')
		s.mu.Unlock()
	}
	_ = s.cmd.Wait()
}

func (s *server) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.log.String()
	return text[max(0, len(text)-4000):]
}

// ready waits until the server has recovered.
func (s *server) ready() {
	s.t.Helper()
	late := time.After(patience)
	select {
	case <-s.listen:
	case <-s.ended:
		s.t.Fatalf("it ended instead of listening:\n%s", s.logged())
	case <-late:
		s.t.Fatalf("it does not listen:\n%s", s.logged())
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		if status, _, _, err := s.ask(http.MethodGet, "/readyz", ""); err == nil && status == http.StatusOK {
			return
		}
		select {
		case <-tick.C:
		case <-s.ended:
			s.t.Fatalf("it ended instead of being ready:\n%s", s.logged())
		case <-late:
			s.t.Fatalf("it is not ready:\n%s", s.logged())
		}
	}
}

// crash kills the server, which must have been running.
func (s *server) crash() {
	s.t.Helper()
	s.kill()
	if s.cmd.ProcessState.Exited() {
		s.t.Fatalf("it had ended by itself: %v\n%s", s.cmd.ProcessState, s.logged())
	}
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill() // an error says that it has ended
	<-s.ended
	s.client.CloseIdleConnections()
}

// stop ends the server as operators do.
func (s *server) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	s.exits(0)
}

// exits waits until the process ends by itself, with this code.
func (s *server) exits(code int) {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.t.Fatalf("it does not end:\n%s", s.logged())
	}
	s.client.CloseIdleConnections()
	if got := s.cmd.ProcessState.ExitCode(); got != code {
		s.t.Fatalf("it ended with %d, want %d:\n%s", got, code, s.logged())
	}
}

// ask asks the server something.
func (s *server) ask(method, path, body string) (status int, replayed bool, answer []byte, err error) {
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, false, nil, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := s.client.Do(req)
	if err != nil {
		return 0, false, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, res.Header.Get("Idempotent-Replayed") == "true", answer, err
}
