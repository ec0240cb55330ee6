package history

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/window"
)

// overlap is how many records before the table's position are repeated: calls that were under way may have put
// their outcomes in another order than their records.
const overlap = 100_000

// Recover makes the memory what the disk says: the newest snapshot, then the journal's records after it. plan
// returns the plan of a model's events, nil when there is none. progress, which may be nil, is told how many of how many
// records are done.
func (h *History) Recover(ctx context.Context, plan func(model string) *feature.Plan, progress func(done, total uint64)) error {
	if h.Journal == nil {
		return nil
	}
	position, r, err := h.Journal.Latest()
	if err != nil {
		return err
	}
	var through positions
	if r != nil {
		through, err = h.load(r)
		if err = errors.Join(err, r.Close()); err != nil {
			return fmt.Errorf("snapshot at %d: %w", position, err)
		}
	}
	if progress == nil {
		progress = func(uint64, uint64) {}
	}
	c := &recovery{History: h, plan: plan, through: through, snapshot: position, since: h.Now().Add(-h.TTL).UnixMilli(), seen: map[*feature.Plan]int64{}}
	if h.Outcomes != nil {
		c.outcomes = h.Outcomes.Position()
	}
	from, last := h.from(position), h.Journal.Last()
	err = h.Journal.Read(from, func(p uint64, data []byte) error {
		if p%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			progress(p-from+1, last-from+1)
		}
		return c.record(p, data)
	})
	if err != nil {
		return err
	}
	for shard := range h.Store.Shards() {
		h.Store.Restore(shard, last)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c.finish(h.Journal.First() <= 1)
	progress(last-from+1, last-from+1)
	return nil
}

// from returns the first record to repeat: whatever a part may not have.
func (h *History) from(snapshot uint64) uint64 {
	from := snapshot
	for _, g := range h.groups {
		if !g.loaded {
			from = 0 // a new definition: it is filled from all there is
		}
	}
	if h.Outcomes != nil {
		from = min(from, h.Outcomes.Position()-min(h.Outcomes.Position(), overlap))
	}
	from = min(from, h.marks.before(h.Now().Add(-h.TTL).UnixMilli()))
	return max(from+1, h.Journal.First())
}

// A recovery repeats records.
type recovery struct {
	*History
	plan     func(string) *feature.Plan
	since    int64  // when the oldest answers that are still given were given, ms
	outcomes uint64 // the position of their table
	through  positions
	snapshot uint64 // its position; 0: there is none
	seen     map[*feature.Plan]int64

	turn  Turn
	rec   Record
	event feature.Event
}

func (c *recovery) record(position uint64, data []byte) error {
	if len(data) == 0 {
		return nil // erased
	}
	r := &c.rec
	if err := r.read(data); err != nil {
		return fmt.Errorf("record %d: %w", position, err)
	}
	c.marks.add(r.At, position)
	if r.parts&hasID != 0 && r.At >= c.since && c.Shared == nil {
		c.Store.PutAnswer(r.Key, r.Digest, time.UnixMilli(r.At), r.Answer)
	}
	c.outcome(position, r)
	if c.Shared != nil {
		return nil // which has the histories
	}
	p := c.plan(r.Model)
	if p == nil {
		c.miss(position, r)
		return nil
	}
	s := Stream{r.Tenant, r.Model, p}
	if r.kind == kindLabelled {
		return c.label(position, s, r)
	}
	if r.parts&hasEvent == 0 {
		return nil
	}
	if err := p.ReadEvent(r.Event, &c.event); err != nil {
		return fmt.Errorf("record %d: %w", position, err)
	}
	raise(&c.known(p).past.newest, c.event.Time)
	if first, ok := c.seen[p]; !ok || c.event.Time < first {
		c.seen[p] = c.event.Time
	}
	return c.insert(position, s, r)
}

