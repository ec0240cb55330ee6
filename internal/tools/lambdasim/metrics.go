package lambdasim

import (
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/besra-ml/besra/internal/tools/scaling"
)

// Metrics are what CloudWatch would have: sums over all time, of Lambda's own metrics and those that are extracted from logs
// in the Embedded Metric Format. Its methods may be called from many goroutines.
type Metrics struct {
	mu      sync.Mutex
	series  map[string]*Series
	lines   int
	dropped int
	faults  []string // the newest reasons for which lines were dropped
}

// NewMetrics returns metrics of nothing.
func NewMetrics() *Metrics { return &Metrics{series: map[string]*Series{}} }

// A Dimension is a name and a value.
type Dimension struct{ Name, Value string }

// A Series is a metric with one set of dimensions.
type Series struct {
	Namespace  string
	Name       string
	Unit       string
	Dimensions []Dimension // by name

	Count, Sum, Min, Max float64
	Last                 time.Time

	values map[float64]float64 // how often, until there are too many
}

const (
	maxSeries = 10_000
	maxValues = 10_000
	maxFaults = 20
)

// Percentile returns the value that a share of all, such as 0.99, does not exceed; 0 when values were too many to be kept.
func (s *Series) Percentile(share float64) float64 {
	left := share * s.Count
	for _, v := range slices.Sorted(maps.Keys(s.values)) {
		if left -= s.values[v]; left <= 1e-9 {
			return v
		}
	}
	return 0
}

// All returns all series, by namespace, name and dimensions.
func (m *Metrics) All() []Series {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Series, 0, len(m.series))
	for _, key := range slices.Sorted(maps.Keys(m.series)) {
		s := *m.series[key]
		s.values = maps.Clone(s.values)
		all = append(all, s)
	}
	return all
}

// Get returns the series with exactly these dimensions.
func (m *Metrics) Get(namespace, name string, dimensions ...Dimension) (Series, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.series[seriesKey(namespace, name, sortedDimensions(dimensions))]
	if s == nil {
		return Series{}, false
	}
	found := *s
	found.values = maps.Clone(s.values)
	return found, true
}

// Embedded returns how many lines in the Embedded Metric Format there were, how many of them CloudWatch would have
// dropped, and the newest reasons.
func (m *Metrics) Embedded() (lines, dropped int, why []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lines, m.dropped, slices.Clone(m.faults)
}

// Put adds a value to a metric, so often.
func (m *Metrics) Put(namespace, name, unit string, value, often float64, dimensions ...Dimension) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(namespace, name, unit, sortedDimensions(dimensions), value, often)
}

func (m *Metrics) put(namespace, name, unit string, dimensions []Dimension, value, often float64) {
	key := seriesKey(namespace, name, dimensions)
	s := m.series[key]
	if s == nil {
		if len(m.series) >= maxSeries {
			return
		}
		s = &Series{Namespace: namespace, Name: name, Unit: unit, Dimensions: dimensions, Min: value, Max: value, values: map[float64]float64{}}
		m.series[key] = s
	}
	s.Count += often
	s.Sum += value * often
	s.Min, s.Max = min(s.Min, value), max(s.Max, value)
	s.Last = time.Now()
	if s.values == nil {
		return
	}
	if s.values[value] += often; len(s.values) > maxValues {
		s.values = nil
	}
}

func sortedDimensions(dimensions []Dimension) []Dimension {
	all := slices.Clone(dimensions)
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

func seriesKey(namespace, name string, dimensions []Dimension) string {
	var b strings.Builder
	b.WriteString(namespace + "\x00" + name)
	for _, d := range dimensions {
		b.WriteString("\x00" + d.Name + "\x00" + d.Value)
	}
	return b.String()
}

// What follows are Lambda's own metrics (monitoring-metrics-types.html).

func (f *Function) put(name, unit string, value float64) {
	f.options.Metrics.Put("AWS/Lambda", name, unit, value, 1, Dimension{"FunctionName", f.options.Name})
}

func (f *Function) measure(r report, kind scaling.Kind) {
	f.put("Duration", "Milliseconds", hundredths(r.duration))
	failed := 0.0
	if r.status != "success" {
		failed = 1
	}
	f.put("Errors", "Count", failed)
	if kind == scaling.Cold {
		f.put("InitDuration", "Milliseconds", hundredths(r.init)) // of REPORT: Lambda Insights' init_duration
	}
}

// measureStart is called with the function's lock held.
func (f *Function) measureStart(kind scaling.Kind) {
	f.put("Invocations", "Count", 1)
	f.put("ConcurrentExecutions", "Count", float64(f.pool.Counts().InFlight))
	if f.options.Limits.Provisioned == 0 {
		return
	}
	if kind == scaling.Provisioned {
		f.put("ProvisionedConcurrencyInvocations", "Count", 1)
	} else {
		f.put("ProvisionedConcurrencySpilloverInvocations", "Count", 1)
	}
}

func (f *Function) measureThrottle() { f.put("Throttles", "Count", 1) }
