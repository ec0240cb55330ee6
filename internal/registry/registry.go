// Package registry holds the models that are live, and finds the one that a request names.
//
// What is served is a [Set], which does not change: the [Registry] replaces it as a whole, while requests go on with the
// model that they have.
package registry

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/besra-ml/besra/internal/feature"
)

// Errors of Resolve.
var (
	ErrNoModel   = errors.New("no such model")
	ErrNoVersion = errors.New("no such version")
)

// A Registry is what is served now. Its methods may be called from many goroutines; what belongs together is asked of
// one Set.
type Registry struct{ now atomic.Pointer[Set] }

// New returns a registry of these models. The live version of a name is the one that pins names, else the highest
// proven one, as in Next. Whatever does not fit together is an error.
func New(models []*Model, pins map[string]int) (*Registry, error) {
	if len(models) == 0 {
		return nil, errors.New("no models")
	}
	given := map[string]bool{}
	for _, m := range models {
		if given[m.String()] {
			return nil, fmt.Errorf("model %s is given twice", m)
		}
		given[m.String()] = true
	}
	s := Next(nil, models, pins, nil)
	for _, r := range s.refused {
		if r.Reason != NeedsChoice {
			return nil, fmt.Errorf("model %s@%d: %s", r.Name, r.Version, r.Why)
		}
	}
	for name, version := range pins {
		if m := s.names[name]; m == nil || m.Version != version {
			return nil, fmt.Errorf("model %s is pinned to version %d, which is not served", name, version)
		}
	}
	r := new(Registry)
	r.Swap(s)
	return r, nil
}

// Swap makes s what is served from now on, and returns what was. Requests go on with the models that they have.
func (r *Registry) Swap(s *Set) (before *Set) {
	before = r.now.Swap(s)
	for _, m := range s.models {
		m.Counters.Ready.Set(1)
	}
	if before == nil {
		return nil
	}
	for _, m := range before.models {
		if s.names[m.String()] == nil {
			m.Counters.Ready.Set(0)
		}
	}
	return before
}

// Set returns what is served now.
func (r *Registry) Set() *Set { return r.now.Load() }

// Plan returns the plan of a name's events; nil when it takes rows only, or is not served.
func (r *Registry) Plan(name string) *feature.Plan { return r.Set().Plan(name) }

// Resolve finds the model that a request names: "fraud" or "fraud@3".
func (r *Registry) Resolve(name []byte) (*Model, error) { return r.Set().Resolve(name) }

// Only returns the live version of the only model, nil when several are served.
func (r *Registry) Only() *Model { return r.Set().only }

// Models returns all models by name, the newest version first. The caller must not change it.
func (r *Registry) Models() []*Model { return r.Set().models }

// Names returns the names of the models. The caller must not change it.
func (r *Registry) Names() []string { return r.Set().live }

// Resolve finds the model that a request names: "fraud" or "fraud@3".
func (s *Set) Resolve(name []byte) (*Model, error) {
	if m, ok := s.names[string(name)]; ok {
		return m, nil
	}
	base, version, pinned := strings.Cut(string(name[:min(len(name), 100)]), "@")
	if _, ok := s.names[base]; ok && pinned {
		return nil, fmt.Errorf("%w: %s has no version %s", ErrNoVersion, base, strconv.Quote(version))
	}
	return nil, fmt.Errorf("%w: %s; there is %s", ErrNoModel, strconv.Quote(base), strings.Join(s.live, ", "))
}
