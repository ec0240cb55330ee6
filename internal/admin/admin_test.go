package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A fake is models of which nothing is served.
type fake struct {
	asked []string
	err   error
}

func (f *fake) Versions() []Version {
	return []Version{
		{Name: "fraud", Version: 2, State: Ready, Proven: true, Directory: true, Digest: "sha256:2"},
		{Name: "fraud", Version: 10, State: Refused, Reason: "unproven", Why: "golden/value.csv:2: \"no\"", Directory: true},
		{Name: "abuse", Version: 1, State: Live},
	}
}

func (f *fake) do(verb, name string, version int) (Change, error) {
	f.asked = append(f.asked, fmt.Sprintf("%s %s@%d", verb, name, version))
	before := 1
	return Change{Name: name, Version: version, Before: &before, Live: &version, Persisted: verb == "use"}, f.err
}

func (f *fake) Use(_ context.Context, name string, version int) (Change, error) {
	return f.do("use", name, version)
}

func (f *fake) Load(_ context.Context, name string, version int) (Change, error) {
	return f.do("load", name, version)
}

func (f *fake) Unload(_ context.Context, name string, version int) (Change, error) {
	return f.do("unload", name, version)
}

type tested struct {
	*fake
	door    http.Handler
	log     bytes.Buffer
	actions *telemetry.Counter
	models  []string // that who asks is bound to; nil: none
}

func newTested() *tested {
	s := &tested{fake: &fake{}, actions: telemetry.New(telemetry.Options{}).Access.AdminActions}
	s.door = Handler(Options{
		Models: s.fake, Actions: s.actions, Log: slog.New(slog.NewJSONHandler(&s.log, nil)),
	})
	return s
}

func (s *tested) ask(method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://besra/", strings.NewReader(body))
	r.RequestURI = target
	if u, err := r.URL.Parse(target); err == nil {
		r.URL = u
	}
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.door.ServeHTTP(w, r.WithContext(identity.NewContext(r.Context(), &identity.Identity{ID: "k_ops", Models: s.models})))
	return w
}

func TestAChangeIsMadeCountedAndLogged(t *testing.T) {
	for _, verb := range []string{"use", "load", "unload"} {
		s := newTested()
		w := s.ask("POST", "/admin/v1/models/fraud:"+verb, `{"version":3}`)
		want := fmt.Sprintf(`{"action":%q,"name":"fraud","version":3,"before":1,"live":3,"persisted":%v}`, verb, verb == "use")
		if w.Code != 200 || w.Body.String() != want || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%d %s, want %s", w.Code, w.Body, want)
		}
		if d := cmp.Diff([]string{verb + " fraud@3"}, s.asked); d != "" || s.actions.Value() != 1 {
			t.Errorf("%s; counted %d", d, s.actions.Value())
		}
		var line map[string]any
		if err := json.Unmarshal(s.log.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		delete(line, "time")
		wantLine := map[string]any{
			"level": "INFO", "msg": "audit", "who": "k_ops", "action": verb, "model": "fraud", "version": 3.0,
			"before": "1", "after": "3", "persisted": verb == "use",
		}
		if d := cmp.Diff(wantLine, line); d != "" {
			t.Error(d)
		}
	}
}

func TestVersionsAreListed(t *testing.T) {
	w := newTested().ask("GET", "/admin/v1/models", "")
	want := `{"models":[` +
		`{"name":"abuse","version":1,"state":"live","live":true,"proven":false,"directory":false},` +
		`{"name":"fraud","version":10,"state":"refused","live":false,"proven":false,"directory":true,"reason":"unproven","why":"golden/value.csv:2: \"no\""},` +
		`{"name":"fraud","version":2,"state":"ready","live":false,"proven":true,"directory":true,"digest":"sha256:2"}]}`
	if w.Code != 200 || w.Body.String() != want {
		t.Errorf("%d %s\nwant %s", w.Code, w.Body, want)
	}
}

