package mirror

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"sync"
)

const (
	foldersAtOnce = 4  // that are fetched
	filesAtOnce   = 16 // the source may have fewer in flight
)

// update makes the copy what a tree says, and returns what could not be had.
func (m *Mirror) update(ctx context.Context, t *tree, thoroughly bool) (failed map[string]error) {
	failed = map[string]error{}
	var mu sync.Mutex
	fail := func(at string, err error) {
		mu.Lock()
		defer mu.Unlock()
		failed[at] = err
	}
	m.remove(t)
	var team sync.WaitGroup
	folders, files := make(chan struct{}, foldersAtOnce), make(chan struct{}, filesAtOnce)
	for _, at := range slices.Sorted(maps.Keys(t.folders)) {
		f := t.folders[at]
		if f.err != nil {
			fail(at, f.err)
			continue
		}
		anew := thoroughly && m.doubtful(f)
		if !anew && m.record(at).of(f.files) {
			continue
		}
		folders <- struct{}{}
		team.Go(func() {
			defer func() { <-folders }()
			if err := m.bring(ctx, f, anew, files); err != nil {
				fail(at, err)
			}
		})
	}
	for _, name := range slices.Sorted(maps.Keys(t.pins)) {
		if m.pin(name) == t.pins[name].ETag {
			continue
		}
		team.Go(func() {
			files <- struct{}{}
			defer func() { <-files }()
			if err := m.bringPin(ctx, name, t.pins[name]); err != nil {
				fail(path.Join(name, pinFile), err)
			}
		})
	}
	team.Wait()
	m.bringAgain(ctx, t, failed, files)
	return failed
}

// bringAgain tries again what found no room, pins first and then versions from the smallest on: another may have had the
// room for a while, and have given it back as it did not fit.
func (m *Mirror) bringAgain(ctx context.Context, t *tree, failed map[string]error, files chan struct{}) {
	var full []*folder
	for at, err := range failed {
		if !errors.Is(err, ErrNoRoom) {
			continue
		}
		if f := t.folders[at]; f != nil {
			full = append(full, f)
		} else if name := path.Dir(at); m.bringPin(ctx, name, t.pins[name]) == nil {
			delete(failed, at)
		}
	}
	if len(full) < 2 {
		return // nobody was in the way
	}
	slices.SortFunc(full, func(a, b *folder) int { return cmp.Or(cmp.Compare(a.size(), b.size()), cmp.Compare(a.path, b.path)) })
	for _, f := range full {
		if err := m.bring(ctx, f, false, files); err != nil {
			failed[f.path] = err
			return // the others are larger
		}
		delete(failed, f.path)
	}
}

func (m *Mirror) record(at string) *record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.has[at]
}

func (m *Mirror) pin(name string) (etag string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pins[name]
}

// doubtful reports whether a version that is copied is not what its manifest lists, and has not been fetched twice.
func (m *Mirror) doubtful(f *folder) bool {
	is := m.record(f.path)
	if m.o.Check == nil || !is.of(f.files) || is.twice || len(f.files) == 0 {
		return false
	}
	in, err := m.room.OpenRoot(path.Join(m.folder, f.path))
	if err != nil {
		return true
	}
	defer in.Close()
	return m.o.Check(in.FS()) != nil
}

// remove removes what the source does not have any more. What cannot be removed is tried again at the next look.
func (m *Mirror) remove(t *tree) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for at := range m.has {
		if t.folders[at] == nil && m.room.RemoveAll(path.Join(m.folder, at)) == nil {
			_ = m.room.Remove(path.Join(m.folder, path.Dir(at))) // when nothing is left in it
			delete(m.has, at)
		}
	}
	for name := range m.pins {
		if _, ok := t.pins[name]; !ok && m.room.Remove(path.Join(m.folder, name, pinFile)) == nil {
			_ = m.room.Remove(path.Join(m.folder, name))
			delete(m.pins, name)
		}
	}
}

