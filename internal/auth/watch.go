package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/besra-ml/besra/internal/strictyaml"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A Watcher keeps the keys of a file up to date. It reads the file from time to time, and takes what is new in it.
//
// What is wrong with a change is logged once and the keys stay as they were; the next look tries again, as the file may
// have been half written.
type Watcher struct {
	path    string
	every   time.Duration
	log     *slog.Logger
	metrics *telemetry.Access

	keys    atomic.Pointer[Keys]
	digest  [sha256.Size]byte // of the contents that keys were made of
	open    fs.FileMode       // to whom else the file was open, as it was last logged
	refused string            // why, as it was last logged; "": the keys are the file's
	bad     [sha256.Size]byte // of the contents that were refused last
}

// errBusy says that somebody writes the file just now.
var errBusy = errors.New("changes while it is read")

// NewWatcher reads the keys of the file at path. Once it runs it looks every so often. metrics may be nil.
func NewWatcher(path string, every time.Duration, log *slog.Logger, metrics *telemetry.Access) (*Watcher, error) {
	if every <= 0 {
		return nil, fmt.Errorf("%s: cannot be watched every %v", path, every)
	}
	if metrics == nil {
		metrics = &telemetry.New(telemetry.Options{}).Access
	}
	w := &Watcher{path: path, every: every, log: log, metrics: metrics}
	var data []byte
	var info fs.FileInfo
	var err error
	for range 3 {
		if data, info, err = readWhole(path); !errors.Is(err, errBusy) {
			break
		}
	}
	if err == nil {
		err = w.take(data, sha256.Sum256(data))
	}
	if err != nil {
		return nil, err
	}
	w.lookWho(info)
	return w, nil
}

// Keys returns the keys as they are now.
func (w *Watcher) Keys() *Keys { return w.keys.Load() }

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
	data, info, err := readWhole(w.path)
	if errors.Is(err, errBusy) {
		return
	}
	var digest [sha256.Size]byte
	if err == nil {
		w.lookWho(info)
		switch digest = sha256.Sum256(data); {
		case digest == w.digest:
			w.refused = ""
			return
		case digest == w.bad && w.refused != "":
			return
		}
		if err = w.take(data, digest); err != nil {
			w.bad = digest
		}
	}
	if err != nil {
		if why := err.Error(); why != w.refused {
			w.refused = why
			w.metrics.KeysRefused.Inc()
			w.log.Error("keys refused; those before stay", "file", w.path, "why", err)
		}
		return
	}
	w.refused = ""
	w.metrics.KeysRead.Inc()
	w.log.Info("keys changed", "file", w.path, "keys", w.Keys().Len())
}

// take makes contents the keys.
func (w *Watcher) take(data []byte, digest [sha256.Size]byte) error {
	entries, err := ParseKeys(w.path, data)
	if err != nil {
		return err
	}
	w.digest = digest
	keys := NewKeys(entries, w.keys.Load())
	w.keys.Store(keys)
	w.metrics.Keys.Set(float64(keys.Len()))
	return nil
}

// lookWho warns when others than its owner may read the file, or change it.
func (w *Watcher) lookWho(info fs.FileInfo) {
	open := info.Mode().Perm() & 0o077
	if runtime.GOOS == "windows" || open == w.open {
		return // there, modes say nothing
	}
	if w.open = open; open != 0 {
		w.log.Warn("the file of keys is open to others: chmod 600", "file", w.path, "mode", info.Mode().Perm().String())
	}
}

// readWhole reads a file, unless somebody writes it meanwhile.
func readWhole(path string) ([]byte, fs.FileInfo, error) {
	before, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s: is no file", path)
	}
	data, err := strictyaml.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	after, err := os.Stat(path)
	if err != nil || !os.SameFile(before, after) || before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime()) {
		return nil, nil, fmt.Errorf("%s: %w", path, errBusy)
	}
	return data, after, nil
}