// miss notes a record that is not repeated into the foreign histories that it is about: they are those of the
// snapshot. Without one there are none, and a start with the model fills them from the journal.
func (c *recovery) miss(position uint64, r *Record) {
	entered := r.parts&hasEvent != 0 || r.parts&isKnown != 0 && len(r.Data) > 0
	if c.Foreign && entered && c.snapshot > 0 && position > c.snapshot && c.behind == "" {
		c.behind = r.Model
	}
}

// outcome puts a record into the table of outcomes, unless it was there long before the end.
func (c *recovery) outcome(position uint64, r *Record) {
	if c.Outcomes == nil || position+overlap <= c.outcomes {
		return
	}
	switch {
	case r.kind == kindLabelled:
		_, _, _ = c.Outcomes.Label(outcome.Key(r.Key), position, r.Label, r.LabelTime) // its own file tells of errors at every use
	case r.parts&hasID != 0:
		r.outcome(&c.turn.scored)
		c.Outcomes.Put(outcome.Key(r.Key), position, &c.turn.scored)
		if r.parts&hasLabel != 0 { // the label's own record may be no longer kept
			_, _, _ = c.Outcomes.Label(outcome.Key(r.Key), position, r.Label, r.LabelTime)
		}
	}
}

// insert repeats what Commit did.
func (c *recovery) insert(position uint64, s Stream, r *Record) error {
	t := &c.turn
	if err := c.begin(position, t, s, &c.event, nil); err != nil {
		return err
	}
	for j, i := range t.groups {
		state, kept := s.Plan.Insert(i, t.lease.States[j], &c.event, &t.Work)
		if kept != window.Remembered {
			continue
		}
		if r.Label == outcome.Fraud && s.Plan.Groups[i].Labels {
			state, _ = s.Plan.Mark(i, state, c.event.Time, 0, mark(r.LabelTime), &t.Work)
		}
		t.lease.States[j], t.lease.Changed[j] = state, true
	}
	return c.Store.Advance(context.Background(), &t.lease, position)
}

// label repeats what apply did.
func (c *recovery) label(position uint64, s Stream, r *Record) error {
	if r.parts&isKnown == 0 || len(r.Data) == 0 {
		return nil
	}
	t := &c.turn
	kept, _, ok := readData(r.Data, s.Plan, &t.found)
	t.found.Time = r.Time
	if !ok {
		return fmt.Errorf("record %d: %w", position, errRecord)
	}
	k := c.known(s.Plan)
	err := c.begin(position, t, s, &t.found, func(i int) bool {
		return s.Plan.Groups[i].Labels && kept&(1<<i) != 0 && r.Time >= k.groups[i].since.Load()
	})
	if err != nil {
		return err
	}
	c.move(t, s.Plan, r)
	return c.Store.Advance(context.Background(), &t.lease, position)
}

// begin takes hold of the histories of e's entities which do not have the record yet, of the groups that want says.
func (c *recovery) begin(position uint64, t *Turn, s Stream, e *feature.Event, want func(i int) bool) error {
	k := c.known(s.Plan)
	keys := k.keysOf(s)
	t.refs, t.groups = t.refs[:0], t.groups[:0]
	for i := range s.Plan.Groups {
		if want != nil && !want(i) {
			continue
		}
		key, ok := keys.Key(i, e)
		if !ok || k.groups[i].loaded && position <= c.through.of(key) {
			continue
		}
		t.refs = append(t.refs, store.Ref{Key: key, Group: k.groups[i].number})
		t.groups = append(t.groups, i)
	}
	return c.Store.Lease(context.Background(), t.refs, &t.lease)
}

// finish works out from when on the histories of new definitions are whole: from the first event that was
// repeated, unless there was none before it.
func (c *recovery) finish(whole bool) {
	for p, k := range c.plans.Load().current {
		for _, g := range k.groups {
			if first, ok := c.seen[p]; ok && !g.loaded && !whole && g.since.Load() == 0 {
				g.since.Store(first)
			}
			g.loaded = true
		}
	}
	c.begun = true
}
