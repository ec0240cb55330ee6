// Package prometheus shows the metrics of a process to a Prometheus server.
package prometheus

import (
	"net/http"

	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/besra-ml/besra/internal/telemetry"
)

// scrapes bounds how many scrapes are answered at once; one more is told to come again (503).
const scrapes = 4

// Handler answers with m, and with what the Go runtime and the operating system say of the process, in
// the text format that the scraper asks for: OpenMetrics or Prometheus's own.
func Handler(m *telemetry.Metrics) http.Handler {
	r := prom.NewRegistry()
	r.MustRegister(
		collector{m},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		EnableOpenMetrics:   true,
		MaxRequestsInFlight: scrapes,
		ErrorHandling:       promhttp.ContinueOnError, // one bad series must not hide the others
	})
}

type collector struct{ metrics *telemetry.Metrics }

// Describe sends nothing: the series are known when they are collected.
func (c collector) Describe(chan<- *prom.Desc) {}

// Collect sends every series as it stands now.
func (c collector) Collect(out chan<- prom.Metric) {
	for f := range c.metrics.Families() {
		desc := prom.NewDesc(f.Name, f.Help, f.Labels, nil)
		for _, s := range f.Series {
			out <- metric(desc, f.Kind, s)
		}
	}
}

func metric(desc *prom.Desc, kind telemetry.Kind, s telemetry.Series) prom.Metric {
	var (
		m   prom.Metric
		err error
	)
	switch kind {
	case telemetry.HistogramKind:
		m, err = prom.NewConstHistogram(desc, s.Buckets.Count, s.Buckets.Sum, cumulative(s.Buckets), s.Values...)
	case telemetry.CounterKind:
		m, err = prom.NewConstMetric(desc, prom.CounterValue, s.Value, s.Values...)
	case telemetry.GaugeKind:
		m, err = prom.NewConstMetric(desc, prom.GaugeValue, s.Value, s.Values...)
	}
	if err != nil {
		return prom.NewInvalidMetric(desc, err)
	}
	return m
}

// cumulative turns counts by bucket into counts at or below each bound, as Prometheus has them.
func cumulative(b *telemetry.Buckets) map[float64]uint64 {
	below := make(map[float64]uint64, len(b.Bounds))
	n := uint64(0)
	for i, bound := range b.Bounds {
		n += b.Counts[i]
		below[bound] = n
	}
	return below
}
