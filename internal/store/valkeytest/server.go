package valkeytest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Server is a process of redis-server or valkey-server on 127.0.0.1. It keeps nothing on disk unless Config
// says so, and ends with the test at the latest.
//
// Its methods may be called from many goroutines, but Kill, Restart and what fails the test only from the test's.
type Server struct {
	Program Program

	t        testing.TB
	dir      string
	settings settings
	port     int
	bus      int // where nodes of a cluster meet, or 0
	proxy    *Proxy
	cert     *certificate

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has ended
}

// Start starts a server and waits until it answers. When the test fails, the end of the server's log is shown.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	return start(t, with(options), false)
}

func start(t testing.TB, settings settings, cluster bool) *Server {
	t.Helper()
	if settings.program.Path == "" {
		settings.program = Servers(t)[0]
	}
	s := &Server{Program: settings.program, t: t, dir: t.TempDir(), settings: settings}
	if len(settings.names) > 0 {
		if s.settings.authority == nil {
			s.settings.authority = newAuthority(t)
		}
		s.cert = s.settings.authority.certify(t, s.dir, settings.names...)
	}
	if cluster && settings.proxied {
		s.proxy = NewProxy(t, "")
	}
	t.Cleanup(s.clean)
	var err error
	for range 10 {
		if s.port = settings.port; s.port == 0 {
			s.port = freePort(t)
		}
		if cluster {
			s.bus = freePort(t)
		}
		if s.proxy != nil {
			s.proxy.Target(s.Addr())
		}
		if err = s.launch(); err == nil {
			return s
		}
		if !errors.Is(err, errTaken) || settings.port != 0 {
			break
		}
	}
	t.Fatalf("%s: %v\n%s", s.Program, err, s.tail())
	return nil
}

// Addr is where the server listens.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Port is where the server listens.
func (s *Server) Port() int { return s.port }

// PID is the number of the server's process.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Pid
}

// Kill ends the server at once, as a loss of power would.
func (s *Server) Kill() {
	s.mu.Lock()
	cmd, ended := s.cmd, s.ended
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Kill() // an error says that it has ended
	<-ended
}

// Freeze stops the process: its connections stay, the system accepts new ones, and nothing is answered.
func (s *Server) Freeze() {
	s.t.Helper()
	if err := freeze(s.PID()); err != nil {
		s.t.Fatal(err)
	}
}

// Thaw lets a frozen process go on.
func (s *Server) Thaw() {
	s.t.Helper()
	if err := thaw(s.PID()); err != nil {
		s.t.Fatal(err)
	}
}

