// Package mirror keeps copies, on this machine, of models that are kept elsewhere, so that whoever serves a directory of
// models need not know where they come from.
//
// A [Source] lists objects and fetches them. A [Mirror] has what is below one address of it in a folder: a directory of
// models (<name>/<version>/… and <name>/live), a single bundle, or a single object. A look lists, fetches the versions
// that are new or changed, each to a temporary name, and renames it when it is whole; what has left the source leaves the
// copy. Nothing of a version is there while some of it is missing for want of network or disk; whether what was put into
// the source is whole and right is for the reader's own proof to say, as with every directory.
package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/besra-ml/besra/internal/telemetry"
)

// Options is what a [Mirror] is made of.
type Options struct {
	Source  Source
	Key     string            // of an object, or what others' keys begin with before a slash; "": all that there is
	Dir     string            // where copies are made and kept; "": among the system's temporary files, while the mirror is open
	Check   func(fs.FS) error // says whether the files of a bundle are those that its manifest lists
	Metrics *telemetry.Mirror
	Log     *slog.Logger
}

// A Mirror is a copy of what is below an address.
type Mirror struct {
	o      Options
	room   *room
	folder string // of the room

	looking sync.Mutex // of what follows
	listed  []Object   // when it was found out what this is; nil: they were used
	last    error      // of a look
	strange string     // as it was last told

	mu     sync.Mutex
	has    map[string]*record // by path in the folder
	pins   map[string]string  // ETags, by name
	failed map[string]error   // by path
}

// Open finds out what is at an address, with a request or two, and makes a place for its copy. Nothing is fetched yet.
func Open(ctx context.Context, o Options) (*Mirror, error) {
	m := &Mirror{o: o, has: map[string]*record{}, pins: map[string]string{}, failed: map[string]error{}}
	if err := m.find(ctx); err != nil {
		return nil, err
	}
	var err error
	if m.room, err = takeRoom(o.Dir, o.Source.Identity()+"/"+o.Key); err != nil {
		return nil, err
	}
	if err := m.restore(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// find finds out whether the key is that of an object or the beginning of others. What looks like a file's name is asked
// for as an object first, so that one that is alone needs no right to list.
func (m *Mirror) find(ctx context.Context) error {
	one, other := m.findList, m.findObject
	if path.Ext(m.o.Key) != "" {
		one, other = other, one
	}
	err := one(ctx)
	absent := errors.Is(err, fs.ErrNotExist)
	if err == nil || !absent && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	switch e := other(ctx); {
	case e == nil:
		return nil
	case absent && errors.Is(e, fs.ErrNotExist):
		return fmt.Errorf("%s: nothing is there: %w", m, fs.ErrNotExist)
	case absent:
		return e
	}
	return err
}

func (m *Mirror) findList(ctx context.Context) error {
	all, err := m.o.Source.List(ctx, m.prefix(), maxObjects)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fs.ErrNotExist
	}
	m.listed, m.folder = all, modelsFolder
	if slices.ContainsFunc(all, func(o Object) bool { return o.Key == m.prefix()+manifestFile }) {
		m.folder = bundleFolder
	}
	return nil
}

func (m *Mirror) findObject(ctx context.Context) error {
	if m.o.Key == "" {
		return fs.ErrNotExist
	}
	o, err := m.o.Source.Stat(ctx, m.o.Key)
	if err != nil {
		return err
	}
	m.listed, m.folder = []Object{o}, objectFolder
	return nil
}

// prefix returns what the keys of all objects begin with.
func (m *Mirror) prefix() string {
	if m.o.Key == "" {
		return ""
	}
	return m.o.Key + "/"
}

// String returns the address.
func (m *Mirror) String() string { return strings.TrimSuffix(m.o.Source.String()+"/"+m.o.Key, "/") }

// at names a folder for people.
func (m *Mirror) at(f *folder) string {
	if !m.Models() {
		return m.String()
	}
	return m.String() + "/" + f.path
}

// Models reports whether this is a directory of models.
func (m *Mirror) Models() bool { return m.folder == modelsFolder }

// Path returns where the copy is: a directory of models, a bundle, or a file of the object's own name.
func (m *Mirror) Path() string {
	switch m.folder {
	case objectFolder:
		return m.room.path(path.Join(objectFolder, only, path.Base(m.o.Key)))
	case bundleFolder:
		return m.room.path(path.Join(bundleFolder, only))
	}
	return m.room.path(modelsFolder)
}

// Failed returns what could not be fetched at the last look, and why: versions as <name>/<version>, and pins as
// <name>/live. An error stays the same value as long as it says the same.
func (m *Mirror) Failed() map[string]error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.failed)
}

