package history

import (
	"context"
	"errors"
	"slices"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/store"
)

// Labelled says what became of a label.
type Labelled uint8

// What becomes of a label.
const (
	Known    Labelled = iota // its event was scored
	Repeated                 // its event had it already
	Early                    // its event has not been seen; it waits
)

// A Relabel is what an event turned out to be, as of a time: Label makes it so.
type Relabel struct {
	Stream Stream
	Key    store.Key // of the event
	Label  outcome.Label
	At     int64    // from when on it is known, ms since 1970
	Became Labelled // what became of it

	position uint64 // of its record
	record   Record
	before   outcome.Label
	beforeAt int64 // ms
}

// Label says what events turned out to be: it enters the windows of their entities, when the delay has passed and
// the label is known. The last word counts. When it returns all is durable. After an error it is what the journal has:
// some labels may have been taken, and what is lost is taken back; with ErrSlow, nobody knows yet. To repeat them all
// is safe.
//
// The journal has a label before the table of outcomes does, which may write it to the disk at once. Until then
// the events' locks are held: a label is judged by the one before it.
func (h *History) Label(ctx context.Context, t *Turn, labels []Relabel) error {
	if h.Shared != nil {
		return h.labelShared(ctx, t, labels)
	}
	unlock := h.lock(labels)
	staged := 0
	clear(t.staged)
	for i := range labels {
		c := &labels[i]
		var err error
		if _, twice := t.staged[c.Key]; twice { // the second is judged by the first
			err = h.settle(ctx, t, labels[staged:i], nil)
			staged = i
			clear(t.staged)
		}
		if err == nil {
			err = h.stage(ctx, t, c)
		}
		if err != nil {
			_ = h.settle(ctx, t, labels[staged:i], unlock) // the journal may have those before
			return err
		}
		if t.staged == nil {
			t.staged = map[store.Key]struct{}{}
		}
		t.staged[c.Key] = struct{}{}
	}
	return h.settle(ctx, t, labels[staged:], unlock)
}

// lock locks the events of labels, and returns what unlocks them.
func (h *History) lock(labels []Relabel) (unlock func()) {
	var of [len(h.labels)]bool
	for i := range labels {
		of[labels[i].Key[0]] = true
	}
	for k := range of {
		if of[k] {
			h.labels[k].Lock()
		}
	}
	return func() {
		for k := range of {
			if of[k] {
				h.labels[k].Unlock()
			}
		}
	}
}

// stage queues the record of one label, and moves the mark of its event.
func (h *History) stage(ctx context.Context, t *Turn, c *Relabel) error {
	before, known, err := h.Outcomes.Get(outcome.Key(c.Key))
	if err != nil {
		return err
	}
	c.before, c.beforeAt = before.Label, before.LabelTime
	if !known {
		early, _ := h.Outcomes.EarlyLabel(outcome.Key(c.Key))
		c.before, c.beforeAt = early.Label, early.Time
	}
	if c.before == c.Label && c.beforeAt == c.At {
		c.Became, c.position = Repeated, 0
		return nil
	}
	c.record = Record{
		kind: kindLabelled, Tenant: c.Stream.Tenant, Model: c.Stream.Model, Key: c.Key, Label: c.Label, LabelTime: c.At,
		At: h.Now().UnixMilli(),
	}
	if !known {
		c.Became = Early
		c.position, err = h.save(t, &c.record)
		return err
	}
	return h.stageKnown(ctx, t, c, &before)
}

func (h *History) stageKnown(ctx context.Context, t *Turn, c *Relabel, before *outcome.Record) (err error) {
	c.Became = Known
	r := &c.record
	r.parts |= isKnown
	r.Time, r.Version, r.Data, r.Before = before.Time, before.Version, before.Data, 0
	if before.Label == outcome.Fraud {
		r.Before = mark(before.LabelTime)
	}
	// The event may have been scored by a newer plan than the label was read by, or when the model still took events.
	if of := h.plans.Load().pasts[c.Stream.Model]; of != nil {
		c.Stream.Plan = of.plan.Load()
	}
	c.position, err = h.apply(ctx, t, c.Stream, r)
	return err
}

// settle waits for the records of staged labels and tells the table, then unlocks. What is lost is taken back; what
// is slow is settled when it is known. Without something to unlock more is to come, and it waits as long as it takes.
func (h *History) settle(ctx context.Context, t *Turn, staged []Relabel, unlock func()) error {
	done := func() {
		if unlock != nil {
			unlock()
		}
	}
	last := uint64(0)
	for i := range staged {
		last = max(last, staged[i].position)
	}
	patience := h.Deadline
	if unlock == nil {
		patience = 0
	}
	err := h.wait(last, patience)
	switch {
	case err == nil:
	case h.Continue:
		h.Metrics.Journal.Unsaved.Inc()
	case errors.Is(err, ErrSlow):
		staged = slices.Clone(staged)
		h.Later(last, func(err error) {
			defer done()
			_ = h.conclude(context.Background(), new(Turn), staged, err)
		})
		return err
	default:
		defer done()
		return h.conclude(ctx, t, staged, err)
	}
	defer done()
	return h.tell(ctx, t, staged)
}

