package history

import (
	"context"

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

// Label says what an event turned out to be, as of a time (ms since 1970): it enters the windows of the event's
// entities, when their delay has passed and the label is known. The last word counts. The change is durable
// when Wait says so of its position.
func (h *History) Label(ctx context.Context, t *Turn, s Stream, key store.Key, l outcome.Label, at int64) (Labelled, uint64, error) {
	lock := &h.labels[key[0]]
	lock.Lock()
	defer lock.Unlock()
	if h.Journal != nil && h.Journal.Stats().Failed && !h.Continue {
		return 0, 0, ErrUnsaved
	}
	before, known, err := h.Outcomes.Label(outcome.Key(key), h.next(), l, at)
	if err != nil {
		return 0, 0, err
	}
	r := Record{kind: kindLabelled, Tenant: s.Tenant, Model: s.Model, Key: key, Label: l, LabelTime: at, At: h.Now().UnixMilli()}
	if !known {
		h.Metrics.Labels.Early.Inc()
		position, err := h.save(t, &r)
		return Early, position, err
	}
	if before.Label == l && before.LabelTime == at {
		h.Metrics.Labels.Repeated.Inc()
		return Repeated, h.position(0), nil // what said so first may still be on its way
	}
	h.Metrics.Labels.Known.Inc()
	r.parts |= isKnown
	r.Time, r.Version, r.Data = before.Time, before.Version, before.Data
	if before.Label == outcome.Fraud {
		r.Before = mark(before.LabelTime)
	}
	position, err := h.apply(ctx, t, s, &r)
	return Known, position, err
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
	h.move(t, s.Plan, r)
	return position, h.Store.Advance(ctx, &t.lease, h.position(position))
}

// beginLabel takes hold of the histories that keep the label's event and take labels.
func (h *History) beginLabel(ctx context.Context, t *Turn, s Stream, r *Record) error {
	kept, ok := readData(r.Data, s.Plan, &t.found)
	k := h.known(s.Plan)
	t.found.Time = r.Time
	t.refs, t.groups = t.refs[:0], t.groups[:0]
	keys := k.keysOf(s)
	for i, g := range s.Plan.Groups {
		if !ok || !g.Labels || kept&(1<<i) == 0 {
			continue
		}
		if key, ok := keys.Key(i, &t.found); ok {
			t.refs = append(t.refs, store.Ref{Key: key, Group: k.groups[i].number})
			t.groups = append(t.groups, i)
		}
	}
	return h.Store.Lease(ctx, t.refs, &t.lease)
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
