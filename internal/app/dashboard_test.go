package app

import (
	"bufio"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
)

// seconds reads the dashboard's stream until so many seconds have come, and returns what came of them.
func seconds(t *testing.T, lines *bufio.Reader, n int) (told []string) {
	t.Helper()
	for len(told) < n {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("after %d seconds: %v", len(told), err)
		}
		if line != "event: tick\n" {
			continue
		}
		data, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, data)
	}
	return told
}

func (s *server) watch(headers ...string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.addr+"/dashboard/events", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.client.Transport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func TestWhoWatchesSeesEachSecondForLongerThanARequestMayTake(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) {
		c.Timeouts.Body, c.Timeouts.Answer, c.Timeouts.Header = 300*time.Millisecond, 400*time.Millisecond, 200*time.Millisecond
	})
	resp := s.watch()
	lines := bufio.NewReader(resp.Body)
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	seconds(t, lines, 1)
	s.scores()
	all := strings.Join(seconds(t, lines, 3), "")
	if !strings.Contains(all, `["/v1/score","200",1]`) || !strings.Contains(all, `"score":[["fraud","1",`) {
		t.Errorf("a score is not told in %s", all)
	}
}

func TestStoppingDoesNotWaitForWhoWatches(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.Timeouts.Drain = patience })
	resp := s.watch()
	seconds(t, bufio.NewReader(resp.Body), 1)
	if n := s.metrics.InFlight.Value(); n != 0 {
		t.Errorf("%d requests are in flight; watching is none", n)
	}
	begun := time.Now()
	s.cancel()
	if err := s.ended(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

func TestTheDashboardIsForThoseWhoMaySeeAll(t *testing.T) {
	t.Parallel()
	g := guard(t, nil)
	operator, _ := g.create(t, auth.Entry{Name: "operator", Scopes: identity.Metrics})
	bound, _ := g.create(t, auth.Entry{Name: "bound", Scopes: identity.Metrics, Models: []string{"fraud"}})
	tenant, _ := g.create(t, auth.Entry{Name: "tenant", Scopes: identity.Metrics, Tenant: "eu"})
	basic := func(key string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte("me:"+key)) }
	for _, path := range []string{"/dashboard", "/dashboard/main.js", "/dashboard/events"} {
		for name, key := range map[string]string{"bound to a model": bound, "of a tenant": tenant} {
			status, header, body := g.ask(http.MethodGet, path, "", "Authorization", basic(key))
			if refused(t, status, body, http.StatusForbidden, "forbidden"); header.Get("WWW-Authenticate") != "" {
				t.Errorf("%s to a key %s: asks for another", path, name)
			}
		}
		status, header, body := g.ask(http.MethodGet, path, "")
		if refused(t, status, body, http.StatusUnauthorized, "unauthenticated"); !strings.HasPrefix(header.Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("%s: a browser is not asked for a key", path)
		}
		status, header, body = g.ask(http.MethodGet, path, "", "Authorization", basic(operator), "Origin", "https://evil.example")
		if refused(t, status, body, http.StatusUnauthorized, "unauthenticated"); strings.Contains(header.Get("WWW-Authenticate"), "Basic") {
			t.Errorf("%s: another's page has the browser ask for a key", path)
		}
		status, _, body = g.ask(http.MethodGet, path+"?key="+operator, "", "Authorization", basic(operator))
		refused(t, status, body, http.StatusUnauthorized, "unauthenticated")
	}
	resp := g.watch("Authorization", basic(operator), "Origin", "http://"+g.addr, "Sec-Fetch-Site", "same-origin")
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	seconds(t, bufio.NewReader(resp.Body), 1)
}

func TestTheDashboardCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.Dashboard = false })
	for _, path := range []string{"/dashboard", "/dashboard/main.js", "/dashboard/events"} {
		status, body := s.do(http.MethodGet, path, "")
		refused(t, status, body, http.StatusNotFound, "no-such-route")
	}
}
