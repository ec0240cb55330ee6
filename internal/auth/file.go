package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/besra-ml/besra/internal/strictyaml"
)

// A File is a file of keys that is changed here: whole or not at all, and by one process at a time, whatever number of
// them tries.
type File struct {
	Path string
	Now  func() time.Time // nil: time.Now
}

// Whoever uses a File may want to tell these.
var (
	ErrNoSuchKey = errors.New("no such key")
	ErrAmbiguous = errors.New("several keys have this name")
)

// MaxOverlap is the longest that two secrets of a key are good beside one another.
const MaxOverlap = 365 * 24 * time.Hour

// List returns the entries.
func (f *File) List() ([]Entry, error) {
	data, err := strictyaml.ReadFile(f.Path)
	if err != nil {
		return nil, err
	}
	return ParseKeys(f.Path, data)
}

// Create adds an entry, and makes the file if there is none. It gives the entry its id, the time of its creation and,
// unless a certificate proves it, a secret; it returns the key, which is kept nowhere, and the entry.
func (f *File) Create(ctx context.Context, e Entry) (key string, made Entry, err error) {
	if err := e.Check(); err != nil {
		return "", Entry{}, err
	}
	err = f.change(ctx, true, func(all []Entry, now time.Time) ([]Entry, error) {
		if i := slices.IndexFunc(all, func(o Entry) bool { return e.Certificate != "" && o.Certificate == e.Certificate && o.Revoked.IsZero() }); i >= 0 {
			return nil, fmt.Errorf("certificate %.100q is that of key %s already", e.Certificate, all[i].ID)
		}
		made = e
		for made.ID = newID(); slices.ContainsFunc(all, func(o Entry) bool { return o.ID == made.ID }); made.ID = newID() {
		}
		made.Created, made.Secrets = now, nil
		if e.Certificate == "" {
			key = made.addSecret(now)
		}
		return append(all, made), nil
	})
	if err != nil {
		return "", Entry{}, err
	}
	return key, made, nil
}

// Rotate gives the key with that id or name another secret and returns the key with it. The secret that it had is good
// for the overlap yet, and no longer than it was. A key that has two secrets already is refused, until the older of
// them has expired.
func (f *File) Rotate(ctx context.Context, which string, overlap time.Duration) (key string, rotated Entry, err error) {
	if overlap < 0 || overlap > MaxOverlap {
		return "", Entry{}, fmt.Errorf("an overlap of %v: want 0 to %v", overlap, MaxOverlap)
	}
	err = f.changeOne(ctx, which, func(e *Entry, now time.Time) error {
		switch state := e.State(now); {
		case e.Certificate != "":
			return fmt.Errorf("key %s has a certificate, and no secret to change", e.ID)
		case state == IsRevoked:
			return fmt.Errorf("key %s was revoked %s", e.ID, formatTime(e.Revoked))
		case past(e.Expires, now):
			return fmt.Errorf("key %s expired %s: make another", e.ID, formatTime(e.Expires))
		}
		e.Secrets = slices.DeleteFunc(slices.Clone(e.Secrets), func(s Secret) bool { return past(s.Expires, now) })
		if len(e.Secrets) == maxSecrets {
			return fmt.Errorf("key %s has two secrets already, and the older is good until %s", e.ID, soonest(e.Secrets))
		}
		end := now.Add(overlap)
		for i := range e.Secrets {
			if s := &e.Secrets[i]; s.Expires.IsZero() || s.Expires.After(end) {
				s.Expires = end
			}
		}
		key, rotated = e.addSecret(now), *e
		return nil
	})
	if err != nil {
		return "", Entry{}, err
	}
	return key, rotated, nil
}

func soonest(all []Secret) string {
	first := slices.MinFunc(all, func(a, b Secret) int { return cmp.Compare(until(a.Expires), until(b.Expires)) })
	if first.Expires.IsZero() {
		return "further notice"
	}
	return formatTime(first.Expires)
}

// Revoke ends the key with that id or name: a running server refuses it from its next look on. One that was revoked
// before stays so, with its time.
func (f *File) Revoke(ctx context.Context, which string) (revoked Entry, err error) {
	err = f.changeOne(ctx, which, func(e *Entry, now time.Time) error {
		if e.Revoked.IsZero() {
			e.Revoked = now
		}
		revoked = *e
		return nil
	})
	if err != nil {
		return Entry{}, err
	}
	return revoked, nil
}

// addSecret gives the entry a secret, and returns the key with it.
func (e *Entry) addSecret(now time.Time) (key string) {
	secret := newSecret()
	e.Secrets = append(e.Secrets, Secret{SHA256: sumSecret(secret), Created: now})
	return keyPrefix + e.ID + "_" + secret
}

// find returns the entry with that id, or else with that name. A name may be that of several: then the one that is not
// revoked is meant, if it is one. A whole key names its entry, too: who revokes one may have no more than what has leaked.
func find(all []Entry, which string) (*Entry, error) {
	id, _, whole := splitKey(which)
	if whole {
		which = id
	}
	if i := slices.IndexFunc(all, func(e Entry) bool { return e.ID == which }); i >= 0 {
		return &all[i], nil
	}
	var found []*Entry
	for i := range all {
		if all[i].Name == which && !whole {
			found = append(found, &all[i])
		}
	}
	if len(found) > 1 {
		over := func(e *Entry) bool { return !e.Revoked.IsZero() }
		if good := slices.DeleteFunc(slices.Clone(found), over); len(good) > 0 {
			found = good
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("%w %.100q", ErrNoSuchKey, which)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%w, %.100q: say which by its id, such as %s", ErrAmbiguous, which, found[0].ID)
}

func (f *File) changeOne(ctx context.Context, which string, change func(*Entry, time.Time) error) error {
	return f.change(ctx, false, func(all []Entry, now time.Time) ([]Entry, error) {
		e, err := find(all, which)
		if err == nil {
			err = change(e, now)
		}
		return all, err
	})
}

// change reads the file, changes its entries and writes it, while nobody else does. change is given the time in whole
// seconds.
func (f *File) change(ctx context.Context, create bool, change func([]Entry, time.Time) ([]Entry, error)) error {
	path := f.Path
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // a link to it is another name, and no other file
	}
	unlock, err := hold(ctx, path+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	all, err := f.List()
	if err != nil && (!create || !errors.Is(err, fs.ErrNotExist)) {
		return err
	}
	now := time.Now
	if f.Now != nil {
		now = f.Now
	}
	if all, err = change(all, now().UTC().Truncate(time.Second)); err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	data := FormatKeys(all)
	if err := readsBack(f.Path, data, all); err != nil {
		return err
	}
	return replaceFile(path, data)
}

// readsBack makes sure that no server will refuse what is to be written.
func readsBack(path string, data []byte, want []Entry) error {
	if len(data) > strictyaml.MaxSize {
		return fmt.Errorf("%s: would be larger than %d bytes: remove entries that were revoked", path, strictyaml.MaxSize)
	}
	got, err := ParseKeys(path, data)
	if err != nil {
		return err
	}
	if string(FormatKeys(got)) != string(data) || len(got) != len(want) {
		return fmt.Errorf("%s: would read back as other entries", path)
	}
	return nil
}
