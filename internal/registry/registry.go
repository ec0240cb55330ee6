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

	besra "github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/telemetry"
)

// Errors of Resolve.
var (
	ErrNoModel   = errors.New("no such model")
	ErrNoVersion = errors.New("no such version")
)

// A Model is one version of a model, ready to score. It does not change.
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

	Policy   *policy.Policy // nil: no decisions
	Counters *telemetry.Model
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
	return &Model{
		Missing: missing,
		Name:    b.Name, Version: b.Version, Proven: b.Proven, Digest: b.Digest,
		Engine: b.Model, Columns: b.Columns(), Features: b.Features,
		Outputs: b.Model.Outputs(), Values: b.Model.Values(), Bits: bits,
		Labels: b.Model.Labels(), Output: b.Output,
		Policy:   cmp.Or(p, b.Policy),
		Counters: m.Model(b.Name, strconv.Itoa(b.Version), names),
	}
}

// OutputChoice says, for a model without a selected output, what could be selected.
func (m *Model) OutputChoice() string {
	choice := fmt.Sprintf("0 to %d", m.Values-1)
	if len(m.Labels) > 0 {
		choice = strings.Join(m.Labels, ", ")
	}
	return fmt.Sprintf("model %s has %d outputs; its bundle must select one as the score: output: %s", m.Name, m.Values, choice)
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
	return r, nil
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
