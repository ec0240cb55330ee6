package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/besra-ml/besra/internal/admin"
	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/registry"
)

// Changes that operators make, through the admin listener. Each is made before it returns.

// Versions returns every version that was found, and what became of it.
func (a *App) Versions() []admin.Version {
	a.stock.mu.Lock()
	defer a.stock.mu.Unlock()
	set := a.models.Set()
	waiting := map[string]registry.Refused{}
	for _, r := range set.Refused() {
		if r.Reason == registry.NeedsChoice {
			waiting[bundlePath(r.Name, r.Version)] = r
		}
	}
	var all []admin.Version
	for _, e := range a.stock.entries {
		v := admin.Version{Name: e.name, Version: e.version, State: admin.Refused, Directory: e.shelf != nil, Digest: e.digest}
		if w, ok := waiting[bundlePath(e.name, e.version)]; ok {
			v.Reason, v.Why = w.Reason, w.Why
		}
		if e.refused != nil {
			v.Reason, v.Why = e.refused.Reason, e.refused.Why
		}
		switch {
		case e.unloaded:
			v.State = admin.Unloaded
		case e.model != nil && e.model.Live:
			v.State = admin.Live
		case e.model != nil:
			v.State = admin.Ready
		case e.refused == nil:
			continue // it is being read
		default:
			v.Digest = ""
		}
		v.Proven = e.model != nil && e.model.Proven
		all = append(all, v)
	}
	return all
}

// Use makes a version the live one: at once, and, when it is from a directory, after the next start, too.
func (a *App) Use(ctx context.Context, name string, version int) (admin.Change, error) {
	return a.change(ctx, name, version, func(e *entry) (persisted bool, err error) {
		if e.model == nil {
			return false, absent(e)
		}
		if e.shelf == nil {
			a.stock.choose(name, version)
			a.swap()
			return false, nil
		}
		if err := a.stock.overruled(e); err != nil {
			return false, err
		}
		if m := e.shelf.mirror; m != nil {
			return false, problem.BadRequest.Of("version", fmt.Sprintf(
				"these models are a copy of %s, and are pinned there, for all who serve them: echo %d | aws s3 cp - %s", m, version, e.shelf.join(name, pinFile)))
		}
		if err := WritePin(e.shelf.path, name, version); err != nil {
			return false, errors.New(stripped(e.shelf, err))
		}
		delete(a.stock.chosen, name)
		if e.shelf.pins == nil {
			e.shelf.pins = map[string]int{}
		}
		e.shelf.pins[name] = version
		delete(e.shelf.badPins, name)
		e.shelf.written[name] = true
		a.swap()
		return true, nil
	})
}

// Load takes a version into service again that was unloaded, or tries one again that was refused.
func (a *App) Load(ctx context.Context, name string, version int) (admin.Change, error) {
	a.stock.again(name, version)
	return a.change(ctx, name, version, func(e *entry) (bool, error) { // which has looked, unless it was served
		if e.model == nil && e.shelf == nil {
			a.readAgain(e)
			a.swap()
		}
		if e.model == nil {
			return false, absent(e)
		}
		return false, nil
	})
}

// overruled says that a version's pin would do nothing: that of a later directory counts.
func (s *stock) overruled(e *entry) error {
	for _, later := range s.shelves[slices.Index(s.shelves, e.shelf)+1:] {
		if pin, ok := later.pins[e.name]; ok && pin != e.version {
			return problem.BadRequest.Of("version", fmt.Sprintf(
				"another directory pins %s@%d, and its word counts; make that one's pin another, or remove it", e.name, pin))
		}
	}
	return nil
}

// again has a version that is not served tried as if it had just come.
func (s *stock) again(name string, version int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.find(name, version); e == nil || e.model != nil {
		return
	}
	for _, e := range s.all(name, version) {
		e.unloaded, e.tried, e.refused = false, false, nil
	}
}

// readAgain reads a version that has a path of its own. What is there now may be another. The stock is held before and
// after it.
func (a *App) readAgain(e *entry) {
	a.stock.mu.Unlock() // it may take long
	var b *bundle.Bundle
	err := guarded(func() (err error) {
		if b, err = e.read(); err == nil {
			err = placed(b, e.name, e.version)
		}
		return err
	})
	a.stock.mu.Lock()
	if e.model != nil {
		return // somebody else has
	}
	if err == nil {
		err = guarded(func() error { return a.fit(e, b) })
	}
	if err != nil {
		a.refuse(e, err)
	}
}

// Unload takes a version out of service, until it is loaded or besra starts again. The live one is not.
func (a *App) Unload(ctx context.Context, name string, version int) (admin.Change, error) {
	return a.change(ctx, name, version, func(e *entry) (bool, error) {
		switch {
		case e.unloaded:
			return false, nil
		case e.model != nil && e.model.Live:
			return false, problem.BadRequest.Of("version", fmt.Sprintf("%s is live; make another version live first", e.model))
		}
		for _, e := range a.stock.all(name, version) {
			e.unloaded, e.model, e.refused = true, nil, nil
		}
		a.stock.retry()
		a.swap()
		return false, nil
	})
}

// change makes a change of one version, and tells which version was live before it and is now.
func (a *App) change(ctx context.Context, name string, version int, do func(*entry) (persisted bool, err error)) (admin.Change, error) {
	c := admin.Change{Name: name, Version: version}
	if err := a.isReady(); err != nil {
		return c, problem.NotReady.Of("", err.Error())
	}
	a.stock.mu.Lock()
	defer a.stock.mu.Unlock()
	e := a.stock.find(name, version)
	if e == nil || e.model == nil {
		a.stock.mu.Unlock()
		a.Rescan(ctx)
		a.stock.mu.Lock()
		e = a.stock.find(name, version)
	}
	if e == nil {
		return c, a.unknown(name, version)
	}
	c.Before = a.live(name)
	persisted, err := do(e)
	c.Live, c.Persisted = a.live(name), persisted
	return c, err
}

// live returns the live version of a name; nil: there is none.
func (a *App) live(name string) *int {
	if a.models == nil {
		return nil // it starts
	}
	if m := a.models.Set().Live(name); m != nil {
		return &m.Version
	}
	return nil
}

func (a *App) unknown(name string, version int) error {
	for _, e := range a.stock.entries {
		if e.name == name {
			return problem.NoSuchVersion.Of("version", fmt.Sprintf("%s has no version %d", name, version))
		}
	}
	return problem.NoSuchModel.Of("name", fmt.Sprintf("there is no model %s", name))
}

// absent says why a version is not served.
func absent(e *entry) error {
	switch {
	case e.unloaded:
		return problem.NoSuchVersion.Of("version", fmt.Sprintf("%s@%d is unloaded; load it first", e.name, e.version))
	case e.refused != nil:
		return problem.ModelRefused.Of("version", fmt.Sprintf("%s@%d is refused, %s: %s", e.name, e.version, e.refused.Reason, e.refused.Why))
	}
	return problem.NoSuchVersion.Of("version", fmt.Sprintf("%s@%d is not served", e.name, e.version))
}

// choose makes a version live that no directory can pin.
func (s *stock) choose(name string, version int) {
	if s.chosen == nil {
		s.chosen = map[string]int{}
	}
	s.chosen[name] = version
}
