package dashboard

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/strictjson"
	"github.com/besra-ml/besra/internal/telemetry"
)

// recorded are the metrics that are sampled. Those of features are not among them: a wide model has thousands.
func recorded() []string {
	return []string{
		"besra_requests_total", "besra_request_seconds", "besra_requests_in_flight", "besra_concurrency_limit",
		"besra_stage_seconds", "besra_rows_scored_total", "besra_decisions_total", "besra_score", "besra_degraded_total",
		"besra_denied_total", "besra_limited_total", "besra_shed_total",
		"besra_replay_total", "besra_labels_total", "besra_memo_total",
		"besra_journal_write_seconds", "besra_journal_written_bytes_total", "besra_journal_failures_total",
		"besra_store_seconds", "besra_store_errors_total",
	}
}

// maxSeries bounds how many series of a metric a second tells. Only who serves very many models has more.
const maxSeries = 200

func read(m *telemetry.Metrics) []telemetry.Family {
	return slices.AppendSeq(make([]telemetry.Family, 0, len(recorded())), m.Families(recorded()...))
}

func short(name string) string { return strings.TrimPrefix(name, "besra_") }

// boundsOf returns the bounds of a histogram's buckets, if it has a series.
func boundsOf(f *telemetry.Family) ([]float64, bool) {
	if f.Kind != telemetry.HistogramKind || len(f.Series) == 0 {
		return nil, false
	}
	return f.Series[0].Buckets.Bounds, true
}

// appendTick appends what has changed since the last sample. All names are those of the metrics, without besra_:
//
//	{"at":1796000000000,"took":1.0002,                                    when it ended, how long it was
//	 "counts":{"requests_total":[["/v1/score","200",12],…],…},            label values, and how much was added
//	 "times":{"request_seconds":[["/v1/score",0.031,[3,5,4,7]],…],…},     the sum, and pairs of a bucket and how many fell into it
//	 "levels":{"requests_in_flight":2,"goroutines":31,…}}                 as they stand
func (r *Recorder) appendTick(b []byte, now []telemetry.Family, at time.Time) []byte {
	b = append(b, `{"at":`...)
	b = strconv.AppendInt(b, at.UnixMilli(), 10)
	b = append(b, `,"took":`...)
	b = strictjson.AppendNumber(b, at.Sub(r.at).Seconds(), 64)
	b = append(b, `,"counts":{`...)
	b = r.appendFamilies(b, now, telemetry.CounterKind, appendCount)
	b = append(b, `},"times":{`...)
	b = r.appendFamilies(b, now, telemetry.HistogramKind, appendTimes)
	b = append(b, `},"levels":{`...)
	for i := range now {
		if f := &now[i]; f.Kind == telemetry.GaugeKind && len(f.Series) == 1 {
			b = appendLevel(b, short(f.Name), f.Series[0].Value)
		}
	}
	return append(r.process.append(b), "}}"...)
}

func appendLevel(b []byte, name string, v float64) []byte {
	b = appendComma(b)
	b = strictjson.AppendString(b, name)
	b = append(b, ':')
	return strictjson.AppendNumber(b, v, 64)
}

// appendFamilies appends the families of a kind in which something has changed.
func (r *Recorder) appendFamilies(b []byte, now []telemetry.Family, k telemetry.Kind, one func(b []byte, before, now *telemetry.Series) []byte) []byte {
	for i := range now {
		f := &now[i]
		if f.Kind != k {
			continue
		}
		before := r.sample[i].Series // the list of families does not change
		began, told := len(b), 0
		b = appendComma(b)
		b = strictjson.AppendString(b, short(f.Name))
		b = append(b, ":["...)
		for j := range f.Series {
			s := &f.Series[j]
			for len(before) > 0 && slices.Compare(before[0].Values, s.Values) < 0 {
				before = before[1:]
			}
			var last *telemetry.Series
			if len(before) > 0 && slices.Equal(before[0].Values, s.Values) {
				last = &before[0]
			}
			if size := len(b); told < maxSeries {
				if b = one(b, last, s); len(b) > size {
					told++
				}
			}
		}
		if told == 0 {
			b = b[:began]
			continue
		}
		b = append(b, ']')
	}
	return b
}

func appendLabels(b []byte, s *telemetry.Series) []byte {
	b = append(appendComma(b), '[')
	for _, v := range s.Values {
		b = appendComma(b)
		b = strictjson.AppendString(b, v)
	}
	return appendComma(b)
}

// appendCount appends a counter that has risen. One that has fallen began anew: its version was dropped and came back.
func appendCount(b []byte, before, now *telemetry.Series) []byte {
	rise := now.Value
	if before != nil && before.Value <= now.Value {
		rise -= before.Value
	}
	if !(rise > 0) { // NaN is not, either
		return b
	}
	b = appendLabels(b, now)
	b = strictjson.AppendNumber(b, rise, 64)
	return append(b, ']')
}

// appendTimes appends a histogram that has values it did not have.
func appendTimes(b []byte, before, now *telemetry.Series) []byte {
	counts, sum := now.Buckets.Counts, now.Buckets.Sum
	old := make([]uint64, len(counts))
	if before != nil && !fell(before.Buckets.Counts, counts) {
		old = before.Buckets.Counts
		sum -= before.Buckets.Sum
	}
	if slices.Equal(old, counts) {
		return b
	}
	b = appendLabels(b, now)
	b = strictjson.AppendNumber(b, sum, 64)
	b = append(b, ",["...)
	for i, n := range counts {
		if n == old[i] {
			continue
		}
		b = appendComma(b)
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, ',')
		b = strconv.AppendUint(b, n-old[i], 10)
	}
	return append(b, "]]"...)
}

// fell reports whether there is less in any bucket than there was.
func fell(before, now []uint64) bool {
	for i := range before {
		if before[i] > now[i] {
			return true
		}
	}
	return false
}
