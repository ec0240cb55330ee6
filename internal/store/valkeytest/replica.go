package valkeytest

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// StartReplica starts a replica of a server, with the server's own options and these, and waits until it has
// everything.
func StartReplica(t testing.TB, of *Server, options ...Option) *Server {
	t.Helper()
	settings := of.settings
	settings.port = 0
	settings.lines = append([]string{}, settings.lines...)
	for _, option := range options {
		option(&settings)
	}
	if settings.password != "" {
		settings.lines = append(settings.lines, "masterauth "+quoted(settings.password))
		if settings.user != "" {
			settings.lines = append(settings.lines, "masteruser "+quoted(settings.user))
		}
	}
	settings.lines = append(settings.lines, "replicaof 127.0.0.1 "+strconv.Itoa(of.port))
	s := start(t, settings, false)
	s.await("it has no link to its primary", func() bool { return s.info("master_link_status") == "up" })
	return s
}

// Promote makes a replica a primary. What its primary had not sent by then is lost.
func (s *Server) Promote() {
	s.t.Helper()
	s.Must("REPLICAOF", "NO", "ONE")
}

// Caught waits until so many replicas have all that the server has been told so far.
func (s *Server) Caught(replicas int) {
	s.t.Helper()
	// WAIT would know of its own connection's commands alone.
	s.await("its replicas do not keep up", func() bool {
		text := s.Must("INFO", "replication")
		all, _ := fieldOf(text, "master_repl_offset")
		n := 0
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "slave") && strings.Contains(line, ",offset="+all+",") {
				n++
			}
		}
		return n >= replicas
	})
}

// info is Info, empty while the server does not answer.
func (s *Server) info(field string) string {
	text, err := s.do(time.Second, "INFO", "everything")
	if err != nil {
		return ""
	}
	value, _ := fieldOf(text, field)
	return value
}

// await waits until something holds, and fails the test with what is wrong when it does not.
func (s *Server) await(wrong string, holds func() bool) {
	s.t.Helper()
	for late := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			s.t.Fatalf("%s on port %d: %s\n%s", s.Program, s.port, wrong, s.tail())
		}
	}
}
