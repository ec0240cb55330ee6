package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/store/valkeytest"
)

// newFunction makes a function of the demo, which ends with the test.
func newFunction(t *testing.T, change func(*Config)) (*Function, *lockedBuffer) {
	t.Helper()
	c := Defaults()
	c.Limits.Concurrency = "off"
	if change != nil {
		change(&c)
	}
	var logged lockedBuffer
	f, err := NewFunction(t.Context(), c, testBackends(), nil, slog.New(slog.NewJSONHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f, &logged
}

// call has a function answer as the platform does, for who is known to it; nil: nobody.
func call(t *testing.T, f *Function, who *identity.Identity, method, path, body string, header ...string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if who != nil {
		r = r.WithContext(identity.NewContext(r.Context(), who))
	}
	w := httptest.NewRecorder()
	f.Before(r.Context())
	f.Handler().ServeHTTP(w, r)
	f.After(r.Context())
	answer := map[string]any{}
	text, _ := io.ReadAll(w.Result().Body)
	if err := json.Unmarshal(text, &answer); err != nil && len(text) > 0 {
		t.Fatalf("%d %s: %v", w.Code, text, err)
	}
	return w.Code, answer
}

var somebody = auth.Platform("iam:shop")

func TestAFunctionWithoutASharedStoreRemembersNothingAndSaysSo(t *testing.T) {
	f, logged := newFunction(t, nil)
	for range 2 {
		status, got := call(t, f, somebody, "POST", "/v1/score", fmt.Sprintf(sharedPayment, "e_1", 1))
		if status != 200 || got["degraded"] != true || got["score"] == nil || got["decision"] == nil {
			t.Errorf("%d %v", status, got)
		}
	}
	// The same on empty history, by a service that has one.
	fresh := newApp(t, Defaults())
	want, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/v1/score", strings.NewReader(fmt.Sprintf(sharedPayment, "e_1", 1)))
	r.Header.Set("Content-Type", "application/json")
	fresh.gateway.ServeHTTP(want, r)
	var first map[string]any
	if err := json.Unmarshal(want.Body.Bytes(), &first); err != nil {
		t.Fatal(err)
	}
	_, got := call(t, f, somebody, "POST", "/v1/score", fmt.Sprintf(sharedPayment, "e_2", 1))
	if got["score"] != first["score"] || got["margin"] != first["margin"] || first["degraded"] != nil {
		t.Errorf("without history it is %v, with an empty one %v", got, first)
	}
	if err := fresh.close(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(logged.String(), "history and replay cannot be had without a store that processes share") {
		t.Errorf("the log does not say so: %s", logged)
	}
	_, s := call(t, f, somebody, "GET", "/v1/status", "")
	if store, _ := s["store"].(map[string]any); store["up"] != false || store["why"] != "there is none: valkey.address" {
		t.Errorf("the status does not say so: %v", s["store"])
	}

	if n := strings.Count(logged.String(), `"level":"WARN"`); n != 1 {
		t.Errorf("the log warns %d times, of what is so with every event: %s", n, logged)
	}

	t.Run("what needs no history is not degraded", func(t *testing.T) {
		status, got := call(t, f, somebody, "POST", "/v1/score", `{"row":[1,0,0,1,1,1,1,1,1,1,0,1,0,1,0]}`)
		if status != 200 || got["degraded"] != nil {
			t.Errorf("%d %v", status, got)
		}
	})
	t.Run("labels are refused, since they would be lost", func(t *testing.T) {
		status, got := call(t, f, somebody, "POST", "/v1/labels", `{"labels":[{"event_id":"e_1","label":"fraud","time":"2026-11-28T00:00:00Z"}]}`)
		if status != 503 {
			t.Errorf("%d %v", status, got)
		}
	})
	t.Run("a batch is answered, too", func(t *testing.T) {
		status, got := call(t, f, somebody, "POST", "/v1/score/batch", `{"events":[`+fmt.Sprintf(sharedPayment, "b_1", 1)+`,`+fmt.Sprintf(sharedPayment, "b_2", 2)+`]}`)
		results, _ := got["results"].([]any)
		if status != 200 || len(results) != 2 {
			t.Fatalf("%d %v", status, got)
		}
		for _, r := range results {
			if r.(map[string]any)["degraded"] != true {
				t.Errorf("got %v", r)
			}
		}
	})
}

func TestAFunctionTakesNobodyWhomNobodyKnows(t *testing.T) {
	f, _ := newFunction(t, nil)
	const row = `{"row":[1,0,0,1,1,1,1,1,1,1,0,1,0,1,0]}`
	if status, got := call(t, f, nil, "POST", "/v1/score", row); status != 401 {
		t.Errorf("%d %v", status, got)
	}
	if status, got := call(t, f, nil, "POST", "/v1/score", row, "X-Api-Key", "besra_k1_"+strings.Repeat("a", 32)); status != 401 {
		t.Errorf("%d %v", status, got)
	}
	if status, got := call(t, f, somebody, "POST", "/v1/score?api_key=x", row); status != 401 {
		t.Errorf("credentials in a URL: %d %v", status, got)
	}
	if status, _ := call(t, f, nil, "GET", "/readyz", ""); status != 200 {
		t.Errorf("health is for everybody, and answers %d", status)
	}
	if status, got := call(t, f, &identity.Identity{ID: "x", Scopes: identity.Labels}, "POST", "/v1/score", row); status != 403 {
		t.Errorf("%d %v", status, got)
	}
	open, _ := newFunction(t, func(c *Config) { c.Insecure = true })
	if status, got := call(t, open, nil, "POST", "/v1/score", row); status != 200 {
		t.Errorf("%d %v", status, got)
	}
}

func TestFunctionsShareWhatTheyRemember(t *testing.T) {
	server := valkeytest.Start(t)
	settings := func(c *Config) {
		c.Valkey.Address, c.Valkey.Deadline = server.Addr(), time.Second
		c.State.EntityKey = strings.Repeat("5a", 32)
		c.Limits.Deadline = 5 * time.Second
	}
	first, logged := newFunction(t, settings)
	if strings.Contains(logged.String(), "WARN") {
		t.Errorf("a start without trouble says %s", logged)
	}
	if s := first.a.shared.Status(); !s.Up {
		t.Errorf("the store is not there before the first event: %+v", s)
	}
	for u := range first.a.metrics.Store.Uses {
		if n := first.a.metrics.Store.Uses[u].Down.Value(); n != 0 {
			t.Errorf("a start without trouble counts %d calls of a store that is down", n)
		}
	}
	if n := server.Must("EXISTS", "besra:1:epoch"); n != "1" || !strings.Contains(server.Must("KEYS", "*"), "besra:1:g:") {
		t.Errorf("the store does not know what is fed: %s", server.Must("KEYS", "*"))
	}
	status, a := call(t, first, somebody, "POST", "/v1/score", fmt.Sprintf(sharedPayment, "e_1", 1))
	if status != 200 || a["degraded"] != nil {
		t.Fatalf("the first event of a function: %d %v", status, a)
	}
	second, _ := newFunction(t, settings)
	if status, b := call(t, second, somebody, "POST", "/v1/score", fmt.Sprintf(sharedPayment, "e_1", 1)); status != 200 || fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("a repeat elsewhere: %d %v, not %v", status, b, a)
	}
	one, _ := call(t, second, somebody, "POST", "/v1/score", fmt.Sprintf(sharedPayment, "e_2", 30))
	if one != 200 {
		t.Errorf("%d", one)
	}
	t.Run("a connection that died in the frost is noticed before an event needs it", func(t *testing.T) {
		for range 3 {
			server.Must("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			first.last.Store(0) // long ago
			if status, got := call(t, first, somebody, "POST", "/v1/score", fmt.Sprintf(sharedPayment, "e_"+time.Now().Format("150405.000000"), 31)); status != 200 || got["degraded"] != nil {
				t.Errorf("%d %v", status, got)
			}
		}
	})
	t.Run("events that come at once all wait for another connection", func(t *testing.T) {
		for range 5 {
			server.Must("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			first.last.Store(0)
			var team sync.WaitGroup
			for i := range 16 {
				team.Go(func() {
					if status, got := call(t, first, somebody, "POST", "/v1/score", fmt.Sprintf(sharedPayment, fmt.Sprintf("a_%d_", i)+time.Now().Format("150405.000000"), 31)); status != 200 || got["degraded"] != nil {
						t.Errorf("%d %v", status, got)
					}
				})
			}
			team.Wait()
		}
	})
	t.Run("a clock that jumps is no reason for anything", func(t *testing.T) {
		defer func() { first.now = time.Now }()
		for i, jump := range []time.Duration{-time.Hour, 24 * time.Hour, -48 * time.Hour, 0} {
			first.now = func() time.Time { return time.Now().Add(jump) }
			server.Must("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") // each jump looks like a long frost, and may be one
			if status, got := call(t, first, somebody, "POST", "/v1/score", fmt.Sprintf(sharedPayment, fmt.Sprintf("j_%d", i), 35)); status != 200 || got["degraded"] != nil {
				t.Errorf("%v: %d %v", jump, status, got)
			}
		}
	})
	t.Run("while the store is away events are answered, and marked", func(t *testing.T) {
		server.Kill()
		first.last.Store(0)
		began := time.Now()
		if status, got := call(t, first, somebody, "POST", "/v1/score", fmt.Sprintf(sharedPayment, "e_8", 40)); status != 200 || got["degraded"] != true {
			t.Errorf("%d %v", status, got)
		}
		t.Logf("answered after %v", time.Since(began))
		server.Restart()
		first.last.Store(0)
		if status, got := call(t, first, somebody, "POST", "/v1/score", fmt.Sprintf(sharedPayment, "e_9", 41)); status != 200 || got["degraded"] != nil {
			t.Errorf("%d %v", status, got)
		}
	})
}

func TestSettingsThatMakeNoSenseForAFunctionAreRefused(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"state.dir: ":                      func(c *Config) { c.State.Dir = t.TempDir() },
		"shadow: ":                         func(c *Config) { c.Shadow = map[string]int{"fraud": 2} },
		"state.entity_key_file: ":          func(c *Config) { c.Valkey.Address = "127.0.0.1:1" },
		"entity key: " + EntityKeyVariable: func(c *Config) { c.State.EntityKey = "secret" },
	} {
		c := Defaults()
		change(&c)
		_, err := NewFunction(context.Background(), c, testBackends(), nil, slog.New(slog.DiscardHandler))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "secret ") {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

func TestTheEntityKeyIsTakenFromTheEnvironment(t *testing.T) {
	c, _, err := Load(Sources{Defaults: Defaults(), Getenv: func(name string) string {
		if name == EntityKeyVariable {
			return strings.Repeat("5a", 32)
		}
		return ""
	}})
	if err != nil {
		t.Fatal(err)
	}
	one, err := EntityHash(c, "card", "c_1")
	if err != nil {
		t.Fatal(err)
	}
	file := Defaults()
	file.State.EntityKeyFile = entityKey(t)
	other, err := EntityHash(file, "card", "c_1")
	if err != nil || one != other {
		t.Errorf("%x, from a file %x, %v", one, other, err)
	}
}

// What a cold start waits for: the demo's model is read, compiled and proven, and the service wired.
func BenchmarkNewFunction(b *testing.B) {
	backends := testBackends()
	b.ReportAllocs()
	for b.Loop() {
		f, err := NewFunction(b.Context(), Defaults(), backends, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
