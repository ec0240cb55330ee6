// Package emf writes metrics where CloudWatch finds them: as lines of a log, in the Embedded Metric Format.
//
// A line tells what has happened since the one before. CloudWatch charges by the metric and by the line, so there are few
// of either: one line for the service and one for each model, and none for what has not moved.
package emf

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/besra-ml/besra/internal/telemetry"
)

// Options say what is written, and where to. Namespace, Service, Metrics, Out and Log are needed.
type Options struct {
	Namespace string // of the metrics in CloudWatch, such as besra
	Service   string // a dimension of all of them

	Function string // of Lambda: the first lines have ColdStart, by it; "": this is none

	// Properties returns what lines have beside their metrics, such as function_request_id, from the context of the call
	// that they are written after: several may be answered at once. nil: nothing.
	Properties func(context.Context) []Field

	Every   time.Duration // from one line to the next; 0: a minute
	Metrics *telemetry.Metrics
	Out     io.Writer
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// A Field is a member of a line, which can be searched for and is no metric.
type Field struct{ Name, Value string }

// A Reporter writes lines. Its methods may be called from many goroutines.
type Reporter struct {
	options Options
	due     atomic.Int64 // when lines are written next, in ns since 1970
	mu      sync.Mutex
	seen    map[series]reading // what each series stood at
	cold    bool               // the cold start is still to be told
	failed  bool               // the log was told that nothing can be written
}

// New returns a reporter, which counts from the start of the process.
func New(o Options) (*Reporter, error) {
	if !isNamespace(o.Namespace) {
		return nil, fmt.Errorf("%q is no namespace: want up to 255 of a-z, A-Z, 0-9 and .-_/#, and not AWS/", o.Namespace)
	}
	if o.Every <= 0 {
		o.Every = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Reporter{options: o, cold: o.Function != ""}
	r.due.Store(o.Now().Add(o.Every).UnixNano())
	if r.cold {
		r.due.Store(0) // a function may be gone in a minute: its start is told with its first call
	}
	return r, nil
}

// isNamespace reports whether CloudWatch takes s as a namespace of its users.
func isNamespace(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_/#"
	return s != "" && len(s) <= 255 && strings.Trim(s, letters) == "" && !strings.HasPrefix(s, "AWS/")
}

// Run writes lines until ctx ends, and what is left then.
func (r *Reporter) Run(ctx context.Context) {
	tick := time.NewTicker(r.options.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = r.Flush(ctx) // the log has it
			return
		case <-tick.C:
			_ = r.Flush(ctx)
		}
	}
}

// FlushDue writes lines if it is time for them, as after each call that a platform hands in before it freezes the process:
// no clock ticks there. Mostly it is not, and that costs as much as a look at the clock.
func (r *Reporter) FlushDue(ctx context.Context) error {
	now, every := r.options.Now().UnixNano(), int64(r.options.Every)
	due := r.due.Load()
	if now < due && due-now <= every { // a clock that was put back is believed
		return nil
	}
	if !r.due.CompareAndSwap(due, now+every) {
		return nil // somebody else does
	}
	return r.Flush(ctx)
}

// Flush writes what has happened since it was written last, if anything has. What cannot be written is kept for later.
func (r *Reporter) Flush(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	moved, seen := r.read()
	if r.cold {
		moved[place{metric: "ColdStart", function: true}] = amount{sum: 1}
	}
	lines, err := r.lines(ctx, moved)
	if err == nil && len(lines) > 0 {
		_, err = r.options.Out.Write(lines)
	}
	if err != nil {
		if !r.failed {
			r.options.Log.Error("metrics cannot be written", "error", err)
		}
		r.failed = true
		return err
	}
	r.seen, r.cold, r.failed = seen, false, false
	return nil
}

// lines spells what has moved: a line for the service, and one for each model.
func (r *Reporter) lines(ctx context.Context, moved map[place]amount) ([]byte, error) {
	lines := map[group]map[string]amount{}
	for at, a := range moved {
		g := group{at.model, at.function}
		if lines[g] == nil {
			lines[g] = map[string]amount{}
		}
		lines[g][at.metric] = a
	}
	var b bytes.Buffer
	write := json.NewEncoder(&b) // which ends each with a new line
	var properties []Field
	if r.options.Properties != nil && len(lines) > 0 {
		properties = r.options.Properties(ctx)
	}
	order := slices.SortedFunc(maps.Keys(lines), func(a, b group) int {
		return cmp.Or(strings.Compare(a.model, b.model), cmp.Compare(len(lines[a]), len(lines[b])))
	})
	for _, g := range order {
		if err := write.Encode(r.line(g, lines[g], properties)); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// A group is the metrics of a line.
type group struct {
	model    string // "": of the service
	function bool
}

// What follows is spelled as AWS's specification of the format has it.
type (
	metadata struct {
		Timestamp         int64 // ms since 1970
		CloudWatchMetrics []directive
	}
	directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []definition
	}
	definition struct{ Name, Unit string }
	histogram  struct{ Values, Counts []float64 }
)

func (r *Reporter) line(g group, metrics map[string]amount, properties []Field) map[string]any {
	line := map[string]any{}
	for _, f := range properties {
		line[f.Name] = f.Value
	}
	line["service"] = r.options.Service
	d := directive{Namespace: r.options.Namespace, Dimensions: [][]string{{"service"}}}
	switch {
	case g.model != "":
		line["model"] = g.model
		d.Dimensions = append(d.Dimensions, []string{"service", "model"})
	case g.function:
		line["function_name"] = r.options.Function
		d.Dimensions = [][]string{{"service", "function_name"}}
	}
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		a := metrics[name]
		unit := "Count"
		if line[name] = a.sum; a.values != nil {
			unit = "Milliseconds"
			line[name] = a.histogram()
		}
		d.Metrics = append(d.Metrics, definition{name, unit})
	}
	line["_aws"] = metadata{r.options.Now().UnixMilli(), []directive{d}}
	return line
}
