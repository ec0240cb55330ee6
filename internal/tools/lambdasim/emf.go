package lambdasim

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What CloudWatch takes of a line in the Embedded Metric Format
// (AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
const (
	maxDimensions = 30
	maxDirective  = 100 // metrics
	maxMetric     = 100 // values
	oldest        = 14 * 24 * time.Hour
	newest        = 2 * time.Hour
)

var units = strings.Fields(`Seconds Microseconds Milliseconds Bytes Kilobytes Megabytes Gigabytes Terabytes Bits Kilobits Megabits
	Gigabits Terabits Percent Count Bytes/Second Kilobytes/Second Megabytes/Second Gigabytes/Second Terabytes/Second Bits/Second
	Kilobits/Second Megabits/Second Gigabits/Second Terabits/Second Count/Second None`)

// read extracts the metrics of a line, if it has any. A line of which CloudWatch would drop anything adds nothing, and is
// counted.
func (m *Metrics) read(line []byte, now time.Time) {
	if line = bytes.TrimSpace(line); !bytes.HasPrefix(line, []byte("{")) || !bytes.Contains(line, []byte(`"_aws"`)) {
		return
	}
	root := map[string]jsontext.Value{}
	if err := json.Unmarshal(line, &root); err != nil || root["_aws"] == nil {
		return // a line of text
	}
	found, err := readEmbedded(root, now)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines++
	if err != nil {
		m.dropped++
		if m.faults = append(m.faults, err.Error()); len(m.faults) > maxFaults {
			m.faults = m.faults[1:]
		}
		return
	}
	for _, p := range found {
		for i, v := range p.values {
			m.put(p.namespace, p.name, p.unit, p.dimensions, v, p.counts[i])
		}
	}
}

// A point is the values of a metric with one set of dimensions.
type point struct {
	namespace, name, unit string
	dimensions            []Dimension
	values, counts        []float64
}

type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []struct {
		Name, Unit        string
		StorageResolution int
	}
}

func readEmbedded(root map[string]jsontext.Value, now time.Time) (all []point, err error) {
	var meta struct {
		Timestamp         *int64
		CloudWatchMetrics []directive
		LogGroupName      string
		LogStreamName     string
	}
	if err := json.Unmarshal(root["_aws"], &meta, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("_aws: %w", err)
	}
	if meta.Timestamp == nil {
		return nil, fmt.Errorf("_aws has no Timestamp")
	}
	if at := time.UnixMilli(*meta.Timestamp); at.Before(now.Add(-oldest)) || at.After(now.Add(newest)) {
		return nil, fmt.Errorf("timestamp %v is older than two weeks, or comes in more than two hours", at.UTC())
	}
	if len(meta.CloudWatchMetrics) == 0 {
		return nil, fmt.Errorf("_aws has no CloudWatchMetrics")
	}
	for _, d := range meta.CloudWatchMetrics {
		points, err := d.read(root)
		if err != nil {
			return nil, err
		}
		all = append(all, points...)
	}
	return all, nil
}

func (d *directive) read(root map[string]jsontext.Value) (all []point, err error) {
	switch {
	case !isNamespace(d.Namespace):
		return nil, fmt.Errorf("%q is no namespace", d.Namespace)
	case len(d.Metrics) == 0 || len(d.Metrics) > maxDirective:
		return nil, fmt.Errorf("%d metrics in a directive: want 1 to %d", len(d.Metrics), maxDirective)
	case len(d.Dimensions) == 0:
		return nil, fmt.Errorf("a directive has no Dimensions")
	}
	var sets [][]Dimension
	for _, names := range d.Dimensions {
		set, err := readDimensions(names, root)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	for _, metric := range d.Metrics {
		switch {
		case metric.Name == "" || len(metric.Name) > 1024:
			return nil, fmt.Errorf("metric %.100q: a name has 1 to 1024 bytes", metric.Name)
		case metric.Unit != "" && !slices.Contains(units, metric.Unit):
			return nil, fmt.Errorf("metric %s: no unit %q", metric.Name, metric.Unit)
		case metric.StorageResolution != 0 && metric.StorageResolution != 1 && metric.StorageResolution != 60:
			return nil, fmt.Errorf("metric %s: storage resolution %d", metric.Name, metric.StorageResolution)
		case root[metric.Name] == nil:
			return nil, fmt.Errorf("metric %s is not in the document", metric.Name)
		}
		values, counts, err := readValues(root[metric.Name])
		if err != nil {
			return nil, fmt.Errorf("metric %s: %w", metric.Name, err)
		}
		for _, set := range sets {
			all = append(all, point{d.Namespace, metric.Name, metric.Unit, set, values, counts})
		}
	}
	return all, nil
}

func readDimensions(names []string, root map[string]jsontext.Value) (set []Dimension, err error) {
	if len(names) > maxDimensions {
		return nil, fmt.Errorf("%d dimensions: CloudWatch takes %d", len(names), maxDimensions)
	}
	for _, name := range names {
		var value string
		if name == "" || len(name) > 250 || json.Unmarshal(root[name], &value) != nil || value == "" || len(value) > 1024 {
			return nil, fmt.Errorf("dimension %.100q is no text of 1 to 1024 bytes in the document", name)
		}
		set = append(set, Dimension{name, value})
	}
	set = sortedDimensions(set)
	for i := range set[min(1, len(set)):] {
		if set[i].Name == set[i+1].Name {
			return nil, fmt.Errorf("dimension %q stands twice", set[i].Name)
		}
	}
	return set, nil
}

// readValues reads a number, a list of them, or a histogram of values and counts.
func readValues(v jsontext.Value) (values, counts []float64, err error) {
	switch v.Kind() {
	case '[':
		err = json.Unmarshal(v, &values)
	case '{':
		var h struct{ Values, Counts []float64 }
		err = json.Unmarshal(v, &h, json.RejectUnknownMembers(true))
		if values, counts = h.Values, h.Counts; err == nil && len(values) != len(counts) {
			err = fmt.Errorf("%d values and %d counts", len(values), len(counts))
		}
	default:
		values = []float64{0}
		err = json.Unmarshal(v, &values[0])
	}
	if err == nil && (len(values) == 0 || len(values) > maxMetric) {
		err = fmt.Errorf("%d values: want 1 to %d", len(values), maxMetric)
	}
	for i, x := range values {
		if counts == nil || len(counts) <= i {
			counts = append(counts, 1)
		}
		if math.Abs(x) > math.Ldexp(1, 360) || !(counts[i] > 0) {
			err = fmt.Errorf("value %v, %v times, is beyond what CloudWatch takes", x, counts[i])
		}
	}
	return values, counts, err
}

func isNamespace(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_/#:"
	return s != "" && len(s) <= 255 && strings.Trim(s, letters) == "" && s[0] != ':' && !strings.HasPrefix(s, "AWS/")
}
