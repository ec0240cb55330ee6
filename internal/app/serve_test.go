package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestStoppingFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const n = 20
	var half []*wire
	for range n {
		w := dial(t, s)
		w.send(scoreRequest("/v1/score", len(demoRow)) + demoRow[:30])
		half = append(half, w)
	}
	s.inFlight(n)
	idle := dial(t, s) // has asked something, and may ask again
	idle.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
	idle.answer()

	s.cancel()
	eventually(t, "new connections are refused", func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			return errors.Is(err, syscall.ECONNREFUSED)
		}
		c.Close()
		return false
	})
	idle.closed()
	select {
	case err := <-s.served:
		s.served <- err
		t.Fatalf("Serve returned %v with requests in flight", err)
	case <-time.After(50 * time.Millisecond):
	}

	for _, w := range half {
		w.send(demoRow[30:])
		resp, body := w.answer()
		if resp.StatusCode != http.StatusOK || !strings.Contains(body, `"score":`) {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
		w.closed()
	}
	if err := s.ended(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

func TestStoppingUnderLoadLosesNoAnswer(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	var clients sync.WaitGroup
	var begun sync.WaitGroup
	for range 8 {
		clients.Add(1)
		begun.Add(1)
		go func() {
			defer clients.Done()
			for i := 0; ; i++ {
				resp, err := s.client.Post("http://"+s.addr+"/v1/score", "application/json", strings.NewReader(demoRow))
				if i == 20 || err != nil && i < 20 {
					begun.Done()
				}
				if err != nil {
					// A connection that is refused, or closed while idle, has lost nothing. An answer that was
					// begun and cut off has.
					if strings.Contains(err.Error(), "unexpected EOF") {
						t.Error(err)
					}
					return
				}
				if resp.StatusCode != http.StatusOK {
					t.Errorf("%d", resp.StatusCode)
				}
				resp.Body.Close()
			}
		}()
	}
	begun.Wait()
	s.cancel()
	if err := s.ended(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
	clients.Wait()
}

func TestWhatTakesTooLongToFinishIsCutShort(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.Timeouts.Drain = 100 * time.Millisecond })
	w := dial(t, s)
	w.send(scoreRequest("/v1/score", len(demoRow)) + "{")
	s.inFlight(1)
	s.cancel()
	err := s.ended()
	if want := "1 requests cut short: still in flight after 100ms"; err == nil || err.Error() != want {
		t.Errorf("Serve returned %v, want %s", err, want)
	}
	w.closed()
}

func TestStoppingDoesNotWaitForWhoAsksNothing(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.Timeouts.Drain, c.Timeouts.Header = 100*time.Millisecond, time.Minute })
	silent, slow := dial(t, s), dial(t, s)
	slow.send("POST /v1/score HTTP/1.1\r\n")
	s.scores() // by now both were accepted
	s.cancel()
	if err := s.ended(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
	silent.closed()
	slow.closed()
}

func TestReadyUntilToldToStop(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for path, want := range map[string]string{"/livez": `{"live":true}`, "/readyz": `{"ready":true}`, "/ping": `{"ready":true}`} {
		if code, body := s.get(path); code != http.StatusOK || body != want {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	s.cancel()
	if err := s.ended(); err != nil {
		t.Fatal(err)
	}
	// Connections that were open before are still answered while besra stops.
	for path, want := range map[string]int{"/livez": 200, "/readyz": 503, "/ping": 503} {
		w := httptest.NewRecorder()
		s.gateway.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s while stopping: %d %s", path, w.Code, w.Body)
		}
		if want == http.StatusServiceUnavailable {
			refused(t, w.Code, w.Body.String(), want, "not-ready")
		}
	}
}

func TestAListenerThatFailsEndsServing(t *testing.T) {
	t.Parallel()
	a := newApp(t, Defaults())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	err = a.Serve(t.Context(), l)
	if err == nil || !strings.Contains(err.Error(), "serve "+l.Addr().String()) || !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve returned %v", err)
	}
}

func TestListenWantsAnAddress(t *testing.T) {
	t.Parallel()
	a := &App{config: Config{Insecure: true}, log: slog.New(slog.DiscardHandler)}
	if _, err := a.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "want an address") {
		t.Errorf("error %v", err)
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		listen   string
		insecure bool
		want     string // in the error; "" is success
	}{
		"loopback":                    {"127.0.0.1:0", false, ""},
		"another loopback":            {"127.1.2.3:0", false, ""},
		"loopback by name":            {"localhost:0", false, ""},
		"all addresses":               {"0.0.0.0:0", false, "--insecure"},
		"all addresses, in short":     {":0", false, "--insecure"},
		"all addresses of IPv6":       {"[::]:0", false, "--insecure"},
		"another address":             {"192.0.2.1:0", false, "--insecure"},
		"all addresses, on demand":    {"0.0.0.0:0", true, ""},
		"loopback that is insecure":   {"127.0.0.1:0", true, ""},
		"a port that is in use":       {taken.Addr().String(), false, "address already in use"},
		"an address of somebody else": {"192.0.2.1:0", true, "cannot assign requested address"},
		"no port":                     {"127.0.0.1", false, "missing port"},
		"a port that is none":         {"127.0.0.1:70000", false, "invalid port"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &App{config: Config{Listen: c.listen, Insecure: c.insecure}, log: slog.New(slog.DiscardHandler)}
			l, err := a.Listen(context.Background())
			if err == nil {
				l.Close()
			}
			switch {
			case c.want == "" && err != nil, c.want != "" && err == nil:
				t.Errorf("error %v, want %q", err, c.want)
			case err != nil:
				text := err.Error()
				if !strings.HasPrefix(text, "listen "+c.listen+": ") || !strings.Contains(text, c.want) || strings.Contains(text, "\n") {
					t.Errorf("error %q, want one line with %q", text, c.want)
				}
				if c.listen != "" && strings.Count(text, c.listen) > 1 {
					t.Errorf("the address is named twice: %s", text)
				}
			}
		})
	}
}
