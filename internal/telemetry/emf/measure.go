package emf

import (
	"strings"

	"github.com/besra-ml/besra/internal/telemetry"
)

// A measure is a metric in CloudWatch, and the series that it is the sum of.
type measure struct {
	family, metric string
	model          bool                       // it is told by the model, whose name is the first label
	of             func(values []string) bool // nil: all series
}

// measures are worth paying for: what is asked, what is wrong, how long it takes, and what is decided.
func measures() []measure {
	first := func(label string) func([]string) bool { return func(v []string) bool { return v[0] == label } }
	last := func(label string) func([]string) bool { return func(v []string) bool { return v[len(v)-1] == label } }
	return []measure{
		{"besra_requests_total", "Requests", false, func(v []string) bool { return strings.HasPrefix(v[0], "/v1/") }},
		{"besra_requests_total", "Errors", false, func(v []string) bool { return strings.HasPrefix(v[0], "/v1/") && strings.HasPrefix(v[1], "5") }},
		{"besra_request_seconds", "Latency", false, first("/v1/score")},
		{"besra_request_seconds", "BatchLatency", false, first("/v1/score/batch")},
		{"besra_denied_total", "Denied", false, nil},
		{"besra_shed_total", "Shed", false, nil},
		{"besra_replay_total", "Replayed", false, first("hit")},
		{"besra_store_errors_total", "StoreErrors", false, nil},
		{"besra_model_refused_total", "ModelsRefused", false, nil},
		{"besra_decisions_total", "Approve", true, last("approve")},
		{"besra_decisions_total", "Review", true, last("review")},
		{"besra_decisions_total", "Decline", true, last("decline")},
		{"besra_degraded_total", "Degraded", true, nil},
	}
}

// A series is one of a family.
type series struct{ family, labels string }

// A reading is what a series stood at.
type reading struct {
	value  float64
	counts []uint64
}

// A place is where a metric is told.
type place struct {
	metric, model string
	function      bool
}

// An amount is how far a metric has moved.
type amount struct {
	sum    float64
	values []float64 // of a histogram, in ms: what stands for each bucket
	counts []float64
}

// read returns how far metrics have moved since what was seen, and what is seen now.
func (r *Reporter) read() (moved map[place]amount, seen map[series]reading) {
	moved, seen = map[place]amount{}, map[series]reading{}
	all := measures()
	for f := range r.options.Metrics.Families() {
		for _, m := range all {
			if m.family != f.Name {
				continue
			}
			for i := range f.Series {
				s := &f.Series[i]
				if m.of != nil && !m.of(s.Values) {
					continue
				}
				at := place{metric: m.metric}
				if m.model {
					at.model = s.Values[0]
				}
				key := series{f.Name, strings.Join(s.Values, "\x00")}
				seen[key] = readingOf(s)
				if a := moved[at]; a.add(s, r.seen[key]) {
					moved[at] = a
				}
			}
		}
	}
	return moved, seen
}

func readingOf(s *telemetry.Series) reading {
	if s.Buckets != nil {
		return reading{counts: s.Buckets.Counts}
	}
	return reading{value: s.Value}
}

// add adds what a series has moved, and reports whether it has.
func (a *amount) add(s *telemetry.Series, was reading) bool {
	if s.Buckets == nil {
		by := s.Value - was.value // a series only rises; one that is made anew begins at nothing
		if by < 0 {
			by = s.Value
		}
		a.sum += by
		return by > 0
	}
	if a.counts == nil {
		a.values, a.counts = middles(s.Buckets.Bounds), make([]float64, len(s.Buckets.Counts))
	}
	added := false
	for i, n := range s.Buckets.Counts {
		if i < len(was.counts) && was.counts[i] <= n {
			n -= was.counts[i]
		}
		a.counts[i] += float64(n)
		added = added || n > 0
	}
	return added
}

// middles returns what stands for the values of each bucket, in ms: the middle of its bounds, in seconds; of the last, which
// has none above, the one below.
func middles(bounds []float64) []float64 {
	values := make([]float64, len(bounds)+1)
	low := 0.0
	for i, high := range bounds {
		values[i] = (low + high) / 2 * 1e3
		low = high
	}
	values[len(bounds)] = low * 1e3
	return values
}

// histogram returns the values that have been seen and how often: never more than there are buckets.
func (a *amount) histogram() (h histogram) {
	for i, n := range a.counts {
		if n > 0 {
			h.Values, h.Counts = append(h.Values, a.values[i]), append(h.Counts, n)
		}
	}
	return h
}
