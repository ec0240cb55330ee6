// Package simulate makes card payments with labels, by the procedure that the Fraud Detection Handbook
// (Le Borgne et al., 2022, chapter 3) publishes; code and draws are our own.
//
// Cards and terminals lie on a square of 100 × 100. A card pays at terminals within reach, at its own pace
// and with amounts around its own mean. Three scenarios turn payments into fraud: an amount above 220; any
// payment at a compromised terminal for 28 days; and, for 14 days, a third of a compromised card's payments,
// their amounts times five.
//
// The same options give the same bytes on every machine: each card's day has its own seed, so nothing
// depends on what was drawn before it.
package simulate

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Summary says what was written.
type Summary struct {
	Payments  int
	Frauds    int
	Scenarios [4]int // payments by scenario; genuine ones are scenario 0
	Cards     int    // cards that paid at least once
}

// FraudShare is the share of payments that are fraud, from 0 to 1.
func (s Summary) FraudShare() float64 {
	if s.Payments == 0 {
		return 0
	}
	return float64(s.Frauds) / float64(s.Payments)
}

// A Payment is one simulated payment.
type Payment struct {
	Number   int   // from 0, in the order of time; its event_id is evt_<Number>
	Time     int64 // seconds since 1970
	Card     int   // c_<Card>
	Terminal int   // t_<Terminal>
	Cents    int64
	Scenario int // 0: genuine; else which fraud
}

// LabelDelay is how long it takes until a payment's label is known.
const LabelDelay = labelDays * 24 * time.Hour

// Each simulates the payments of o and hands them to visit in the order of time, those of one second by card. It
// holds one day of payments in memory. It ends with the first error of visit, or when ctx ends.
func Each(ctx context.Context, o Options, visit func(Payment) error) error {
	number, start := 0, o.Start.Unix()
	return each(ctx, o, nil, func(day int, p *payment) error {
		number++
		return visit(Payment{
			Number: number - 1, Time: start + int64(day)*secondsADay + int64(p.second),
			Card: int(p.card), Terminal: int(p.terminal), Cents: p.cents, Scenario: int(p.scenario),
		})
	})
}

// Write simulates the payments of o and writes them to w as CSV, in the order of time:
//
//	event_id,time,card,terminal,amount,label,label_time,scenario
//	evt_0,2018-04-01T00:00:31Z,c_596,t_3156,57.16,genuine,2018-04-08T00:00:31Z,0
//
// Payments of one second are ordered by card. The label becomes known seven days after the payment.
// Write holds one day of payments in memory. After each day it calls progress, which may be nil, with the
// days done and all days. When ctx ends or w fails it returns the error and what was simulated until then;
// if w still takes bytes, the last line is whole.
func Write(ctx context.Context, w io.Writer, o Options, progress func(done, total int)) (Summary, error) {
	var s Summary
	if err := o.validate(); err != nil {
		return s, fmt.Errorf("simulate: %w", err)
	}
	out, paid := newWriter(w, o.Start), make([]bool, o.Cards)
	err := each(ctx, o, progress, func(day int, p *payment) error {
		if err := out.payment(day, p); err != nil {
			return fmt.Errorf("simulate: write: %w", err)
		}
		s.count(p, paid)
		return nil
	})
	return s, out.close(err)
}

// each hands the payments of o to visit, and tells progress, which may be nil, of each day.
func each(ctx context.Context, o Options, progress func(done, total int), visit func(day int, p *payment) error) error {
	if err := o.validate(); err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	places := newWorld(o)
	crime := newCrime(o, places)
	var today day
	for n := range o.Days {
		if err := today.simulate(ctx, places, n); err != nil {
			return fmt.Errorf("simulate day %d of %d: %w", n+1, o.Days, err)
		}
		crime.strike(&today)
		for _, p := range today.inOrder() {
			if err := visit(n, p); err != nil {
				return err
			}
		}
		if progress != nil {
			progress(n+1, o.Days)
		}
	}
	return nil
}

func (s *Summary) count(p *payment, paid []bool) {
	s.Payments++
	s.Scenarios[p.scenario]++
	if p.scenario != genuine {
		s.Frauds++
	}
	if !paid[p.card] {
		paid[p.card] = true
		s.Cards++
	}
}