// Named returns an error that names the address where it named the copy.
func (m *Mirror) Named(err error) error {
	if err == nil {
		return nil
	}
	return &named{err, strings.ReplaceAll(err.Error(), m.Path(), m.String())}
}

type named struct {
	error
	text string
}

func (n *named) Error() string { return n.text }
func (n *named) Unwrap() error { return n.error }

// Close lets go of the copy, which is removed unless Options.Dir names a place for it.
func (m *Mirror) Close() error {
	m.o.Source.Close()
	return m.room.leave()
}

// Look brings the copy up to date. An error says that the source could not be listed, or, of a single bundle or object,
// not fetched; the copy is as it was then. With thoroughly, versions that are not what their manifests list are fetched
// once more: the fault may have been on the way.
func (m *Mirror) Look(ctx context.Context, thoroughly bool) error {
	m.looking.Lock()
	defer m.looking.Unlock()
	t, err := m.tree(ctx)
	if err != nil {
		m.o.Metrics.Failed.Inc()
		m.last = same(m.last, err)
		return m.last
	}
	m.last = nil
	failed := m.update(ctx, t, thoroughly)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	m.o.Metrics.Looked.Inc()
	m.o.Metrics.Failures.Add(uint64(len(failed)))
	m.mu.Lock()
	defer m.mu.Unlock()
	for at, err := range failed {
		failed[at] = same(m.failed[at], err)
	}
	m.failed = failed
	if !m.Models() {
		for _, err := range failed {
			return err
		}
	}
	return nil
}

// tree returns what is to be copied.
func (m *Mirror) tree(ctx context.Context) (*tree, error) {
	all := m.listed
	m.listed = nil
	if all == nil {
		var err error
		if m.folder == objectFolder {
			var o Object
			o, err = m.o.Source.Stat(ctx, m.o.Key)
			all = []Object{o}
		} else {
			all, err = m.o.Source.List(ctx, m.prefix(), maxObjects)
		}
		if err != nil {
			return nil, err
		}
	}
	switch m.folder {
	case objectFolder:
		return folderOf(all, strings.TrimSuffix(m.o.Key, path.Base(m.o.Key)), false), nil
	case bundleFolder:
		return folderOf(all, m.prefix(), true), nil
	}
	t, err := modelsOf(all, m.prefix())
	if err == nil {
		m.tellStrange(t)
	}
	return t, err
}

// tellStrange tells, once, of keys that cannot be paths.
func (m *Mirror) tellStrange(t *tree) {
	first := ""
	if len(t.strange) > 0 {
		first = slices.Min(t.strange)
	}
	if first != "" && first != m.strange {
		m.o.Log.Warn("keys that cannot be paths are left out", "address", m.String(), "keys", len(t.strange), "first", fmt.Sprintf("%.200q", first))
	}
	m.strange = first
}

// same returns the error that was told before, if the new one says the same but for the number of its request.
func same(before, now error) error {
	if before != nil && now != nil && said(before) == said(now) {
		return before
	}
	return now
}

func said(err error) string {
	text := err.Error()
	var numbered interface{ RequestID() string }
	if errors.As(err, &numbered) && numbered.RequestID() != "" {
		text = strings.ReplaceAll(text, numbered.RequestID(), "")
	}
	return text
}
