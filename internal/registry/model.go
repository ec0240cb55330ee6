package registry

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync/atomic"

	besra "github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/drift"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/limit"
	"github.com/besra-ml/besra/internal/memo"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A Model is one version of a model, ready to score. It does not change, but for its policy. A request holds it to the
// end; when its Set is replaced and the last request lets go, its memory returns.
type Model struct {
	Name    string
	Version int
	Live    bool   // answers requests that name no version
	Proven  bool   // reproduced its golden rows on this machine
	Digest  string // of the bundle

	Engine   *besra.Model
	Columns  []besra.Column
	Features []bundle.Feature // as declared, one for each column
	Outputs  int              // margins of a row; of a model that has none, its values
	Values   int              // values of a row
	NoMargin bool             // it has values alone
	Bits     int              // width of margins and values
	Labels   []string
	Missing  float64 // a number that stands for missing; NaN: none
	Output   int     // index of the value that is the score; -1 when none is selected

	Plan    *feature.Plan    // how events are read, and their histories kept: shared by the name's versions; nil: it takes rows only
	Program *feature.Program // how an event becomes this version's row; nil: it takes rows only
	Bounds  []Bound          // of columns that have some, or that may not be missing
	Coded   []Coded          // the columns in which what is missing has a code

	Counters *telemetry.Model
	Pace     *limit.Estimate // how long rows take; nil: nobody asks
	Memo     bool            // its margins may be remembered, as its bundle says
	Scope    *memo.Scope     // what its rows are known by
	Drift    *drift.Watch    // compares what it sees with its bundle's reference; nil: it has none, or nobody asks
	Kept     *atomic.Value   // what a door keeps of the model, such as how its rows are read; it goes when the model goes

	events  *feature.Definition
	shipped *policy.Policy                 // the bundle's own
	policy  *atomic.Pointer[policy.Policy] // shared by the copies that Sets make
}

// A Bound is what may stand in a column; the rest of it is in Features.
type Bound struct {
	Min, Max float64 // infinite where there is none
	Column   int
	Needed   bool    // a missing value is refused
	Coded    bool    // what is missing has a code:
	Absent   float64 // the code
}

// Missing reports whether x stands for a missing value.
func (b *Bound) Missing(x float64) bool { return x != x || b.Coded && x == b.Absent }

// A Coded is a column of names in which what is missing is the empty name, and has its code.
type Coded struct {
	Column int
	Absent float64
}

// Margins writes the margins of rows into dst, n×Outputs: what is remembered of a row, and what Apply makes values of.
// Of a model that has none it is the values.
func (m *Model) Margins(dst, rows []float64) error {
	if m.NoMargin {
		return m.Engine.Predict64(dst, rows)
	}
	return m.Engine.Margin64(dst, rows)
}

// Apply writes the values into dst, n×Values, that margins make.
func (m *Model) Apply(dst, margins []float64) error {
	if m.NoMargin {
		copy(dst, margins)
		return nil
	}
	return m.Engine.Apply(dst, margins)
}

// Policy returns the policy that decides now; nil: there are no decisions.
func (m *Model) Policy() *policy.Policy {
	if m.policy == nil {
		return nil
	}
	return m.policy.Load()
}

// SetPolicy makes p decide from now on; nil: the policy that the model was released with.
func (m *Model) SetPolicy(p *policy.Policy) {
	if m.policy == nil {
		m.policy = new(atomic.Pointer[policy.Policy])
	}
	m.policy.Store(cmp.Or(p, m.shipped))
}

// NewModel makes a bundle's model ready to score. p decides in place of the bundle's own policy, unless nil.
func NewModel(b *bundle.Bundle, p *policy.Policy, m *telemetry.Metrics) *Model {
	_, bits := b.Model.Bits()
	names := make([]string, len(b.Features))
	for i, f := range b.Features {
		names[i] = f.Name
	}
	missing := math.NaN()
	if b.Missing != nil {
		missing = *b.Missing
	}
	made := &Model{
		Missing: missing,
		Name:    b.Name, Version: b.Version, Proven: b.Proven, Digest: b.Digest,
		Engine: b.Model, Columns: b.Columns(), Features: b.Features,
		Outputs: b.Model.Outputs(), Values: b.Model.Values(), NoMargin: b.Model.ValueOnly(), Bits: bits,
		Labels: b.Model.Labels(), Output: b.Output,
		Counters: m.Model(b.Name, strconv.Itoa(b.Version), names),
		Pace:     new(limit.Estimate),
		Memo:     b.Memo,
		Scope:    scope(b),
		events:   b.Events, shipped: b.Policy,
	}
	if made.NoMargin {
		made.Outputs = made.Values
	}
	for i, f := range b.Features {
		absent := f.Absent()
		coded := !math.IsNaN(absent)
		if coded {
			made.Coded = append(made.Coded, Coded{i, absent})
		}
		if f.RefuseMissing || f.Min > math.Inf(-1) || f.Max < math.Inf(1) {
			made.Bounds = append(made.Bounds, Bound{f.Min, f.Max, i, f.RefuseMissing, coded, absent})
		}
	}
	made.SetPolicy(p)
	return made
}

// scope returns what a bundle's rows are known by: all of its files, and with them how rows are read and which
// iterations score.
func scope(b *bundle.Bundle) *memo.Scope {
	var names []string
	for _, c := range b.Columns() {
		names = append(names, c.Name)
	}
	schema := sha256.Sum256(fmt.Appendf(nil, "%q", names))
	s := memo.NewScope([]byte(b.Digest), schema[:], fmt.Sprintf("margins of %d iterations", b.Model.Iterations()))
	if onlyCompares(b.Model) {
		return s
	}
	return s.Literal()
}

// onlyCompares reports whether a model certainly does nothing with a row but to compare its numbers, so that 0 and -0 are
// the same: it is a forest whose leaves are numbers, with no steps before it.
func onlyCompares(m *besra.Model) bool {
	return m.Trees() > 0 && (m.Format() == "xgboost" || m.Format() == "catboost")
}

// OutputChoice says, for a model without a selected output, what could be selected.
func (m *Model) OutputChoice() string {
	choice := fmt.Sprintf("0 to %d", m.Values-1)
	if len(m.Labels) > 0 {
		choice = strings.Join(m.Labels, ", ")
	}
	return fmt.Sprintf("model %s has %d outputs; its bundle must select one as the score: output: %s", m.Name, m.Values, choice)
}

// HasEntity reports whether the model's events have an entity of that name.
func (m *Model) HasEntity(name string) bool {
	if m.Plan == nil {
		return false
	}
	f := m.Plan.Field(name)
	return f >= 0 && m.Plan.Fields[f].Type == feature.Entity
}

// needs returns the fields that every event must have, but for its time.
func (m *Model) needs() []string {
	if m.events == nil {
		return nil
	}
	var names []string
	for i := range m.events.Fields {
		if f := &m.events.Fields[i]; f.Required && f.Type != feature.Time {
			names = append(names, f.Name)
		}
	}
	return names
}

// as returns m with these, a copy unless it is m's own to change. A copy scores with the same engine.
func (m *Model) as(own, live bool, plan *feature.Plan, program *feature.Program) *Model {
	if m.Live == live && m.Plan == plan && m.Kept != nil {
		return m
	}
	if !own {
		c := *m
		m = &c
	}
	m.Live, m.Plan, m.Program, m.Kept = live, plan, program, new(atomic.Value)
	return m
}
