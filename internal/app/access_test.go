package app

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
)

// A keyed server asks for keys.
type keyed struct {
	*server
	file *auth.File
	log  lockedBuffer
}

// A lockedBuffer is a log that can be looked at while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// guard serves these models, the demo when there are none, to those who have keys.
func guard(t *testing.T, change func(*Config), paths ...string) *keyed {
	t.Helper()
	g := &keyed{file: &auth.File{Path: filepath.Join(t.TempDir(), "keys.yaml")}}
	g.create(t, auth.Entry{Name: "somebody", Scopes: identity.Score}) // the file must be there
	g.server = startLogged(t, slog.New(slog.NewTextHandler(&g.log, nil)), func(c *Config) {
		c.Auth.Keys, c.Models.Poll = g.file.Path, 20*time.Millisecond
		if change != nil {
			change(c)
		}
	}, paths...)
	return g
}

// create makes a key, which the server knows when it returns, and returns it with its id.
func (g *keyed) create(t *testing.T, e auth.Entry) (key, id string) {
	t.Helper()
	key, made, err := g.file.Create(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	if g.server != nil {
		eventually(t, "the key is known", func() bool {
			return slices.ContainsFunc(g.access.keys.Keys().Entries(), func(e auth.Entry) bool { return e.ID == made.ID })
		})
	}
	return key, made.ID
}

// ask asks with these headers, names and values in turn.
func (s *server) ask(method, path, body string, headers ...string) (int, http.Header, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, "http://"+s.addr+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return w.StatusCode, w.Header, string(b)
}

const someLabels = `{"labels":[{"event_id":"evt_1","label":"fraud","time":"2026-11-27T00:00:00Z"}]}`

func TestEachRouteAsksForItsScope(t *testing.T) {
	t.Parallel()
	g := guard(t, nil)
	routes := []struct {
		method, path, body string
		needs              identity.Scopes // 0: a key of any kind
		open               bool
	}{
		{http.MethodPost, "/v1/score", demoRow, identity.Score, false},
		{http.MethodPost, "/v1/score/batch", `{"events":[` + demoRow + `]}`, identity.Score, false},
		{http.MethodPost, "/v1/labels", someLabels, identity.Labels, false},
		{http.MethodGet, "/v1/models", "", identity.Models, false},
		{http.MethodGet, "/v1/models/fraud", "", identity.Models, false},
		{http.MethodGet, "/v1/status", "", identity.Metrics, false},
		{http.MethodGet, "/metrics", "", identity.Metrics, false},
		{http.MethodGet, "/openapi.json", "", 0, false},
		{http.MethodGet, "/dashboard", "", identity.Metrics, false},
		{http.MethodGet, "/dashboard/main.js", "", identity.Metrics, false},
		{http.MethodGet, "/livez", "", 0, true},
		{http.MethodGet, "/readyz", "", 0, true},
		{http.MethodGet, "/ping", "", 0, true},
	}
	keys := map[identity.Scopes]string{}
	for _, name := range identity.ScopeNames() {
		scope, err := identity.ParseScope(name)
		if err != nil {
			t.Fatal(err)
		}
		keys[scope], _ = g.create(t, auth.Entry{Name: name, Scopes: scope})
	}
	for _, r := range routes {
		status, header, body := g.ask(r.method, r.path, r.body)
		switch {
		case r.open:
			if status != http.StatusOK {
				t.Errorf("%s: %d %s to a stranger", r.path, status, body)
			}
			continue
		case strings.HasPrefix(r.path, "/dashboard"):
			if header.Get("WWW-Authenticate") != `Basic realm="besra", charset="UTF-8"` {
				t.Errorf("%s: WWW-Authenticate %q", r.path, header.Get("WWW-Authenticate"))
			}
		case header.Get("WWW-Authenticate") != `Bearer realm="besra"`:
			t.Errorf("%s: WWW-Authenticate %q", r.path, header.Get("WWW-Authenticate"))
		}
		refused(t, status, body, http.StatusUnauthorized, "unauthenticated")
		for scope, key := range keys {
			status, header, body := g.ask(r.method, r.path, r.body, "X-API-Key", key)
			if scope == r.needs || r.needs == 0 {
				if status != http.StatusOK {
					t.Errorf("%s with %v: %d %s", r.path, scope, status, body)
				}
				continue
			}
			refused(t, status, body, http.StatusForbidden, "forbidden")
			if !strings.Contains(header.Get("WWW-Authenticate"), "insufficient_scope") {
				t.Errorf("%s with %v: WWW-Authenticate %q", r.path, scope, header.Get("WWW-Authenticate"))
			}
		}
	}
	log := g.log.String()
	if !strings.Contains(log, `code=forbidden reason="scope labels" key=k`) || !strings.Contains(log, "msg=denied reason=missing") {
		t.Errorf("the log:\n%s", log)
	}
	for _, key := range keys {
		if strings.Contains(log, key[len(key)-43:]) {
			t.Error("a secret stands in the log")
		}
	}
}

func TestNothingButACredentialLetsAnybodyIn(t *testing.T) {
	t.Parallel()
	g := guard(t, nil)
	key, id := g.create(t, auth.Entry{Name: "shop", Scopes: identity.All})
	for name, headers := range map[string][]string{
		"nothing":                        nil,
		"a key that is cut":              {"Authorization", "Bearer " + key[:len(key)-2]},
		"another scheme":                 {"Authorization", "Basic " + key},
		"a key in a cookie":              {"Cookie", "key=" + key},
		"headers of gateways":            {"X-Forwarded-User", id, "X-Amzn-Oidc-Identity", id, "X-Client-Cert", "CN=shop", "X-Besra-Identity", id},
		"two credentials":                {"Authorization", "Bearer " + key, "X-API-Key", key},
		"a token of no issuer":           {"Authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."},
		"a proxy's header":               {"Proxy-Authorization", "Bearer " + key},
		"a forwarded header":             {"X-Forwarded-For", "127.0.0.1", "Forwarded", "for=127.0.0.1"},
		"a header that is spelled as it": {"Authorization ", "Bearer " + key},
	} {
		if strings.HasSuffix(name, "as it") {
			continue // net/http's client refuses to send it; internal/app's attacks do
		}
		for _, path := range []string{"/v1/score", "/v1/score/batch", "/v1/labels"} {
			status, _, body := g.ask(http.MethodPost, path, demoRow, headers...)
			if p := refused(t, status, body, http.StatusUnauthorized, "unauthenticated"); strings.Contains(body, "key=") || p.Detail == "" {
				t.Errorf("%s: %s", name, body)
			}
		}
	}
	status, _, body := g.ask(http.MethodPost, "/v1/score?api_key="+key, demoRow, "Authorization", "Bearer "+key)
	refused(t, status, body, http.StatusUnauthorized, "unauthenticated")
	if log := g.log.String(); !strings.Contains(log, "leaked") || !strings.Contains(log, "key="+id) || strings.Contains(log, key) {
		t.Errorf("the log:\n%s", log)
	}
	if status, _, body := g.ask(http.MethodPost, "/v1/score", demoRow, "Authorization", "Bearer "+key); status != http.StatusOK {
		t.Errorf("the key itself: %d %s", status, body)
	}
}

func TestARevokedKeyIsRefusedFromTheNextLookOn(t *testing.T) {
	t.Parallel()
	g := guard(t, nil)
	key, id := g.create(t, auth.Entry{Name: "shop", Scopes: identity.Score})
	if _, err := g.file.Revoke(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the key is refused", func() bool {
		status, _, _ := g.ask(http.MethodPost, "/v1/score", demoRow, "X-API-Key", key)
		return status == http.StatusUnauthorized
	})
	if page := g.metrics.Access.Denied.Revoked.Value(); page == 0 {
		t.Error("it is not counted")
	}
}

