package local

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// How much of what there is a page shows.
const (
	pageLines = 25
	pageSpans = 15
)

// page is what people are shown.
func (l *Local) page() []byte {
	var b []byte
	add := func(format string, args ...any) { b = fmt.Appendf(b, format, args...) }
	s := l.status()
	add("%s  %s\n%s at %s, %d MB, %g ms\n\n", s.Function, s.ARN, s.FrontDoor, s.URL, s.MemoryMB, s.TimeoutMS)

	add("requests     %d provisioned, %d warm, %d cold; %d in flight, %d of %s claimed\n",
		s.Started["provisioned"], s.Started["warm"], s.Started["cold"], s.InFlight, s.Claims, quota(s.Concurrency))
	throttled := 0
	for _, n := range s.Throttled {
		throttled += n
	}
	add("throttled    %d", throttled)
	for _, why := range slices.Sorted(maps.Keys(s.Throttled)) {
		if n := s.Throttled[why]; n > 0 {
			add("  %s %d", why, n)
		}
	}
	add("\nlog          %d lines, %d bytes\n", s.LogLines, s.LogBytes)
	add("EMF          %d lines, %d that CloudWatch would drop%s\n", s.Embedded.Seen, s.Embedded.Broken, last(s.Embedded.Why))
	add("X-Ray        %d spans, %d datagrams that cannot be read%s\n", s.Spans.Seen, s.Spans.Broken, last(s.Spans.Why))

	add("\nenvironments %d, at most %d\n", len(s.Environments), s.Most)
	if len(s.Environments) > 0 {
		add("  %4s %7s %-12s %-11s %8s %8s %8s\n", "no.", "pid", "state", "kind", "INIT ms", "served", "MB")
	}
	for _, e := range s.Environments {
		kind, state := "on demand", e.State
		if e.Provisioned {
			kind = "provisioned"
		}
		if e.Frozen {
			state = "frozen"
		}
		add("  %4d %7d %-12s %-11s %8.1f %8d %8.1f\n", e.Number, e.PID, state, kind, e.InitMS, e.Served, e.MemoryMB)
	}

	add("\nmetrics\n  %-18s %-34s %9s %12s %10s %10s\n", "namespace", "name", "count", "sum", "p50", "p99")
	for _, m := range l.metrics() {
		name := m.Name
		for _, d := range slices.Sorted(maps.Keys(m.Dimensions)) {
			if d != "FunctionName" && d != "Door" {
				name += " " + m.Dimensions[d]
			}
		}
		add("  %-18s %-34s %9.0f %12.6g %10.4g %10.4g\n", m.Namespace, name, m.Count, m.Sum, m.P50, m.P99)
	}

	add("\ntraces\n")
	for _, x := range l.spans(pageSpans) {
		add("  %s %s %8.3f ms  %s\n", x.Start.UTC().Format("15:04:05.000"), x.Trace, x.MS, x.Name)
	}
	add("\nlog\n")
	for _, x := range l.logs(pageLines) {
		add("  %s %s %s\n", x.Time.UTC().Format("15:04:05.000"), x.Stream[max(0, len(x.Stream)-6):], strings.TrimSpace(x.Text))
	}
	add("\nJSON: status, metrics, logs?n=, traces?n=\n")
	return b
}

func quota(n int) string {
	if n > 1e9 {
		return "any"
	}
	return fmt.Sprint(n)
}

func last(why []string) string {
	if len(why) == 0 {
		return ""
	}
	return ": " + why[len(why)-1]
}
