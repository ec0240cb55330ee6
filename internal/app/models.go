package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/nearest"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
)

// load reads the models to serve, and into pins the versions that directories pin.
func (a *App) load(demo fs.FS, paths []string, pins map[string]int) ([]*registry.Model, error) {
	policies, err := a.policies()
	if err != nil {
		return nil, err
	}
	if dir := a.config.Models.Dir; dir != "" {
		paths = append(paths, dir)
	}
	var bundles []*bundle.Bundle
	for _, p := range paths {
		found, err := a.open(p, pins)
		if err != nil {
			return nil, err
		}
		bundles = append(bundles, found...)
	}
	if len(paths) == 0 {
		b, err := openDemo(demo)
		if err != nil {
			return nil, fmt.Errorf("demo: %w", err)
		}
		bundles = append(bundles, b)
	}
	a.checkPolicies(policies, bundles)
	var models []*registry.Model
	for _, b := range bundles {
		models = append(models, registry.NewModel(b, policies[b.Name], a.metrics))
	}
	return models, nil
}

// checkPolicies warns of policies that decide nothing: a model's name may be mistyped there.
func (a *App) checkPolicies(policies policy.Set, bundles []*bundle.Bundle) {
	var names []string
	for _, b := range bundles {
		names = append(names, b.Name)
	}
	for name := range policies {
		if !slices.Contains(names, name) {
			a.log.Warn("a policy for a model that is not served", "model", name, "nearest", nearest.Name(name, names))
		}
	}
}

func (a *App) policies() (policy.Set, error) {
	if a.config.Policy == "" {
		return nil, nil
	}
	var set policy.Set
	var err error
	a.watcher, set, err = policy.NewWatcher(a.config.Policy, a.config.Models.Poll, a.log, a.decideBy)
	if err == nil {
		_, refused := a.metrics.PolicyReloads()
		a.watcher.OnRefused = refused.Inc
	}
	return set, err
}

// decideBy makes a changed set of policies decide from now on.
func (a *App) decideBy(set policy.Set) error {
	taken, _ := a.metrics.PolicyReloads()
	for _, m := range a.models.Models() {
		before := m.Policy()
		m.SetPolicy(set[m.Name])
		if after := m.Policy(); after != before {
			a.log.Info("policy", "model", m.Name, "version", m.Version, "before", describe(before), "now", describe(after))
		}
	}
	taken.Inc()
	a.checkLists()
	return nil
}

// checkLists warns of lists that decide nothing: an entity's field may be mistyped there.
func (a *App) checkLists() {
	for _, m := range a.models.Models() {
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

// open reads what is at path: a model file, a bundle, or a directory of models.
func (a *App) open(path string, pins map[string]int) ([]*bundle.Bundle, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() && !hasManifest(path) {
		return a.openAll(path, pins)
	}
	b, err := bundle.Load(path)
	if err != nil {
		return nil, err
	}
	return []*bundle.Bundle{b}, nil
}

// hasManifest tells a bundle from a directory of models.
func hasManifest(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "bundle.yaml"))
	return err == nil
}

func openDemo(demo fs.FS) (*bundle.Bundle, error) {
	b, err := bundle.Read(demo)
	if err != nil {
		return nil, err
	}
	_, err = b.Prove()
	return b, err
}

// openAll reads a directory of models, <name>/<version>/. A version that is refused stays out, and is
// told; a name without a version that is not is an error.
func (a *App) openAll(dir string, pins map[string]int) ([]*bundle.Bundle, error) {
	var bundles []*bundle.Bundle
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if !n.IsDir() {
			continue // neither files nor symlinks are models
		}
		found, err := a.openVersions(filepath.Join(dir, n.Name()))
		if err != nil {
			return nil, err
		}
		if err := readPin(filepath.Join(dir, n.Name()), pins); err != nil {
			return nil, err
		}
		bundles = append(bundles, found...)
	}
	if len(bundles) == 0 {
		return nil, fmt.Errorf("%s: no models: want <name>/<version>/bundle.yaml below it", dir)
	}
	return bundles, nil
}

// readPin reads the version that <name>/live pins, if it does.
func readPin(dir string, pins map[string]int) error {
	path := filepath.Join(dir, "live")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(data[:min(len(data), 32)])))
	if err != nil || version < 1 {
		return fmt.Errorf("%s: want the number of a version", path)
	}
	pins[filepath.Base(dir)] = version
	return nil
}

func (a *App) openVersions(dir string) ([]*bundle.Bundle, error) {
	versions, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var bundles []*bundle.Bundle
	var refused error
	for _, v := range versions {
		if _, err := strconv.ParseUint(v.Name(), 10, 31); err != nil || !v.IsDir() {
			continue
		}
		b, err := bundle.Load(filepath.Join(dir, v.Name()))
		if err == nil && (b.Name != filepath.Base(dir) || strconv.Itoa(b.Version) != v.Name()) {
			err = fmt.Errorf("%s: %w: holds %s version %d", filepath.Join(dir, v.Name()), errMisplaced, b.Name, b.Version)
		}
		if err != nil {
			a.refuse(filepath.Base(dir), err)
			refused = err // the log has them all
			continue
		}
		bundles = append(bundles, b)
	}
	if len(bundles) == 0 && refused != nil {
		return nil, refused
	}
	return bundles, nil
}

var errMisplaced = errors.New("is not where its manifest says")

// refuse tells of a version of a model that stays out.
func (a *App) refuse(model string, err error) {
	a.log.Error("model refused", "model", model, "why", err)
	r := a.metrics.Refusals(model)
	switch {
	case errors.Is(err, bundle.ErrIncomplete):
		r.Incomplete.Inc()
	case errors.Is(err, bundle.ErrNotProven):
		r.Unproven.Inc()
	case errors.Is(err, errMisplaced):
		r.Inconsistent.Inc()
	default:
		r.Unreadable.Inc()
	}
}
