package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/telemetry"
)

// Remembered is what a service that is not running remembers.
type Remembered struct{ a *App }

// OpenRemembered reads what is in state.dir, for the models that paths name as New takes them.
func OpenRemembered(ctx context.Context, c Config, b Backends, paths []string, log *slog.Logger) (*Remembered, error) {
	if c.State.Dir == "" && c.Valkey.Address == "" {
		return nil, errors.New("say where the state is: --state-dir DIR, or --valkey-address HOST:PORT")
	}
	if c.State.Dir != "" {
		if _, err := os.Stat(filepath.Join(c.State.Dir, journalDir)); err != nil {
			return nil, fmt.Errorf("state.dir %s: nothing is remembered there: %w", c.State.Dir, err)
		}
		if c.Valkey.Address == "" {
			useKey(&c)
		}
	}
	a, err := assemble(&App{config: c, log: log, metrics: telemetry.New(b.Build), foreign: true}, b, paths)
	if err != nil {
		return nil, err
	}
	if err := a.recover(ctx); err != nil {
		return nil, errors.Join(err, a.history.Close(), a.closeMirrors())
	}
	return &Remembered{a}, nil
}

// History returns all that is remembered.
func (r *Remembered) History() *history.History { return r.a.history }

// Subjects returns an entity in the streams of a tenant, of all models whose events have the field.
func (r *Remembered) Subjects(tenant, field, value string) ([]history.Subject, error) {
	var all []history.Subject
	for _, name := range r.a.models.Names() {
		p := r.a.models.Plan(name)
		if p == nil {
			continue
		}
		if i := p.Field(field); i >= 0 && p.Fields[i].Type == feature.Entity {
			all = append(all, history.Subject{
				Stream: history.Stream{Tenant: tenant, Model: name, Plan: p}, Field: field,
				Hash: feature.Hash(r.a.hasher.Hash(field, []byte(value))),
			})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no model has events with an entity %q", field)
	}
	return all, nil
}

// Close lets go of state.dir, and of the shared store.
func (r *Remembered) Close() error {
	err := errors.Join(r.a.history.Close(), r.a.closeMirrors())
	if r.a.shared != nil {
		r.a.shared.Close()
	}
	return err
}

// useKey has the key read where a service made it. A key made now would match nothing.
func useKey(c *Config) {
	if c.State.EntityKeyFile == "" && c.State.EntityKey == "" {
		c.State.EntityKeyFile = filepath.Join(c.State.Dir, keyFile)
	}
}

// EntityHash returns the hash of an entity, by the key that the settings name or state.dir has.
func EntityHash(c Config, field, value string) (entity.Hash, error) {
	if c.State.EntityKeyFile == "" && c.State.EntityKey == "" && c.State.Dir == "" {
		return entity.Hash{}, errors.New("hashes have a key: say where it is, --state-entity-key-file FILE or --state-dir DIR")
	}
	useKey(&c)
	h, err := (&App{config: c}).newHasher()
	if err != nil {
		return entity.Hash{}, err
	}
	return h.Hash(field, []byte(value)), nil
}
