package demo

import (
	"context"
	"sync"
	"time"
)

// A courier carries payments and labels to the server in an order that leaves histories as if they had come one by
// one: the payments of a card follow each other, no payment is sent while one that is an hour older is on its
// way, and a label is there before any payment that is later than it.
//
// Time is cut into slots for that. A slot's payments are sent when those of the slot an hour before are answered,
// and with them the labels of the hour to come.
type courier struct {
	client   *client
	payments *payments
	labelled int // payments whose labels were sent
}

// spread is how far the payments that are on their way may lie apart, in seconds: as late as a payment may be and
// still be remembered.
const spread = 60 * 60

// A journey is what a courier carries in one go.
type journey struct {
	from, to int // payments
	reach    int // slots that may be on their way; together they last as long as spread
	batch    int // payments in a request, at most
	lanes    int // of batches; each is a connection
	lonely   int // lanes of payments that are sent alone: those of one card in alone; 0: none are

	wait     func(ctx context.Context, i int) // until payment i may be sent; nil: it may be at once
	answered func(i int, alone bool, a answer, err error, now time.Time) error
}

// alone is one in so many cards whose payments are sent alone.
const alone = 14

// A parcel is one request.
type parcel struct {
	payments []int
	alone    bool
	labels   [2]int // payments from, up to: their labels
	slot     *sync.WaitGroup
}

// trip is a journey under way.
type trip struct {
	*courier
	journey
	ctx    context.Context // when it ends, nothing more is sent
	asking context.Context // ends a little later: what is under way may be answered
	fail   context.CancelCauseFunc
	queues []chan parcel // of the lanes of batches, then of the lonely ones, then that of labels
	filled []parcel      // by lane of batches: not yet sent
	slots  []sync.WaitGroup
	slot   int // the current one, counted from the world's beginning
}

// run returns when all is answered, or with the first error of labels or of j.answered; or when ctx has ended, with
// its error.
func (c *courier) run(ctx context.Context, j journey) error {
	asking, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	context.AfterFunc(ctx, func() { time.AfterFunc(grace, hangUp) })
	t := &trip{courier: c, journey: j, ctx: ctx, asking: asking, fail: fail, slots: make([]sync.WaitGroup, j.reach)}
	t.filled = make([]parcel, j.lanes)
	var team sync.WaitGroup
	for range j.lanes + j.lonely + 1 {
		q := make(chan parcel, queued)
		t.queues = append(t.queues, q)
		team.Go(func() { t.carry(q) })
	}
	t.walk()
	for _, q := range t.queues {
		close(q)
	}
	team.Wait()
	return context.Cause(ctx)
}

const (
	queued = 64 // parcels that may wait for a connection
	grace  = 500 * time.Millisecond
)

// walk hands out every payment when it is due. When a queue is full it waits without losing time: what is due
// meanwhile keeps its own due time.
func (t *trip) walk() {
	length := spread / t.reach
	for i := t.from; i < t.to && t.ctx.Err() == nil; i++ {
		p := t.payments.at(i)
		slot := int(p.second) / length
		if i == t.from { // nothing is on its way but the labels of the hour to come
			t.slot = slot - 1
			t.labels(length)
			t.place().Wait()
		}
		for t.slot < slot {
			t.flush()
			t.slot++
			t.place().Wait()
			t.labels(length)
		}
		if t.wait != nil {
			t.wait(t.ctx, i)
		}
		t.hand(i, int(p.card))
	}
	t.flush()
}

// place is what of the current slot is on its way. It takes the place of the slot an hour before.
func (t *trip) place() *sync.WaitGroup { return &t.slots[(t.slot+t.reach)%t.reach] }

// labels sends, with the current slot, the labels that the slot in an hour needs.
func (t *trip) labels(length int) {
	from, before := t.labelled, int32((t.slot+t.reach+1)*length)
	for t.labelled < t.to && t.payments.at(t.labelled).second+labelDelay < before {
		t.labelled++
	}
	for ; from < t.labelled; from += maxLabels {
		t.send(len(t.queues)-1, parcel{labels: [2]int{from, min(from+maxLabels, t.labelled)}})
	}
}

// hand gives a payment to the lane of its card.
func (t *trip) hand(i, card int) {
	if t.lonely > 0 && card%alone == 0 {
		t.send(t.lanes+card/alone%t.lonely, parcel{payments: []int{i}, alone: true})
		return
	}
	lane := card % t.lanes
	full := &t.filled[lane]
	if full.payments = append(full.payments, i); len(full.payments) == t.batch {
		t.dispatch(lane)
	}
}

func (t *trip) flush() {
	for lane := range t.filled {
		if len(t.filled[lane].payments) > 0 {
			t.dispatch(lane)
		}
	}
}

func (t *trip) dispatch(lane int) {
	t.send(lane, t.filled[lane])
	t.filled[lane] = parcel{}
}

func (t *trip) send(lane int, p parcel) {
	p.slot = t.place()
	p.slot.Add(1)
	t.queues[lane] <- p // which is emptied until it is closed, whatever happens
}

// carry sends what comes until there is no more. What fails once ctx has ended counts nowhere.
func (t *trip) carry(queue <-chan parcel) {
	var memory scratch
	for p := range queue {
		if t.ctx.Err() == nil {
			if err := t.deliver(p, &memory); err != nil {
				t.fail(err)
			}
		}
		p.slot.Done()
	}
}

// scratch is the memory of one lane.
type scratch struct {
	body    []byte
	answers []answer
}

func (t *trip) deliver(p parcel, m *scratch) error {
	switch {
	case p.labels[1] > 0:
		m.body = t.payments.appendLabels(m.body[:0], p.labels[0], p.labels[1])
		return t.client.label(t.asking, m.body, p.labels[1]-p.labels[0])
	case p.alone:
		i := p.payments[0]
		m.body = t.payments.appendSingle(m.body[:0], i)
		a, err := t.client.score(t.asking, m.body)
		now := time.Now()
		if err != nil && t.ctx.Err() != nil {
			return nil
		}
		return t.answered(i, true, a, err, now)
	}
	m.body = t.payments.appendBatch(m.body[:0], p.payments)
	answers, err := t.client.scoreBatch(t.asking, m.body, len(p.payments), m.answers)
	m.answers = answers
	now := time.Now()
	if err != nil && t.ctx.Err() != nil {
		return nil
	}
	for n, i := range p.payments {
		a, err := answer{}, err
		if err == nil {
			a = answers[n]
			err = a.check()
		}
		if err := t.answered(i, false, a, err, now); err != nil {
			return err
		}
	}
	return nil
}

const maxLabels = 5_000 // in a request

// labelRest sends the labels of all payments that were played.
func (c *courier) labelRest(ctx context.Context) error {
	var body []byte
	for end := c.payments.end; c.labelled < end; {
		next := min(c.labelled+maxLabels, end)
		body = c.payments.appendLabels(body[:0], c.labelled, next)
		if err := c.client.label(ctx, body, next-c.labelled); err != nil {
			return err
		}
		c.labelled = next
	}
	return nil
}
