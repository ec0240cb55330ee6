package app

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/bundle"
)

// fewerRounds writes a version of the demo's model of its first rounds only, with their own golden rows and a
// policy of these cutoffs.
func fewerRounds(t *testing.T, dir string, version, rounds int, cutoffs string) {
	t.Helper()
	golden := filepath.Join(t.TempDir(), "golden")
	m, err := besra.Open(filepath.Join(demoBundle, "model.ubj"))
	if err != nil {
		t.Fatal(err)
	}
	if m, err = m.Range(0, rounds); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(demoBundle, "golden/rows.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	margins, values := []byte("margin\n"), []byte("value\n")
	for _, line := range lines[1:] {
		row := make([]float32, len(line))
		for i, cell := range line {
			row[i] = float32(math.NaN())
			if x, err := strconv.ParseFloat(cell, 32); err == nil {
				row[i] = float32(x)
			}
		}
		var margin, value [1]float64
		if m.Margin(margin[:], row) != nil || m.Predict(value[:], row) != nil {
			t.Fatal("no golden rows")
		}
		margins = append(strconv.AppendFloat(margins, margin[0], 'g', -1, 32), '\n')
		values = append(strconv.AppendFloat(values, value[0], 'g', -1, 32), '\n')
	}
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	text := fmt.Sprintf("besra: 1\nversion: v%d\ncutoffs: %s\nfallback: review\n", version, cutoffs)
	err = os.MkdirAll(golden, 0o750)
	for file, data := range map[string][]byte{
		filepath.Join(golden, "rows.csv"): data, filepath.Join(golden, "margin.csv"): margins,
		filepath.Join(golden, "value.csv"): values, policy: []byte(text),
	} {
		if err == nil {
			err = os.WriteFile(file, data, 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = bundle.Write(filepath.Join(dir, "fraud", strconv.Itoa(version)), bundle.Recipe{
		Manifest: bundle.Manifest{Name: "fraud", Version: version, Iterations: bundle.Iterations{Some: true, To: rounds}},
		Model:    filepath.Join(demoBundle, "model.ubj"), Golden: golden,
		Events: filepath.Join(demoBundle, "features.yaml"), Policy: policy,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A shadowed is what the status says of a challenger.
type shadowed struct {
	Model           string `json:"model"`
	Champion        *int   `json:"champion"`
	Challenger      int    `json:"challenger"`
	ChallengerReady bool   `json:"challenger_ready"`
	Why             string `json:"why"`
	Sample          float64
	Since           string
	Compared        int
	Dropped         int
	Failed          int
	Agreement       *float64
	ScoreShift      struct{ Mean, Absolute, Largest *float64 } `json:"score_shift"`
	Decisions       []struct {
		Champion, Challenger string
		Events               int
	}
}

func (s *server) shadowed() []shadowed {
	s.t.Helper()
	var st struct{ Shadow []shadowed }
	if status, answer := s.get("/v1/status"); status != 200 || json.Unmarshal([]byte(answer), &st) != nil || st.Shadow == nil {
		s.t.Fatalf("%d %s", status, answer)
	}
	return st.Shadow
}

func TestAChallengerScoresBesideTheLiveVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bundleAs(t, dir, "fraud", 1)
	fewerRounds(t, dir, 4, 10, "{review: 0.02, decline: 0.3}")
	if err := os.WriteFile(filepath.Join(dir, "fraud/live"), []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *Config) {
		c.Models.Dir, c.Shadow, c.ShadowSample = dir, map[string]int{"fraud": 4}, 1
		c.State.Dir = t.TempDir()
	})
	eventually(t, "it is ready", func() bool { status, _ := s.get("/readyz"); return status == 200 })

	var shift, absolute, largest, same float64
	pairs := map[string]int{}
	const events = 200
	for i := range events {
		at := fmt.Sprintf("2026-11-27T%02d:%02d:00Z", i/60, i%60)
		body := payment(fmt.Sprint("evt_", i), at, fmt.Sprint("c_", i%7), fmt.Sprint("t_", i%5), float64(i*i%900)+0.5)
		// what the challenger says when it is asked by name, of the same moment
		dry := strings.Replace(body, `"event":`, `"model":"fraud@4","dry_run":true,"event":`, 1)
		challenger := scoreOf(s.postT(t, dry))
		if i%2 == 0 {
			body = strings.Replace(body, `"event":`, `"model":"fraud","event":`, 1)
		}
		champion := scoreOf(s.postT(t, body))
		if champion.Version != 1 || challenger.Version != 4 {
			t.Fatalf("%+v, %+v", champion, challenger)
		}
		d := challenger.score(t) - champion.score(t)
		shift, absolute, largest = shift+d, absolute+math.Abs(d), max(largest, math.Abs(d))
		pairs[champion.Decision+" "+challenger.Decision]++
		if champion.Decision == challenger.Decision {
			same++
		}
		if i%10 == 0 { // what is not compared
			s.postT(t, body) // again
			s.postT(t, strings.Replace(payment(fmt.Sprint("pin_", i), at, "c_other", "t_other", 1), `"event":`, `"model":"fraud@4","event":`, 1))
			s.post("/v1/score", strings.Replace(body, `"amount":`, `"amont":`, 1))
		}
	}
	eventually(t, "all are compared", func() bool { return s.shadowed()[0].Compared == events })
	got := s.shadowed()[0]
	near := func(what string, got *float64, want float64) {
		if got == nil || math.Abs(*got-want) > 1e-6 { // scores are spelled with the digits of a float32
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	near("mean", got.ScoreShift.Mean, shift/events)
	near("absolute", got.ScoreShift.Absolute, absolute/events)
	near("largest", got.ScoreShift.Largest, largest)
	near("agreement", got.Agreement, same/events)
	decided := map[string]int{}
	for _, d := range got.Decisions {
		decided[d.Champion+" "+d.Challenger] = d.Events
	}
	if d := cmp.Diff(pairs, decided); d != "" || len(pairs) < 2 {
		t.Errorf("%v: %s", pairs, d)
	}
	if got.Since == "" || *got.Champion != 1 || got.Challenger != 4 || !got.ChallengerReady || got.Why != "" || got.Sample != 1 || got.Dropped != 0 || got.Failed != 0 {
		t.Errorf("%+v", got)
	}
	page := s.page()
	for series, want := range map[string]int{
		`besra_shadow_events_total{model="fraud",result="compared",version="4"}`: events,
		`besra_shadow_events_total{model="fraud",result="dropped",version="4"}`:  0,
		`besra_shadow_events_total{model="fraud",result="failed",version="4"}`:   0,
		`besra_shadow_decisions_changed_total{model="fraud",version="4"}`:        events - int(same),
		`besra_shadow_score_shift_count{model="fraud",version="4"}`:              events,
	} {
		if page[series] != strconv.Itoa(want) {
			t.Errorf("%s is %q, want %d", series, page[series], want)
		}
	}
	decisions := 0
	for _, d := range []string{"approve", "review", "decline"} {
		n, _ := strconv.Atoi(page[fmt.Sprintf(`besra_decisions_total{decision=%q,model="fraud",version="4"}`, d)])
		decisions += n
	}
	if decisions != events/10 { // of those who asked for it
		t.Errorf("%d decisions of the challenger", decisions)
	}
}

// logged is a log that can be read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestAChallengerThatIsNotServedIsToldOnce(t *testing.T) {
	t.Parallel()
	var log logged
	c := Defaults()
	c.Shadow = map[string]int{"fraud": 4, "abuse": 1}
	a, err := New(c, testBackends(), nil, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	stop, _ := a.beside(t.Context(), nil)
	defer stop()
	do := func(method, path, body string) string {
		w, r := httptest.NewRecorder(), httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		a.gateway.ServeHTTP(w, r)
		if w.Code != 200 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		return w.Body.String()
	}
	do("POST", "/v1/score", demoRow)
	eventually(t, "it is told", func() bool { return strings.Count(log.String(), "the challenger is not served") == 2 })
	var st struct{ Shadow []shadowed }
	if err := json.Unmarshal([]byte(do("GET", "/v1/status", "")), &st); err != nil {
		t.Fatal(err)
	}
	all := st.Shadow
	if len(all) != 2 || all[0].Model != "abuse" || all[0].Champion != nil || all[1].Champion == nil || *all[1].Champion != 1 {
		t.Fatalf("%+v", all)
	}
	for _, st := range all {
		if st.ChallengerReady || st.Why != "the challenger is not served" || st.Sample != 0.1 || st.Agreement != nil || st.ScoreShift.Mean != nil || len(st.Decisions) != 0 {
			t.Errorf("%+v", st)
		}
	}
	if page := do("GET", "/metrics", ""); !strings.Contains(page, `besra_shadow_events_total{model="fraud",result="compared",version="4"} 0`) {
		t.Error("no series of a challenger that is known")
	}
	if n := strings.Count(log.String(), "challenger is not served"); n != 2 {
		t.Errorf("told %d times", n)
	}
}

func TestWithoutChallengersTheStatusSaysSo(t *testing.T) {
	t.Parallel()
	if all := start(t, nil).shadowed(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}
