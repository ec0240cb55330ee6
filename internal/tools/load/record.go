package load

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// record gathers what happened to the measured requests.
type record struct {
	sent     atomic.Int64
	timeline []Interval // the watcher's

	mu               sync.Mutex
	status           map[int]int64
	errors           map[string]int64
	answered, failed int64
	latency, service *times

	current                *times // since the last interval
	wasSent                int64
	wasAnswered, wasFailed int64
}

func newRecord() *record {
	return &record{
		status: map[int]int64{}, errors: map[string]int64{},
		latency: newTimes(), service: newTimes(), current: newTimes(),
	}
}

// add records one request: its status or error, and its time since it was due and since it was sent.
func (r *record) add(status int, err error, latency, service time.Duration) {
	var failure string
	if err != nil {
		failure = kind(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.failed++
		r.errors[failure]++
	} else {
		r.answered++
		r.status[status]++
	}
	if err == nil || failure == kindTimeout {
		r.latency.add(latency)
		r.service.add(service)
		r.current.add(latency)
	}
}

// interval returns what was recorded since it was called last, without its times and target.
func (r *record) interval() Interval {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent := r.sent.Load()
	i := Interval{
		Sent: sent - r.wasSent, Answered: r.answered - r.wasAnswered, Failed: r.failed - r.wasFailed,
		Latency: r.current.summary(),
	}
	r.wasSent, r.wasAnswered, r.wasFailed = sent, r.answered, r.failed
	r.current.reset()
	return i
}

// times is a histogram of durations, from 1 µs to 60 s with three digits, and their exact maximum.
type times struct {
	micros *hdrhistogram.Histogram
	max    time.Duration
}

const longest = time.Minute

func newTimes() *times { return &times{micros: hdrhistogram.New(1, longest.Microseconds(), 3)} }

func (t *times) add(d time.Duration) {
	t.max = max(t.max, d)
	// Within its range it cannot fail.
	_ = t.micros.RecordValue(min(max(d, 0), longest).Microseconds())
}

func (t *times) reset() {
	t.micros.Reset()
	t.max = 0
}

func (t *times) summary() Summary {
	at := func(percentile float64) float64 {
		// A bucket's upper end may lie above everything in it.
		return min(float64(t.micros.ValueAtPercentile(percentile))/1e3, t.max.Seconds()*1e3)
	}
	return Summary{
		Mean: t.micros.Mean() / 1e3,
		P50:  at(50), P90: at(90), P99: at(99), P999: at(99.9),
		Max: t.max.Seconds() * 1e3,
	}
}
