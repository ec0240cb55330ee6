// Package history is what the service remembers of events: the histories of entities, what was answered, and
// what events turned out to be.
//
// Three parts are kept in step: a store has the histories and the answers in memory, a journal makes both
// durable, a table has the outcomes that labels are about. Where processes share a store, it has what the first and
// the last know, and the journal is a log of answers and labels: see shared.go. Whatever changes a history is one journal record,
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
	Store    *store.Memory                        // of this process
	Shared   store.Shared                         // has histories and answers instead of Store, for many processes; nil: Store has them
	Refuse   bool                                 // an event is refused while Shared is down, and not scored without its histories
	Journal  *journal.Journal                     // nil: nothing is durable
	Outcomes *outcome.Table                       // nil: labels have nothing to be about
	Continue bool                                 // answers are given even when the journal cannot hold them
	Deadline time.Duration                        // how long an answer waits for the journal; 0: as long as it takes
	TTL      time.Duration                        // how long answers are kept
	Foreign  bool                                 // histories of which no plan knows the kind are kept as they are: no event will come
	Served   func(model string, version int) bool // whether a version is served, and its figures are told; nil: all are
	Metrics  *telemetry.Metrics
	Log      *slog.Logger
	Now      func() time.Time
}

// A History is all that is remembered. Its methods may be called from many goroutines.
type History struct {
	Options
	states  store.Store // Store or Shared
	plans   atomic.Pointer[plans]
	groups  map[feature.Hash]*group // of all models and the snapshot, by groupID; changed under mu
	mu      sync.Mutex
	order   sync.Mutex      // held from an outcome's position until its record has it
	labels  [256]sync.Mutex // held, by event, while a label is applied: the last word counts
	waiting sync.WaitGroup  // answers that the journal has not written in time
	slow    atomic.Int64    // how many they are
	marks   marks
	begun   bool         // Recover is over; changed under mu
	behind  string       // a model of whose foreign histories the snapshot lacks records of the journal; of Recover
	wrote   atomic.Int64 // bytes queued since the last snapshot
	snapped atomic.Int64 // when that was, ms; 0: never
	fresh   atomic.Bool  // there are groups of which the shared store was not told
	told    time.Time    // when it was told of groups; of Measure
	losses  atomic.Int64 // of the shared store's memory, that groups know of
}

// New returns an empty History.
func New(o Options) *History {
	h := &History{Options: o, groups: map[feature.Hash]*group{}, states: o.Store}
	if o.Shared != nil {
		h.states = o.Shared
	}
	h.plans.Store(&plans{})
	if h.Now == nil {
		h.Now = time.Now
	}
	return h
}

// Kept returns the store of histories and answers.
func (h *History) Kept() store.Store { return h.states }

// A Stream is the events of one tenant and model name, which share their histories.
type Stream struct {
	Tenant, Model string
	Plan          *feature.Plan
}

// Wait returns when the record at position is as durable as the journal promises. ErrSlow: it is not yet, and
// nobody knows; any other error: it is not, and will not be. It does not wait beyond until, unless that is zero.
func (h *History) Wait(position uint64, until time.Time) error {
	return h.wait(position, h.patience(until))
}

// patience is for how long an answer that is worth nothing after until waits for the journal; 0: as long as it takes.
func (h *History) patience(until time.Time) time.Duration {
	if h.Journal == nil || until.IsZero() {
		return h.Deadline
	}
	left := max(until.Sub(h.Now()), time.Millisecond)
	if h.Deadline > 0 {
		left = min(left, h.Deadline)
	}
	return left
}

func (h *History) wait(position uint64, patience time.Duration) error {
	if h.Journal == nil || position == 0 {
		return nil
	}
	ctx := context.Background() // whoever has hung up, others wait for the event
	if patience > 0 {
		ctx = &lazy{Context: ctx, after: patience}
	}
	err := h.Journal.Wait(ctx, position)
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

// Wrote returns how many bytes of records were queued since the last snapshot.
func (h *History) Wrote() int64 { return h.wrote.Load() }
