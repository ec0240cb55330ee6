package history

import (
	"context"
	"errors"
	"time"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/window"
)

// A Turn is one event's hold on the histories of its entities. It is reused, and for one goroutine.
type Turn struct {
	States [][]byte               // by the plan's groups; nil: there is none
	Kept   []window.Kept          // by the plan's groups: what will become of the event there
	Work   feature.Work           // for feature.Program.Row
	of     *known                 // what is known of the plan
	plan   *feature.Plan          // of the event
	lease  store.Lease            // of the groups whose entities are there
	refs   []store.Ref            // by the lease
	groups []int                  // by the lease: the plan's group
	event  []byte                 // memory
	found  feature.Event          // memory
	staged map[store.Key]struct{} // labels of events
	data   []byte                 // memory
	record []byte                 // memory
	scored outcome.Record         // memory
	ops    []byte                 // memory
	early  sharedOutcome          // of a shared store: what was said of the event before it came

	touched byte // nothing: see window.Layout.Touch
}

// Scored is what was said of an event, to be remembered with it.
type Scored struct {
	Version  int
	HasID    bool
	Key      store.Key
	Tag      store.Tag // of its announcement, for Undo where processes share a store
	Digest   store.Digest
	Answer   []byte
	Score    float64
	Decision policy.Decision
	Loss     int64 // in LossUnits
}

// Begin takes hold of the histories of e's entities, until Commit or Release. Where processes share a store, an event
// that is to be committed is announced instead.
func (h *History) Begin(ctx context.Context, t *Turn, s Stream, e *feature.Event) error {
	h.prepare(t, s, e)
	return h.hold(ctx, t, e)
}

// Announce is Begin for an event that is to be committed; id is its key, nil when it has none.
func (h *History) Announce(ctx context.Context, t *Turn, s Stream, e *feature.Event, id *store.Key) error {
	h.prepare(t, s, e)
	if h.Shared != nil {
		t.announce(s, e, id)
	}
	return h.hold(ctx, t, e)
}

// prepare finds which histories an event is about.
func (h *History) prepare(t *Turn, s Stream, e *feature.Event) {
	p := s.Plan
	k := h.known(p)
	t.of, t.plan = k, p
	t.refs, t.groups = t.refs[:0], t.groups[:0]
	t.States, t.Kept = t.States[:0], t.Kept[:0]
	t.lease.Ops, t.lease.Undo = nil, false
	keys := k.keysOf(s)
	for i := range p.Groups {
		t.States, t.Kept = append(t.States, nil), append(t.Kept, window.Remembered)
		if key, ok := keys.Key(i, e); ok {
			t.refs = append(t.refs, store.Ref{Key: key, Group: k.groups[i].number})
			t.groups = append(t.groups, i)
		}
	}
}

// hold takes hold of what was prepared.
func (h *History) hold(ctx context.Context, t *Turn, e *feature.Event) error {
	t.lease.Change = t
	if err := h.states.Lease(ctx, t.refs, &t.lease); err != nil {
		return err
	}
	t.look(e)
	return nil
}

// look takes over what is held.
func (t *Turn) look(e *feature.Event) {
	p := t.plan
	if n := len(t.groups); n < len(t.lease.States) {
		t.early.read(t.lease.States[n])
	}
	for j, i := range t.groups {
		t.States[i] = t.lease.States[j]
		t.touched ^= p.Groups[i].Layout.Touch(t.States[i])
	}
	for _, i := range t.groups {
		t.Kept[i] = p.Groups[i].Layout.Late(t.States[i], e.Time)
	}
}

// Release lets go without a change. It does nothing after Commit.
func (h *History) Release(t *Turn) { h.states.Release(&t.lease) }

// kept returns which groups will keep the event, one bit each.
func (t *Turn) kept() (kept uint16) {
	for _, i := range t.groups {
		if t.Kept[i] == window.Remembered {
			kept |= 1 << i
		}
	}
	return kept
}

// Commit makes e part of the histories of its entities and queues the journal's record of it and of what was said,
// then lets go. The record is durable when Wait says so. kept is for Undo. After an error nothing has changed.
func (h *History) Commit(ctx context.Context, t *Turn, s Stream, e *feature.Event, said *Scored) (position uint64, kept uint16, err error) {
	defer h.Release(t)
	kept = t.kept()
	r := said.record(s, e.Time)
	if said.HasID {
		t.data = appendData(t.data[:0], s.Plan, s.Tenant, e, kept)
		r.Data = t.data
	}
	if h.Journal != nil && h.Shared == nil {
		t.event = s.Plan.AppendEvent(t.event[:0], e)
		r.parts |= hasEvent
		r.Event = t.event
	}
	position, err = h.queue(t, &r)
	if err != nil {
		return 0, 0, err
	}
	if h.Shared != nil {
		said.Tag = t.lease.Tag
		h.saw(t.of, e.Time)
		return position, kept, h.commitShared(ctx, t, s, e, said, kept)
	}
	for j, i := range t.groups {
		if t.Kept[i] != window.Remembered {
			continue
		}
		state, got := s.Plan.Insert(i, t.lease.States[j], e, &t.Work)
		if got != window.Remembered {
			continue // Late has said that it would
		}
		if r.Label == outcome.Fraud && s.Plan.Groups[i].Labels {
			state, _ = s.Plan.Mark(i, state, e.Time, 0, mark(r.LabelTime), &t.Work)
		}
		t.lease.States[j], t.lease.Changed[j] = state, true
	}
	h.saw(t.of, e.Time)
	t.lease.At = time.UnixMilli(r.At)
	err = h.states.Advance(ctx, &t.lease, h.position(position))
	if errors.Is(err, store.ErrFull) {
		h.Log.Error("the history of an entity does not fit into state.bytes", "model", s.Model)
		return position, 0, nil
	}
	return position, kept, err
}

