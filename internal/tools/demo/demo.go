// Package demo plays simulated payments, whose outcome is known, through a besra server's own doors, and shows live
// how fast and how well they are judged.
//
// First the server learns: it gets the payments of the weeks before, in batches, so that its histories are whole.
// Then the held-out payments are played. The loop is open: every payment has an intended time, fixed before the
// play, and its latency counts from that time, however late it could be sent. Labels come seven days of the
// simulation after their payment, all along.
package demo

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/url"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/tools/pace"
	"github.com/besra-ml/besra/internal/tools/simulate"
)

// Options say what to play, where, and how it is shown. URL and World are required.
type Options struct {
	URL   string // of the server, such as http://127.0.0.1:41231
	Model string // may be empty when the server has one model

	World simulate.Options
	First int // the first day of the world that is held out; the days until its end are, too
	Learn int // days before it whose payments the server learns

	Count    int           // the first so many held-out payments; 0, or more than there are: all
	Duration time.Duration // of a play of all held-out payments, if the server is fast enough; a few take their part of it; default 10 s
	Flat     bool          // play as fast as answers come; latencies mean nothing then

	CostReview float64 // of one review, in the currency
	Currency   string  // of the amounts; default EUR
	Cutoffs    Cutoffs // shown only: it is the server that decides
	Promise    Promise // shown only, beside what came out

	Leaving bool // the server goes when the play is over: nothing to try is shown

	Out      io.Writer // default: nowhere
	Terminal bool      // Out is one: draw a panel in place instead of a line a second
	NoColor  bool      // keep even a terminal plain
}

// Cutoffs are the scores from which on payments are reviewed and declined.
type Cutoffs struct{ Review, Decline float64 }

// A Promise is what the model's makers say of the held-out payments. The zero value: they say nothing.
type Promise struct{ Precision, Recall float64 }

