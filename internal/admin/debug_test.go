package admin

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/identity"
)

func get(t *testing.T, h http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
	return w
}

// goTool runs a tool of Go's on what was answered, and returns what it says.
func goTool(t *testing.T, answer *bytes.Buffer, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "answer")
	if err := os.WriteFile(file, answer.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := exec.CommandContext(t.Context(), "go", append(append([]string{"tool"}, args...), file)...).CombinedOutput()
	if err != nil {
		t.Fatalf("go tool %v: %v\n%s", args, err, said)
	}
	return string(said)
}

func TestDebug(t *testing.T) {
	door := Debug(Options{Log: slog.New(slog.DiscardHandler)})

	t.Run("go tool pprof reads the profiles", func(t *testing.T) {
		names := strings.Fields(get(t, door, "/debug/pprof/").Body.String())
		if len(names) < 7 {
			t.Fatalf("%q", names)
		}
		for _, name := range names {
			target := "/debug/pprof/" + name
			if name == "profile" || name == "trace" {
				target += "?seconds=0.05"
			}
			w := get(t, door, target)
			if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Content-Disposition"), name) {
				t.Errorf("%s: %d, %v", name, w.Code, w.Header())
			}
			if name == "trace" {
				goTool(t, w.Body, "trace", "-d=parsed")
				continue
			}
			goTool(t, w.Body, "pprof", "-raw")
		}
	})

	t.Run("or a person does", func(t *testing.T) {
		w := get(t, door, "/debug/pprof/goroutine?debug=2")
		if !strings.Contains(w.Body.String(), "TestDebug") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("%v: %s", w.Header(), w.Body)
		}
	})

	t.Run("what cannot be is refused", func(t *testing.T) {
		for target, want := range map[string]int{
			"/debug/pprof/profile?seconds=61":  http.StatusBadRequest,
			"/debug/pprof/profile?seconds=0":   http.StatusBadRequest,
			"/debug/pprof/profile?seconds=-1":  http.StatusBadRequest,
			"/debug/pprof/profile?seconds=NaN": http.StatusBadRequest,
			"/debug/pprof/trace?seconds=long":  http.StatusBadRequest,
			"/debug/pprof/heap?debug=3":        http.StatusBadRequest,
			"/debug/pprof/elsewhere":           http.StatusNotFound,
			"/debug/pprof":                     http.StatusNotFound,
			"/debug/vars":                      http.StatusNotFound,
			"/debug/flight":                    http.StatusNotFound,
		} {
			if w := get(t, door, target); w.Code != want || !strings.Contains(w.Body.String(), "urn:besra:problem:") {
				t.Errorf("%s: %d %s", target, w.Code, w.Body)
			}
		}
		w := httptest.NewRecorder()
		door.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/debug/pprof/heap", nil))
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST: %d", w.Code)
		}
	})

	t.Run("who is bound to models does not see it, and nobody by another name", func(t *testing.T) {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/debug/pprof/heap", nil)
		id := *identity.Anybody()
		id.Models = []string{"fraud"}
		door.ServeHTTP(w, r.WithContext(identity.NewContext(r.Context(), &id)))
		if w.Code != http.StatusForbidden {
			t.Errorf("%d", w.Code)
		}
		named := Debug(Options{Named: true})
		if w := get(t, named, "http://evil.example/debug/pprof/heap"); w.Code != http.StatusBadRequest {
			t.Errorf("%d", w.Code)
		}
	})

	t.Run("one profile of the processors is made at a time", func(t *testing.T) {
		if err := pprof.StartCPUProfile(io.Discard); err != nil {
			t.Fatal(err)
		}
		if w := get(t, door, "/debug/pprof/profile?seconds=0.001"); w.Code != http.StatusServiceUnavailable {
			t.Errorf("two: %d", w.Code)
		}
		pprof.StopCPUProfile()
		if w := get(t, door, "/debug/pprof/profile?seconds=0.001"); w.Code != http.StatusOK {
			t.Errorf("one: %d", w.Code)
		}
	})

	t.Run("none is made for who has gone", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		begun := time.Now()
		door.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/debug/pprof/profile?seconds=60", nil))
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestFlight(t *testing.T) {
	f := NewFlight(time.Second, slog.New(slog.DiscardHandler))
	door := Debug(Options{Flight: f, Log: slog.New(slog.DiscardHandler)})
	if w := get(t, door, "/debug/flight"); w.Code != http.StatusNotFound {
		t.Errorf("before it is recorded: %d", w.Code)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.Run(ctx)
	}()
	late := time.Now().Add(30 * time.Second)
	for get(t, door, "/debug/flight").Code != http.StatusOK {
		if time.Now().After(late) {
			t.Fatal("it is not recorded")
		}
		time.Sleep(time.Millisecond)
	}
	for range 2 {
		if events := goTool(t, get(t, door, "/debug/flight").Body, "trace", "-d=parsed"); !strings.Contains(events, "StateTransition") {
			t.Errorf("%.200s", events)
		}
	}
	cancel()
	<-ended
	if w := get(t, door, "/debug/flight"); w.Code != http.StatusNotFound {
		t.Errorf("after its end: %d", w.Code)
	}
}