// Remember queues the record of an event that has an id and no history: features, or a row.
func (h *History) Remember(t *Turn, s Stream, time int64, said *Scored) (position uint64, err error) {
	r := said.record(s, time)
	t.early = sharedOutcome{} // of an event that was before it
	if position, err = h.queue(t, &r); err == nil && h.Shared != nil {
		err = h.rememberShared(t, s, time, said)
	}
	return position, err
}

func (said *Scored) record(s Stream, time int64) Record {
	r := Record{
		kind: kindScored, Tenant: s.Tenant, Model: s.Model, Version: said.Version, Time: time,
		Score: said.Score, Decision: said.Decision, Loss: said.Loss,
	}
	if said.HasID {
		r.parts |= hasID
		r.Key, r.Digest, r.Answer = said.Key, said.Digest, said.Answer
	}
	return r
}

// queue puts the outcome of a scored event into its table, with a label that came before it, and its record
// into the journal. The table comes first: a label that comes meanwhile finds the event, and waits for its
// histories.
func (h *History) queue(t *Turn, r *Record) (position uint64, err error) {
	r.At = h.Now().UnixMilli()
	position, err = h.put(t, r)
	if err != nil && h.Continue {
		h.Metrics.Journal.Unsaved.Inc()
		return 0, nil
	}
	if err != nil && r.parts&hasID != 0 {
		h.forgetOutcome(r)
	}
	if err == nil {
		h.marks.add(r.At, position)
	}
	return position, err
}

// put puts an outcome and its record where they belong, at one position.
func (h *History) put(t *Turn, r *Record) (position uint64, err error) {
	if h.Journal != nil {
		h.order.Lock()
		defer h.order.Unlock()
	}
	if r.parts&hasID != 0 && h.Outcomes != nil {
		r.outcome(&t.scored)
		var had bool
		if r.Label, r.LabelTime, had = h.Outcomes.Put(outcome.Key(r.Key), h.next(), &t.scored); had {
			r.parts |= hasLabel
		}
	}
	if h.Shared != nil && t.early.labelled {
		r.Label, r.LabelTime = t.early.label, t.early.at
		r.parts |= hasLabel
	}
	if h.Journal == nil {
		return 0, nil
	}
	t.record = r.append(t.record[:0])
	return h.append(t.record)
}

// append queues a record in the journal. order is held.
func (h *History) append(record []byte) (position uint64, err error) {
	if h.slow.Load() >= maxSlow {
		return 0, ErrUnsaved
	}
	if position, err = h.Journal.Append(record); err != nil {
		return 0, errors.Join(ErrUnsaved, err)
	}
	h.wrote.Add(int64(len(record)))
	return position, nil
}

// next is a position that the next record of the journal will not be before.
func (h *History) next() uint64 {
	if h.Journal == nil {
		return 0
	}
	return h.Journal.Last() + 1
}

// position is what a store is told of a change: that all of the journal's records until then are in it. Without a record of its own
// (the journal cannot be written) a change comes after the last: whoever holds an entity knows that all of its
// records were carried out.
func (h *History) position(position uint64) uint64 {
	if position == 0 && h.Journal != nil {
		return h.Journal.Last()
	}
	return position
}

// Undo takes an event out of the histories again, of which Wait says that its record is lost.
func (h *History) Undo(ctx context.Context, t *Turn, s Stream, e *feature.Event, kept uint16, said *Scored) {
	marked := int64(0)
	if said.HasID {
		r := said.record(s, e.Time)
		if o := h.forgetOutcome(&r); o.Label == outcome.Fraud {
			marked = mark(o.LabelTime)
		}
	}
	if h.Shared != nil {
		h.undoShared(ctx, t, s, e, said)
		return
	}
	if kept == 0 || h.Begin(ctx, t, s, e) != nil {
		return
	}
	for j, i := range t.groups {
		if kept&(1<<i) == 0 {
			continue
		}
		state := t.lease.States[j]
		if marked != 0 && s.Plan.Groups[i].Labels {
			state, _ = s.Plan.Mark(i, state, e.Time, marked, 0, &t.Work)
		}
		s.Plan.Remove(i, state, e, &t.Work)
		t.lease.States[j], t.lease.Changed[j] = state, true
	}
	_ = h.states.Advance(ctx, &t.lease, h.position(0))
}

func (h *History) forgetOutcome(r *Record) (before outcome.Record) {
	if h.Outcomes == nil {
		return before
	}
	before, _ = h.Outcomes.Undo(outcome.Key(r.Key))
	return before
}

// outcome makes o the outcome of a scored event.
func (r *Record) outcome(o *outcome.Record) {
	*o = outcome.Record{
		Time: r.Time, Model: r.Model, Version: r.Version, Score: r.Score, Decision: uint8(r.Decision), Loss: r.Loss, Data: r.Data,
	}
}

// mark is the mark of an event that is known as fraud from a time on; 0 would be none.
func mark(labelTime int64) int64 { return min(max(labelTime, 1), window.MaxTime) }
