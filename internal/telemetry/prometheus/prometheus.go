// Package prometheus shows the metrics of a process to a Prometheus server.
package prometheus

import (
	"net/http"

	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

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
		if err == nil && s.Buckets.Native != nil {
			m = native{m, s.Buckets.Native}
		}
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

// native is a histogram that has native buckets beside the classic ones. A scraper that asks for protobuf gets both.
type native struct {
	prom.Metric
	counts []uint64
}

func (n native) Write(out *dto.Metric) error {
	if err := n.Metric.Write(out); err != nil {
		return err
	}
	h := out.Histogram
	h.Schema = proto.Int32(telemetry.NativeSchema)
	h.ZeroThreshold = proto.Float64(telemetry.NativeEnd(0))
	h.ZeroCount = proto.Uint64(n.counts[0])
	h.PositiveSpan, h.PositiveDelta = spans(n.counts[1:])
	if len(h.PositiveSpan) == 0 {
		h.PositiveSpan = []*dto.BucketSpan{{Offset: proto.Int32(0), Length: proto.Uint32(0)}} // it is a native one all the same
	}
	return nil
}

// spans spells counts, of which the first is of bucket telemetry.NativeFirst: runs of buckets that are not empty, and each
// count less the one before.
func spans(counts []uint64) (spans []*dto.BucketSpan, deltas []int64) {
	gap, before := int32(telemetry.NativeFirst), int64(0)
	var run *dto.BucketSpan
	for _, n := range counts {
		if n == 0 {
			gap++
			run = nil
			continue
		}
		if run == nil {
			run = &dto.BucketSpan{Offset: proto.Int32(gap), Length: proto.Uint32(0)}
			spans = append(spans, run)
			gap = 0
		}
		*run.Length++
		deltas = append(deltas, int64(n)-before)
		before = int64(n)
	}
	return spans, deltas
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
