// Package events turns files of raw events into a model's rows, by the very code that serves: package feature.
//
// A Replay reads events in the order of their file, which is the order in which they arrive, keeps the history
// of every entity in memory, and answers each event with its row as the service would have answered it then.
// Reading and writing are spread over the cores; histories advance in one order, so that the rows depend on
// nothing but the file.
package events

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/nearest"
)

// Options say how events become rows.
type Options struct {
	File        string              // what errors call the file of events: events.csv:3: …
	Definition  *feature.Definition // how an event becomes a row
	Columns     []besra.Column      // of a row: the model's
	Bits        int                 // the width of the row's numbers as they are written: 32 or 64
	IgnoreExtra bool                // a column that the definition does not have is no error
	Keep        []string            // columns of the file to be written in front of the row
	Workers     int                 // 0: one for each core
	Block       int                 // bytes of the file to read at once, about; 0: 128 kB or less
}

// A Replay turns one file of events into rows. It runs once.
type Replay struct {
	Options
	Events atomic.Int64 // how many are done

	plan    *feature.Plan
	program *feature.Program
	kept    []kept
	hashed  []int // by column: the field that a hashed column's name is in, since its code does not tell it; -1: none
	notes   []string
}

// A Summary is what a Replay tells at its end.
type Summary struct {
	Events int
	Late   int      // came too late to be remembered, by at least one of their entities
	Full   int      // were not remembered, since an entity had too many events already
	Notes  []string // what its operator should know, a sentence each
}

// The columns of a file that are not fields.
const (
	idColumn        = "event_id"
	labelColumn     = "label"
	labelTimeColumn = "label_time"
)

// A kept is a column of the file that is copied in front of the row.
type kept struct {
	name  string
	at    int // its place
	field int // index of the plan's field; -1: none
}

// New prepares a replay.
func New(o Options) (*Replay, error) {
	plan, err := feature.NewPlan([]*feature.Definition{o.Definition})
	if err != nil {
		return nil, err
	}
	program, err := plan.Program(o.Definition, o.Columns)
	if err != nil {
		return nil, err
	}
	r := &Replay{Options: o, plan: plan, program: program}
	for i := range o.Columns {
		field := -1
		if o.Columns[i].Hashed() {
			field = program.Text(i)
		}
		r.hashed = append(r.hashed, field)
	}
	for _, name := range o.Keep {
		if err := r.keep(name); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// keep adds a column to those that are kept.
func (r *Replay) keep(name string) error {
	known := r.known()
	switch {
	case !slices.Contains(known, name):
		return fmt.Errorf("keep: an event has no %q%s", name, hint(name, known))
	case slices.ContainsFunc(r.kept, func(k kept) bool { return k.name == name }):
		return fmt.Errorf("keep: %q stands twice", name)
	case slices.ContainsFunc(r.Columns, func(c besra.Column) bool { return c.Name == name }):
		return fmt.Errorf("keep: the row has a column %q of its own", name)
	}
	r.kept = append(r.kept, kept{name, len(r.kept), r.plan.Field(name)})
	return nil
}

// known returns the names of the columns that a file may have.
func (r *Replay) known() []string {
	names := []string{idColumn, labelColumn, labelTimeColumn}
	for _, f := range r.plan.Fields {
		names = append(names, f.Name)
	}
	return names
}

func hint(name string, known []string) string {
	if n := nearest.Name(name, known); n != "" {
		return fmt.Sprintf(", did you mean %q?", n)
	}
	return ""
}