// bring copies a folder: to a temporary name, and into its place when it is whole.
func (m *Mirror) bring(ctx context.Context, f *folder, anew bool, files chan struct{}) (err error) {
	tmp := path.Join(tmpFolder, rand.Text())
	if err := m.room.Mkdir(tmp, 0o700); err != nil {
		return onDisk(err)
	}
	defer func() {
		if err != nil {
			_ = m.room.RemoveAll(tmp)
		}
	}()
	before := m.record(f.path)
	if anew {
		before = nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	is := &record{Files: map[string]recorded{}, twice: anew}
	var mu sync.Mutex
	var team sync.WaitGroup
	for name, o := range f.files {
		if ctx.Err() != nil {
			break
		}
		files <- struct{}{}
		team.Go(func() {
			defer func() { <-files }()
			sum, err := m.bringFile(ctx, f.path, tmp, name, o, before)
			if err != nil {
				cancel(err) // the first counts; the others end by it
				return
			}
			mu.Lock()
			defer mu.Unlock()
			is.Files[name] = recorded{Key: o.Key, Size: o.Size, ETag: o.ETag, SHA256: sum}
		})
	}
	team.Wait()
	if err := context.Cause(ctx); err != nil {
		if full, ok := errors.AsType[*diskError](err); ok { // which file it was is chance
			return fmt.Errorf("%s, %d bytes: %w", m.at(f), f.size(), full)
		}
		return err
	}
	if err := is.write(m.room.Root, tmp); err != nil {
		return onDisk(err)
	}
	if err := m.place(tmp, path.Join(m.folder, f.path)); err != nil {
		return onDisk(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.has[f.path] = is
	return nil
}

// bringFile copies a file, or takes that of the copy which is to be replaced, if it is the same.
func (m *Mirror) bringFile(ctx context.Context, folder, tmp, name string, o Object, before *record) (sum string, err error) {
	to := path.Join(tmp, name)
	if err := m.room.MkdirAll(path.Dir(to), 0o700); err != nil {
		return "", onDisk(err)
	}
	if before.has(name, o) && m.room.Link(path.Join(m.folder, folder, name), to) == nil {
		return before.Files[name].SHA256, nil
	}
	if err := m.fetch(ctx, o, to); err != nil {
		return "", err
	}
	sum, err = sumOf(m.room.Root, to)
	return sum, onDisk(err)
}

func (m *Mirror) fetch(ctx context.Context, o Object, to string) error {
	f, err := m.room.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return onDisk(err)
	}
	if o.Size > 0 {
		err = m.o.Source.Fetch(ctx, o, copied{f})
	}
	return errors.Join(err, onDisk(f.Close()))
}

// place puts a folder where another may be.
func (m *Mirror) place(tmp, at string) error {
	if err := m.room.MkdirAll(path.Dir(at), 0o700); err != nil {
		return err
	}
	old := tmp + ".old"
	if err := m.room.Rename(at, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := m.room.Rename(tmp, at); err != nil {
		return errors.Join(err, m.room.Rename(old, at))
	}
	_ = m.room.RemoveAll(old) // what stays is removed at the next start
	return nil
}

var errPin = errors.New("want the number of a version")

// bringPin copies a pin, which is a small file.
func (m *Mirror) bringPin(ctx context.Context, name string, o Object) error {
	if o.Size > maxPin {
		return errPin
	}
	if err := m.room.MkdirAll(path.Join(m.folder, name), 0o700); err != nil {
		return onDisk(err)
	}
	tmp := path.Join(tmpFolder, rand.Text())
	err := m.fetch(ctx, o, tmp)
	if err == nil {
		err = onDisk(m.room.Rename(tmp, path.Join(m.folder, name, pinFile)))
	}
	if err != nil {
		_ = m.room.Remove(tmp)
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pins[name] = o.ETag
	return nil
}

// restore takes over what the last process has left in the room and is still a copy of something; the rest is removed.
// Pins are asked for anew.
func (m *Mirror) restore() error {
	for _, folder := range []string{modelsFolder, bundleFolder, objectFolder} {
		if folder != m.folder {
			if err := errors.Join(m.room.RemoveAll(folder), m.room.MkdirAll(folder, 0o700)); err != nil {
				return err
			}
		}
	}
	if m.folder != modelsFolder {
		return m.restoreFolder(only)
	}
	names, err := fs.ReadDir(m.room.FS(), m.folder)
	if err != nil {
		return err
	}
	for _, name := range names {
		inner := path.Join(m.folder, name.Name())
		versions, err := fs.ReadDir(m.room.FS(), inner)
		if err != nil {
			err = m.room.RemoveAll(inner)
		}
		for _, v := range versions {
			err = errors.Join(err, m.restoreFolder(path.Join(name.Name(), v.Name())))
		}
		_ = m.room.Remove(inner) // when nothing is left in it
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Mirror) restoreFolder(at string) error {
	is, err := readRecord(m.room.Root, path.Join(m.folder, at))
	if err != nil {
		return m.room.RemoveAll(path.Join(m.folder, at))
	}
	m.has[at] = is
	return nil
}

// copied is a file of the copy, whose errors are those of the disk.
type copied struct{ f *os.File }

func (c copied) WriteAt(p []byte, at int64) (int, error) {
	n, err := c.f.WriteAt(p, at)
	return n, onDisk(err)
}

// A diskError is about the copy.
type diskError struct{ error }

func (e *diskError) Error() string {
	return fmt.Sprintf("%v: %v (models.cache names a place for copies)", ErrNoRoom, e.error)
}
func (e *diskError) Unwrap() []error { return []error{ErrNoRoom, e.error} }

// onDisk says that an error is about the copy, without its path, which is another each time.
func onDisk(err error) error {
	if err == nil {
		return nil
	}
	for {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		} else if e, ok := errors.AsType[*os.LinkError](err); ok {
			err = e.Err
		} else {
			return &diskError{err}
		}
	}
}
