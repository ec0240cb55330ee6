package valkeytest

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

func TestStart(t *testing.T) {
	Each(t, func(t *testing.T, program Program) {
		s := Start(t, On(program))
		t.Run("answers are text", func(t *testing.T) {
			for _, ask := range []struct{ command, want string }{
				{"PING", "PONG"},
				{"SET key value", "OK"},
				{"GET key", "value"},
				{"GET nothing", "(nil)"},
				{"INCR n", "1"},
				{"MGET key nothing n", "value\n(nil)\n1"},
			} {
				if got := s.Must(strings.Fields(ask.command)...); got != ask.want {
					t.Errorf("%s: %q, want %q", ask.command, got, ask.want)
				}
			}
		})
		t.Run("a refusal is an Error", func(t *testing.T) {
			var refused Error
			if _, err := s.Do("INCR", "key"); !errors.As(err, &refused) || !strings.HasPrefix(string(refused), "ERR ") {
				t.Errorf("%v", err)
			}
		})
		t.Run("a frozen server does not answer", func(t *testing.T) {
			s.Freeze()
			_, err := s.do(50*time.Millisecond, "PING")
			var timeout net.Error
			if !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("%v", err)
			}
			s.Thaw()
			s.Must("PING")
			s.Freeze()
			s.Restart()
			s.Must("SET", "key", "value")
		})
		t.Run("it counts its work", func(t *testing.T) {
			before := s.CPUSeconds()
			s.Must("EVAL", "for i = 1, 10000000 do end", "0")
			if after := s.CPUSeconds(); after <= before || after > before+10 {
				t.Errorf("%v, then %v", before, after)
			}
		})
		t.Run("a killed server refuses, and comes back empty", func(t *testing.T) {
			pid, addr := s.PID(), s.Addr()
			s.Kill()
			if _, err := s.Do("PING"); err == nil {
				t.Error("it still answers")
			}
			s.Restart()
			if got := s.Must("GET", "key"); got != "(nil)" || s.PID() == pid || s.Addr() != addr {
				t.Errorf("%q from %d at %s, before %d at %s", got, s.PID(), s.Addr(), pid, addr)
			}
			if strings.Count(s.Log(), "Ready to accept") != 3 {
				t.Errorf("%s", s.Log())
			}
		})
	})
}

func TestOptions(t *testing.T) {
	Each(t, func(t *testing.T, program Program) {
		t.Run("lines of configuration", func(t *testing.T) {
			s := Start(t, On(program), Config("maxmemory 3mb", "maxmemory-policy allkeys-lru"))
			if got := s.Must("CONFIG", "GET", "maxmemory-policy") + s.Info("maxmemory"); got != "maxmemory-policy\nallkeys-lru3145728" {
				t.Errorf("%q", got)
			}
		})
		t.Run("a password", func(t *testing.T) {
			s := Start(t, On(program), Password(`pass "word"\`))
			s.Must("PING")
			s.settings.password = ""
			if _, err := s.Do("PING"); err == nil || !strings.HasPrefix(err.Error(), "NOAUTH") {
				t.Errorf("%v", err)
			}
		})
		t.Run("users", func(t *testing.T) {
			s := Start(t, On(program), Users("user default off", "user app on >secret ~besra:* +@all"), Login("app", "secret"))
			s.Must("SET", "besra:1", "1")
			if _, err := s.Do("SET", "other", "1"); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
				t.Errorf("%v", err)
			}
		})
		t.Run("TLS alone", func(t *testing.T) {
			s := Start(t, On(program), TLS(), Config("tls-auth-clients yes"))
			s.Must("PING")
			if pem, err := os.ReadFile(s.CAFile()); err != nil || !strings.Contains(string(pem), "CERTIFICATE") {
				t.Errorf("%v", err)
			}
			c, err := dial(s.Addr(), nil, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if got, err := c.Do("PING"); err == nil {
				t.Errorf("without TLS: %s", got)
			}
		})
	})
}

// fallen is a test that failed.
type fallen struct {
	testing.TB
	said string
}

func (f *fallen) Fatalf(format string, args ...any) { f.said = format; panic(f) }
func (f *fallen) Helper()                           {}

func TestPort(t *testing.T) {
	program := Servers(t)[0]
	first := Start(t, On(program))
	t.Run("a port that another has is not taken for ours", func(t *testing.T) {
		f := &fallen{TB: t}
		defer func() {
			if recover() == nil || f.said == "" {
				t.Error("it started")
			}
		}()
		Start(f, On(program), Port(first.Port()))
	})
	t.Run("restart waits for the port", func(t *testing.T) {
		s := Start(t, On(program))
		s.Kill()
		l, err := net.Listen("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(200*time.Millisecond, func() { l.Close() })
		s.Restart()
		s.Must("PING")
	})
}
