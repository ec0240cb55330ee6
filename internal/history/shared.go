package history

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/store"
)

// Where processes share a store, an event is announced to the histories of its entities in the trip that reads them:
// the store carries that out, and Commit has little left to do. What is not committed is taken back.
//
// Labels are about events that any process may have scored. So what they need is in the store as well, under the
// event's own key: which entities it had, and its label. It is kept for as long as a label can matter to a window.

var errNotAnnounced = errors.New("the event was not announced to the shared store")

// outcomeGroup returns the store's number for what was said of a plan's events; −1: no window asks for labels.
func (h *History) outcomeGroup(model string, p *feature.Plan) int {
	longest := int64(0)
	for _, g := range p.Groups {
		if g.Labels {
			longest = max(longest, g.Layout.Retention())
		}
	}
	if h.Shared == nil || longest == 0 {
		return -1
	}
	return h.Shared.Group(groupID(model, feature.Hash{}), time.Duration(longest)*time.Millisecond)
}

// outcomeKey is the key of what was said of an event: another one than its answer's and its labels' lock.
func outcomeKey(event store.Key, last byte) store.Key {
	event[len(event)-1] ^= last
	return event
}

const (
	ofOutcome = 'o'
	ofLock    = 'l'
)

// announce says in t's lease what the event will do to each of the states, and to its outcome.
func (t *Turn) announce(s Stream, e *feature.Event, id *store.Key) {
	binary.LittleEndian.PutUint64(t.lease.Tag[:], rand.Uint64())
	if id != nil {
		copy(t.lease.Tag[:], id[:])
	}
	t.early = sharedOutcome{}
	t.lease.Ops, t.ops = nil, t.ops[:0]
	ends := make([]int, 0, 16)
	for _, i := range t.groups {
		t.ops = s.Plan.AppendEnter(t.ops, i, e, &t.Work)
		ends = append(ends, len(t.ops))
	}
	if k := t.of; id != nil && k.outcomes >= 0 {
		t.refs = append(t.refs, store.Ref{Key: outcomeKey(*id, ofOutcome), Group: k.outcomes})
		t.ops = appendSaid(t.ops, s, e, 1<<len(s.Plan.Groups)-1)
		ends = append(ends, len(t.ops))
	}
	from := 0
	for _, end := range ends {
		t.lease.Ops = append(t.lease.Ops, t.ops[from:end:end])
		from = end
	}
}

// Claim asks a shared store for the right to answer an event under its key and, if that is won, is Announce: it is one
// trip instead of two. The answer of another is appended to dst.
func (h *History) Claim(ctx context.Context, t *Turn, s Stream, e *feature.Event, key store.Key, d store.Digest, dst []byte) (store.Claimed, []byte, error) {
	h.prepare(t, s, e)
	t.announce(s, e, &key)
	t.lease.Change = t
	claimed, dst, err := h.Shared.Begin(ctx, key, d, dst, t.refs, &t.lease)
	if claimed == store.Won && err == nil {
		t.look(e)
	}
	return claimed, dst, err
}

// Change makes store.Lease's changes.
func (t *Turn) Change(i int, state, op []byte, undo bool) []byte {
	if i < len(t.groups) {
		return t.plan.Change(t.groups[i], state, op, undo, &t.Work)
	}
	return changeOutcome(state, op, undo)
}

