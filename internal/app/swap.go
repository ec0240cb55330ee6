package app

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/besra-ml/besra/internal/registry"
)

// serve makes what the stock has the set that is served: the first one.
func (a *App) serve() error {
	pins := a.stock.pins()
	set := registry.Next(nil, a.stock.models(), pins, a.stock.refused())
	for _, e := range a.stock.entries {
		if e.model == nil || set.Version(e.name, e.version) != nil {
			continue
		}
		if why := a.leave(e, set); e.shelf == nil {
			return fmt.Errorf("model %s@%d: %s", e.name, e.version, why)
		}
	}
	if len(set.Models()) == 0 {
		return errors.New("no models")
	}
	for name, version := range pins {
		if set.Version(name, version) == nil {
			return fmt.Errorf("model %s is pinned to version %d, which is not served", name, version)
		}
	}
	a.models = new(registry.Registry)
	a.models.Swap(set)
	a.stock.adopt(set)
	a.stock.last = a.stock.order()
	a.decide(set.Models())
	a.checkPolicies()
	a.checkLists(set.Models())
	a.tellChoices(&registry.Set{}, set)
	return nil
}

// swap makes what the stock has the set that is served from now on. Requests in flight end with the models that
// they have. Whoever calls it holds the stock.
func (a *App) swap() {
	for a.swapOnce() {
	}
}

// swapOnce reports whether there is more to do: what has left its directory is let go once it is no longer live.
func (a *App) swapOnce() (more bool) {
	before := a.models.Set()
	o := a.stock.order()
	set := registry.Next(before, o.models, o.pins, o.refused)
	for _, e := range a.stock.entries {
		if e.model != nil && set.Version(e.name, e.version) == nil {
			a.leave(e, set)
		}
	}
	a.attach(before, set)
	fresh := slices.DeleteFunc(slices.Clone(set.Models()), func(m *registry.Model) bool {
		return before.Version(m.Name, m.Version) != nil
	})
	a.deciding.Lock()
	a.decide(fresh)
	a.models.Swap(set)
	a.deciding.Unlock()
	a.retire(before, set)
	a.stock.adopt(set)
	a.stock.last = a.stock.order()
	a.checkLists(fresh)
	a.tell(before, set)
	return a.letGo(set)
}

// leave gives up a version that does not go together with the others, and returns why.
func (a *App) leave(e *entry, set *registry.Set) (why string) {
	for _, r := range set.Refused() {
		if r.Name == e.name && r.Version == e.version && r.Reason == registry.Inconsistent {
			why = r.Why
		}
	}
	e.model = nil
	a.metrics.Forget(e.name, strconv.Itoa(e.version))
	a.refuseAs(e, registry.Inconsistent, why)
	return why
}

// attach has the plans that are new taken by what is remembered, before an event comes by them.
func (a *App) attach(before, set *registry.Set) {
	for _, name := range set.Names() {
		if is := set.Plan(name); is != nil && is != before.Plan(name) {
			a.history.Attach(name, is)
		}
	}
}

// retire lets go of the plans that nothing new will use, and of the figures of versions that are no longer served.
func (a *App) retire(before, set *registry.Set) {
	for _, m := range before.Models() {
		if set.Version(m.Name, m.Version) == nil {
			a.metrics.ForgetPerformance(m.Name, strconv.Itoa(m.Version))
			a.metrics.ForgetDrift(m.Name, strconv.Itoa(m.Version))
		}
	}
	for _, name := range before.Names() {
		if was := before.Plan(name); was != nil && set.Plan(name) != was {
			a.history.Retire(was)
		}
	}
}

