// Package load sends requests at a stated rate and measures how long the answers take.
//
// The loop is open: every request has an intended time, fixed before the run, and its latency counts from
// that time, however late it could be sent. A server that stalls thus shows the wait of everyone who would
// have come meanwhile, which a client that politely waits for each answer hides (coordinated omission).
package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/besra-ml/besra/internal/tools/pace"
)

// Options say what to send, where, and how fast. Only URL is required.
type Options struct {
	URL     string      // http or https; nothing else is talked to: no redirects, no proxy
	Method  string      // default: POST with bodies, else GET
	Header  http.Header // of every request; Content-Type is application/json unless set, if there are bodies
	Bodies  [][]byte    // sent in turn, again and again; none: requests have no body
	Rate    float64     // requests a second; default 100
	Ramp    Ramp        // instead of Rate, if Over is set
	Warmup  time.Duration
	Timeout time.Duration // for one answer, from its actual send; default 5 s

	// Duration of the measured part, in which requests are sent. Default 10 s, or as long as the ramp,
	// which then stays at its last rate.
	Duration time.Duration

	// Connections is the most that are open at once, each kept alive; default 64. When all are busy,
	// requests wait for one, and the wait is part of their latency.
	Connections int

	// Each, if set, is called once a second with what happened in it, and at the end for what is left
	// unless that is short.
	Each func(Interval)
}

// A Ramp goes evenly from one rate to another.
type Ramp struct {
	From, To float64 // requests a second
	Over     time.Duration
}

const (
	maxRate        = 1_000_000
	maxConnections = 20_000
	maxTime        = 24 * time.Hour

	// closing is how long after the end requests that were due before it may still be sent, so that a short
	// pause at the end is seen in the latencies.
	closing = time.Second

	// grace is how long requests in flight may go on after the run was interrupted.
	grace = time.Second
)

func (o Options) withDefaults() (Options, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return o, fmt.Errorf("load: %w", err)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return o, fmt.Errorf("load: %q is not an http:// or https:// address", o.URL)
	case o.Ramp.Over == 0 && o.Ramp != Ramp{}:
		return o, errors.New("load: a ramp needs a duration")
	}
	if o.Ramp.Over == 0 {
		if o.Rate == 0 {
			o.Rate = 100
		}
		o.Ramp = Ramp{From: o.Rate, To: o.Rate}
	} else if o.Duration == 0 {
		o.Duration = o.Ramp.Over
	}
	if o.Method == "" {
		o.Method = http.MethodGet
		if len(o.Bodies) > 0 {
			o.Method = http.MethodPost
		}
	}
	if o.Duration == 0 {
		o.Duration = 10 * time.Second
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Connections == 0 {
		o.Connections = 64
	}
	for _, rate := range []float64{o.Ramp.From, o.Ramp.To} {
		if !(rate > 0 && rate <= maxRate) {
			return o, fmt.Errorf("load: rate %v is not above 0 and at most %d requests a second", rate, maxRate)
		}
	}
	for _, t := range []struct {
		name string
		d    time.Duration
		min  time.Duration
	}{
		{"duration", o.Duration, 1}, {"ramp", o.Ramp.Over, 0}, {"warm-up", o.Warmup, 0}, {"timeout", o.Timeout, 1},
	} {
		if t.d < t.min || t.d > maxTime {
			return o, fmt.Errorf("load: %s %v is not above 0 and at most %v", t.name, t.d, maxTime)
		}
	}
	if o.Connections < 1 || o.Connections > maxConnections {
		return o, fmt.Errorf("load: %d connections is not between 1 and %d", o.Connections, maxConnections)
	}
	return o, nil
}

// Run sends the requests, waits for the answers and reports. Ending ctx ends the run early, with the
// report of what was measured until then; only options that cannot be followed are an error.
func Run(ctx context.Context, o Options) (Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Report{}, err
	}
	client, err := newClient(o)
	if err != nil {
		return Report{}, err
	}
	defer client.close()
	pacer, err := pace.New()
	if err != nil {
		return Report{}, fmt.Errorf("load: %w", err)
	}
	defer pacer.Close()

	r := &run{
		Options: o,
		plan:    newPlan(o),
		client:  client,
		pacer:   pacer,
		record:  newRecord(),
		start:   time.Now(),
		jobs:    make(chan job),
	}
	return r.do(ctx), nil
}

type run struct {
	Options
	plan   plan
	client *client
	pacer  *pace.Pacer
	record *record
	start  time.Time
	jobs   chan job
}

// job is one request that is due.
type job struct {
	n   int64         // its place in the plan
	due time.Duration // after start
}

func (r *run) do(ctx context.Context) Report {
	sending, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	var workers sync.WaitGroup
	for range r.Connections {
		workers.Go(func() { r.work(sending) })
	}
	watching, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	var watcher sync.WaitGroup
	watcher.Go(func() { r.watch(watching) })

	released := r.release(ctx)
	ended := time.Since(r.start)
	close(r.jobs)

	answered := make(chan struct{})
	go func() { workers.Wait(); close(answered) }()
	select {
	case <-answered:
	case <-ctx.Done():
		select {
		case <-answered:
		case <-time.After(grace):
			abort()
			<-answered
		}
	}
	stopWatching()
	watcher.Wait()
	return r.report(released, ended, ctx.Err() != nil)
}

// release hands out every request when it is due, to whichever connection is free, and returns how many
// it did. It waits for a free connection without losing time: what is due meanwhile keeps its own due time.
func (r *run) release(ctx context.Context) int64 {
	stop, cancel := context.WithDeadline(ctx, r.start.Add(r.Warmup+r.Duration+closing))
	defer cancel()
	for n := int64(0); ; n++ {
		due, ok := r.plan.at(n)
		if !ok {
			return n
		}
		if wait := due - time.Since(r.start); wait > 0 {
			r.pacer.Wait(stop, wait)
		}
		if stop.Err() != nil { // select would draw lots
			return n
		}
		select {
		case r.jobs <- job{n, due}:
		case <-stop.Done():
			return n
		}
	}
}

func (r *run) work(ctx context.Context) {
	for j := range r.jobs {
		measured := j.n >= r.plan.warm
		if measured {
			r.record.sent.Add(1)
		}
		sent := time.Since(r.start)
		status, err := r.client.send(ctx, j.n)
		done := time.Since(r.start)
		if measured {
			r.record.add(status, err, done-j.due, done-sent)
		}
	}
}

// watch tells Each what happened, every second from the end of the warm-up on.
func (r *run) watch(ctx context.Context) {
	begin := r.Warmup
	next := time.NewTimer(begin + time.Second)
	defer next.Stop()
	for {
		var last bool
		select {
		case <-next.C:
		case <-ctx.Done():
			last = true
		}
		now := time.Since(r.start)
		if now <= begin {
			return // ended while warming up
		}
		i := r.record.interval()
		i.From, i.To = (begin - r.Warmup).Seconds(), (now - r.Warmup).Seconds()
		i.Target = r.plan.rate(now)
		i.Waiting = max(r.plan.dueBy(now)-r.plan.warm-r.record.sent.Load(), 0)
		if r.Each != nil && (!last || i.To-i.From > 0.5) {
			r.Each(i)
		}
		r.record.timeline = append(r.record.timeline, i)
		if last {
			return
		}
		begin = now
		next.Reset(time.Second)
	}
}
