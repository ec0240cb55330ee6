package app

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/drift"
	"github.com/besra-ml/besra/internal/identity"
)

// A driftStatus is what the status says of a model's drift.
type driftStatus struct {
	Model         string         `json:"model"`
	Version       int            `json:"version"`
	Rows          int            `json:"rows"`
	ReferenceRows int            `json:"reference_rows"`
	Window        float64        `json:"window_seconds"`
	PSI           *float64       `json:"score_psi"`
	Verdict       string         `json:"verdict"`
	Features      []featureDrift `json:"features"`
}

type featureDrift struct {
	Feature string   `json:"feature"`
	PSI     *float64 `json:"psi"`
	Verdict string   `json:"verdict"`
}

func (s *server) drift() []driftStatus {
	s.t.Helper()
	_, text := s.get("/v1/status")
	var status struct {
		Drift []driftStatus `json:"drift"`
	}
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		s.t.Fatal(err)
	}
	return status.Drift
}

func TestDriftIsTold(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.Drift.Window = 30 * time.Minute })
	page := s.page()
	for series, want := range map[string]string{
		`besra_score_drift_psi{model="fraud",version="1"}`:              "NaN",
		`besra_drift_psi{feature="amount",model="fraud",version="1"}`:   "NaN",
		`besra_drift_psi{feature="weekend",model="fraud",version="1"}`:  "NaN",
		`besra_drift_rows{model="fraud",version="1"}`:                   "0",
		`besra_drift_reference_rows{model="fraud",version="1"}`:         "203835",
		`besra_features_missing_total{feature="amount",model="fraud"}`:  "0",
		`besra_model_ready{model="fraud",version="1"}`:                  "1",
		`besra_drift_psi{feature="nothing",model="fraud",version="1"}`:  "",
		`besra_drift_psi{feature="weekend",model="fraud",version="12"}`: "",
	} {
		if page[series] != want {
			t.Errorf("from the start %s is %q, want %q", series, page[series], want)
		}
	}
	if d := s.drift(); len(d) != 1 || d[0].Verdict != "none" || d[0].PSI != nil || d[0].Window != 1800 || d[0].ReferenceRows != 203_835 {
		t.Fatalf("%+v", d)
	}

	// One row over and over is nothing like half a year of payments.
	body := `{"events":[` + strings.Repeat(demoRow+",", 199) + demoRow + `]}`
	m := s.Models()[0]
	end := time.Now().Add(patience)
	for m.Drift.Report().Rows < drift.MinRows && time.Now().Before(end) {
		if status, answer := s.post("/v1/score/batch", body); status != 200 {
			t.Fatal(status, answer)
		}
		time.Sleep(50 * time.Millisecond)
	}
	d := s.drift()
	if len(d) != 1 || d[0].Model != "fraud" || d[0].Version != 1 || d[0].Rows < drift.MinRows || d[0].Verdict != "drifted" || *d[0].PSI < 1 {
		t.Fatalf("%+v", d)
	}
	if len(d[0].Features) != 10 || d[0].Features[0].Verdict != "drifted" {
		t.Errorf("%+v", d[0].Features)
	}
	if !slices.IsSortedFunc(d[0].Features, func(a, b featureDrift) int { return cmp.Compare(*b.PSI, *a.PSI) }) {
		t.Errorf("not the furthest first: %+v", d[0].Features)
	}

	s.measureDrift(m)
	page = s.page()
	for _, series := range []string{
		`besra_score_drift_psi{model="fraud",version="1"}`, `besra_drift_psi{feature="amount",model="fraud",version="1"}`,
	} {
		if psi, err := strconv.ParseFloat(page[series], 64); err != nil || !(psi > 1) {
			t.Errorf("%s is %q", series, page[series])
		}
	}
	if rows, err := strconv.Atoi(page[`besra_drift_rows{model="fraud",version="1"}`]); err != nil || rows < drift.MinRows {
		t.Errorf("%d rows, %v", rows, err)
	}
	if got := page[`besra_drift_psi{feature="night",model="fraud",version="1"}`]; got != "NaN" {
		t.Errorf("the night is judged by half an hour: %s", got)
	}
}

