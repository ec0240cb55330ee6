package load

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Report is what a run measured; the warm-up is not in it.
type Report struct {
	URL         string  `json:"url"`
	Method      string  `json:"method"`
	Connections int     `json:"connections"`
	TargetFrom  float64 `json:"target_from"` // requests a second
	TargetTo    float64 `json:"target_to"`

	Seconds   float64 `json:"seconds"`   // in which requests were sent
	Planned   int64   `json:"planned"`   // were due
	Sent      int64   `json:"sent"`      // of them
	Unsent    int64   `json:"unsent"`    // found no free connection until the end; in no percentile
	Answered  int64   `json:"answered"`  // with any status
	Succeeded int64   `json:"succeeded"` // with a status from 200 to 299
	Failed    int64   `json:"failed"`    // got no answer
	Rate      float64 `json:"rate"`      // answers a second

	Status map[int]int64    `json:"status"`
	Errors map[string]int64 `json:"errors"` // by kind, of the failed

	Latency Summary `json:"latency_ms"` // from the intended send time
	Service Summary `json:"service_ms"` // from the actual send

	Interrupted bool       `json:"interrupted"` // ended before its time
	Timeline    []Interval `json:"timeline"`
}

// Summary describes times, in milliseconds, of the requests that were answered or timed out.
type Summary struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99.9"`
	Max  float64 `json:"max"`
}

// Interval is what happened in about a second of a run.
type Interval struct {
	From     float64 `json:"from"` // seconds after the warm-up
	To       float64 `json:"to"`
	Target   float64 `json:"target"` // requests a second, at its end
	Sent     int64   `json:"sent"`
	Answered int64   `json:"answered"`
	Failed   int64   `json:"failed"`
	Waiting  int64   `json:"waiting"` // due and not yet sent, at its end
	Latency  Summary `json:"latency_ms"`
}

func (r *run) report(released int64, ended time.Duration, interrupted bool) Report {
	c := r.record
	c.mu.Lock()
	defer c.mu.Unlock()
	sent := c.sent.Load()
	planned := max(r.plan.dueBy(ended), released) - r.plan.warm
	rep := Report{
		URL: r.client.request.URL.Redacted(), Method: r.Method, Connections: r.Connections,
		TargetFrom: r.plan.rate(r.Warmup), TargetTo: r.plan.rate(r.Warmup + r.Duration),
		Planned: max(planned, 0), Sent: sent, Unsent: max(planned-sent, 0),
		Answered: c.answered, Failed: c.failed,
		Status: c.status, Errors: c.errors,
		Latency: c.latency.summary(), Service: c.service.summary(),
		Interrupted: interrupted, Timeline: c.timeline,
	}
	for status, n := range c.status {
		if status/100 == 2 {
			rep.Succeeded += n
		}
	}
	took := ended - r.Warmup
	if !interrupted {
		took = max(took, r.Duration)
	}
	if took > 0 {
		rep.Seconds = took.Seconds()
		rep.Rate = float64(rep.Answered) / rep.Seconds
	}
	return rep
}

// String returns the report as a table of several lines.
func (r Report) String() string {
	var b strings.Builder
	target := perSecond(r.TargetTo)
	if r.TargetFrom != r.TargetTo {
		target = perSecond(r.TargetFrom) + " to " + target
	}
	fmt.Fprintf(&b, "%s %s\n%s intended, %d connections, %.1f s", r.Method, r.URL, target, r.Connections, r.Seconds)
	if r.Interrupted {
		b.WriteString(", interrupted")
	}
	fmt.Fprintf(&b, "\n\nsent      %12s\n", grouped(r.Sent))
	fmt.Fprintf(&b, "answered  %12s  %s", grouped(r.Answered), perSecond(r.Rate))
	for i, status := range slices.Sorted(maps.Keys(r.Status)) {
		fmt.Fprintf(&b, "%s%d: %s", []string{"  ", ", "}[min(i, 1)], status, grouped(r.Status[status]))
	}
	fmt.Fprintf(&b, "\nfailed    %12s", grouped(r.Failed))
	for i, kind := range slices.Sorted(maps.Keys(r.Errors)) {
		fmt.Fprintf(&b, "%s%s: %s", []string{"  ", ", "}[min(i, 1)], kind, grouped(r.Errors[kind]))
	}
	if r.Unsent > 0 {
		fmt.Fprintf(&b, "\nnot sent  %12s  no connection was free; latency below leaves them out", grouped(r.Unsent))
	}
	fmt.Fprintf(&b, "\n\n%-8s %9s %9s %9s %9s %9s\n", "ms", "p50", "p90", "p99", "p99.9", "max")
	millis := millis
	if r.Answered+r.Failed == 0 {
		millis = func(float64) string { return "-" } // there was nothing to time
	}
	row := func(name string, s Summary, from string) {
		fmt.Fprintf(&b, "%-8s %9s %9s %9s %9s %9s  %s\n", name, millis(s.P50), millis(s.P90), millis(s.P99), millis(s.P999), millis(s.Max), from)
	}
	row("latency", r.Latency, "from the intended send time")
	row("service", r.Service, "from the actual send")
	return b.String()
}

// WriteTo writes String.
func (r Report) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, r.String())
	return int64(n), err
}

// String returns the interval as one line.
func (i Interval) String() string {
	line := fmt.Sprintf("%4.0f s  %s intended, %s answered, p50 %s ms, p99 %s ms, max %s ms",
		i.To, perSecond(i.Target), perSecond(float64(i.Answered)/max(i.To-i.From, 1e-9)),
		millis(i.Latency.P50), millis(i.Latency.P99), millis(i.Latency.Max))
	if i.Waiting > 0 {
		line += fmt.Sprintf(", %s waiting", grouped(i.Waiting))
	}
	if i.Failed > 0 {
		line += fmt.Sprintf(", %s failed", grouped(i.Failed))
	}
	return line
}

// Live returns an Options.Each that writes a line each second to w: over the one before if w is a
// terminal. The caller ends the last such line.
func Live(w io.Writer, terminal bool) func(Interval) {
	if terminal {
		return func(i Interval) { fmt.Fprintf(w, "\r%s\x1b[K", i) }
	}
	return func(i Interval) { fmt.Fprintln(w, i) }
}

func perSecond(rate float64) string {
	if rate < 10 {
		return strconv.FormatFloat(rate, 'g', 2, 64) + "/s"
	}
	return grouped(int64(rate+0.5)) + "/s"
}

// millis shows three digits or more of a number of milliseconds.
func millis(ms float64) string {
	switch {
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 3, 64)
	case ms < 100:
		return strconv.FormatFloat(ms, 'f', 1, 64)
	}
	return grouped(int64(ms + 0.5))
}

// grouped writes 1234567 as 1,234,567.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
