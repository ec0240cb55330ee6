// Package limit is how much may be asked for: by one identity, of one model, and by all together.
//
// What an identity was promised is a rate with a burst, a number of requests in flight, and a quota; what a model
// can bear is a number of requests in flight; what all may ask for is what can be worked off in time, which the door
// finds out by itself. Whoever is let in holds a [Permit] and gives it back.
package limit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/telemetry"
)

// Why a request is not let in.
var (
	ErrRate       = errors.New("more requests a second than were agreed")
	ErrConcurrent = errors.New("more requests in flight than were agreed")
	ErrModel      = errors.New("more requests in flight for the model than it is given")
	ErrQuota      = errors.New("more requests in this day or month than were agreed")
	ErrOverload   = errors.New("more to do than can be done in time")
)

// Options are the settings of a [Limiter]. The zero value adapts to the load and limits no model.
type Options struct {
	Concurrency string         // adaptive, also when empty; off; or the most requests in flight, from 1
	Models      map[string]int // most requests in flight for a model, by name; others have no limit
	Target      time.Duration  // longest wait at the door while more is asked for than can be done; 0: 2 ms
	Burst       time.Duration  // longest wait at the door before that is known; 0: 30 ms
	Buckets     Buckets        // where rates are kept; nil: in this process
	Quotas      Quotas         // where quotas are counted; nil: in this process
	Metrics     *telemetry.Access
	Now         func() time.Time // nil: time.Now
}

// A Limiter lets requests in, or not. Its methods may be called from many goroutines.
type Limiter struct {
	buckets Buckets
	quotas  Quotas
	flights *flights
	long    *flights // long work, by identity
	models  map[string]*model
	gate    gate
	line    *line // for long work; nil: it is let in as short work is
	metrics *telemetry.Access
}

// A model counts the requests in flight for it.
type model struct {
	most     int64
	inFlight atomic.Int64
}

// A gate lets in what can be worked off. enter is called when a request comes; it may let others go first, and
// returns when the request's work begins. Whoever is let in leaves.
type gate interface {
	enter(came time.Time, p identity.Priority) (begun time.Time, ok bool)
	leave(begun, now time.Time)
	crowded() bool
}

// New returns a limiter. Metrics must be given; a setting that makes no sense is an error.
func New(o Options) (*Limiter, error) {
	if o.Metrics == nil {
		return nil, errors.New("limit: no metrics")
	}
	l := &Limiter{buckets: o.Buckets, quotas: o.Quotas, flights: newFlights(mostKept), long: newFlights(mostKept), models: map[string]*model{}, metrics: o.Metrics}
	if l.buckets == nil {
		l.buckets = newBuckets(mostKept)
	}
	if l.quotas == nil {
		l.quotas = newCounts(mostKept)
	}
	for name, most := range o.Models {
		if most < 1 {
			return nil, fmt.Errorf("limit: model %.40q: want 1 request in flight or more, got %d", name, most)
		}
		l.models[name] = &model{most: int64(most)}
	}
	var err error
	if l.gate, err = newGate(o); err != nil {
		return nil, err
	}
	if _, adapts := l.gate.(*door); adapts {
		l.line = newLine(runtime.GOMAXPROCS(0))
	}
	return l, nil
}

func newGate(o Options) (gate, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	switch o.Concurrency {
	case "", "adaptive":
		return newDoor(o, runtime.GOMAXPROCS(0))
	case "off":
		o.Metrics.ConcurrencyLimit.Set(0)
		return open{}, nil
	}
	most, err := strconv.Atoi(o.Concurrency)
	if err != nil || most < 1 {
		return nil, fmt.Errorf("limit: concurrency: want adaptive, off, or a number from 1, got %.20q", o.Concurrency)
	}
	o.Metrics.ConcurrencyLimit.Set(float64(most))
	return &turnstile{most: int64(most), now: o.Now, yield: runtime.Gosched}, nil
}

// A Permit is for one request that is being answered. The zero Permit is nobody's, and may be released.
type Permit struct {
	Quota Quota // how the identity's rate stands; also when the request was refused

	limiter *Limiter
	line    *line   // in which it stands; nil: in none
	placed  bool    // it has, or had, a place of the line's
	rested  bool    // what was for work is given back
	inLine  *flight // of the identity's long work; nil: it has no limit
	flight  *flight // of the identity; nil: it has no limit
	model   *model  // nil: none, or without a limit
	begun   time.Time

	spender *identity.Identity // has a quota, of which so much was taken at Quota.At; nil: nothing was
	spent   int
}

// Admit lets a request in that came just now, or returns ErrRate, ErrConcurrent, ErrQuota or ErrOverload with a
// permit that holds nothing but its Quota. cost is what the request takes of the identity's rate and quota, from 1.
// A request that is let in may have waited: for as long as those before it took, and Target or Burst at most.
//
// A request that is refused for overload has been asked, and counts for the rate. For the quota it does not.
func (l *Limiter) Admit(id *identity.Identity, now time.Time, cost int) (p Permit, err error) {
	if p, err = l.agreed(id, now, cost); err != nil {
		return p, err
	}
	begun, ok := l.gate.enter(now, id.Priority)
	if !ok {
		return l.refuse(&p, id)
	}
	p.limiter, p.begun = l, begun
	return p, nil
}