func TestWhatMakesNoSenseChangesNothing(t *testing.T) {
	const use = "/admin/v1/models/fraud:use"
	good := `{"version":3}`
	long := strings.Repeat("a", 65)
	for _, c := range []struct {
		method, target, body string
		status               int
		code                 string
	}{
		{"POST", "/admin/v1/models/..:use", good, 400, "bad-request"},
		{"POST", "/admin/v1/models/%2e%2e:use", good, 400, "bad-request"},
		{"POST", "/admin/v1/models/../fraud:use", good, 404, "no-such-route"},
		{"POST", "/admin/v1/models/..%2ffraud:use", good, 400, "bad-request"},
		{"POST", "/admin/v1/models/fraud%00:use", good, 400, "bad-request"},
		{"POST", "/admin/v1/models//etc:use", good, 400, "bad-request"},
		{"POST", "/admin/v1/models/%2fetc:use", good, 400, "bad-request"},
		{"POST", "/admin/v1/models/fra%75d:use", good, 400, "bad-request"},
		{"POST", "/admin/v1/models/fr%C3%A4ud:use", good, 400, "bad-request"},
		{"POST", "/admin/v1/models/fr\u00e4ud:use", good, 400, "bad-request"},
		{"POST", "/admin/v1/models/Fraud:use", good, 400, "bad-request"},
		{"POST", "/admin/v1/models/:use", good, 400, "bad-request"},
		{"POST", "/admin/v1/models/" + long + ":use", good, 400, "bad-request"},
		{"POST", "/admin/v1/models/fraud:use:use", good, 404, "no-such-route"},
		{"POST", "/admin/v1/models/fraud:drop", good, 404, "no-such-route"},
		{"POST", "/admin/v1/models/fraud", good, 404, "no-such-route"},
		{"POST", "/v1/score", good, 404, "no-such-route"},
		{"GET", use, "", 405, "method-not-allowed"},
		{"POST", "/admin/v1/models", good, 405, "method-not-allowed"},
		{"POST", use, "", 400, "bad-json"},
		{"POST", use, `[3]`, 400, "bad-json"},
		{"POST", use, `{"version":3} x`, 400, "bad-json"},
		{"POST", use, `{"version":3,"version":4}`, 400, "bad-json"},
		{"POST", use, `{}`, 400, "bad-request"},
		{"POST", use, `{"version":"3"}`, 400, "bad-request"},
		{"POST", use, `{"version":3.5}`, 400, "bad-request"},
		{"POST", use, `{"version":-3}`, 400, "bad-request"},
		{"POST", use, `{"version":1e300}`, 400, "bad-request"},
		{"POST", use, `{"version":3,"force":true}`, 400, "bad-request"},
		{"POST", use, `{"version":3` + strings.Repeat(" ", maxBody) + `}`, 413, "too-large"},
	} {
		s := newTested()
		w := s.ask(c.method, c.target, c.body)
		var p struct{ Type, Code string }
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != c.status || p.Code != c.code ||
			p.Type != "urn:besra:problem:"+c.code || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %q %.30q: %d %s, want %d %s", c.method, c.target, c.body, w.Code, w.Body, c.status, c.code)
		}
		if len(s.asked) > 0 || s.actions.Value() != 0 {
			t.Errorf("%s %q %.30q: asked for %v", c.method, c.target, c.body, s.asked)
		}
	}
}

func TestAFormOfAnotherSiteChangesNothing(t *testing.T) {
	s := newTested()
	for _, media := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		r := httptest.NewRequest("POST", "/admin/v1/models/fraud:use", strings.NewReader(`{"version":3}`))
		r.Header.Set("Content-Type", media)
		w := httptest.NewRecorder()
		s.door.ServeHTTP(w, r)
		if w.Code != 415 || len(s.asked) > 0 {
			t.Errorf("%q: %d %s", media, w.Code, w.Body)
		}
	}
}

func TestWhatCannotBeChangedIsToldAndNotCounted(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{problem.NoSuchModel.Of("name", "there is no model fraud"), 404, "no-such-model"},
		{problem.NoSuchVersion.Of("", "fraud has no version 3"), 404, "no-such-version"},
		{problem.ModelRefused.Of("", "fraud@3 is refused, unproven"), 409, "model-refused"},
		{fmt.Errorf("live: %w", problem.BadRequest.Of("", "it is live")), 400, "bad-request"},
		{problem.NotReady.Of("", "recovering"), 503, "not-ready"},
		{errors.New("live: permission denied"), 500, "internal"},
	} {
		s := newTested()
		s.err = c.err
		w := s.ask("POST", "/admin/v1/models/fraud:use", `{"version":3}`)
		var p struct{ Code, Detail string }
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != c.status || p.Code != c.code || p.Detail == "" {
			t.Errorf("%d %s, want %d %s", w.Code, w.Body, c.status, c.code)
		}
		if s.actions.Value() != 0 || !strings.Contains(s.log.String(), `"level":"WARN","msg":"audit","who":"k_ops"`) {
			t.Errorf("counted %d; log %s", s.actions.Value(), s.log.String())
		}
	}
}
