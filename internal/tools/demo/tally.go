package demo

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is what became of the payments. What was stopped is what was declined or sent to review: a
// reviewer is taken to know fraud when it is seen.
type Report struct {
	Learned   int           // payments that the server learned before
	LearnTook time.Duration // until the last of them was answered

	Payments int // that were to be played
	Answered int
	Failed   int            // got no decision; they are in nothing below but Failures
	Failures map[string]int // by kind, such as "status 503 overloaded"

	Elapsed       time.Duration // until the last answer or failure
	Rate          float64       // answers a second
	Alone         int           // answered of those sent alone
	P50, P99, Max time.Duration // their latency, from the intended send time

	Approve, Review, Decline Class
	ReviewCost               Money // of all reviews

	Own Own // what the server itself makes of it

	Interrupted bool // ended before its time
	Try         Try  // one like a payment of the play, at best like a fraud that was declined
}

// Class is what got one decision.
type Class struct {
	Payments, Frauds    int
	Amount, FraudAmount Money
}

func (c *Class) add(p *payment) {
	c.Payments++
	c.Amount += p.amount
	if p.fraud {
		c.Frauds++
		c.FraudAmount += p.amount
	}
}

func (c Class) plus(d Class) Class {
	return Class{c.Payments + d.Payments, c.Frauds + d.Frauds, c.Amount + d.Amount, c.FraudAmount + d.FraudAmount}
}

// Stopped is what was declined or sent to review.
func (r Report) Stopped() Class { return r.Review.plus(r.Decline) }

// All is what was answered.
func (r Report) All() Class { return r.Approve.plus(r.Stopped()) }

// Precision is the share of what was stopped that was fraud, from 0 to 1; NaN if nothing was stopped.
func (r Report) Precision() float64 { return share(r.Stopped().Frauds, r.Stopped().Payments) }

// Recall is the share of fraud that was stopped, from 0 to 1; NaN if there was none.
func (r Report) Recall() float64 { return share(r.Stopped().Frauds, r.All().Frauds) }

// Saved is the amount of the frauds that were stopped, less the cost of the reviews.
func (r Report) Saved() Money { return r.Stopped().FraudAmount - r.ReviewCost }

// Missed is the amount of the frauds that were approved.
func (r Report) Missed() Money { return r.Approve.FraudAmount }

// TurnedAway is the genuine payments that were declined: how many, and their amount.
func (r Report) TurnedAway() (int, Money) {
	return r.Decline.Payments - r.Decline.Frauds, r.Decline.Amount - r.Decline.FraudAmount
}

func share(part, whole int) float64 {
	if whole == 0 {
		return math.NaN()
	}
	return float64(part) / float64(whole)
}

// tally counts while the payments are played.
type tally struct {
	costReview Money
	start      time.Time

	mu     sync.Mutex
	counts Report // without what report works out
	micros *hdrhistogram.Histogram
	last   time.Time                 // an answer or failure came
	try    struct{ index, rank int } // the payment most worth to be tried; rank 0: there is none
	first  error                     // the failure that came first
}

const (
	longest  = time.Minute // that the histogram tells from longer
	maxKinds = 16          // of failures that are told apart
)

func newTally(payments int, costReview Money, start time.Time) *tally {
	return &tally{
		costReview: costReview,
		start:      start,
		last:       start,
		counts:     Report{Payments: payments, Failures: map[string]int{}},
		micros:     hdrhistogram.New(1, longest.Microseconds(), 3),
	}
}

// add counts payment i, answered at now or failed with err.
func (t *tally) add(i int, p *payment, a answer, err error, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.After(t.last) {
		t.last = now
	}
	if err != nil {
		t.fail(err)
		return
	}
	c := &t.counts
	c.Answered++
	switch a.Decision {
	case "approve":
		c.Approve.add(p)
	case "review":
		c.Review.add(p)
	case "decline":
		c.Decline.add(p)
	}
	if rank := rank(p, a); rank > t.try.rank || rank == t.try.rank && i > t.try.index {
		t.try.index, t.try.rank = i, rank
	}
}

// took counts the latency of a payment that was sent alone.
func (t *tally) took(latency time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Alone++
	t.counts.Max = max(t.counts.Max, latency)
	_ = t.micros.RecordValue(min(max(latency, 0), longest).Microseconds()) // within its range it cannot fail
}

// rank prefers fraud that is declined, then reviewed, then anything declined.
func rank(p *payment, a answer) int {
	switch {
	case p.fraud && a.Decision == "decline":
		return 4
	case p.fraud && a.Decision == "review":
		return 3
	case a.Decision == "decline":
		return 2
	}
	return 1
}

func (t *tally) fail(err error) {
	if t.first == nil {
		t.first = err
	}
	kind := "other"
	var f *failure
	if errors.As(err, &f) {
		kind = f.kind
	}
	failures := t.counts.Failures
	if _, known := failures[kind]; !known && len(failures) >= maxKinds {
		kind = "other"
	}
	failures[kind]++
	t.counts.Failed++
}

// report returns the counts up to now.
func (t *tally) report() Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.counts
	r.Failures = maps.Clone(r.Failures)
	r.Elapsed = t.last.Sub(t.start)
	if r.Elapsed > 0 {
		r.Rate = float64(r.Answered) / r.Elapsed.Seconds()
	}
	r.P50, r.P99 = t.percentile(50), t.percentile(99)
	r.ReviewCost = Money(r.Review.Payments) * t.costReview
	return r
}

func (t *tally) percentile(p float64) time.Duration {
	// A bucket's upper end may lie above everything in it.
	return min(time.Duration(t.micros.ValueAtPercentile(p))*time.Microsecond, t.counts.Max)
}

// example returns the payment most worth to be tried, the latest of several: its terminal is best remembered.
func (t *tally) example() (index int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.try.index, t.try.rank > 0
}

// failed tells why nothing was answered.
func (t *tally) failed() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first == nil {
		return errors.New("no payment was answered in time")
	}
	return fmt.Errorf("no payment was answered, %s failed; the first: %w", grouped(t.counts.Failed), t.first)
}
