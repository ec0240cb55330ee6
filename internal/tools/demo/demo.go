// Package demo plays payments whose outcome is known through a besra server's own door, POST /v1/score, and
// shows live how fast and how well they are judged.
//
// The loop is open: every payment has an intended time, fixed before the play, and its latency counts from
// that time, however late it could be sent.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/besra-ml/besra/internal/tools/pace"
)

// Options say what to play, where, and how it is shown. URL, Payments and Features are required.
type Options struct {
	URL   string // of the server, such as http://127.0.0.1:41231
	Model string // may be empty when the server has one model

	// Payments is CSV with a header: event_id, amount, label (fraud or genuine), and a column for each
	// feature; others are ignored. A feature's cell is a JSON number, sent as it stands, or empty: missing.
	Payments io.Reader
	Features []string // names of the columns to send

	Count    int           // the first so many payments; 0, or more than there are: all
	Duration time.Duration // of the whole play; default 10 s

	CostReview float64 // of one review, in the currency
	Currency   string  // of the amounts; default EUR
	Cutoffs    Cutoffs // shown only: it is the server that decides

	Leaving bool // the server goes when the play is over: nothing to try is shown

	Out      io.Writer // default: nowhere
	Terminal bool      // Out is one: draw a panel in place instead of a line a second
	NoColor  bool      // keep even a terminal plain
}

// Cutoffs are the scores from which on payments are reviewed and declined.
type Cutoffs struct{ Review, Decline float64 }

const (
	maxDuration = time.Hour
	maxAmount   = 1e9 // so that a sum of any number of payments we read fits into Money

	// patience is how long after its end a play may go on, for the sake of a server that is behind.
	patience = 5 * time.Second
)

func (o Options) withDefaults() (Options, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return o, err
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return o, fmt.Errorf("%q is not an http:// or https:// address", o.URL)
	case o.Payments == nil:
		return o, errors.New("there are no payments")
	case len(o.Features) == 0:
		return o, errors.New("there are no features")
	case o.Count < 0:
		return o, fmt.Errorf("number of payments is %d, below 0", o.Count)
	case o.Duration < 0 || o.Duration > maxDuration:
		return o, fmt.Errorf("duration %v is not above 0 and at most %v", o.Duration, maxDuration)
	case !(o.CostReview >= 0 && o.CostReview <= maxAmount):
		return o, fmt.Errorf("cost of a review is %v, not from 0 to %v", o.CostReview, int64(maxAmount))
	}
	o.URL = strings.TrimSuffix(o.URL, "/")
	if o.Duration == 0 {
		o.Duration = 10 * time.Second
	}
	if o.Currency == "" {
		o.Currency = "EUR"
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	return o, nil
}

// Play plays the payments, shows what happens, and ends with a summary and a request to try.
//
// Ending ctx ends the play at once, with the report and the summary of what was answered until then, and no
// error. It is an error when the options or the payments make no sense, when every payment failed (the
// report then counts how), and when Out cannot be written to.
func Play(ctx context.Context, o Options) (Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Report{}, fmt.Errorf("demo: %w", err)
	}
	payments, err := readPayments(o)
	if err != nil {
		return Report{}, fmt.Errorf("demo: read payments: %w", err)
	}
	client, err := newClient(o.URL)
	if err != nil {
		return Report{}, fmt.Errorf("demo: %w", err)
	}
	defer client.close()
	pacer, err := pace.New()
	if err != nil {
		return Report{}, fmt.Errorf("demo: %w", err)
	}
	defer pacer.Close()

	p := &play{
		payments: payments,
		every:    o.Duration / time.Duration(len(payments)),
		client:   client,
		pacer:    pacer,
		due:      make(chan int, queue),
		start:    time.Now(),
	}
	p.tally = newTally(len(payments), cents(o.CostReview), p.start)
	screen := newScreen(o)
	stop := screen.follow(p.tally.report)
	p.run(ctx, o.Duration+patience)
	stop()

	r := p.tally.report()
	r.Interrupted = ctx.Err() != nil && r.Answered+r.Failed < r.Payments
	try := p.tally.example()
	if !o.Leaving {
		r.Curl = curl(o, payments, try)
	}
	screen.print(summary(o, screen.paint, r, try))
	switch {
	case r.Answered == 0 && !r.Interrupted:
		return r, p.tally.failed()
	case screen.err != nil:
		return r, fmt.Errorf("demo: %w", screen.err)
	}
	return r, nil
}

const (
	workers = 8  // connections, each kept alive
	queue   = 64 // payments that may be due and wait for a connection; the others wait to be queued
)

// play sends the payments.
type play struct {
	payments []payment
	every    time.Duration // from one payment to the next
	client   *client
	pacer    *pace.Pacer
	tally    *tally
	due      chan int
	start    time.Time
}

// run returns when everything is answered, ctx has ended or the time is up.
func (p *play) run(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithDeadline(ctx, p.start.Add(limit))
	defer cancel()
	var team sync.WaitGroup
	for range workers {
		team.Go(func() { p.work(ctx) })
	}
	p.release(ctx)
	close(p.due)
	team.Wait()
}

// release hands out every payment when it is due. When the queue is full it waits without losing time:
// what is due meanwhile keeps its own due time.
func (p *play) release(ctx context.Context) {
	for i := range p.payments {
		if wait := time.Until(p.at(i)); wait > 0 {
			p.pacer.Wait(ctx, wait)
		}
		select {
		case p.due <- i:
		case <-ctx.Done():
			return
		}
	}
}

// work sends what is due until there is no more. What was under way when ctx ended counts nowhere.
func (p *play) work(ctx context.Context) {
	for i := range p.due {
		if ctx.Err() != nil {
			return
		}
		answer, err := p.client.score(ctx, p.payments[i].body)
		now := time.Now()
		if err != nil && ctx.Err() != nil {
			return
		}
		p.tally.add(i, &p.payments[i], answer, err, now.Sub(p.at(i)), now)
	}
}

// at is when payment i is due.
func (p *play) at(i int) time.Time { return p.start.Add(time.Duration(i) * p.every) }

// Money is an amount in hundredths of the currency.
type Money int64

// cents is exact for any amount of two decimals that is at most maxAmount.
func cents(amount float64) Money { return Money(math.Round(amount * 100)) }
