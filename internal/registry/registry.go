// Package registry holds the models that are live, and finds the one that a request names.
package registry

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	besra "github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/telemetry"
)

// Errors of Resolve.
var (
	ErrNoModel   = errors.New("no such model")
	ErrNoVersion = errors.New("no such version")
)

// A Model is one version of a model, ready to score. It does not change, but for its policy.
type Model struct {
	Name    string
	Version int
	Live    bool   // answers requests that name no version
	Proven  bool   // reproduced its golden rows on this machine
	Digest  string // of the bundle

	Engine   *besra.Model
	Columns  []besra.Column
	Features []bundle.Feature // as declared, one for each column
	Outputs  int              // margins of a row
	Values   int              // values of a row
	Bits     int              // width of margins and values
	Labels   []string
	Missing  float64 // a number that stands for missing; NaN: none
	Output   int     // index of the value that is the score; -1 when none is selected

	Plan    *feature.Plan    // how events are read, and their histories kept: shared by the name's versions; nil: it takes rows only
	Program *feature.Program // how an event becomes this version's row; nil: it takes rows only
	Bounds  []Bound          // of columns that have some, or that may not be missing

	Counters *telemetry.Model

	events  *feature.Definition
	shipped *policy.Policy // the bundle's own
	policy  atomic.Pointer[policy.Policy]
}

// A Bound is what may stand in a column; the rest of it is in Features.
type Bound struct {
	Min, Max float64 // infinite where there is none
	Column   int
	Needed   bool // a missing value is refused
}

// Policy returns the policy that decides now; nil: there are no decisions.
func (m *Model) Policy() *policy.Policy { return m.policy.Load() }

// SetPolicy makes p decide from now on; nil: the policy that the model was released with.
func (m *Model) SetPolicy(p *policy.Policy) { m.policy.Store(cmp.Or(p, m.shipped)) }

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
		Outputs: b.Model.Outputs(), Values: b.Model.Values(), Bits: bits,
		Labels: b.Model.Labels(), Output: b.Output,
		Counters: m.Model(b.Name, strconv.Itoa(b.Version), names),
		events:   b.Events, shipped: b.Policy,
	}
	for i, f := range b.Features {
		if f.RefuseMissing || f.Min > math.Inf(-1) || f.Max < math.Inf(1) {
			made.Bounds = append(made.Bounds, Bound{f.Min, f.Max, i, f.RefuseMissing})
		}
	}
	made.SetPolicy(p)
	return made
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

// A Registry is a fixed set of models.
type Registry struct {
	models []*Model
	only   *Model            // the live version of the only model; nil when there are several
	names  map[string]*Model // "fraud" is the live version, "fraud@3" that one
}

// New returns a registry of these models. The live version of a name is the one that pins names, else the
// highest.
func New(models []*Model, pins map[string]int) (*Registry, error) {
	if len(models) == 0 {
		return nil, errors.New("no models")
	}
	r := &Registry{models: slices.Clone(models), names: map[string]*Model{}}
	slices.SortFunc(r.models, func(a, b *Model) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), b.Version-a.Version)
	})
	for _, m := range r.models {
		pinned := fmt.Sprintf("%s@%d", m.Name, m.Version)
		if r.names[pinned] != nil {
			return nil, fmt.Errorf("model %s is given twice", pinned)
		}
		r.names[pinned] = m
		m.Counters.Ready.Set(1)
		if version, ok := pins[m.Name]; r.names[m.Name] == nil && (!ok || version == m.Version) {
			m.Live = true
			r.names[m.Name] = m
		}
	}
	for name, version := range pins {
		if r.names[name] == nil {
			return nil, fmt.Errorf("model %s is pinned to version %d, which is not served", name, version)
		}
	}
	if r.models[0].Name == r.models[len(r.models)-1].Name {
		r.only = r.names[r.models[0].Name]
	}
	return r, r.plan()
}

// plan makes one plan for all versions of a name that take events: what one of them needs of an event, the
// others accept, and the histories of all are kept, whichever answers.
func (r *Registry) plan() error {
	defs := map[string][]*feature.Definition{}
	for _, m := range r.models {
		if m.events != nil {
			defs[m.Name] = append(defs[m.Name], m.events)
		}
	}
	for name, of := range defs {
		plan, err := feature.NewPlan(of)
		if err != nil {
			return fmt.Errorf("versions of model %s: %w", name, err)
		}
		for _, m := range r.models {
			if m.Name != name || m.events == nil {
				continue
			}
			if m.Program, err = plan.Program(m.events, m.Columns); err != nil {
				return fmt.Errorf("model %s@%d: %w", m.Name, m.Version, err)
			}
			m.Plan = plan
		}
	}
	return nil
}

// Plan returns the plan of a name's events; nil when it takes rows only, or is not served.
func (r *Registry) Plan(name string) *feature.Plan {
	for _, m := range r.models {
		if m.Name == name && m.Plan != nil {
			return m.Plan
		}
	}
	return nil
}

// Resolve finds the model that a request names: "fraud" or "fraud@3".
func (r *Registry) Resolve(name []byte) (*Model, error) {
	if m, ok := r.names[string(name)]; ok {
		return m, nil
	}
	base, version, pinned := strings.Cut(string(name[:min(len(name), 100)]), "@")
	if _, ok := r.names[base]; ok && pinned {
		return nil, fmt.Errorf("%w: %s has no version %s", ErrNoVersion, base, strconv.Quote(version))
	}
	return nil, fmt.Errorf("%w: %s; there is %s", ErrNoModel, strconv.Quote(base), strings.Join(r.Names(), ", "))
}

// Only returns the live version of the only model, nil when several are served.
func (r *Registry) Only() *Model { return r.only }

// Models returns all models by name, the newest version first. The caller must not change it.
func (r *Registry) Models() []*Model { return r.models }

// Names returns the names of the models.
func (r *Registry) Names() []string {
	var names []string
	for _, m := range r.models {
		if m.Live {
			names = append(names, m.Name)
		}
	}
	return names
}
