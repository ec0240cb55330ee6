package app

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

// page scrapes the metrics: each series with what it stands at.
func (s *server) page() map[string]string {
	s.t.Helper()
	_, text := s.get("/metrics")
	series := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			series[line[:i]] = line[i+1:]
		}
	}
	return series
}

func TestKnownSeriesStandAtZeroFromTheStart(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	page := s.page()
	want := []string{
		`besra_decisions_total{decision="approve",model="fraud",version="1"}`,
		`besra_decisions_total{decision="review",model="fraud",version="1"}`,
		`besra_decisions_total{decision="decline",model="fraud",version="1"}`,
		`besra_rows_scored_total{model="fraud",version="1"}`,
		`besra_score_count{model="fraud",version="1"}`,
		`besra_model_refused_total{model="fraud",reason="unproven"}`,
		`besra_stage_seconds_count{stage="decode"}`,
		`besra_stage_seconds_count{stage="score"}`,
		`besra_stage_seconds_count{stage="encode"}`,
	}
	for _, route := range []string{"/v1/score", "/v1/score/batch", "/v1/models", "/v1/models/{name}", "/livez", "/readyz", "/ping", "/metrics", "/openapi.json", "other"} {
		for _, code := range []string{"200", "400", "404", "405", "413", "415", "422", "500", "503"} {
			want = append(want, fmt.Sprintf(`besra_requests_total{code="%s",route="%s"}`, code, route))
		}
		want = append(want, fmt.Sprintf(`besra_request_seconds_count{route="%s"}`, route))
	}
	for _, c := range demoModel(t).Columns() {
		want = append(want, fmt.Sprintf(`besra_features_missing_total{feature="%s",model="fraud"}`, c.Name),
			fmt.Sprintf(`besra_features_out_of_bounds_total{feature="%s",model="fraud"}`, c.Name))
	}
	for _, series := range want {
		if got, ok := page[series]; !ok || got != "0" {
			t.Errorf("%s is %q, want 0", series, got)
		}
	}
	if got := page[`besra_model_ready{model="fraud",version="1"}`]; got != "1" {
		t.Errorf("besra_model_ready is %q", got)
	}
}