func TestAKeyThatIsBoundToAModelHearsOfNoOther(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := guard(t, nil, demoBundle, copyOf(t, dir, "binary-logistic-3.2.0/model.ubj", "abuse.ubj"))
	fraud, _ := g.create(t, auth.Entry{Name: "fraud", Scopes: identity.All, Models: []string{"fraud"}})
	free, _ := g.create(t, auth.Entry{Name: "free", Scopes: identity.All})
	named := func(model string) string { return `{"model":"` + model + `",` + demoRow[1:] }
	for model, want := range map[string]int{"fraud": 200, "fraud@1": 200, "fraud@2": 404, "abuse": 403, "abuse@7": 403, "nothing": 403, "": 403} {
		if status, _, body := g.ask(http.MethodPost, "/v1/score", named(model), "X-API-Key", fraud); status != want {
			t.Errorf("%q: %d %s, want %d", model, status, body, want)
		}
	}
	_, _, one := g.ask(http.MethodPost, "/v1/score", named("abuse"), "X-API-Key", fraud)
	_, _, other := g.ask(http.MethodPost, "/v1/score", named("nothing"), "X-API-Key", fraud)
	if one != other {
		t.Errorf("a model that is there is told from one that is not:\n%s\n%s", one, other)
	}
	for _, path := range []string{"/v1/models", "/v1/status"} {
		if _, _, body := g.ask(http.MethodGet, path, "", "X-API-Key", fraud); strings.Contains(body, "abuse") || !strings.Contains(body, `"fraud"`) {
			t.Errorf("%s: %s", path, body)
		}
		if _, _, body := g.ask(http.MethodGet, path, "", "X-API-Key", free); !strings.Contains(body, "abuse") {
			t.Errorf("%s: %s", path, body)
		}
	}
	if status, _, body := g.ask(http.MethodGet, "/v1/models/abuse", "", "X-API-Key", fraud); status != http.StatusForbidden {
		t.Errorf("%d %s", status, body)
	}
	if _, _, body := g.ask(http.MethodPost, "/v1/score", demoRow, "X-API-Key", fraud); strings.Contains(body, "abuse") {
		t.Errorf("without a name it is told of others: %s", body)
	}
	lost, _ := g.create(t, auth.Entry{Name: "lost", Scopes: identity.All, Models: []string{"gone"}})
	for _, name := range []string{"gone", "gone@1"} {
		if status, _, body := g.ask(http.MethodPost, "/v1/score", named(name), "X-API-Key", lost); status != http.StatusNotFound || strings.Contains(body, "fraud") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

// TestAPackedBatchWaitsInLineAsLongWorkDoes fills the line: whoever packs much into a few bytes does not get by.
func TestAPackedBatchWaitsInLineAsLongWorkDoes(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.Limits.Concurrency = "adaptive" })
	body := `{"events":[` + strings.Repeat(demoRow+",", 9999) + demoRow + `]}`
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if packed.Len() > shortest {
		t.Fatalf("%d bytes", packed.Len())
	}
	for n := 0; ; n++ { // bodies that never come
		w := dial(t, s)
		w.send("POST /v1/score/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10000000\r\n\r\n")
		time.Sleep(time.Millisecond)
		status, _, answer := s.ask(http.MethodPost, "/v1/score/batch", packed.String(), "Content-Encoding", "gzip")
		if status == http.StatusServiceUnavailable {
			refused(t, status, answer, status, "overloaded")
			break
		}
		if n > 1000 {
			t.Fatal("it is never refused")
		}
	}
	s.scores()
}

