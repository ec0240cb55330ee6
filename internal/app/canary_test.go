package app

import (
	"bufio"
	"compress/gzip"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
)

// TestNothingThatIsAskedIsTold sends words that nobody else would say through every door, as values, names, ids, paths,
// headers and credentials, well and badly formed, and looks for them in all that is told: the log, traces, metrics, EMF
// lines, status, the models' pages, the dashboard's stream, and the files of state.dir.
func TestNothingThatIsAskedIsTold(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	var log lockedBuffer
	keys := &keyed{file: &auth.File{Path: filepath.Join(t.TempDir(), "keys.yaml")}}
	key, _ := keys.create(t, auth.Entry{Name: "all", Scopes: identity.All})
	var traces, metrics stdout
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if packed, err := gzip.NewReader(r.Body); err == nil {
			_, _ = io.Copy(&traces, packed)
		}
	}))
	defer collector.Close()
	s := startWith(t, telling(&metrics), slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), func(c *Config) {
		c.Auth.Keys, c.State.Dir = keys.file.Path, state
		c.Traces.Endpoint, c.Traces.Sample, c.EMF.Namespace = collector.URL, 1, "besra"
		c.Log.Sample, c.Log.Rate = 1, 1<<20
	})

	const canary = "c4n4ry"
	const number = "73519.4227" // an amount
	bodies := []string{
		`{"event_id":"` + canary + `1","event":{"time":"2026-11-27T00:00:01Z","card":"` + canary + `","terminal":"` + canary + `","amount":` + number + `}}`,
		`{"event_id":"` + canary + `1","event":{"time":"2026-11-27T00:00:02Z","card":"` + canary + `","terminal":"` + canary + `","amount":` + number + `}}`, // another
		`{"event":{"time":"` + canary + `","card":"` + canary + `","terminal":"x","amount":` + number + `}}`,
		`{"event":{"time":"1970-01-01T00:00:01Z","card":"` + canary + `","terminal":"` + canary + `","amount":1e300}}`,
		`{"features":{"amount":` + number + `}}`,
		`{"features":{"` + canary + `":1}}`,
		`{"features":{"amount":"` + canary + `"}}`,
		`{"model":"` + canary + `","row":[1]}`,
		`{"model":"fraud@` + canary + `","row":[1]}`,
		`{"row":[` + number + `]}`,
		`{"` + canary + `":1}`,
		`{"event_id":"` + canary + ` ` + canary + `","row":[1]}`,
		canary,
		"{" + canary,
		`"` + canary,
		`{"labels":[{"event_id":"` + canary + `1","label":"fraud","time":"2026-12-27T00:00:00Z"}]}`,
		`{"labels":[{"event_id":"` + canary + `2","label":"` + canary + `","time":"` + canary + `"}]}`,
		`{"version":"` + canary + `"}`,
	}
	for _, path := range []string{"/v1/score", "/v1/labels", "/v1/models", "/" + canary, "/v1/models/" + canary, "/dashboard/" + canary} {
		for _, body := range bodies {
			s.ask(http.MethodPost, path, body, "X-API-Key", key, "Cookie", canary, "User-Agent", canary, "X-"+canary, canary, "Traceparent", canary,
				"X-Request-Timeout-Ms", canary)
			s.ask(http.MethodPost, path, body, "X-API-Key", key)
			s.ask(http.MethodPost, path, body, "X-API-Key", key, "Content-Type", canary)
			s.ask(http.MethodPost, path, body, "X-API-Key", key, "Content-Encoding", canary)
		}
	}
	for _, body := range bodies {
		s.ask(http.MethodPost, "/v1/score/batch", `{"events":[`+body+`,{"row":[]}]}`, "X-API-Key", key)
	}
	for _, path := range []string{"/v1/models/" + canary, "/v1/models/fraud@" + canary, "/" + canary + "?" + canary, "/v1/status?a=" + canary, "/metrics?" + canary} {
		s.ask(http.MethodGet, path, "", "X-API-Key", key)
		s.ask(canary, path, "", "X-API-Key", key)
	}
	for _, headers := range [][]string{
		{"X-API-Key", canary},
		{"X-API-Key", "besra_" + canary},
		{"X-API-Key", key[:len(key)-6] + canary},
		{"Authorization", "Bearer " + canary},
		{"Authorization", "Bearer eyJ" + canary + "." + canary + "." + canary},
		{"Authorization", "Basic " + canary},
		{"Authorization", canary},
	} {
		s.ask(http.MethodGet, "/v1/status", "", headers...)
	}
	secret := key[len(key)-20:]
	s.ask(http.MethodGet, "/v1/status?api_key="+key, "", "X-API-Key", key)

	told := map[string]string{}
	for _, path := range []string{"/metrics", "/v1/status", "/v1/models", "/v1/models/fraud", "/readyz", "/openapi.json"} {
		_, _, told[path] = s.ask(http.MethodGet, path, "", "X-API-Key", key)
	}
	told["the dashboard"] = s.streamed("/dashboard/events", key)
	s.cancel()
	if err := s.ended(); err != nil {
		t.Fatal(err)
	}
	told["the log"], told["traces"], told["EMF"] = log.String(), traces.String(), metrics.String()
	err := filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		told[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range told {
		for _, word := range []string{canary, number, secret} {
			if i := strings.Index(text, word); i >= 0 {
				t.Errorf("%s has %q: …%s…", where, word, text[max(0, i-200):min(len(text), i+100)])
			}
		}
	}
	if n := strings.Count(told["the log"], `"msg":"request"`); n < 400 {
		t.Errorf("only %d requests are in the log", n)
	}
	if len(told) < 12 || !strings.Contains(told["the dashboard"], "event-reused") || !strings.Contains(told["traces"], "POST /v1/score") || !strings.Contains(told["EMF"], "Requests") {
		t.Errorf("%d outputs: %d bytes of traces, EMF %s", len(told), len(told["traces"]), told["EMF"])
	}
}

// streamed returns the first two messages of a stream of events.
func (s *server) streamed(path, key string) string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.addr+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("X-API-Key", key)
	answer, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	var text strings.Builder
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 16<<20)
	for n := 0; n < 2 && lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		if lines.Text() == "" {
			n++
		}
	}
	if err := lines.Err(); err != nil {
		s.t.Fatal(err)
	}
	return text.String()
}
