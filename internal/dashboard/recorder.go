// Package dashboard shows operators how the service does, in a browser: a page, and a stream of what is measured.
//
// A [Recorder] reads the metrics once a second and keeps what has changed for some minutes, so that whoever opens the
// page sees at once how things have been. What a second brought is encoded once, for all who watch. All arithmetic on it
// (rates, percentiles) is the page's: static/figures.js.
package dashboard

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/besra-ml/besra/internal/strictjson"
	"github.com/besra-ml/besra/internal/telemetry"
)

// Options is what a Recorder is made of.
type Options struct {
	Metrics *telemetry.Metrics
	Recent  *telemetry.Recent // the slowest requests, problems, and who asks; nil: nobody tells
}

const (
	every      = time.Second
	kept       = 300 // seconds that the page shows
	toldEvery  = 2   // of these, what Recent has is sent once
	maxViewers = 32
	maxBehind  = 8 // messages that a viewer may be behind; one more, and it is let go
)

// A Recorder keeps what was measured, and sends it to those who watch. Its methods may be called from many goroutines.
type Recorder struct {
	options Options
	began   time.Time
	process process
	at      time.Time // of the last sample

	mu      sync.Mutex         // held to change what is below
	sample  []telemetry.Family // the last one
	ring    [kept][]byte
	ticks   int    // so many there have been
	told    []byte // as it was sent last
	viewers map[*viewer]struct{}
	ended   bool
}

// NewRecorder returns a Recorder that has seen how things stand now.
func NewRecorder(o Options) *Recorder {
	now := time.Now()
	r := &Recorder{options: o, began: now, at: now, viewers: map[*viewer]struct{}{}}
	r.sample = read(o.Metrics)
	r.process.read(now)
	return r
}

// Run samples once a second until ctx ends. Then all viewers are let go, and nobody else may watch.
func (r *Recorder) Run(ctx context.Context) {
	defer r.end()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.tick(time.Now())
		}
	}
}

// tick takes a sample, keeps what has changed, and sends it.
func (r *Recorder) tick(now time.Time) {
	sample := read(r.options.Metrics)
	r.process.read(now)
	data := r.appendTick(nil, sample, now)
	r.at = now
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sample = sample
	r.ring[r.ticks%kept] = data
	r.ticks++
	if len(r.viewers) == 0 {
		return
	}
	r.send(message("tick", data))
	if r.ticks%toldEvery != 0 {
		return
	}
	if told := appendTold(nil, r.options.Recent); string(told) != string(r.told) {
		r.told = told
		r.send(message("told", told))
	}
}

// send hands a message to all viewers. One that is too far behind is let go: it comes again, and gets the whole history
// anew, which is less than what it has missed would grow to.
func (r *Recorder) send(m []byte) {
	for v := range r.viewers {
		select {
		case v.messages <- m:
		default:
			r.leave(v)
		}
	}
}

// A viewer is one who watches.
type viewer struct {
	messages chan []byte // closed when it is let go
}

var (
	errEnded = errors.New("besra is stopping")
	errFull  = errors.New("as many as may are watching: " + strconv.Itoa(maxViewers))
)

// join lets somebody watch: the first message tells how things have been.
func (r *Recorder) join() (*viewer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return nil, errEnded
	}
	if len(r.viewers) >= maxViewers {
		return nil, errFull
	}
	v := &viewer{make(chan []byte, maxBehind)}
	v.messages <- message("history", r.history())
	v.messages <- message("told", appendTold(nil, r.options.Recent))
	r.viewers[v] = struct{}{}
	return v, nil
}

func (r *Recorder) history() []byte {
	b := r.appendAbout(nil)
	for i := max(0, r.ticks-kept); i < r.ticks; i++ {
		b = appendComma(b)
		b = append(b, r.ring[i%kept]...)
	}
	return append(b, "]}"...)
}

// part lets a viewer go, if that has not happened yet.
func (r *Recorder) part(v *viewer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(v)
}

func (r *Recorder) leave(v *viewer) {
	if _, ok := r.viewers[v]; ok {
		delete(r.viewers, v)
		close(v.messages)
	}
}

func (r *Recorder) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	for v := range r.viewers {
		r.leave(v)
	}
}

// message frames data as an event of a stream. There is no line break in it.
func message(event string, data []byte) []byte {
	b := make([]byte, 0, len(event)+len(data)+16)
	b = append(b, "event: "...)
	b = append(b, event...)
	b = append(b, "\ndata: "...)
	b = append(b, data...)
	return append(b, "\n\n"...)
}

// appendAbout appends the beginning of the history: who measures, and into which buckets.
func (r *Recorder) appendAbout(b []byte) []byte {
	b = append(b, `{"began":`...)
	b = strconv.AppendInt(b, r.began.UnixMilli(), 10)
	b = append(b, `,"kept":`...)
	b = strconv.AppendInt(b, kept, 10)
	b = append(b, `,"build":{`...)
	for f := range r.options.Metrics.Families("besra_build_info") {
		for i, name := range f.Labels {
			b = appendComma(b)
			b = strictjson.AppendString(b, name)
			b = append(b, ':')
			b = strictjson.AppendString(b, f.Series[0].Values[i])
		}
	}
	b = append(b, `},"bounds":{`...)
	for i := range r.sample {
		f := &r.sample[i]
		bounds, ok := boundsOf(f)
		if !ok {
			continue
		}
		b = appendComma(b)
		b = strictjson.AppendString(b, short(f.Name))
		b = append(b, ":["...)
		for _, x := range bounds {
			b = appendComma(b)
			b = strictjson.AppendNumber(b, x, 64)
		}
		b = append(b, ']')
	}
	return append(b, `},"ticks":[`...)
}

// appendComma appends the comma before a member or an element, unless it is the first.
func appendComma(b []byte) []byte {
	if c := b[len(b)-1]; c == '{' || c == '[' {
		return b
	}
	return append(b, ',')
}