// shortest is less than what any long body is announced with, in bytes.
const shortest = 64 << 10

// TestTenantsAreApart sends the same payments as two tenants: neither sees the other's ids, histories or labels.
func TestTenantsAreApart(t *testing.T) {
	t.Parallel()
	g := guard(t, nil)
	eu, _ := g.create(t, auth.Entry{Name: "eu", Tenant: "eu", Scopes: identity.All})
	us, _ := g.create(t, auth.Entry{Name: "us", Tenant: "us", Scopes: identity.All})
	ask := func(key, body string) (http.Header, string) {
		t.Helper()
		status, header, answer := g.ask(http.MethodPost, "/v1/score", body, "X-API-Key", key)
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, answer)
		}
		return header, answer
	}
	at := func(i int) string { return fmt.Sprintf("2026-11-27T00:00:%02dZ", i) }
	var first string
	for i := range 20 {
		_, first = ask(eu, payment(fmt.Sprint("evt_", i), at(i), "c_1", "t_1", 80))
	}
	held := g.entities()
	header, fresh := ask(us, payment("evt_19", at(19), "c_1", "t_1", 80))
	if header.Get("Idempotent-Replayed") != "" || fresh == first {
		t.Errorf("one tenant's payment is the other's: %s", fresh)
	}
	if g.entities() != 2*held {
		t.Errorf("%d histories, %d before", g.entities(), held)
	}
	if header, again := ask(eu, payment("evt_19", at(19), "c_1", "t_1", 80)); header.Get("Idempotent-Replayed") != "true" || again != first {
		t.Errorf("the first tenant's repeat: %s", again)
	}
	_, _, labelled := g.ask(http.MethodPost, "/v1/labels", strings.ReplaceAll(someLabels, "evt_1", "evt_5"), "X-API-Key", us)
	if !strings.Contains(labelled, `"early":1`) {
		t.Errorf("one tenant's label finds the other's payment: %s", labelled)
	}
	_, _, labelled = g.ask(http.MethodPost, "/v1/labels", strings.ReplaceAll(someLabels, "evt_1", "evt_5"), "X-API-Key", eu)
	if !strings.Contains(labelled, `"known":1`) {
		t.Errorf("a tenant's label: %s", labelled)
	}
}

