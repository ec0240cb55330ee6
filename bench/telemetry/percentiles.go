//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/besra-ml/besra/bench/internal/load"
	"github.com/besra-ml/besra/bench/internal/report"
)

// A percentile is what besra's own histogram says of a percentile, beside what a client sees that sends by the clock.
//
// The client's time is longer by what lies outside of any handler: two ways through the kernel, net/http's reading of the
// request and writing of the answer, and waiting for a processor, all on the same two cores. How long that is the same client
// finds out at an empty handler. What is left is besra's.
type percentile struct {
	What   string        `json:"what"`
	Client time.Duration `json:"client_ns"`
	Empty  time.Duration `json:"empty_client_ns"`       // what it sees of an empty handler, at the same rate
	Bound  float64       `json:"besra_at_most_seconds"` // upper bound of the histogram's bucket
	Raw    int           `json:"buckets_apart"`         // of Client and Bound
	Apart  int           `json:"buckets_apart_less_empty"`
	Target report.Target `json:"target"` // of Apart
}

const loadShare = 0.2 // of what a closed loop reaches

// percentiles offers rows at a part of what the server can do, for some seconds, to it and to the empty handler.
func percentiles(x, empty *contestant, o options) (out []percentile, err error) {
	begun := time.Now()
	if err := x.send(o.requests/2, o.connections); err != nil {
		return nil, err
	}
	rate := loadShare * float64(o.requests/2) / time.Since(begun).Seconds()
	least, err := empty.offer(rate, o)
	if err != nil {
		return nil, err
	}
	before, err := scrape(x.server.Address)
	if err != nil {
		return nil, err
	}
	seen, err := x.offer(rate, o)
	if err != nil {
		return nil, err
	}
	after, err := scrape(x.server.Address)
	if err != nil {
		return nil, err
	}
	for _, p := range []float64{0.5, 0.99} {
		at, outside := seen[int(p*float64(len(seen)))], least[int(p*float64(len(least)))]
		own := after.bucketOf(before, p)
		out = append(out, percentile{
			What: fmt.Sprintf("p%g at %.0f/s", 100*p, rate), Client: at, Empty: outside, Bound: after.bounds[own],
			Raw: after.apart(own, at), Apart: after.apart(own, max(at-outside, 0)), Target: report.Target{Value: 2, AtMost: true},
		})
	}
	return out, nil
}

// offer sends rows at a rate, and returns how long each took from when it was due, ascending.
func (x *contestant) offer(rate float64, o options) ([]time.Duration, error) {
	client, err := load.NewClient(x.server.Address, 4*o.connections, x.requests)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	client.Tick = 20 * time.Microsecond // a request that is sent late is none of the server's doing
	shots := make([]load.Shot, min(o.requests, int(5*rate)))
	for i := range shots {
		shots[i] = load.Shot{Due: time.Duration(float64(i) / rate * 1e9), Request: slices.Clone(x.requests.Next())}
	}
	fates, err := client.Offer(shots)
	if err != nil {
		return nil, err
	}
	seen := make([]time.Duration, len(fates))
	for i, f := range fates {
		if seen[i] = f.Latency; f.Status != http.StatusOK {
			return nil, fmt.Errorf("%s: a request was answered %d", x.spent.What, f.Status)
		}
	}
	slices.Sort(seen)
	return seen, nil
}

// A histogram is besra_request_seconds of scores, with its counts up to each bound.
type histogram struct{ bounds, counts []float64 }

var bucketLine = regexp.MustCompile(`(?m)^besra_request_seconds_bucket\{route="/v1/score",le="([^"]+)"\} (\S+)$`)

func scrape(address string) (h histogram, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return h, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return h, err
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		return h, err
	}
	for _, m := range bucketLine.FindAllStringSubmatch(string(page), -1) {
		bound, err := strconv.ParseFloat(strings.Replace(m[1], "+Inf", "Inf", 1), 64)
		count, errs := strconv.ParseFloat(m[2], 64)
		if err := errors.Join(err, errs); err != nil {
			return h, err
		}
		h.bounds, h.counts = append(h.bounds, bound), append(h.counts, count)
	}
	if n := len(h.bounds); n == 0 || !math.IsInf(h.bounds[n-1], 1) {
		return h, errors.New("/metrics has no histogram of /v1/score")
	}
	return h, nil
}

// apart returns how many buckets lie between one and the one that a time is in.
func (h histogram) apart(bucket int, d time.Duration) int {
	i, _ := slices.BinarySearch(h.bounds, d.Seconds())
	return max(i-bucket, bucket-i)
}

// bucketOf returns the bucket that a percentile of what came since before is in.
func (h histogram) bucketOf(before histogram, p float64) int {
	n := len(h.bounds)
	rank := p * (h.counts[n-1] - before.counts[n-1])
	for i := range h.bounds {
		if h.counts[i]-before.counts[i] > rank {
			return i
		}
	}
	return n - 1
}
