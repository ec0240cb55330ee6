package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/mirror"
	"github.com/besra-ml/besra/internal/registry"
)

// A stock is the versions that were found, and what became of each. Whoever looks at directories holds looking, and mu
// only while the stock changes: files may be large, and file systems may hang. Whoever holds mu does not wait for looking.
type stock struct {
	looking sync.Mutex
	looks   int // looking is held for it

	mu      sync.Mutex // of all that follows
	shelves []*shelf   // which ones there are does not change
	entries []*entry
	chosen  map[string]int // the live versions that operators chose and no directory pins
	last    order          // what is served
}

// A shelf is a directory of models.
type shelf struct {
	path    string
	pins    map[string]int
	badPins map[string]error
	lost    map[string]bool // pins that were not there at the last look, and count for one more
	written map[string]bool // names that were pinned since a look began: what it saw may be older

	mirror    *mirror.Mirror   // the directory is a copy of something; nil: it is not
	unfetched map[string]error // what there is and was not copied, by <name>/<version> or <name>/live
	stale     map[string]error // of it, versions of which there is an older copy, as they were last told

	told   string            // why it could not be looked at, as it was last logged
	unread map[string]string // the same of names in it
}

// An entry is a version that was found. It has a model while it is served.
type entry struct {
	name    string
	version int
	shelf   *shelf                         // nil: it is a path of its own, which is not watched
	path    string                         // of its own
	read    func() (*bundle.Bundle, error) // what is there

	model    *registry.Model
	refused  *registry.Refused // why it is not served, or why what is in its folder now is not
	unloaded bool              // an operator took it out of service
	away     int               // looks in a row at which it was not in its directory

	digest  string // of what was read, or what was wrong with it
	seen    glance // of what was read
	waiting glance // as it was at the last look: a change may not be whole yet
	judged  glance // of the change that was read
	missed  bool   // it was told that it is gone
	tried   bool
	again   bool // whatever it looks like, it is tried at the next look
}

// An order is what a Set is made of.
type order struct {
	models  []*registry.Model
	pins    map[string]int
	refused []registry.Refused
}

// order returns what is to be served now.
func (s *stock) order() order {
	o := order{models: s.models(), pins: s.pins()}
	o.refused = append(s.refused(), s.wrongPins(o.pins)...)
	return o
}

func (o order) equal(p order) bool {
	return slices.Equal(o.models, p.models) && maps.Equal(o.pins, p.pins) && slices.Equal(o.refused, p.refused)
}

