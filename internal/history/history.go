// Package history is what the service remembers of events: the histories of entities, what was answered, and
// what events turned out to be.
//
// Three parts are kept in step: a store has the histories and the answers in memory, a journal makes both
// durable, a table has the outcomes that labels are about. Whatever changes a history is one journal record,
// queued while the entities are held, so that each history sees its records in the journal's order. The record
// says all that repeating it takes: after a crash the histories are those of the last snapshot and the records
// that follow it.
package history

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/journal"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
	"github.com/besra-ml/besra/internal/window"
)

// Why an event cannot be answered.
var (
	// ErrUnsaved refuses an event that the journal cannot hold. Nothing of it is kept.
	ErrUnsaved = errors.New("the journal cannot be written")
	// ErrSlow refuses an event that the journal has not written in time. Once it has, its answer is kept for
	// those who ask again.
	ErrSlow = errors.New("the journal is slow")
)

// Options of a History. Store and Metrics are needed.
type Options struct {
	Store    *store.Memory
	Journal  *journal.Journal // nil: nothing is durable
	Outcomes *outcome.Table   // nil: labels have nothing to be about
	Continue bool             // answers are given even when the journal cannot hold them
	Deadline time.Duration    // how long an answer waits for the journal; 0: as long as it takes
	TTL      time.Duration    // how long answers are kept
	Foreign  bool             // histories of which no plan knows the kind are kept as they are: no event will come
	Metrics  *telemetry.Metrics
	Log      *slog.Logger
	Now      func() time.Time
}

// A History is all that is remembered. Its methods may be called from many goroutines.
type History struct {
	Options
	plans   atomic.Pointer[map[*feature.Plan]*known]
	groups  map[feature.Hash]*group // of all plans and the snapshot; changed under mu
	mu      sync.Mutex
	order   sync.Mutex      // held from an outcome's position until its record has it
	labels  [256]sync.Mutex // held, by event, while a label is applied: the last word counts
	waiting sync.WaitGroup  // answers that the journal has not written in time
	slow    atomic.Int64    // how many they are
	marks   marks
	wrote   atomic.Int64 // bytes queued since the last snapshot
	snapped atomic.Int64 // when that was, ms; 0: never
}

// New returns an empty History.
func New(o Options) *History {
	h := &History{Options: o, groups: map[feature.Hash]*group{}}
	h.plans.Store(&map[*feature.Plan]*known{})
	if h.Now == nil {
		h.Now = time.Now
	}
	return h
}

// A Stream is the events of one tenant and model name, which share their histories.
type Stream struct {
	Tenant, Model string
	Plan          *feature.Plan
}

// A group is one kind of state.
type group struct {
	number int   // of the store
	since  int64 // event time, ms, from which its histories are whole; 0: from the beginning
	loaded bool  // the snapshot has its states
}

// known is what is known of a plan.
type known struct {
	keys   atomic.Pointer[map[string]*feature.Keys] // by tenant
	groups []*group                                 // by the plan's
	short  bool                                     // some began later than the model's events
}

// Attach makes the history take the events of these plans. It must be called before Recover, and before a plan
// is used.
func (h *History) Attach(plans ...*feature.Plan) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[*feature.Plan]*known{}
	for p, k := range *h.plans.Load() {
		all[p] = k
	}
	for _, p := range plans {
		k := &known{}
		k.keys.Store(&map[string]*feature.Keys{})
		for _, g := range p.Groups {
			k.groups = append(k.groups, h.group(g.ID, time.Duration(g.Layout.Retention())*time.Millisecond))
		}
		all[p] = k
	}
	h.plans.Store(&all)
}

func (h *History) group(id feature.Hash, retention time.Duration) *group {
	g, ok := h.groups[id]
	if !ok {
		g = &group{number: h.Store.Group(id, retention)}
		h.groups[id] = g
	}
	return g
}

func (h *History) known(p *feature.Plan) *known { return (*h.plans.Load())[p] }

// AnyShort reports whether Short may be true of any of the plan's histories.
func (h *History) AnyShort(p *feature.Plan) bool { return h.known(p).short }

// Short reports whether a history of the plan's i-th group that reaches back to from (event time, ms) is not
// whole: the group's definition is younger than the events of its model.
func (h *History) Short(p *feature.Plan, i int, from int64) bool {
	k := h.known(p)
	return k.short && from < k.groups[i].since
}

// Wait returns when the record at position is as durable as the journal promises. ErrSlow: it is not yet, and
// nobody knows; any other error: it is not, and will not be.
func (h *History) Wait(position uint64) error { return h.wait(position, true) }

func (h *History) wait(position uint64, deadline bool) error {
	if h.Journal == nil || position == 0 {
		return nil
	}
	ctx := context.Background() // whoever has hung up, others wait for the event
	if deadline && h.Deadline > 0 {
		ctx = &lazy{Context: ctx, after: h.Deadline}
	}
	start := h.Now()
	err := h.Journal.Wait(ctx, position)
	h.Metrics.Stages.Journal.ObserveDuration(h.Now().Sub(start))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return ErrSlow
	}
	return errors.Join(ErrUnsaved, err)
}

// maxSlow bounds how many answers may wait for a slow journal, each in a goroutine of its own.
const maxSlow = 10_000

// Later calls end, once, when the record at position is durable or lost. Close waits for it.
func (h *History) Later(position uint64, end func(err error)) {
	h.slow.Add(1)
	h.waiting.Go(func() {
		defer h.slow.Add(-1)
		end(h.Journal.Wait(context.Background(), position))
	})
}

// Close writes what is left to write.
func (h *History) Close() error {
	var errs []error
	if h.Journal != nil {
		errs = append(errs, h.Journal.Close())
	}
	h.waiting.Wait()
	if h.Outcomes != nil {
		errs = append(errs, h.Outcomes.Close())
	}
	return errors.Join(errs...)
}

// lazy is a context whose clock starts when somebody waits for its end: a timer for each event would cost more than
// most waits, which are none.
type lazy struct {
	context.Context
	after time.Duration
	done  chan struct{}
}

func (l *lazy) Done() <-chan struct{} {
	if l.done == nil {
		l.done = make(chan struct{})
		time.AfterFunc(l.after, func() { close(l.done) })
	}
	return l.done
}

func (l *lazy) Err() error {
	if l.done == nil {
		return nil
	}
	select {
	case <-l.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// layouts returns the layout of each group's states.
func (h *History) layouts() map[*group]*window.Layout {
	all := map[*group]*window.Layout{}
	for p, k := range *h.plans.Load() {
		for i, g := range k.groups {
			all[g] = p.Groups[i].Layout
		}
	}
	return all
}

// Wrote returns how many bytes of records were queued since the last snapshot.
func (h *History) Wrote() int64 { return h.wrote.Load() }
