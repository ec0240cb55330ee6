package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/mirror"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A Remote opens a bucket of models, which is not on this machine.
type Remote func(bucket string, m *telemetry.Mirror) (mirror.Source, error)

// openMirror makes a place for a copy of what is at an address.
func openMirror(ctx context.Context, c ModelsConfig, kinds map[string]Remote, text string, m *telemetry.Mirror, log *slog.Logger) (*mirror.Mirror, error) {
	at, err := mirror.ParseAddress(text)
	if err != nil {
		return nil, err
	}
	kind := kinds[at.Scheme]
	switch {
	case kind == nil && len(kinds) == 0:
		return nil, fmt.Errorf("%s: this binary reads models from this machine alone", text)
	case kind == nil:
		return nil, fmt.Errorf("%s: this binary reads no models from %s; it knows %s", text, at.Scheme, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	}
	source, err := kind(at.Bucket, m)
	if err != nil {
		return nil, err
	}
	opened, err := mirror.Open(ctx, mirror.Options{Source: source, Key: at.Key, Dir: c.Cache, Check: whole, Metrics: m, Log: log})
	if err != nil {
		source.Close()
		return nil, err
	}
	return opened, nil
}

func whole(files fs.FS) error {
	_, err := bundle.Digest(files)
	return err
}

// takeRemote takes what is at an address: a directory of models, which is watched, or a bundle or model file.
func (a *App) takeRemote(kinds map[string]Remote, text string) error {
	m, err := openMirror(context.Background(), a.config.Models, kinds, text, &a.metrics.Mirror, a.log)
	if err != nil {
		return err
	}
	a.mirrors = append(a.mirrors, m)
	if m.Models() {
		return m.Named(a.takeDirectory(&shelf{path: m.Path(), mirror: m}))
	}
	return a.takeOne(m.String(), func() (*bundle.Bundle, error) { return load(context.Background(), m) })
}

// load fetches a bundle, or a model file, and reads it.
func load(ctx context.Context, m *mirror.Mirror) (*bundle.Bundle, error) {
	if err := m.Look(ctx, false); err != nil {
		return nil, err
	}
	b, err := bundle.Load(m.Path())
	return b, m.Named(err)
}

// closeMirrors lets go of the copies.
func (a *App) closeMirrors() error {
	var err error
	for _, m := range a.mirrors {
		err = errors.Join(err, m.Close())
	}
	a.mirrors = nil
	return err
}

// String names the directory for people.
func (s *shelf) String() string {
	if s.mirror != nil {
		return s.mirror.String()
	}
	return s.path
}

// join names a file of the directory for people.
func (s *shelf) join(parts ...string) string {
	if s.mirror == nil {
		return filepath.Join(append([]string{s.path}, parts...)...)
	}
	return strings.Join(append([]string{s.String()}, parts...), "/")
}

// fetch brings a copy up to date, if the directory is one.
func (s *shelf) fetch(ctx context.Context, thoroughly bool) error {
	if s.mirror == nil {
		return nil
	}
	err := s.mirror.Look(ctx, thoroughly)
	s.unfetched = s.mirror.Failed()
	return err
}

// unfetched is why there is no copy of a version.
type unfetched struct{ error }

func (u unfetched) Unwrap() error { return u.error }

// isOnItsWay reports whether what there was of a version changed while it was fetched: somebody writes to it.
func isOnItsWay(err error) bool {
	u, ok := errors.AsType[unfetched](err)
	return ok && (errors.Is(u, mirror.ErrChanged) || errors.Is(u, fs.ErrNotExist))
}

// addUnfetched adds to a listing what is there, and could not be fetched. Where there is a copy of what was there before,
// the copy stays, and that it is old is told once.
func (a *App) addUnfetched(s *shelf, l *listing) {
	stale := map[string]error{}
	for at, err := range s.unfetched {
		name, last, _ := strings.Cut(at, "/")
		version, ok := parseVersion(last)
		switch {
		case last == pinFile:
			delete(l.pins, name)
			l.badPins[name] = err
		case ok && !slices.Contains(l.versions[name], version):
			l.versions[name] = append(l.versions[name], version)
		case ok:
			stale[at] = err
			if !errors.Is(err, s.stale[at]) {
				a.log.Error("a version changed, and what it is now could not be fetched; the copy stays",
					"model", name, "version", version, "why", stripped(s, err))
			}
		}
	}
	s.stale = stale
}

// unavailable returns why something could not be fetched that might be there in a moment: at a start that is an error, as
// the next one may have it, and would serve something else.
func (s *shelf) unavailable() error {
	for _, at := range slices.Sorted(maps.Keys(s.unfetched)) {
		if err := s.unfetched[at]; errors.Is(err, mirror.ErrUnavailable) {
			return err
		}
	}
	return nil
}

// A Copy is what an address has, on this machine.
type Copy struct {
	Path   string
	mirror *mirror.Mirror
}

// Fetch copies the bundle or the model file at an address, among the system's temporary files, until the copy is closed.
func Fetch(ctx context.Context, b Backends, address string, log *slog.Logger) (*Copy, error) {
	m, err := openMirror(ctx, ModelsConfig{}, b.Remotes, address, &telemetry.New(b.Build).Mirror, log)
	if err != nil {
		return nil, err
	}
	if m.Models() {
		err = fmt.Errorf("%s: is neither a bundle nor a model file: want one of those below it", address)
	} else {
		err = m.Look(ctx, false)
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return &Copy{m.Path(), m}, nil
}

// Named returns an error that names the address where it named the copy.
func (c *Copy) Named(err error) error { return c.mirror.Named(err) }

// Close removes the copy.
func (c *Copy) Close() error { return c.mirror.Close() }
