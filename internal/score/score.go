// Package score is the heart of the service: events become results.
//
// Doors turn bytes into a [Batch] and a Batch into bytes; what lies between is a stack of [Scorer]s.
package score

import (
	"context"
	"time"

	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
)

// A Scorer answers every event of a batch, each with its own result or error.
//
// Scorers nest: each wraps another and adds one thing. None retries, or hides an error behind a default
// score; what an absent score means is for the caller to say. Score is called from many goroutines.
// Its own error means that no event was answered.
type Scorer interface {
	Score(ctx context.Context, b *Batch) error
}

// A Batch is the events of one call, all for one version of one model. It is reused: Reset keeps its memory.
type Batch struct {
	Model  *registry.Model
	Events []Event

	Rows    []float64 // len(Events) rows of the model's columns; NaN is missing
	Margins []float64 // len(Events)×Outputs
	Values  []float64 // len(Events)×Values

	Begun time.Time     // when scoring began; the door sets it
	Took  time.Duration // how long it took
}

// An Event is one thing to judge, and its judgement.
type Event struct {
	ID       []byte    // the client's id for it, nil when it gave none
	Refused  error     // why the event cannot be scored; its row is then void and its result absent
	Warnings []Warning // what the client should know, in the order of the request
	Result   Result
}

// A Warning is about one feature of an event.
type Warning struct {
	Feature int // index among the model's columns
	What    WarningKind
}

// WarningKind says what a warning is about.
type WarningKind uint8

// The warnings.
const (
	OutOfBounds     WarningKind = iota // the value is outside the declared bounds and was scored all the same
	UnknownCategory                    // the name is not in the column's dictionary and was scored as missing
)

// A Result is the judgement of one event. All margins and values stand in the batch.
type Result struct {
	Score, Margin float64         // the selected output's; NaN when there is none
	Decision      policy.Decision // what to do; none without a policy or a score
	Degraded      bool            // there is no score that could be trusted
}

// Reset empties the batch and makes room for n events of model m.
func (b *Batch) Reset(m *registry.Model, n int) {
	b.Model = m
	b.Events = grown(b.Events, n)
	for i := range b.Events {
		e := &b.Events[i]
		*e = Event{Warnings: e.Warnings[:0]}
	}
	b.Rows = grown(b.Rows, n*len(m.Columns))
	b.Margins = grown(b.Margins, n*m.Outputs)
	b.Values = grown(b.Values, n*m.Values)
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