// AdmitLong is Admit for long work, such as a batch. It does not wait: whoever is let in reads what there is to do,
// and then waits for its Turn.
func (l *Limiter) AdmitLong(id *identity.Identity, now time.Time, cost int) (p Permit, err error) {
	if l.line == nil {
		return l.Admit(id, now, cost)
	}
	if p, err = l.agreed(id, now, cost); err != nil {
		return p, err
	}
	// One of several clients does not fill the line. Where nobody is authenticated there is only one.
	if id.Method != identity.None {
		if p.inLine = l.long.take(id.ID, int(l.line.most)/2); p.inLine == nil {
			return l.refuse(&p, id)
		}
	}
	if !l.line.come() {
		p.inLine.release()
		return l.refuse(&p, id)
	}
	p.limiter, p.line = l, l.line
	return p, nil
}

// Turn waits until it is long work's turn, or returns ErrOverload when that would take too long of the time until
// deadline (zero: there is none). Other work's turn has come.
func (p *Permit) Turn(ctx context.Context, id *identity.Identity, now, deadline time.Time) error {
	if p.line == nil {
		return nil
	}
	if p.placed = p.line.wait(ctx, now, deadline, id.Priority); p.placed {
		return nil
	}
	p.limiter.shed(id.Priority)
	p.unspend(p.limiter)
	p.Quota.RetryAfter = retryLater
	return ErrOverload
}

// refuse refuses a request for overload.
func (l *Limiter) refuse(p *Permit, id *identity.Identity) (Permit, error) {
	l.shed(id.Priority)
	p.flight.release()
	p.unspend(l)
	return Permit{Quota: p.Quota.after(retryLater)}, ErrOverload
}

// agreed takes what an identity was promised.
func (l *Limiter) agreed(id *identity.Identity, now time.Time, cost int) (p Permit, err error) {
	if id.Limits.Rate > 0 {
		var ok bool
		if p.Quota, ok = l.take(id, cost, now); !ok {
			l.metrics.Limited.Rate.Inc()
			return p, ErrRate
		}
	}
	if id.Limits.Concurrent > 0 {
		if p.flight = l.flights.take(id.ID, id.Limits.Concurrent); p.flight == nil {
			l.metrics.Limited.Concurrent.Inc()
			p.Quota.RetryAfter = retryLater
			return p, ErrConcurrent
		}
	}
	if id.Limits.Quota.Requests > 0 && !l.spend(&p, id, now, cost) {
		l.metrics.Limited.Quota.Inc()
		p.flight.release()
		p.flight = nil
		return p, ErrQuota
	}
	return p, nil
}

// spend takes the cost of the identity's quota.
func (l *Limiter) spend(p *Permit, id *identity.Identity, now time.Time, cost int) bool {
	q := id.Limits.Quota
	ok, left, retry := l.quotas.Spend(id.ID, q, cost, now)
	p.Quota.Quota, p.Quota.Left, p.Quota.At = q, left, now
	if !ok {
		p.Quota.RetryAfter = retry
		return false
	}
	p.spender, p.spent = id, cost
	return true
}

// unspend gives back what was taken of a quota, as nothing will be done for it.
func (p *Permit) unspend(l *Limiter) {
	if p.spender == nil {
		return
	}
	_, p.Quota.Left, _ = l.quotas.Spend(p.spender.ID, p.spender.Limits.Quota, -p.spent, p.Quota.At)
	p.spender = nil
}

// Crowded reports whether there is more to do than can be done: no time for what can be left.
func (l *Limiter) Crowded() bool { return l.gate.crowded() || l.line.crowded() }

// retryLater is what is told where nobody can know: when others will be done.
const retryLater = time.Second

func (l *Limiter) shed(p identity.Priority) {
	if p == identity.Batch {
		l.metrics.Shed.Batch.Inc()
	} else {
		l.metrics.Shed.Overload.Inc()
	}
}

// Model takes a place of the model's, or returns ErrModel. It is called once, when the model is known; the permit
// is released either way.
func (p *Permit) Model(name string) error {
	if p.limiter == nil {
		return nil
	}
	m := p.limiter.models[name]
	if m == nil {
		return nil
	}
	if m.inFlight.Add(1) > m.most {
		m.inFlight.Add(-1)
		p.limiter.metrics.Limited.Model.Inc()
		p.unspend(p.limiter)
		p.Quota.RetryAfter = retryLater
		return ErrModel
	}
	p.model = m
	return nil
}

// Sent tells that so much of the time since it was let in the client took to send the request: that was no work.
func (p *Permit) Sent(took time.Duration) { p.begun = p.begun.Add(took) }

// Rest gives back what is for work, when that is done and only the answer is left to be sent: how long that takes is up
// to the client.
func (p *Permit) Rest(now time.Time) {
	if p.limiter == nil || p.rested {
		return
	}
	p.rested = true
	switch {
	case p.line == nil:
		p.limiter.gate.leave(p.begun, now)
	case p.placed:
		p.line.free()
	}
	if p.model != nil {
		p.model.inFlight.Add(-1)
	}
}

// Release gives back what the permit holds, once the request is answered. A second call does nothing.
func (p *Permit) Release(now time.Time) {
	if p.limiter == nil {
		return
	}
	p.Rest(now)
	if p.line != nil {
		p.line.leave()
		p.inLine.release()
	}
	p.flight.release()
	*p = Permit{Quota: p.Quota}
}