const (
	maxDuration = time.Hour
	maxCost     = 1e9

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
	case o.First < 0 || o.First >= o.World.Days:
		return o, fmt.Errorf("first day is %d, not in 0 to %d", o.First, o.World.Days-1)
	case o.Learn < 0 || o.Learn > o.First:
		return o, fmt.Errorf("days to learn are %d, not in 0 to %d", o.Learn, o.First)
	case o.Count < 0:
		return o, fmt.Errorf("number of payments is %d, below 0", o.Count)
	case o.Duration < 0 || o.Duration > maxDuration:
		return o, fmt.Errorf("duration %v is not above 0 and at most %v", o.Duration, maxDuration)
	case !(o.CostReview >= 0 && o.CostReview <= maxCost):
		return o, fmt.Errorf("cost of a review is %v, not from 0 to %v", o.CostReview, int64(maxCost))
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

// Play has the server learn, plays the held-out payments, shows what happens, and ends with a summary and a request
// to try.
//
// Ending ctx ends it soon, with the report and the summary of what was answered until then, and no error. It is
// an error when the options make no sense, when the server does not take what it is to learn or a label, when every
// payment failed (the report then counts how), and when Out cannot be written to.
func Play(ctx context.Context, o Options) (Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Report{}, fmt.Errorf("demo: %w", err)
	}
	payments, err := simulated(ctx, o)
	switch {
	case err != nil && ctx.Err() != nil:
		return Report{Interrupted: true}, nil
	case err != nil:
		return Report{}, fmt.Errorf("demo: %w", err)
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

	s := &show{
		Options: o, screen: newScreen(o), payments: payments,
		courier: &courier{client: client, payments: payments}, pacer: pacer,
	}
	r, err := s.run(ctx)
	switch {
	case err != nil:
		return r, fmt.Errorf("demo: %w", err)
	case s.screen.err != nil:
		return r, fmt.Errorf("demo: %w", s.screen.err)
	}
	return r, nil
}

// A show is a play from its first payment to its summary.
type show struct {
	Options
	screen   *screen
	payments *payments
	courier  *courier
	pacer    *pace.Pacer
	tally    *tally
}

func (s *show) run(ctx context.Context) (Report, error) {
	learned, err := s.learn(ctx)
	s.screen.print(s.screen.learned(learned))
	switch {
	case ctx.Err() != nil:
		learned.Interrupted = true
		return learned, nil
	case err != nil:
		return learned, fmt.Errorf("learn: %w", err)
	}

	err = s.play(ctx, learned)
	r := s.tally.report()
	r.Learned, r.LearnTook = learned.Learned, learned.LearnTook
	r.Interrupted = ctx.Err() != nil && r.Answered+r.Failed < r.Payments
	if err == nil && !r.Interrupted && r.Answered > 0 {
		err = s.conclude(ctx, &r)
	}
	if ctx.Err() != nil {
		err = nil // what failed then failed for that
	}
	s.screen.print(summary(s.Options, s.screen.paint, r))
	switch {
	case err != nil:
		return r, err
	case r.Answered == 0 && !r.Interrupted:
		return r, s.tally.failed()
	}
	return r, nil
}

// learn sends the payments before the held-out ones. Nothing may fail there: the histories would have holes.
func (s *show) learn(ctx context.Context) (Report, error) {
	n := s.payments.first
	if n == 0 {
		return Report{}, nil
	}
	s.tally = newTally(n, 0, time.Now())
	stop := s.screen.follow(s.tally.report, s.screen.learning)
	err := s.courier.run(ctx, journey{
		to: n, reach: 2, batch: 1000, lanes: 3,
		answered: func(i int, _ bool, a answer, err error, now time.Time) error {
			s.tally.add(i, s.payments.at(i), a, err, now)
			return err
		},
	})
	stop()
	r := s.tally.report()
	return Report{Learned: r.Answered, LearnTook: r.Elapsed}, err
}

// play sends the held-out payments, each when it is due. On a slow machine it takes longer: at more than half the
// speed at which the server learned, latencies would tell of queues.
func (s *show) play(ctx context.Context, learned Report) error {
	from, to := s.payments.first, s.payments.end
	start, every := time.Now(), s.Duration/time.Duration(len(s.payments.all)-from)
	slowed := false
	if n := time.Duration(learned.Learned); n > 0 && every < 2*learned.LearnTook/n && !s.Flat {
		every, slowed = 2*learned.LearnTook/n, true
	}
	due := func(i int) time.Time { return start.Add(time.Duration(i-from) * every) }
	s.tally = newTally(to-from, cents(s.CostReview), start)
	s.screen.o.Duration = due(to).Sub(start)
	s.screen.print(s.announcement(slowed))
	stop := s.screen.follow(s.tally.report, s.screen.playing)
	defer stop()
	j := journey{
		from: from, to: to, reach: 4, batch: 16, lanes: 2, lonely: 4,
		answered: func(i int, alone bool, a answer, err error, now time.Time) error {
			s.tally.add(i, s.payments.at(i), a, err, now)
			if alone && err == nil {
				s.tally.took(now.Sub(due(i)))
			}
			return nil
		},
	}
	if s.Flat {
		return s.courier.run(ctx, j)
	}
	j.wait = func(ctx context.Context, i int) {
		if wait := time.Until(due(i)); wait > 0 {
			s.pacer.Wait(ctx, wait)
		}
	}
	timed, cancel := context.WithDeadline(ctx, due(to).Add(patience))
	defer cancel()
	if err := s.courier.run(timed, j); err != nil && timed.Err() == nil {
		return err
	}
	return nil
}

func (s *show) announcement(slowed bool) string {
	p := s.payments
	pace := fmt.Sprintf("in %.3g s", s.screen.o.Duration.Seconds())
	switch {
	case s.Flat:
		pace = "as fast as they are answered"
	case slowed:
		pace += ", half as fast as it learned"
	}
	return fmt.Sprintf("Now %s of %s to %s, %s.\n", plural(p.end-p.first, "payment"), p.day(p.first), p.day(p.end-1), pace)
}

// conclude sends the labels that are left, asks what the server makes of all labels, and finds something to try.
func (s *show) conclude(ctx context.Context, r *Report) (err error) {
	if err := s.courier.labelRest(ctx); err != nil {
		return err
	}
	if r.Own, err = s.courier.client.performance(ctx, s.Model); err != nil || s.Leaving {
		return err
	}
	i, ok := s.tally.example()
	if !ok {
		return nil
	}
	event := s.payments.appendEvent(nil, i, s.payments.after())
	model := modelMember(s.Model)
	a, err := s.courier.client.score(ctx, []byte(`{`+model+`"event":`+string(event)+`,"dry_run":true}`))
	if err != nil {
		return fmt.Errorf("try: %w", err)
	}
	r.Try = tryOut(s.URL, `{"event_id":"try_1",`+model+`"event":`+string(event)+`}`, a)
	return nil
}

// Money is an amount in hundredths of the currency.
type Money int64

// cents is exact for any amount of two decimals that is at most maxCost.
func cents(amount float64) Money { return Money(math.Round(amount * 100)) }