// commitShared lets go of an event that was announced. A label that came before it is made known to its histories.
func (h *History) commitShared(ctx context.Context, t *Turn, s Stream, e *feature.Event, said *Scored, kept uint16) error {
	if t.lease.Ops == nil && len(t.groups) > 0 {
		return errNotAnnounced
	}
	told := len(t.refs) > len(t.groups)
	if err := h.Shared.Advance(ctx, &t.lease, 0); err != nil || !told {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	all := uint16(1<<len(s.Plan.Groups) - 1)
	missed := false
	for _, i := range t.groups {
		missed = missed || kept&(1<<i) == 0
	}
	if missed { // rarely: somebody came late, or to a full history
		_ = h.change(ctx, t, []store.Ref{t.refs[len(t.refs)-1]}, nil, appendSaid(nil, s, e, kept|^all))
	}
	if !t.early.labelled {
		return nil
	}
	if h.Outcomes != nil {
		_, _, _ = h.Outcomes.Label(outcome.Key(said.Key), h.position(0), t.early.label, t.early.at)
	}
	if t.early.label == outcome.Fraud {
		r := Record{Time: e.Time, Data: appendData(nil, s.Plan, s.Tenant, e, kept)}
		_ = h.markShared(ctx, t, s, &r, 0, mark(t.early.at))
	}
	return nil
}

// rememberShared has the store know of an event without history, for its label.
func (h *History) rememberShared(t *Turn, s Stream, time int64, said *Scored) error {
	if s.Plan == nil {
		return nil
	}
	k := h.known(s.Plan)
	if k.outcomes < 0 {
		return nil
	}
	op := appendText(binary.AppendVarint([]byte{partSaid}, time), []byte(nil))
	t.plan = s.Plan
	return h.change(context.Background(), t, []store.Ref{{Key: outcomeKey(said.Key, ofOutcome), Group: k.outcomes}}, nil, op)
}

// change carries one op out on all of refs, whose states are of the plan's groups.
func (h *History) change(ctx context.Context, t *Turn, refs []store.Ref, groups []int, op []byte) error {
	var l store.Lease
	binary.LittleEndian.PutUint64(l.Tag[:], rand.Uint64())
	t.groups = groups
	l.Change = t
	for range refs {
		l.Ops = append(l.Ops, op)
	}
	if err := h.Shared.Lease(ctx, refs, &l); err != nil {
		return err
	}
	return h.Shared.Advance(ctx, &l, 0)
}

// undoShared takes an event back that was committed.
func (h *History) undoShared(ctx context.Context, t *Turn, s Stream, e *feature.Event, said *Scored) {
	h.prepare(t, s, e)
	id := &said.Key
	if !said.HasID {
		id = nil
	}
	t.announce(s, e, id)
	t.lease.Tag, t.lease.Undo, t.lease.Change = said.Tag, true, t
	if h.Shared.Lease(ctx, t.refs, &t.lease) == nil {
		_ = h.Shared.Advance(ctx, &t.lease, 0)
	}
}

// labelShared is Label where processes share a store. The labels of one event are taken one after the other, whoever
// takes them.
func (h *History) labelShared(ctx context.Context, t *Turn, labels []Relabel) error {
	err := h.labelEach(ctx, t, labels)
	if err != nil {
		return err
	}
	last := uint64(0)
	for i := range labels {
		last = max(last, labels[i].position)
	}
	err = h.wait(last, h.Deadline)
	if err != nil && h.Continue {
		h.Metrics.Journal.Unsaved.Inc()
		return nil
	}
	return err
}

// labelEach takes labels, some side by side: each is several trips. Those of one event keep their order.
func (h *History) labelEach(ctx context.Context, t *Turn, labels []Relabel) error {
	if len(labels) == 1 {
		return h.labelOne(ctx, t, &labels[0])
	}
	n := min(len(labels), labellers)
	errs := make([]error, n)
	var team sync.WaitGroup
	for w := range n {
		team.Go(func() {
			var own Turn
			for i := range labels {
				if int(labels[i].Key[0])%n == w && errs[w] == nil {
					errs[w] = h.labelOne(ctx, &own, &labels[i])
				}
			}
		})
	}
	team.Wait()
	return errors.Join(errs...)
}

// labellers is how many labels of one request are taken at once.
const labellers = 16

func (h *History) labelOne(ctx context.Context, t *Turn, c *Relabel) error {
	if of := h.plans.Load().pasts[c.Stream.Model]; of != nil && of.plan.Load() != nil {
		c.Stream.Plan = of.plan.Load()
	}
	k := (*known)(nil)
	if c.Stream.Plan != nil {
		k = h.known(c.Stream.Plan)
	}
	if k == nil || k.outcomes < 0 {
		return h.labelHere(ctx, t, c)
	}
	lock := outcomeKey(c.Key, ofLock)
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if got, _, err := h.Shared.Claim(short, lock, store.Digest{}, true, nil); err != nil || got != store.Won {
		return errors.Join(store.ErrDown, err)
	}
	defer func() { _ = h.Shared.Abandon(context.WithoutCancel(ctx), lock, store.Digest{}) }()

	ref := []store.Ref{{Key: outcomeKey(c.Key, ofOutcome), Group: k.outcomes}}
	was, err := h.outcomeOf(ctx, t, ref)
	if err != nil {
		return err
	}
	if was.labelled && was.label == c.Label && was.at == c.At {
		c.Became = Repeated
		h.Metrics.Labels.Repeated.Inc()
		return nil
	}
	c.Became = Early
	from, to := int64(0), int64(0)
	if was.labelled && was.label == outcome.Fraud {
		from = mark(was.at)
	}
	if c.Label == outcome.Fraud {
		to = mark(c.At)
	}
	c.record = Record{
		kind: kindLabelled, Tenant: c.Stream.Tenant, Model: c.Stream.Model, Key: c.Key, Label: c.Label, LabelTime: c.At,
		At: h.Now().UnixMilli(), Before: from,
	}
	if was.scored {
		c.Became = Known
		c.record.parts |= isKnown
		c.record.Time, c.record.Data = was.time, was.data
	}
	if c.position, err = h.save(t, &c.record); err != nil {
		return err
	}
	if was.scored && from != to {
		if err := h.markShared(ctx, t, c.Stream, &c.record, from, to); err != nil {
			return err
		}
	}
	if err := h.change(ctx, t, ref, nil, appendLabel(nil, c.Label, c.At)); err != nil {
		return err
	}
	h.tellHere(c)
	return nil
}

// labelHere takes a label that no window asks for: only this process's figures do.
func (h *History) labelHere(ctx context.Context, t *Turn, c *Relabel) error {
	unlock := h.lock([]Relabel{*c})
	if err := h.stage(ctx, t, c); err != nil {
		unlock()
		return err
	}
	one := []Relabel{*c}
	err := h.settle(ctx, t, one, unlock)
	*c = one[0]
	return err
}

// tellHere tells this process's figures of a label, if the event was scored here.
func (h *History) tellHere(c *Relabel) {
	if c.Became == Early {
		h.Metrics.Labels.Early.Inc()
		return
	}
	h.Metrics.Labels.Known.Inc()
	if h.Outcomes == nil {
		return
	}
	if _, here, err := h.Outcomes.Get(outcome.Key(c.Key)); here && err == nil {
		_, _, _ = h.Outcomes.Label(outcome.Key(c.Key), h.position(c.position), c.Label, c.At)
	}
}

// outcomeOf reads what was said of an event.
func (h *History) outcomeOf(ctx context.Context, t *Turn, ref []store.Ref) (o sharedOutcome, err error) {
	t.groups = t.groups[:0]
	l := store.Lease{Change: t}
	if err := h.Shared.Lease(ctx, ref, &l); err != nil {
		return o, err
	}
	defer h.Shared.Release(&l)
	o.read(l.States[0])
	o.data = append([]byte(nil), o.data...)
	return o, nil
}

// markShared moves an event's mark in the histories that keep it and take labels.
func (h *History) markShared(ctx context.Context, t *Turn, s Stream, r *Record, from, to int64) error {
	kept, _, ok := readData(r.Data, s.Plan, &t.found)
	if !ok || len(r.Data) == 0 {
		return nil
	}
	k := h.known(s.Plan)
	t.found.Time = r.Time
	t.plan = s.Plan
	keys := k.keysOf(s)
	var refs []store.Ref
	var groups []int
	for i, g := range s.Plan.Groups {
		if !g.Labels || kept&(1<<i) == 0 {
			continue
		}
		if key, ok := keys.Key(i, &t.found); ok {
			refs, groups = append(refs, store.Ref{Key: key, Group: k.groups[i].number}), append(groups, i)
		}
	}
	if len(refs) == 0 {
		return nil
	}
	h.relabelled(k, r.Time)
	return h.change(ctx, t, refs, groups, feature.AppendMark(nil, r.Time, from, to))
}

// lost notes that the store has lost its memory for the n-th time: no history is whole from now on.
func (h *History) lost(n int) {
	if h.losses.Swap(int64(n)) >= int64(n) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.groups {
		raise(&g.since, h.Now().UnixMilli())
	}
}
