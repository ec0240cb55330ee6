package telemetry

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// A RequestLog writes a line about a request: about each that went wrong, and about a share of the others.
type RequestLog struct {
	o RequestLogOptions

	mu     sync.Mutex
	second int64
	lines  int // of this second
	left   int // out, since the last line
}

// RequestLogOptions is what a RequestLog is made of. All fields are needed.
type RequestLogOptions struct {
	Log     *slog.Logger
	Sample  float64  // share of requests that went well, 0 to 1
	Most    int      // lines a second
	Dropped *Counter // lines beyond that
	Now     func() time.Time
}

// NewRequestLog returns a log of requests.
func NewRequestLog(o RequestLogOptions) *RequestLog { return &RequestLog{o: o} }

// Told writes the request's line, if it is worth one.
//
// A line tells how many there was no room for since the one before it.
func (l *RequestLog) Told(r *Request) {
	level, ok := l.worth(r)
	if !ok || !l.o.Log.Enabled(context.Background(), level) {
		return
	}
	left, ok := l.room()
	if !ok {
		l.o.Dropped.Inc()
		return
	}
	attrs := make([]slog.Attr, 0, 24)
	attrs = append(attrs, slog.String("request", r.ID), slog.String("route", r.Route), slog.String("method", r.Method),
		slog.Int("status", r.Status), slog.Float64("ms", millis(r.Took)))
	attrs = appendText(attrs, "code", r.Problem)
	attrs = appendText(attrs, "reason", r.Reason)
	attrs = appendText(attrs, "key", r.Key)
	attrs = appendText(attrs, "tenant", r.Tenant)
	attrs = appendText(attrs, "trace", r.Trace.String())
	if r.Model != "" {
		attrs = append(attrs, slog.String("model", r.Model), slog.Int("version", r.Version))
	}
	attrs = appendText(attrs, "decision", r.Decision)
	attrs = appendCount(attrs, "events", r.Events, 1)
	attrs = appendCount(attrs, "refused", r.Refused, 0)
	attrs = appendCount(attrs, "degraded", r.Degraded, 0)
	attrs = appendCount(attrs, "replayed", r.Replayed, 0)
	for _, e := range r.Entities {
		attrs = append(attrs, slog.String(e.Field, e.Hash))
	}
	if r.Cause != nil {
		attrs = append(attrs, slog.String("error", r.Cause.Error()))
	}
	attrs = append(attrs, slog.Attr{Key: "stages", Value: stagesValue(r.Times)})
	if left > 0 {
		attrs = append(attrs, slog.Int("left_out", left))
	}
	l.o.Log.LogAttrs(context.Background(), level, "request", attrs...)
}

// worth reports whether a request is worth a line, and of which level.
func (l *RequestLog) worth(r *Request) (slog.Level, bool) {
	switch {
	case r.Failed():
		return slog.LevelError, true
	case r.Status >= 400, r.Degraded > 0, r.Refused > 0:
		return slog.LevelWarn, true
	}
	return slog.LevelInfo, l.o.Sample >= 1 || l.o.Sample > 0 && rand.Float64() < l.o.Sample
}

// room reports whether this second has room for a line, and how many were left out before it.
func (l *RequestLog) room() (left int, ok bool) {
	second := l.o.Now().Unix()
	l.mu.Lock()
	defer l.mu.Unlock()
	if second != l.second {
		l.second, l.lines = second, 0
	}
	if l.lines >= l.o.Most {
		l.left++
		return 0, false
	}
	l.lines++
	left, l.left = l.left, 0
	return left, true
}

func appendText(attrs []slog.Attr, key, v string) []slog.Attr {
	if v == "" {
		return attrs
	}
	return append(attrs, slog.String(key, v))
}

// appendCount appends a number, unless it is the usual one.
func appendCount(attrs []slog.Attr, key string, n, usual int) []slog.Attr {
	if n == usual || n == 0 {
		return attrs
	}
	return append(attrs, slog.Int(key, n))
}

// stagesValue tells how long each stage took, in milliseconds.
func stagesValue(t *Times) slog.Value {
	var attrs []slog.Attr
	for s := range t.Laps {
		if lap := &t.Laps[s]; lap.Times > 0 {
			attrs = append(attrs, slog.Float64(Stage(s).String(), millis(lap.Busy)))
		}
	}
	return slog.GroupValue(attrs...)
}

// millis returns d in milliseconds, to the microsecond.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
