package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/telemetry"
)

// A Tracer tells a collector of requests.
type Tracer interface {
	telemetry.Teller

	// Flush sends what is kept, as before a process is frozen. Where nothing is, that costs next to nothing.
	Flush(ctx context.Context) error

	// Close sends what is kept and ends. What cannot be sent until ctx ends is lost.
	Close(ctx context.Context) error
}

// TracerOptions is what a Tracer is made of.
type TracerOptions struct {
	TracesConfig
	Service string
	Headers func() (http.Header, error) // for each request to the collector
	TLS     *tls.Config                 // nil: the system's authorities
	Store   func() string               // the name of the server that processes share: valkey or redis; "": none
	Metrics *telemetry.Traces
	Log     *slog.Logger
}

// openTold makes those who are told of requests, in the order in which they are: the tracer first, since it gives a
// request the trace that others tell of.
func (a *App) openTold(b Backends) error {
	c := a.config
	a.metrics.Promise(telemetry.SLOOptions{
		Availability: c.SLO.Availability, Latency: c.SLO.Latency, LatencyShare: c.SLO.LatencyShare,
	})
	a.metrics.SLOs.Measure(time.Now())
	a.recent = telemetry.NewRecent(time.Now)
	if telemetry.Muted {
		return nil
	}
	a.tellers = []telemetry.Teller{
		a.recent,
		telemetry.NewRequestLog(telemetry.RequestLogOptions{
			Log: a.log, Sample: c.Log.Sample, Most: int(c.Log.Rate), Dropped: a.metrics.Log.Dropped, Now: time.Now,
		}),
	}
	if err := a.openEMF(b.EMF); err != nil {
		return err
	}
	if err := a.openTracer(b.Tracer); err != nil || a.tracer == nil {
		return err
	}
	a.tellers = append([]telemetry.Teller{a.tracer}, a.tellers...)
	return nil
}

func (a *App) openTracer(kind func(TracerOptions) (Tracer, error)) (err error) {
	c := a.config.Traces
	if c.Endpoint == "" {
		return nil
	}
	if kind == nil {
		return errors.New("traces.endpoint: this binary has no tracer")
	}
	o := TracerOptions{TracesConfig: c, Service: a.config.Service, Store: a.storeName, Metrics: &a.metrics.Traces, Log: a.log}
	if c.CA != "" {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		if o.TLS.RootCAs, err = readAuthorities("traces.ca", c.CA); err != nil {
			return err
		}
	}
	if c.HeadersFile != "" {
		o.Headers = func() (http.Header, error) { return readHeaders(c.HeadersFile) }
		if _, err := o.Headers(); err != nil {
			return err
		}
	}
	if a.tracer, err = kind(o); err != nil {
		return fmt.Errorf("traces.endpoint: %w", err)
	}
	return nil
}

// storeName names the server that processes share, in lower case.
func (a *App) storeName() string {
	if a.shared == nil {
		return ""
	}
	name, _, _ := strings.Cut(a.shared.Status().Server, " ")
	return strings.ToLower(name)
}

// readHeaders reads a file of headers, such as "Authorization: Bearer …", one a line. Errors tell no values.
func readHeaders(file string) (http.Header, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("traces.headers_file: %w", err)
	}
	headers := http.Header{}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		name, value, ok := strings.Cut(string(line), ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return nil, fmt.Errorf("traces.headers_file: %s:%d: want a name, a colon and a value", file, n)
		}
		headers.Add(name, strings.TrimSpace(value))
	}
	return headers, nil
}

// FlushDue sends what is kept of traces, and writes metrics if it is time for them, as after each call that a platform hands
// in before it freezes the process. Where nothing is to do it costs some ten nanoseconds. ctx is the call's. An error says
// what is still kept.
func (a *App) FlushDue(ctx context.Context) error {
	var traces, metrics error
	if a.tracer != nil {
		traces = a.tracer.Flush(ctx)
	}
	if a.emitter != nil {
		metrics = a.emitter.FlushDue(ctx)
	}
	if traces == nil && metrics == nil {
		return nil
	}
	return errors.Join(traces, metrics)
}

// measure keeps what is told of the last minutes and hours up to date until ctx ends. It waits for no disk: what is
// promised is looked at when one is sick.
func (a *App) measure(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var drifts drifts
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			a.metrics.SLOs.Measure(now)
			drifts.tend(a, now)
			if a.tls != nil {
				a.metrics.TLS.Expiry.Set(float64(a.tls.NotAfter().Unix()))
			}
		}
	}
}

// closeTime is how long a collector is waited for in the end.
const closeTime = 5 * time.Second

// closeTold sends what is left to send. That it cannot is for the log to tell: besra ends well all the same.
func (a *App) closeTold() {
	ctx, cancel := context.WithTimeout(context.Background(), min(closeTime, a.config.Timeouts.Drain))
	defer cancel()
	if a.emitter != nil {
		_ = a.emitter.Flush(ctx) // what was answered since it was told to stop
	}
	if a.tracer == nil {
		return
	}
	_ = a.tracer.Close(ctx)
}