func TestARateIsToldAndKept(t *testing.T) {
	t.Parallel()
	g := guard(t, nil)
	key, _ := g.create(t, auth.Entry{Name: "slow", Scopes: identity.Score, Limits: identity.Limits{Rate: 0.01, Burst: 3}})
	other, _ := g.create(t, auth.Entry{Name: "other", Scopes: identity.Score})
	for i := range 3 {
		status, header, body := g.ask(http.MethodPost, "/v1/score", demoRow, "X-API-Key", key)
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		policy, left := header.Get("RateLimit-Policy"), header.Get("RateLimit")
		if policy != `"default";q=3;w=300` || !strings.HasPrefix(left, fmt.Sprintf(`"default";r=%d;t=`, 2-i)) {
			t.Errorf("%q %q", policy, left)
		}
	}
	status, header, body := g.ask(http.MethodPost, "/v1/score", demoRow, "X-API-Key", key)
	refused(t, status, body, http.StatusTooManyRequests, "rate-limited")
	if after := header.Get("Retry-After"); after != "100" && after != "99" {
		t.Errorf("Retry-After %q", after)
	}
	if !strings.HasPrefix(header.Get("RateLimit"), `"default";r=0;t=`) {
		t.Errorf("RateLimit %q", header.Get("RateLimit"))
	}
	status, header, body = g.ask(http.MethodPost, "/v1/score", demoRow, "X-API-Key", other)
	if status != http.StatusOK || header.Get("RateLimit") != "" {
		t.Errorf("another key: %d %s, RateLimit %q", status, body, header.Get("RateLimit"))
	}
}

func TestADeadlineThatCannotBeKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		on   string
		want func(t *testing.T, status int, body string)
	}{
		"fails": {"fail", func(t *testing.T, status int, body string) {
			refused(t, status, body, http.StatusGatewayTimeout, "deadline-exceeded")
		}},
		"is the policy's fallback": {"fallback", func(t *testing.T, status int, body string) {
			if status != http.StatusOK || !strings.Contains(body, `"score":null`) || !strings.Contains(body, `"degraded":true`) ||
				!strings.Contains(body, `"decision":"review"`) {
				t.Errorf("%d %s", status, body)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(c2 *Config) { c2.Limits.OnDeadline, c2.Limits.Deadline = c.on, time.Nanosecond })
			status, body := s.post("/v1/score", payment("evt_1", "2026-11-27T00:00:01Z", "c_1", "t_1", 12.5))
			c.want(t, status, body)
			if n := s.metrics.Access.Shed.Deadline.Value(); n != 1 {
				t.Errorf("%d are counted", n)
			}
			if s.entities() != 0 {
				t.Error("it is remembered")
			}
		})
	}
	s := start(t, nil)
	status, _, body := s.ask(http.MethodPost, "/v1/score", demoRow, "X-Request-Timeout-Ms", "soon")
	if p := refused(t, status, body, http.StatusBadRequest, "bad-request"); p.Field != "X-Request-Timeout-Ms" {
		t.Errorf("field %q", p.Field)
	}
}

func TestBeyondLoopbackWithKeysOnly(t *testing.T) {
	t.Parallel()
	file := &auth.File{Path: filepath.Join(t.TempDir(), "keys.yaml")}
	if _, _, err := file.Create(context.Background(), auth.Entry{Name: "a", Scopes: identity.Score}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"nobody is authenticated": {func(*Config) {}, "nobody who calls is authenticated"},
		"insecure":                {func(c *Config) { c.Insecure = true }, ""},
		"keys":                    {func(c *Config) { c.Auth.Keys = file.Path }, ""},
		"issuers of tokens":       {func(c *Config) { c.Auth.JWT = []auth.Issuer{issuer()} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			conf := Defaults()
			conf.Listen, conf.Admin.Listen = "0.0.0.0:0", ""
			c.change(&conf)
			a := newApp(t, conf)
			l, err := a.Listen(t.Context())
			if err == nil {
				err = l.Close()
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func issuer() auth.Issuer {
	return auth.Issuer{URL: "https://id.example.com", Audience: "besra", Algorithms: []string{"RS256"}, Scopes: auth.ScopeClaim{Claim: "scope", Only: identity.Score}}
}

// TestOperatorsNeedTheirScope asks the door for operators as others, and as one, whose change the log tells.
func TestOperatorsNeedTheirScope(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	dir := t.TempDir()
	f.add(dir, "fraud", 1)
	f.add(dir, "fraud", 2)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	g := guard(t, func(c *Config) { c.Models.Dir, c.Admin.Listen = dir, address })
	score, _ := g.create(t, auth.Entry{Name: "shop", Scopes: identity.All &^ identity.Admin})
	operator, id := g.create(t, auth.Entry{Name: "operator", Scopes: identity.Admin})
	operators := *g.server
	operators.addr = address
	use := func(headers ...string) (int, string) {
		status, _, body := operators.ask(http.MethodPost, "/admin/v1/models/fraud:use", `{"version":1}`, headers...)
		return status, body
	}
	status, body := use()
	refused(t, status, body, http.StatusUnauthorized, "unauthenticated")
	status, body = use("X-API-Key", score)
	refused(t, status, body, http.StatusForbidden, "forbidden")
	if v := g.live("fraud"); v != 2 {
		t.Fatalf("version %d is live", v)
	}
	if status, body := use("X-API-Key", operator); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if v := g.live("fraud"); v != 1 {
		t.Errorf("version %d is live", v)
	}
	if log := g.log.String(); !strings.Contains(log, "msg=audit who="+id+" action=use model=fraud version=1 before=2 after=1 persisted=true") {
		t.Errorf("the log:\n%s", log)
	}
	var listed auth.List
	_, _, body = operators.ask(http.MethodGet, "/admin/v1/keys", "", "X-API-Key", operator)
	if err := json.Unmarshal([]byte(body), &listed); err != nil || len(listed.Keys) != 3 || strings.Contains(body, "sha256") {
		t.Errorf("%v: %s", err, body)
	}
	status, _, body = operators.ask(http.MethodGet, "/admin/v1/keys", "", "X-API-Key", score)
	refused(t, status, body, http.StatusForbidden, "forbidden")
}
