package app

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/listen"
)

// freeAddress returns an address on loopback that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// listening waits until somebody listens at an address.
func listening(t *testing.T, address string) {
	t.Helper()
	eventually(t, "somebody listens at "+address, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func TestAWebPageCannotAskUnderItsOwnName(t *testing.T) {
	t.Parallel()
	operators := freeAddress(t)
	named := func(s *server, addr, path, host string) (int, string) {
		r, err := http.NewRequest(http.MethodGet, "http://"+addr+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		w, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		body, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if w.StatusCode != http.StatusOK && w.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("Content-Type %q", w.Header.Get("Content-Type"))
		}
		return w.StatusCode, string(body)
	}
	s := start(t, func(c *Config) { c.Admin.Listen = operators })
	listening(t, operators)
	for addr, path := range map[string]string{operators: "/admin/v1/models"} {
		status, body := named(s, addr, path, "evil.example:8080")
		if p := refused(t, status, body, http.StatusBadRequest, "bad-request"); p.Field != "Host" || !strings.Contains(p.Detail, "--insecure") {
			t.Errorf("%+v", p)
		}
		for _, host := range []string{"", "localhost:1", "[::1]"} { // "": the address that was dialled
			if status, body := named(s, addr, path, host); status != http.StatusOK {
				t.Errorf("%s of %q: %d %s", path, host, status, body)
			}
		}
	}
	if status, body := named(s, s.addr, "/v1/models", "besra.example"); status != http.StatusOK {
		t.Errorf("what changes nothing: %d %s", status, body)
	}
	insecure := freeAddress(t)
	s = start(t, func(c *Config) { c.Insecure, c.Admin.Listen = true, insecure })
	listening(t, insecure)
	if status, body := named(s, insecure, "/admin/v1/models", "besra.example"); status != http.StatusOK {
		t.Errorf("--insecure: %d %s", status, body)
	}
}

func TestWhatIsOpenToOthersIsWarnedOf(t *testing.T) {
	t.Parallel()
	keys := AuthConfig{Keys: "keys.yaml"}
	for name, c := range map[string]struct {
		address, setting string
		config           Config
		tls              *listen.TLS
		want             string // in the log; "": nothing
	}{
		"nobody on loopback":               {"127.0.0.1:0", "listen", Config{}, nil, "level=INFO msg=\"nobody who calls is authenticated, and only this machine can call"},
		"nobody, on demand":                {"0.0.0.0:0", "listen", Config{Insecure: true}, nil, "level=WARN msg=\"nobody who calls is authenticated\" setting=listen"},
		"keys in the clear":                {"0.0.0.0:0", "listen", Config{Auth: keys}, nil, "level=WARN msg=\"keys, and what"},
		"keys over TLS":                    {"0.0.0.0:0", "listen", Config{Auth: keys}, new(listen.TLS), ""},
		"keys on loopback":                 {"127.0.0.1:0", "listen", Config{Auth: keys}, nil, ""},
		"operators on loopback":            {"127.0.0.1:0", "admin.listen", Config{}, nil, ""},
		"operators, nobody":                {"0.0.0.0:0", "admin.listen", Config{Insecure: true}, nil, "level=WARN msg=\"nobody who calls is authenticated\" setting=admin.listen"},
		"operators with keys in the clear": {"0.0.0.0:0", "admin.listen", Config{Auth: keys}, nil, "tls.cert does it here\" setting=admin.listen"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", c.address)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			var log bytes.Buffer
			a := &App{config: c.config, log: slog.New(slog.NewTextHandler(&log, nil)), tls: c.tls}
			if c.setting == "listen" {
				a.Warn(l)
			} else {
				a.warn(l, c.setting)
			}
			if text := log.String(); !strings.Contains(text, c.want) || (c.want == "") != (text == "") || strings.Count(text, "\n") > 1 {
				t.Errorf("logged %q, want %q", text, c.want)
			}
		})
	}
}

func TestOperatorsAreWarnedOfWhereTheyAreServed(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	startLogged(t, slog.New(slog.NewTextHandler(&log, nil)), func(c *Config) { c.Insecure, c.Admin.Listen = true, "0.0.0.0:0" })
	eventually(t, "it is said", func() bool {
		return strings.Contains(log.String(), "level=WARN msg=\"nobody who calls is authenticated\" setting=admin.listen")
	})
}

func TestAChangeMayTakeLongerThanARequest(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	operators := freeAddress(t)
	const short = 50 * time.Millisecond
	s := f.serve(f.directory(1, 2), func(c *Config) {
		c.Admin.Listen, c.Timeouts.Body, c.Timeouts.Answer = operators, short, short
	})
	if _, err := s.Unload(context.Background(), "fraud", 1); err != nil {
		t.Fatal(err)
	}
	listening(t, operators)
	admins := *s
	admins.addr = operators
	s.stock.mu.Lock() // as a large model that is read
	freed := make(chan struct{})
	go func() {
		defer close(freed)
		time.Sleep(5 * short)
		s.stock.mu.Unlock()
	}()
	status, _, body := admins.ask(http.MethodPost, "/admin/v1/models/fraud:load", `{"version":1}`)
	<-freed
	if status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	s.want(these("fraud@2 live", "fraud@1"), nil)
}
