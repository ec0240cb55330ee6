package policy

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// A Watcher keeps the policies of a file that is given apart from bundles up to date. It looks at the file,
// and at the lists that it names, from time to time: at their contents when a size, a time or a file has
// changed, and at every tenth look regardless.
//
// What is wrong with a change is logged once and the policies stay as they were; the next look tries again, as
// the file may have been half written.
type Watcher struct {
	OnRefused func() // called once for what is wrong with a change; may be nil

	path  string
	every time.Duration
	log   *slog.Logger
	apply func(Set) error

	current reading
	looks   int
	again   bool   // read at the next look, whatever the files look like
	refused string // why, as it was last logged; "": the current policies are the file's
}

// regardless is at which looks the contents are read although nothing seems to have changed.
const regardless = 10

// NewWatcher reads the policies of the file at path and returns them with a watcher that, once it runs, calls
// apply with what the file and its lists have become. It looks every so often. When apply returns an error the
// change is refused.
func NewWatcher(path string, every time.Duration, log *slog.Logger, apply func(Set) error) (*Watcher, Set, error) {
	if every <= 0 {
		return nil, nil, fmt.Errorf("%s: cannot be watched every %v", path, every)
	}
	w := &Watcher{path: path, every: every, log: log, apply: apply}
	var err error
	for range 3 {
		if w.current, err = gather(path); !errors.Is(err, errBusy) {
			break
		}
	}
	if err != nil {
		return nil, nil, err
	}
	return w, w.current.set, nil
}

// Run looks until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.Poll()
		}
	}
}

// Poll looks once. It is called by Run, or in its place; not by several goroutines at a time.
func (w *Watcher) Poll() {
	w.looks++
	if !w.again && !w.changed(w.looks%regardless == 0) {
		return
	}
	w.again = true
	next, err := gather(w.path)
	if err == nil && next.digest != w.current.digest {
		err = w.apply(next.set)
	}
	switch {
	case errors.Is(err, errBusy):
		return
	case err != nil:
		if why := err.Error(); why != w.refused {
			w.refused = why
			if w.OnRefused != nil {
				w.OnRefused()
			}
			w.log.Error("policies refused; those before stay", "file", w.path, "why", err)
		}
		return
	}
	if next.digest != w.current.digest {
		w.log.Info("policies changed", "file", w.path, "policies", next.set.versions())
	}
	w.current, w.again, w.refused = next, false, ""
}

// changed reports whether the files may have other contents than they had.
func (w *Watcher) changed(thoroughly bool) bool {
	for _, f := range w.current.files {
		if f.changed() {
			return true
		}
	}
	if !thoroughly {
		return false
	}
	sum := sha256.New()
	for _, f := range w.current.files {
		if err := f.sum(sum); err != nil {
			return true // reading it for good will tell
		}
	}
	return [sha256.Size]byte(sum.Sum(nil)) != w.current.digest
}

func (s Set) versions() []string {
	var all []string
	for _, model := range s.models() {
		all = append(all, model+": "+s[model].Version)
	}
	return all
}