// letGo drops what has left its directory and is not live, and reports whether something of it was served.
func (a *App) letGo(set *registry.Set) (served bool) {
	var dropped []*entry
	a.stock.entries = slices.DeleteFunc(a.stock.entries, func(e *entry) bool {
		live := set.Live(e.name)
		switch {
		case e.away == 0:
			e.missed = false
			return false
		case e.model != nil && live != nil && live.Version == e.version:
			if !e.missed {
				e.missed = true
				a.log.Warn("the live version has left its directory; it stays until another is live", "model", e.name, "version", e.version)
			}
			return false
		case e.away == 1 && (e.model != nil || e.unloaded):
			return false // it may come back
		}
		dropped = append(dropped, e)
		return true
	})
	for _, e := range dropped {
		if e.model != nil {
			served = true
			a.log.Info("model unloaded: it has left its directory", "model", e.name, "version", e.version)
		}
		if other := a.stock.find(e.name, e.version); other == nil || other.model == nil {
			a.metrics.Forget(e.name, strconv.Itoa(e.version))
		}
	}
	if served {
		a.stock.retry()
	}
	return served
}

// retry has the versions that were refused for what others are tried again: there are fewer now.
func (s *stock) retry() {
	for _, e := range s.entries {
		if e.model == nil && e.refused != nil && e.refused.Reason == registry.Inconsistent {
			e.tried = false
		}
	}
}

// tell logs what has changed.
func (a *App) tell(before, set *registry.Set) {
	for _, m := range set.Models() {
		if before.Version(m.Name, m.Version) == nil {
			a.log.Info("model loaded", "model", m.Name, "version", m.Version, "proven", m.Proven, "live", m.Live)
		}
	}
	for _, name := range set.Names() {
		is, was := set.Live(name), before.Live(name)
		if was == nil || was.Version == is.Version {
			continue
		}
		a.log.Info("another version is live", "model", name, "before", was.Version, "now", is.Version)
		if was.Plan != nil && is.Program == nil {
			a.log.Warn("the live version takes no events, and the one before it did", "model", name, "version", is.Version)
		}
	}
	a.tellChoices(before, set)
}

// tellChoices tells, once, which versions wait for an operator's word, and which pins are to nothing.
func (a *App) tellChoices(before, set *registry.Set) {
	for _, r := range set.Refused() {
		choice := r.Reason == registry.NeedsChoice
		if !choice && a.stock.find(r.Name, r.Version) != nil || slices.Contains(before.Refused(), r) {
			continue // it was told when it was found
		}
		if choice {
			a.log.Warn("a version waits for a choice", "model", r.Name, "version", r.Version, "why", r.Why)
		} else if r.Version > 0 {
			a.log.Error("pin refused; what is live stays", "model", r.Name, "version", r.Version, "why", r.Why)
		} else {
			continue
		}
		a.countRefusal(r.Name, r.Reason)
	}
}

// models returns the versions that are to be served. What has left its directory is let go later.
func (s *stock) models() []*registry.Model {
	var all []*registry.Model
	for _, e := range s.entries {
		if e.model != nil {
			all = append(all, e.model)
		}
	}
	return all
}

// refused returns what is wrong with versions.
func (s *stock) refused() []registry.Refused {
	var all []registry.Refused
	for _, e := range s.entries {
		if e.refused != nil {
			all = append(all, *e.refused)
		}
	}
	return all
}

// wrongPins returns what is wrong with pins, in order: they cannot be read, or lead to nothing.
func (s *stock) wrongPins(pins map[string]int) []registry.Refused {
	var all []registry.Refused
	for _, shelf := range s.shelves {
		for name, err := range shelf.badPins {
			all = append(all, registry.Refused{Name: name, Reason: registry.Unreadable, Why: pinFile + ": " + err.Error()})
		}
	}
	for name, version := range pins {
		e := s.find(name, version)
		if e == nil || e.model == nil && e.refused == nil {
			all = append(all, registry.Refused{
				Name: name, Version: version, Reason: registry.Inconsistent, Why: "it is pinned, and not there; what is live stays",
			})
		}
	}
	slices.SortFunc(all, func(a, b registry.Refused) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Why, b.Why))
	})
	return all
}

// adopt keeps the set's own copies, which are those that requests have.
func (s *stock) adopt(set *registry.Set) {
	for _, e := range s.entries {
		if e.model != nil {
			e.model = set.Version(e.name, e.version)
		}
	}
}