// take opens what paths name: model files, bundles and directories of models. Without any it is the demo.
func (a *App) take(b Backends, paths []string) error {
	if dir := a.config.Models.Dir; dir != "" {
		paths = append(slices.Clone(paths), dir)
	}
	if len(paths) == 0 {
		return a.takeOne("", func() (*bundle.Bundle, error) {
			demo, err := openDemo(b.Demo)
			if err != nil {
				return nil, fmt.Errorf("demo: %w", err)
			}
			return demo, nil
		})
	}
	for _, path := range paths {
		if mirror.IsAddress(path) {
			if err := a.takeRemote(b.Remotes, path); err != nil {
				return err
			}
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.IsDir() && !hasManifest(path) {
			err = a.takeDirectory(&shelf{path: path})
		} else {
			err = a.takeOne(path, func() (*bundle.Bundle, error) { return bundle.Load(path) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// takeOne takes a bundle, or a bare model file, that has a path of its own.
func (a *App) takeOne(path string, read func() (*bundle.Bundle, error)) error {
	b, err := read()
	if err != nil {
		return err
	}
	e := &entry{name: b.Name, version: b.Version, path: path, read: read}
	if a.stock.find(b.Name, b.Version) != nil {
		return fmt.Errorf("model %s@%d is given twice", b.Name, b.Version)
	}
	a.stock.entries = append(a.stock.entries, e)
	return a.fit(e, b)
}

// takeDirectory takes the versions of a directory. Those that are refused stay out, and are told; without one that is
// not, it is an error.
func (a *App) takeDirectory(s *shelf) error {
	if err := a.lookAt(context.Background(), s, false); err != nil {
		return err
	}
	if err := s.unavailable(); err != nil {
		return err
	}
	a.stock.shelves = append(a.stock.shelves, s)
	for name, err := range s.badPins {
		return fmt.Errorf("%s: %w", s.join(name, pinFile), err)
	}
	var refused error
	for _, e := range a.stock.entries {
		switch {
		case e.shelf != s:
		case e.model != nil:
			return nil
		case e.refused != nil:
			refused = fmt.Errorf("%s: %s", s.join(bundlePath(e.name, e.version)), e.refused.Why)
		}
	}
	return cmp.Or(refused, fmt.Errorf("%s: no models: want <name>/<version>/bundle.yaml below it", s))
}

// find returns a version, the one that is served if there are several; nil: there is none.
func (s *stock) find(name string, version int) *entry {
	var found *entry
	for _, e := range s.entries {
		if e.name == name && e.version == version && (found == nil || found.model == nil) {
			found = e
		}
	}
	return found
}

// all returns a version of all directories that have it.
func (s *stock) all(name string, version int) []*entry {
	var all []*entry
	for _, e := range s.entries {
		if e.name == name && e.version == version {
			all = append(all, e)
		}
	}
	return all
}

// pins returns the versions that are pinned, by name: an operator's word, else the directory's.
func (s *stock) pins() map[string]int {
	pins := map[string]int{}
	for _, shelf := range s.shelves {
		maps.Copy(pins, shelf.pins)
	}
	maps.Copy(pins, s.chosen)
	return pins
}

// lookAt looks at a directory: what is new or may have changed is read. With thoroughly, contents are compared even
// where nothing seems to have changed.
func (a *App) lookAt(ctx context.Context, s *shelf, thoroughly bool) error {
	if err := s.fetch(ctx, thoroughly); err != nil {
		return err
	}
	root, err := os.OpenRoot(s.path)
	if err != nil {
		return err
	}
	defer root.Close()
	a.stock.mu.Lock()
	s.written = map[string]bool{}
	a.stock.mu.Unlock()
	l, err := list(root)
	if err != nil {
		return err
	}
	a.addUnfetched(s, l)
	for _, e := range a.found(s, l) {
		if err := ctx.Err(); err != nil {
			return err
		}
		a.lookAtVersion(root, e, thoroughly)
	}
	a.tellUnread(s, l)
	a.stock.mu.Lock()
	defer a.stock.mu.Unlock()
	a.readPins(s, l)
	for _, e := range a.stock.entries {
		if e.shelf == s {
			e.away++
			if slices.Contains(l.versions[e.name], e.version) || l.unread[e.name] != nil {
				e.away = 0
			}
		}
	}
	return nil
}

// found returns the entries of what a directory holds.
func (a *App) found(s *shelf, l *listing) []*entry {
	a.stock.mu.Lock()
	defer a.stock.mu.Unlock()
	var all []*entry
	for _, name := range slices.Sorted(maps.Keys(l.versions)) {
		slices.Sort(l.versions[name])
		for _, version := range l.versions[name] {
			e := a.entryOf(s, name, version)
			e.away = 0
			all = append(all, e)
		}
	}
	return all
}

// tellUnread tells, once, of names whose versions could not be listed.
func (a *App) tellUnread(s *shelf, l *listing) {
	told := map[string]string{}
	for name, err := range l.unread {
		told[name] = stripped(s, err)
		if told[name] != s.unread[name] {
			a.log.Error("versions could not be listed; those that are served stay", "model", name, "why", told[name])
		}
	}
	s.unread = told
}

// readPins takes the pins of a directory. One that cannot be read changes nothing, nor does one that is away for one look:
// it may be on its way.
func (a *App) readPins(s *shelf, l *listing) {
	for name := range l.unread {
		if old, ok := s.pins[name]; ok {
			l.pins[name] = old
		}
	}
	lost := map[string]bool{}
	for name, pin := range s.pins {
		if _, there := l.pins[name]; !there && l.badPins[name] == nil && !s.lost[name] {
			l.pins[name], lost[name] = pin, true
		}
	}
	s.lost = lost
	for name := range s.written {
		l.pins[name] = s.pins[name]
		delete(l.badPins, name)
	}
	for name, err := range l.badPins {
		if old, ok := s.pins[name]; ok {
			l.pins[name] = old
		} else if live := a.live(name); live != nil {
			l.pins[name] = *live // somebody meant to pin something: nothing else goes live meanwhile
		}
		why := stripped(s, err)
		l.badPins[name] = errors.New(why)
		if before := s.badPins[name]; before == nil || before.Error() != why {
			a.log.Error("pin refused; what is live stays", "model", name, "file", s.join(name, pinFile), "why", why)
			a.metrics.Refusals(name).Unreadable.Inc()
		}
	}
	for name, pin := range l.pins {
		if s.pins[name] != pin {
			delete(a.stock.chosen, name) // the last word counts
		}
	}
	s.pins, s.badPins = l.pins, l.badPins
}

// entryOf returns the entry of a version in a directory, a new one if need be.
func (a *App) entryOf(s *shelf, name string, version int) *entry {
	for _, e := range a.stock.entries {
		if e.shelf == s && e.name == name && e.version == version {
			return e
		}
	}
	e := &entry{name: name, version: version, shelf: s}
	e.unloaded = slices.ContainsFunc(a.stock.all(name, version), func(o *entry) bool { return o.unloaded })
	a.stock.entries = append(a.stock.entries, e)
	return e
}

func (a *App) lookAtVersion(root *os.Root, e *entry, thoroughly bool) {
	a.stock.mu.Lock()
	is := *e
	a.stock.mu.Unlock()
	if is.unloaded {
		return
	}
	now, err := glanceAt(root, e.name, e.version)
	switch {
	case is.model != nil:
		if err == nil {
			a.lookAtServed(root, e, now, thoroughly)
		}
	case is.tried && now == is.seen && !is.again && (!thoroughly || !differs(root, is)):
		// It is as it was; one that cannot be looked at now is, too.
	default:
		a.read(root, e, now)
	}
}

// read reads a version of a directory, to serve it.
func (a *App) read(root *os.Root, e *entry, now glance) {
	how := bundle.Read
	if a.function {
		how = bundle.ReadLean // nobody would compare anything: one function sees too little
	}
	b, err := e.readIn(root, how)
	sum := ""
	if err != nil && !mayPass(err) {
		sum, _ = sumVersion(root, e.name, e.version)
	}
	a.stock.mu.Lock()
	defer a.stock.mu.Unlock()
	if e.unloaded {
		return // meanwhile
	}
	e.tried, e.seen = true, now
	if err == nil {
		sum = b.Digest
		err = guarded(func() error { return a.fit(e, b) })
	}
	if err != nil {
		e.digest = sum
		a.refuse(e, err)
	}
}

// readIn reads, by how, and proves a version in its directory.
func (e *entry) readIn(root *os.Root, how func(fs.FS) (*bundle.Bundle, error)) (*bundle.Bundle, error) {
	if err := e.shelf.unfetched[bundlePath(e.name, e.version)]; err != nil {
		return nil, unfetched{err}
	}
	return readVersion(root, e.name, e.version, how)
}

// differs reports whether the files of a version are others than those that were read.
func differs(root *os.Root, e entry) bool {
	sum, ok := sumVersion(root, e.name, e.version)
	return ok && sum != e.digest
}

// lookAtServed looks whether the files of a version that is served are still those that were read: a version does not
// change. A change is judged when it has been the same for two looks, as it may be under way.
func (a *App) lookAtServed(root *os.Root, e *entry, now glance, thoroughly bool) {
	a.stock.mu.Lock()
	settled := now == e.waiting || now == e.seen
	e.waiting = now
	asBefore := now == e.seen && e.refused == nil || now == e.judged
	a.stock.mu.Unlock()
	if !settled || asBefore && !thoroughly {
		return
	}
	sum, ok := sumVersion(root, e.name, e.version)
	a.stock.mu.Lock()
	defer a.stock.mu.Unlock()
	switch {
	case !ok, e.model == nil:
		return // the next look tries again
	case sum == e.digest:
		e.seen, e.refused = now, nil
	default:
		a.refuse(e, errChanged)
	}
	e.judged = now
}

var (
	errChanged = errors.New("its files changed since it was read, and a version does not change; " +
		"what was read stays in service until it is unloaded: give new files a new version")
	errTwice = errors.New("this version is served from another path")
)

// fit makes a model of a bundle that is ready to be served.
func (a *App) fit(e *entry, b *bundle.Bundle) error {
	for _, other := range a.stock.entries {
		if other != e && other.name == e.name && other.version == e.version && other.model != nil {
			return errTwice
		}
	}
	m := registry.NewModel(b, nil, a.metrics)
	if err := warm(m); err != nil {
		a.metrics.Forget(e.name, strconv.Itoa(e.version))
		return err
	}
	a.watchDrift(m, b.Reference)
	e.model, e.digest, e.refused, e.again = m, b.Digest, nil, false
	return nil
}

// refuse tells of a version that stays out, or whose new files do.
func (a *App) refuse(e *entry, err error) {
	why := stripped(e.shelf, err)
	if e.path != "" {
		why = strings.ReplaceAll(why, "open "+e.path+": ", "")
	}
	e.again = mayPass(err)
	a.refuseAs(e, reasonOf(err), why)
}

// refuseAs tells, once for each reason.
func (a *App) refuseAs(e *entry, reason, why string) {
	before := e.refused
	e.refused = &registry.Refused{Name: e.name, Version: e.version, Reason: reason, Why: why}
	if before != nil && before.Reason == reason && (before.Why == why || reason == registry.Incomplete) {
		return // half a copy has another digest at each look
	}
	level := slog.LevelError
	if reason == registry.Incomplete {
		level = slog.LevelWarn // it may be on its way
	}
	a.log.LogAttrs(context.Background(), level, "model refused", slog.String("model", e.name), slog.Int("version", e.version),
		slog.String("reason", reason), slog.String("why", why))
	a.countRefusal(e.name, reason)
}

func reasonOf(err error) string {
	switch {
	case errors.Is(err, bundle.ErrIncomplete), errors.Is(err, bundle.ErrNoBundle), isOnItsWay(err):
		return registry.Incomplete
	case errors.Is(err, bundle.ErrNotProven):
		return registry.Unproven
	case errors.Is(err, errMisplaced), errors.Is(err, errTwice), errors.Is(err, errChanged):
		return registry.Inconsistent
	case errors.Is(err, errPanic):
		return registry.Other
	}
	return registry.Unreadable
}

// mayPass reports whether waiting may be enough: it is half copied, or the file system failed.
func mayPass(err error) bool {
	_, unfetched := errors.AsType[unfetched](err)
	return reasonOf(err) == registry.Incomplete || failed(err) || unfetched
}

func (a *App) countRefusal(model, reason string) {
	r := a.metrics.Refusals(model)
	switch reason {
	case registry.Incomplete:
		r.Incomplete.Inc()
	case registry.Unproven:
		r.Unproven.Inc()
	case registry.Inconsistent:
		r.Inconsistent.Inc()
	case registry.Unreadable:
		r.Unreadable.Inc()
	case registry.NeedsChoice:
		r.NeedsChoice.Inc()
	default:
		r.Other.Inc()
	}
}

// stripped returns an error's text, in one line, without the path of the directory that it was met in.
func stripped(s *shelf, err error) string {
	text := err.Error()
	if s != nil {
		if path, e := filepath.Abs(s.path); e == nil {
			text = strings.ReplaceAll(text, path+string(filepath.Separator), "")
		}
		text = strings.ReplaceAll(text, filepath.Clean(s.path)+string(filepath.Separator), "")
	}
	return strings.ReplaceAll(text, "\n", "; ")
}
