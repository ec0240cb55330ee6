// Package score is the heart of the service: events become results.
//
// Doors turn bytes into a [Batch] and a Batch into bytes; what lies between is a stack of [Scorer]s.
package score

import (
	"context"
	"time"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A Scorer answers every event of a batch, each with its own result or error.
//
// Scorers nest: each wraps another and adds one thing. None retries, or hides an error behind a default
// score; what an absent score means is for the policy's fallback to say. Events that are Done are left as they
// are. Score is called from many goroutines. Its own error means that no event was answered, and nothing changed.
type Scorer interface {
	Score(ctx context.Context, b *Batch) error
}

// A Batch is the events of one call, all for one version of one model. It is reused: Reset keeps its memory.
type Batch struct {
	Model  *registry.Model
	Tenant string // whose events and histories they are
	Events []Event
	Inputs []feature.Event // of the raw events, by event

	Rows    []float64 // len(Events) rows of the model's columns; NaN is missing
	Margins []float64 // len(Events)×Outputs
	Values  []float64 // len(Events)×Values
	Answers []byte    // the memory of the events' answers

	Begun    time.Time // when scoring began; the door sets it
	Deadline time.Time // after which an answer is worth nothing; zero: there is none

	Times *telemetry.Timeline // of the request; nil: nobody minds
	Took  time.Duration       // how long scoring took

	part *Batch // see Part
	work work
}

// An Event is one thing to judge, and its judgement.
type Event struct {
	ID      []byte       // the client's id for it, nil when it gave none
	Guarded bool         // the id guards it: it is answered once
	Key     store.Key    // the hash of tenant, model and id
	Digest  store.Digest // of its content

	Raw    bool // it is an event, to be made a row of; else its row is given
	DryRun bool // it leaves no trace

	Done     bool      // answered before, or for another to answer: there is nothing to do
	Refused  error     // why the event cannot be scored; its row is then void and its result absent
	Cause    error     // why it is degraded, for operators; nil: it is not, or the answer says
	Warnings []Warning // what the client should know, in the order of the request
	Result   Result

	Answer   []byte // as Write makes it; Body has its members. nil: not written yet
	Version  int    // of the model that answered
	Replayed bool   // the answer is that of an earlier request

	claimed bool // it is ours to answer, and others may be waiting
	later   bool // the answer is completed when the journal has it, not by this call
}

// A Warning is about one feature of an event, or one field.
type Warning struct {
	Field   string
	Feature int // index among the model's columns; -1: it is about a field of the event
	What    WarningKind
}

// WarningKind says what a warning is about.
type WarningKind uint8

// The warnings.
const (
	OutOfBounds     WarningKind = iota // the value is outside the declared bounds and was scored all the same
	UnknownCategory                    // the name is not in the column's dictionary and was scored as missing
	Late                               // the event came too late to enter the entity's history
	Full                               // the entity's history has no more room for the event
	ShortHistory                       // the feature's window reaches back to before its history was kept
)

// String returns the warning's code, as answers spell it.
func (k WarningKind) String() string {
	return [...]string{"out-of-bounds", "unknown-category", "late", "history-full", "short-history"}[k]
}

// A Result is the judgement of one event. All margins and values stand in the batch.
type Result struct {
	Score, Margin float64         // the selected output's; NaN when there is none
	Decision      policy.Decision // what to do; none without a policy, or without a score and a fallback
	Policy        *policy.Policy  // that decided
	List          *policy.List    // whose entry decided; nil: none did
	Degraded      bool            // there is no score that could be trusted
}

// Reset empties the batch and makes room for n events of model m.
func (b *Batch) Reset(m *registry.Model, n int) {
	b.Model, b.Tenant, b.Deadline, b.Times = m, "", time.Time{}, nil
	b.Events = grown(b.Events, n)
	for i := range b.Events {
		e := &b.Events[i]
		*e = Event{Warnings: e.Warnings[:0]}
	}
	b.Inputs = grown(b.Inputs, n)
	b.Rows = grown(b.Rows, n*len(m.Columns))
	b.Margins = grown(b.Margins, n*m.Outputs)
	b.Values = grown(b.Values, n*m.Values)
	b.Answers = b.Answers[:0]
	b.work.opened = false
}

// Forget lets go of the model, whose memory returns when nobody has it.
func (b *Batch) Forget() {
	b.Model, b.Times = nil, nil
	if b.part != nil {
		b.part.Model, b.part.Times = nil, nil
	}
}

// Part returns the batch of the events from i up to j, which shares b's memory. It is valid until the next
// Part of b.
func (b *Batch) Part(i, j int) *Batch {
	if b.part == nil {
		b.part = new(Batch)
	}
	m, p := b.Model, b.part
	p.Model, p.Tenant, p.Begun, p.Deadline, p.Times = m, b.Tenant, b.Begun, b.Deadline, b.Times
	p.Events, p.Inputs = b.Events[i:j:j], b.Inputs[i:j:j]
	p.Rows = b.Rows[i*len(m.Columns) : j*len(m.Columns)]
	p.Margins = b.Margins[i*m.Outputs : j*m.Outputs]
	p.Values = b.Values[i*m.Values : j*m.Values]
	return p
}

// grown returns s with length n and unspecified elements.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return append(s[:cap(s)], make([]T, n-cap(s))...)
	}
	return s[:n]
}

// Row returns the row of event i.
func (b *Batch) Row(i int) []float64 {
	w := len(b.Model.Columns)
	return b.Rows[i*w : (i+1)*w]
}

// EventValues returns all values of event i.
func (b *Batch) EventValues(i int) []float64 {
	v := b.Model.Values
	return b.Values[i*v : (i+1)*v]
}