// conclude tells the table of labels, or, when the last one's record is lost, of those whose records are not; the
// others are taken back.
func (h *History) conclude(ctx context.Context, t *Turn, staged []Relabel, err error) error {
	if err == nil {
		return h.tell(ctx, t, staged)
	}
	var kept, lost []Relabel
	for _, c := range staged {
		if h.wait(c.position, 0) == nil { // at once: the last one is settled
			kept = append(kept, c)
		} else {
			lost = append(lost, c)
		}
	}
	h.takeBack(ctx, t, lost)
	return errors.Join(err, h.tell(ctx, t, kept))
}

// tell tells the table of durable labels. An event may have come since its label was found to be early: its
// histories take the label now.
func (h *History) tell(ctx context.Context, t *Turn, labels []Relabel) error {
	for i := range labels {
		c := &labels[i]
		if c.Became == Repeated {
			h.Metrics.Labels.Repeated.Inc()
			continue
		}
		before, known, err := h.Outcomes.Label(outcome.Key(c.Key), h.position(c.position), c.Label, c.At)
		if err == nil && known && c.Became == Early {
			if err = h.stageKnown(ctx, t, c, &before); err == nil {
				err = h.wait(c.position, h.Deadline)
			}
		}
		if err != nil && !h.Continue {
			return err
		}
		if c.Became == Known {
			h.Metrics.Labels.Known.Inc()
		} else {
			h.Metrics.Labels.Early.Inc()
		}
	}
	return nil
}

// takeBack moves the marks of labels back of which the records are lost, the last first.
func (h *History) takeBack(ctx context.Context, t *Turn, labels []Relabel) {
	ctx = context.WithoutCancel(ctx)
	for i := len(labels) - 1; i >= 0; i-- {
		c := &labels[i]
		if c.Became != Known || c.Stream.Plan == nil || len(c.record.Data) == 0 {
			continue
		}
		back := c.record
		back.Label, back.LabelTime, back.Before = c.before, c.beforeAt, 0
		if c.Label == outcome.Fraud {
			back.Before = mark(c.At)
		}
		if h.beginLabel(ctx, t, c.Stream, &back) == nil {
			h.move(t, c.Stream.Plan, &back)
			_ = h.states.Advance(ctx, &t.lease, h.position(0))
		}
	}
}

// apply moves the mark of a label's event in the histories of its entities.
func (h *History) apply(ctx context.Context, t *Turn, s Stream, r *Record) (position uint64, err error) {
	if s.Plan == nil || len(r.Data) == 0 {
		return h.save(t, r)
	}
	if err := h.beginLabel(ctx, t, s, r); err != nil {
		return 0, err
	}
	defer h.Release(t)
	if position, err = h.save(t, r); err != nil {
		return 0, err
	}
	h.relabelled(h.known(s.Plan), r.Time)
	h.move(t, s.Plan, r)
	return position, h.states.Advance(ctx, &t.lease, h.position(position))
}

// beginLabel takes hold of the histories that keep the label's event and take labels.
func (h *History) beginLabel(ctx context.Context, t *Turn, s Stream, r *Record) error {
	kept, _, ok := readData(r.Data, s.Plan, &t.found)
	k := h.known(s.Plan)
	t.found.Time = r.Time
	t.refs, t.groups = t.refs[:0], t.groups[:0]
	keys := k.keysOf(s)
	for i, g := range s.Plan.Groups {
		if !ok || !g.Labels || kept&(1<<i) == 0 || r.Time < k.groups[i].since.Load() {
			continue // the group may be younger than the event
		}
		if key, ok := keys.Key(i, &t.found); ok {
			t.refs = append(t.refs, store.Ref{Key: key, Group: k.groups[i].number})
			t.groups = append(t.groups, i)
		}
	}
	return h.states.Lease(ctx, t.refs, &t.lease)
}

// move moves the mark in the histories that t holds.
func (h *History) move(t *Turn, p *feature.Plan, r *Record) {
	to := int64(0)
	if r.Label == outcome.Fraud {
		to = mark(r.LabelTime)
	}
	if r.Before == to {
		return
	}
	for j, i := range t.groups {
		if state, ok := p.Mark(i, t.lease.States[j], r.Time, r.Before, to, &t.Work); ok {
			t.lease.States[j], t.lease.Changed[j] = state, true
		}
	}
}

// save queues a label's record.
func (h *History) save(t *Turn, r *Record) (position uint64, err error) {
	if h.Journal == nil {
		return 0, nil
	}
	t.record = r.append(t.record[:0])
	h.order.Lock()
	defer h.order.Unlock()
	if position, err = h.append(t.record); err != nil && h.Continue {
		h.Metrics.Journal.Unsaved.Inc()
		return 0, nil
	}
	return position, err
}
