package prometheus

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/besra-ml/besra/internal/telemetry"
)

func scrape(t *testing.T, h http.Handler, accept string) (body []byte, contentType string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("status %d, %v: %s", w.Code, err, body)
	}
	return body, w.Header().Get("Content-Type")
}

func parse(t *testing.T, body []byte) map[string]*dto.MetricFamily {
	t.Helper()
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// label returns one label's value.
func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func filled() *telemetry.Metrics {
	m := telemetry.New(telemetry.Options{Version: "1.0.0"})
	m.Route("/v1/score", telemetry.NoPromise)
	m.Model("fraud", "3", []string{"amount", "card_country"})
	return m
}

func TestHandler(t *testing.T) {
	t.Run("every known series is there and at zero before the first request", func(t *testing.T) {
		body, _ := scrape(t, Handler(filled()), "text/plain")
		families := parse(t, body)
		for name, series := range map[string]int{
			"besra_build_info":                   1,
			"besra_requests_total":               34, // two routes, 17 codes
			"besra_request_seconds":              2,
			"besra_requests_in_flight":           1,
			"besra_stage_seconds":                9,
			"besra_rows_scored_total":            1,
			"besra_decisions_total":              3,
			"besra_score":                        1,
			"besra_features_missing_total":       2,
			"besra_features_out_of_bounds_total": 2,
			"besra_model_ready":                  1,
			"besra_model_refused_total":          6,
			"besra_degraded_total":               1,
			"besra_events_not_remembered_total":  2,
			"besra_replay_total":                 6,
			"besra_labels_total":                 3,
		} {
			f := families[name]
			if len(f.GetMetric()) != series {
				t.Errorf("%s has %d series, want %d", name, len(f.GetMetric()), series)
			}
			for _, m := range f.GetMetric() {
				v := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount()) +
					m.GetHistogram().GetSampleSum()
				if want := map[bool]float64{true: 1}[name == "besra_build_info"]; v != want {
					t.Errorf("%s %v = %v, want %v", name, m.GetLabel(), v, want)
				}
			}
		}
		for _, name := range []string{"go_goroutines", "go_memstats_heap_alloc_bytes"} {
			if families[name] == nil {
				t.Errorf("no %s", name)
			}
		}
	})

	t.Run("numbers arrive as they were counted", func(t *testing.T) {
		m := filled()
		route := m.Route("/v1/score", telemetry.NoPromise)
		for _, took := range []time.Duration{10 * time.Microsecond, 50 * time.Microsecond, 600 * time.Microsecond, time.Minute} {
			route.Answered(200, 0, took)
		}
		route.Answered(422, 0, 600*time.Microsecond)
		m.InFlight.Inc()
		families := parse(t, first(scrape(t, Handler(m), "text/plain")))

		for _, s := range families["besra_requests_total"].GetMetric() {
			want := map[string]float64{"/v1/score 200": 4, "/v1/score 422": 1}[label(s, "route")+" "+label(s, "code")]
			if s.GetCounter().GetValue() != want {
				t.Errorf("%v = %v, want %v", s.GetLabel(), s.GetCounter().GetValue(), want)
			}
		}
		if v := families["besra_requests_in_flight"].GetMetric()[0].GetGauge().GetValue(); v != 1 {
			t.Errorf("%v in flight, want 1", v)
		}
		for _, s := range families["besra_request_seconds"].GetMetric() {
			if label(s, "route") != "/v1/score" {
				continue
			}
			h := s.GetHistogram()
			if h.GetSampleCount() != 5 || math.Abs(h.GetSampleSum()-60.00126) > 1e-9 {
				t.Errorf("count %d, sum %v", h.GetSampleCount(), h.GetSampleSum())
			}
			for _, b := range h.GetBucket() {
				want := map[float64]uint64{25e-6: 1, 50e-6: 2, 500e-6: 2, 750e-6: 4, 10: 4, math.Inf(1): 5}
				if n, ok := want[b.GetUpperBound()]; ok && b.GetCumulativeCount() != n {
					t.Errorf("le %v: %d, want %d", b.GetUpperBound(), b.GetCumulativeCount(), n)
				}
			}
		}
	})

	t.Run("histograms never fall from bucket to bucket and end at their count", func(t *testing.T) {
		m := filled()
		model := m.Model("fraud", "3", nil)
		for i := range 1000 {
			model.Score.Observe(float64(i) / 900)
			var t telemetry.Times
			t.Laps[telemetry.StageScore] = telemetry.Lap{Busy: time.Duration(i*i) * time.Microsecond, Times: 1}
			m.Stages(&t)
		}
		for name, f := range parse(t, first(scrape(t, Handler(m), "text/plain"))) {
			if f.GetType() != dto.MetricType_HISTOGRAM {
				continue
			}
			for _, s := range f.GetMetric() {
				last, h := uint64(0), s.GetHistogram()
				for _, b := range h.GetBucket() {
					if b.GetCumulativeCount() < last {
						t.Errorf("%s %v falls at %v", name, s.GetLabel(), b.GetUpperBound())
					}
					last = b.GetCumulativeCount()
				}
				if last != h.GetSampleCount() {
					t.Errorf("%s %v ends at %d, its count is %d", name, s.GetLabel(), last, h.GetSampleCount())
				}
			}
		}
	})

	t.Run("native buckets are there for who asks, and hold what was counted", func(t *testing.T) {
		m := filled()
		route := m.Route("/v1/score", telemetry.NoPromise)
		reference := prom.NewHistogram(prom.HistogramOpts{
			Name: "reference", NativeHistogramBucketFactor: 1.1, NativeHistogramZeroThreshold: 1. / (1 << 20), // the schema that besra has
		})
		r := rand.New(rand.NewPCG(1, 1))
		for range 5000 {
			took := time.Duration(math.Exp(r.Float64()*14) * 1e3)
			route.Answered(200, 0, took)
			reference.Observe(float64(took) * 1e-9)
		}
		body, contentType := scrape(t, Handler(m), "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
		decoder := expfmt.NewDecoder(bytes.NewReader(body), expfmt.ResponseFormat(http.Header{"Content-Type": {contentType}}))
		var want dto.Metric
		if err := reference.Write(&want); err != nil {
			t.Fatal(err)
		}
		for {
			var f dto.MetricFamily
			if err := decoder.Decode(&f); err != nil {
				t.Fatalf("no besra_request_seconds: %v", err)
			}
			if f.GetName() != "besra_request_seconds" {
				continue
			}
			for _, s := range f.GetMetric() {
				h, w := s.GetHistogram(), want.GetHistogram()
				if label(s, "route") != "/v1/score" {
					if h.GetSampleCount() != 0 || len(h.GetPositiveSpan()) != 1 {
						t.Errorf("an empty one has spans %v", h.GetPositiveSpan())
					}
					continue
				}
				if h.GetSchema() != w.GetSchema() || h.GetZeroThreshold() != w.GetZeroThreshold() || h.GetZeroCount() != w.GetZeroCount() {
					t.Errorf("schema %d, zero %v: %d; want %d, %v: %d", h.GetSchema(), h.GetZeroThreshold(), h.GetZeroCount(),
						w.GetSchema(), w.GetZeroThreshold(), w.GetZeroCount())
				}
				if d := cmp.Diff(buckets(w), buckets(h)); d != "" {
					t.Error(d)
				}
				if len(h.GetBucket()) == 0 {
					t.Error("there are no classic buckets")
				}
			}
			return
		}
	})

	t.Run("names and labels keep Prometheus's conventions", func(t *testing.T) {
		problems, err := promlint.New(bytes.NewReader(first(scrape(t, Handler(filled()), "text/plain")))).Lint()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	})

	t.Run("a label of any bytes is one line that reads back", func(t *testing.T) {
		m := telemetry.New(telemetry.Options{})
		name := "a\"b\\c\nbesra_forged_total 1\n\x00\xff"
		m.Model("fraud", "1", []string{name}).Missing[0].Inc()
		families := parse(t, first(scrape(t, Handler(m), "text/plain")))
		got := label(families["besra_features_missing_total"].GetMetric()[0], "feature")
		if want := strings.ToValidUTF8(name, "�"); got != want {
			t.Errorf("the feature is %q, want %q", got, want)
		}
		if families["besra_forged_total"] != nil {
			t.Error("a label became a metric")
		}
	})

	t.Run("OpenMetrics is spoken when asked for", func(t *testing.T) {
		body, contentType := scrape(t, Handler(filled()), "application/openmetrics-text; version=1.0.0")
		if !strings.HasPrefix(contentType, "application/openmetrics-text") || !bytes.HasSuffix(body, []byte("# EOF\n")) {
			t.Errorf("%s, ends %q", contentType, body[max(0, len(body)-20):])
		}
	})

	t.Run("the page of one model of 30 features is short", func(t *testing.T) {
		m := filled()
		for i := range 12 {
			m.Route("/v1/"+strings.Repeat("r", i+1), telemetry.NoPromise)
		}
		features := make([]string, 30)
		for i := range features {
			features[i] = fmt.Sprint("f", i)
		}
		m.Model("fraud", "3", features)
		if lines := bytes.Count(first(scrape(t, Handler(m), "text/plain")), []byte("\n")); lines > 1500 {
			t.Errorf("%d lines", lines)
		}
	})
}

func first(body []byte, _ string) []byte { return body }

// buckets returns the counts of native buckets, by their numbers.
func buckets(h *dto.Histogram) map[int32]int64 {
	all, at, n, k := map[int32]int64{}, int32(0), int64(0), 0
	for _, span := range h.GetPositiveSpan() {
		at += span.GetOffset()
		for range span.GetLength() {
			n += h.GetPositiveDelta()[k]
			if n != 0 {
				all[at] = n
			}
			at++
			k++
		}
	}
	return all
}
