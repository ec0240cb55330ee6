package app

import (
	"io/fs"
	"slices"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/nearest"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
)

// checkPolicies warns of policies that decide nothing: a model's name may be mistyped there.
func (a *App) checkPolicies() {
	names := a.models.Names()
	for name := range a.policies {
		if !slices.Contains(names, name) {
			a.log.Warn("a policy for a model that is not served", "model", name, "nearest", nearest.Name(name, names))
		}
	}
}

func (a *App) readPolicies() (err error) {
	if a.config.Policy == "" {
		return nil
	}
	a.watcher, a.policies, err = policy.NewWatcher(a.config.Policy, a.config.Models.Poll, a.log, a.decideBy)
	if err == nil {
		_, refused := a.metrics.PolicyReloads()
		a.watcher.OnRefused = refused.Inc
	}
	return err
}

// decide makes the policies of now decide for models.
func (a *App) decide(models []*registry.Model) {
	for _, m := range models {
		m.SetPolicy(a.policies[m.Name])
	}
}

// decideBy makes a changed set of policies decide from now on.
func (a *App) decideBy(set policy.Set) error {
	taken, _ := a.metrics.PolicyReloads()
	a.deciding.Lock()
	defer a.deciding.Unlock()
	a.policies = set
	for _, m := range a.models.Models() {
		before := m.Policy()
		m.SetPolicy(set[m.Name])
		if after := m.Policy(); after != before {
			a.log.Info("policy", "model", m.Name, "version", m.Version, "before", describe(before), "now", describe(after))
		}
	}
	taken.Inc()
	a.checkLists(a.models.Models())
	return nil
}

// checkLists warns of lists that decide nothing: an entity's field may be mistyped there.
func (a *App) checkLists(models []*registry.Model) {
	for _, m := range models {
		p := m.Policy()
		if p == nil {
			continue
		}
		for _, l := range p.Lists {
			if !m.HasEntity(l.Entity) {
				a.log.Warn("a list of entities that the model's events do not have", "model", m.Name, "version", m.Version,
					"list", l.File, "entity", l.Entity)
			}
		}
	}
}

func describe(p *policy.Policy) string {
	if p == nil {
		return "none"
	}
	return p.String()
}

func openDemo(demo fs.FS) (*bundle.Bundle, error) {
	b, err := bundle.Read(demo)
	if err != nil {
		return nil, err
	}
	_, err = b.Prove()
	return b, err
}