func TestMetricsCountWhatHappened(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	features := func(change map[string]any) string { return demoFeatures(t, change) }
	for _, c := range []struct {
		times              int
		method, path, body string
		status             int
	}{
		{3, "POST", "/v1/score", demoRow, 200},
		{2, "POST", "/v1/score", features(map[string]any{"amount": 500_000, "card_mean_1d": nil}), 200},
		{1, "POST", "/v1/score", features(map[string]any{"amount": 900, "terminal_fraud_share_30d": 1, "terminal_fraud_share_7d": 1, "terminal_fraud_share_1d": 1}), 200},
		{2, "POST", "/v1/score", features(map[string]any{"amount": "1.5"}), 422},
		{1, "POST", "/v1/score", "{", 400},
		{1, "POST", "/v1/score", `{"model":"x",` + demoRow[1:], 404},
		{1, "GET", "/v1/score", "", 405},
		{1, "POST", "/v1/score", strings.Repeat(" ", 1<<20) + demoRow, 413},
		{2, "POST", "/v1/score/batch", `{"events":[` + demoRow + "," + demoRow + `,{"row":[]}]}`, 200},
		{1, "GET", "/v1/models/fraud", "", 200},
		{4, "GET", "/v1/models/nothing", "", 404},
		{5, "GET", "/no/such/route", "", 404},
		{1, "GET", "/v1//models", "", 404},
	} {
		for range c.times {
			if status, answer := s.do(c.method, c.path, c.body); status != c.status {
				t.Fatalf("%s %s: %d %s, want %d", c.method, c.path, status, answer, c.status)
			}
		}
	}
	page := s.page()
	for series, want := range map[string]string{
		`besra_requests_total{code="200",route="/v1/score"}`:                  "6",
		`besra_requests_total{code="422",route="/v1/score"}`:                  "2",
		`besra_requests_total{code="400",route="/v1/score"}`:                  "1",
		`besra_requests_total{code="404",route="/v1/score"}`:                  "1",
		`besra_requests_total{code="405",route="/v1/score"}`:                  "1",
		`besra_requests_total{code="413",route="/v1/score"}`:                  "1",
		`besra_request_seconds_count{route="/v1/score"}`:                      "12",
		`besra_requests_total{code="200",route="/v1/score/batch"}`:            "2",
		`besra_requests_total{code="200",route="/v1/models/{name}"}`:          "1",
		`besra_requests_total{code="404",route="/v1/models/{name}"}`:          "4",
		`besra_requests_total{code="404",route="other"}`:                      "6",
		`besra_requests_in_flight`:                                            "1", // the one that asks
		`besra_rows_scored_total{model="fraud",version="1"}`:                  "10",
		`besra_score_count{model="fraud",version="1"}`:                        "10",
		`besra_decisions_total{decision="approve",model="fraud",version="1"}`: "7",
		`besra_features_missing_total{feature="card_mean_1d",model="fraud"}`:  "2",
		`besra_features_missing_total{feature="card_mean_7d",model="fraud"}`:  "0",
		`besra_features_out_of_bounds_total{feature="amount",model="fraud"}`:  "2",
		`besra_features_out_of_bounds_total{feature="night",model="fraud"}`:   "0",
		`besra_stage_seconds_count{stage="score"}`:                            "8",
		`besra_stage_seconds_count{stage="encode"}`:                           "8",
	} {
		if page[series] != want {
			t.Errorf("%s is %q, want %s", series, page[series], want)
		}
	}
	for _, decision := range []string{"review", "decline"} {
		t.Log(decision, page[`besra_decisions_total{decision="`+decision+`",model="fraud",version="1"}`])
	}
}

func TestClientsCannotMakeSeries(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	_, first := s.get("/metrics")
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, 1+random.IntN(20))
		for i := range b {
			b[i] = "abcdefghijklmnopqrstuvwxyz0123456789-_."[random.IntN(39)]
		}
		return string(b)
	}
	for range 300 {
		w := word()
		s.get("/" + w + "/" + word())
		s.get("/v1/models/" + w)
		s.do(strings.ToUpper(strings.Trim(w, "-_."))+"X", "/v1/score", "")
		s.post("/v1/score", fmt.Sprintf(`{"model":%q,"row":[]}`, w))
		s.post("/v1/score", fmt.Sprintf(`{"features":{%q:1}}`, w))
		s.post("/v1/score", fmt.Sprintf(`{"event_id":%q,%s`, w, demoRow[1:]))
	}
	_, last := s.get("/metrics")
	before, after := strings.Count(first, "\n"), strings.Count(last, "\n")
	t.Logf("the page has %d lines", after)
	if after > 3000 {
		t.Errorf("the page has %d lines", after)
	}
	// The Go runtime adds a line of its own now and then.
	if after > before+5 {
		t.Errorf("the page grew from %d to %d lines", before, after)
	}
}

func TestScrapersAreBoundedAndCounted(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	codes := make(chan int)
	const n = 40
	for range n {
		go func() {
			resp, err := s.client.Get("http://" + s.addr + "/metrics")
			if err != nil {
				t.Error(err)
				codes <- 0
				return
			}
			resp.Body.Close()
			codes <- resp.StatusCode
		}()
	}
	count := map[int]int{}
	for range n {
		count[<-codes]++
	}
	if count[http.StatusOK]+count[http.StatusServiceUnavailable] != n || count[http.StatusOK] == 0 {
		t.Fatalf("%v", count)
	}
	page := s.page()
	if got, want := page[`besra_requests_total{code="503",route="/metrics"}`], fmt.Sprint(count[http.StatusServiceUnavailable]); got != want {
		t.Errorf("%s refused scrapes were counted, want %s", got, want)
	}
}