// Restart kills the server, if it runs, and starts it on the same port. It comes back empty, unless Config had it
// write to disk.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	late := time.Now().Add(patience)
	for {
		err := s.launch()
		if err == nil {
			return
		}
		if !errors.Is(err, errTaken) || time.Now().After(late) {
			s.t.Fatalf("%s: %v\n%s", s.Program, err, s.tail())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// CPUSeconds is how much processor time the process has used, its own and the system's for it.
func (s *Server) CPUSeconds() float64 {
	s.t.Helper()
	used, err := cpuSeconds(s.PID())
	if err != nil {
		s.t.Fatal(err)
	}
	return used
}

// Log is what the server has logged since the test began.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.file("log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Dial connects to the server, as the user that the options name.
func (s *Server) Dial() (*Conn, error) { return s.dial(patience) }

func (s *Server) dial(limit time.Duration) (*Conn, error) {
	c, err := dial(s.Addr(), s.TLSConfig(), limit)
	if err != nil || s.settings.password == "" {
		return c, err
	}
	login := []string{"AUTH", s.settings.password}
	if s.settings.user != "" {
		login = []string{"AUTH", s.settings.user, s.settings.password}
	}
	if _, err := c.do(limit, login...); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Do asks a command on a connection of its own; Conn.Do says how answers look.
func (s *Server) Do(args ...string) (string, error) { return s.do(patience, args...) }

func (s *Server) do(limit time.Duration, args ...string) (string, error) {
	c, err := s.dial(limit)
	if err != nil {
		return "", err
	}
	defer c.Close()
	return c.do(limit, args...)
}

// Must is Do for what cannot fail.
func (s *Server) Must(args ...string) string {
	s.t.Helper()
	answer, err := s.Do(args...)
	if err != nil {
		s.t.Fatalf("%s: %s: %v", s.Addr(), strings.Join(args, " "), err)
	}
	return answer
}

// Info returns a field of INFO, such as used_memory or evicted_keys.
func (s *Server) Info(field string) string {
	s.t.Helper()
	value, _ := fieldOf(s.Must("INFO", "everything"), field)
	return value
}

// fieldOf finds a field in "name:value" lines.
func fieldOf(text, field string) (string, bool) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// TLSConfig is what a client of the server needs, with a certificate of its own; nil without TLS.
func (s *Server) TLSConfig() *tls.Config {
	if s.cert == nil {
		return nil
	}
	config := s.settings.authority.client.Clone()
	config.ServerName = s.settings.names[0]
	return config
}

// CAFile is a PEM file with the authority that signed the server's certificate; empty without TLS.
func (s *Server) CAFile() string {
	if s.cert == nil {
		return ""
	}
	return s.settings.authority.file
}

// ClientCert is PEM files with a certificate and key that the server accepts from a client.
func (s *Server) ClientCert() (cert, key string) {
	if s.cert == nil {
		return "", ""
	}
	return s.settings.authority.clientFiles.cert, s.settings.authority.clientFiles.key
}

// errTaken says that the server's port is someone else's.
var errTaken = errors.New("the port is taken")

// launch starts the process and waits until it answers.
func (s *Server) launch() error {
	if err := s.configure(); err != nil {
		return err
	}
	// The log is a file, not a pipe: a child that the server forks to feed a replica may outlive it.
	log, err := os.OpenFile(s.file("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	before, err := log.Stat()
	if err != nil {
		return err
	}
	cmd := exec.Command(s.Program.Path, s.file("conf")) //nolint:noctx // it lives until Kill
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	tie(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // how it ended is in the log
	}()
	s.mu.Lock()
	s.cmd, s.ended = cmd, ended
	s.mu.Unlock()
	if err := s.ready(before.Size()); err != nil {
		s.Kill()
		return err
	}
	return nil
}

// ready waits until the server answers. Its log, from a byte on, says that it is this one who listens: another may
// have been faster, and would answer as well.
func (s *Server) ready(from int64) error {
	late := time.Now().Add(patience)
	for {
		log := s.Log()[from:]
		if strings.Contains(log, "Ready to accept connections") {
			_, err := s.do(time.Second, "PING")
			var refused Error // whoever may not ask was answered
			if err == nil || errors.As(err, &refused) && !strings.HasPrefix(string(refused), "LOADING") {
				return nil
			}
		}
		select {
		case <-s.ended:
			if log := s.Log()[from:]; strings.Contains(log, "in use") || strings.Contains(log, "Failed listening") {
				return fmt.Errorf("port %d: %w", s.port, errTaken)
			}
			return errors.New("it ended instead of listening")
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(late) {
			return errors.New("it does not answer")
		}
	}
}

func (s *Server) configure() error {
	lines := []string{
		"bind 127.0.0.1",
		"dir " + quoted(s.dir),
		`save ""`,
		"appendonly no",
		"enable-debug-command local",
		"repl-diskless-sync yes",
		"repl-diskless-sync-delay 0",
		"repl-ping-replica-period 1",
	}
	listen := fmt.Sprintf("port %d", s.port)
	if s.cert != nil {
		listen = fmt.Sprintf("port 0\ntls-port %d", s.port)
		lines = append(lines,
			"tls-cert-file "+quoted(s.cert.cert),
			"tls-key-file "+quoted(s.cert.key),
			"tls-ca-cert-file "+quoted(s.settings.authority.file),
			"tls-auth-clients no",
			"tls-replication yes",
			"tls-cluster yes",
		)
	}
	if s.bus != 0 {
		lines = append(lines,
			"cluster-enabled yes",
			"cluster-config-file nodes.conf",
			fmt.Sprintf("cluster-port %d", s.bus),
			"cluster-node-timeout 500",
			"cluster-replica-validity-factor 0",
			"cluster-allow-replica-migration no",
		)
		if s.proxy != nil {
			lines = append(lines, fmt.Sprintf("cluster-announce-port %d", s.proxy.Port()), "cluster-announce-ip 127.0.0.1")
			if s.cert != nil {
				lines = append(lines, fmt.Sprintf("cluster-announce-tls-port %d", s.proxy.Port()))
			}
		}
	}
	if len(s.settings.users) > 0 {
		users := strings.Join(s.settings.users, "\n") + "\n"
		if err := os.WriteFile(s.file("users.acl"), []byte(users), 0o600); err != nil {
			return err
		}
		lines = append(lines, "aclfile "+quoted(s.file("users.acl")))
	}
	lines = append(append(lines, listen), s.settings.lines...)
	return os.WriteFile(s.file("conf"), []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

func (s *Server) file(name string) string { return filepath.Join(s.dir, name) }

// clean ends the server with the test.
func (s *Server) clean() {
	s.Kill()
	if s.t.Failed() {
		s.t.Logf("log of %s on port %d:\n%s", s.Program, s.port, s.tail())
	}
}

// tail is the end of the log.
func (s *Server) tail() string {
	text := s.Log()
	return text[max(0, len(text)-8000):]
}

// quoted writes a value for the configuration.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// freePort returns a port that nobody has. It is none of those that the system gives away by itself, so that
// nobody is given it while its server is down, and a client that dials it then does not meet itself.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 12000 + rand.IntN(20000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // listening does not wait
		if err != nil {
			continue
		}
		_ = l.Close()
		return port
	}
	t.Fatal("no port is free")
	return 0
}