func TestWhatDriftCounts(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	rows := func() int { return s.Models()[0].Drift.Report().Rows }
	event := func(id string, more string) string {
		return fmt.Sprintf(`{"event_id":%q,"event":{"time":"2026-11-27T12:00:00Z","card":"c_1","terminal":"t_1","amount":12.5}%s}`, id, more)
	}
	for _, c := range []struct {
		name, body string
		status     int
		want       int
	}{
		{"a row", demoRow, 200, 1},
		{"an event", event("a", ""), 200, 2},
		{"its repeat", event("a", ""), 200, 2},
		{"a dry run", event("b", `,"dry_run":true`), 200, 2},
		{"an event that is refused", strings.Replace(event("c", ""), "12.5", "null", 1), 422, 2},
	} {
		if status, answer := s.post("/v1/score", c.body); status != c.status {
			t.Fatalf("%s: %d %s", c.name, status, answer)
		}
		if got := rows(); got != c.want {
			t.Errorf("after %s %d rows are counted, want %d", c.name, got, c.want)
		}
	}
	amount := s.Models()[0].Drift.Feature("amount")
	share := 0.0
	for _, b := range amount {
		if b.Kind == drift.Range && b.From <= 12.5 && 12.5 < b.To {
			share = b.Live
		}
	}
	if share != .5 {
		t.Errorf("the event's amount is not counted: %+v", amount)
	}
}

func TestAnotherVersionIsWatchedAnew(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	s := f.serve(f.directory(1, 2), nil)
	if status, answer := s.post("/v1/score", demoRow); status != 200 {
		t.Fatal(status, answer)
	}
	told := func() (all []string) {
		for _, d := range s.drift() {
			all = append(all, fmt.Sprintf("%s@%d %d", d.Model, d.Version, d.Rows))
		}
		return all
	}
	if got := told(); !slices.Equal(got, []string{"fraud@2 1", "fraud@1 0"}) {
		t.Errorf("%q", got)
	}
	f.put(s.config.Models.Dir, "fraud", 3, f.files("fraud", 3))
	s.rescan()
	s.rescan()
	if status, answer := s.post("/v1/score", demoRow); status != 200 {
		t.Fatal(status, answer)
	}
	if got := told(); !slices.Equal(got, []string{"fraud@3 1", "fraud@2 1", "fraud@1 0"}) {
		t.Errorf("%q", got)
	}
	if d := s.drift()[0]; d.ReferenceRows >= drift.MinRows || d.Verdict != "none" {
		t.Errorf("golden rows are few: %+v", d)
	}
	const series = `besra_drift_psi{feature="amount",model="fraud",version="1"}`
	if s.page()[series] != "NaN" {
		t.Errorf("%s is %q", series, s.page()[series])
	}
	for _, version := range []int{1, 2} {
		if _, err := s.Unload(t.Context(), "fraud", version); err != nil {
			t.Fatal(err)
		}
	}
	var d drifts
	d.tend(s.App, time.Now())
	if got := told(); !slices.Equal(got, []string{"fraud@3 1"}) {
		t.Errorf("%q", got)
	}
	for name := range s.page() {
		if strings.Contains(name, "drift") && strings.Contains(name, `version="1"`) {
			t.Errorf("%s is still there", name)
		}
	}
	if _, err := s.Load(t.Context(), "fraud", 1); err != nil {
		t.Fatal(err)
	}
	if got := told(); !slices.Equal(got, []string{"fraud@3 1", "fraud@1 0"}) {
		t.Errorf("%q", got)
	}
	if s.page()[series] != "NaN" {
		t.Errorf("loaded again, %s is %q", series, s.page()[series])
	}
}

func TestDriftIsToldToWhoSeesTheModelOfAllTenants(t *testing.T) {
	t.Parallel()
	g := guard(t, nil)
	for _, c := range []struct {
		who  auth.Entry
		told bool
	}{
		{auth.Entry{Name: "free", Scopes: identity.All}, true},
		{auth.Entry{Name: "fraud", Scopes: identity.All, Models: []string{"fraud"}}, true},
		{auth.Entry{Name: "abuse", Scopes: identity.All, Models: []string{"abuse"}}, false},
		{auth.Entry{Name: "eu", Scopes: identity.All, Tenant: "eu"}, false},
	} {
		key, _ := g.create(t, c.who)
		status, _, body := g.ask(http.MethodGet, "/v1/status", "", "X-API-Key", key)
		if status != http.StatusOK || strings.Contains(body, `"reference_rows"`) != c.told || strings.Contains(body, `"drift":[]`) == c.told {
			t.Errorf("%s: %d %s", c.who.Name, status, body)
		}
	}
}

func TestADriftWindowThatIsTooShortIsRefused(t *testing.T) {
	t.Parallel()
	c := Defaults()
	c.Drift.Window = 59 * time.Second
	_, err := New(c, testBackends(), nil, nil)
	if err == nil || !strings.Contains(err.Error(), "drift.window: 59s is too short to compare anything, want at least 1m0s") {
		t.Error(err)
	}
}
