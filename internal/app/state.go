package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/journal"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/store"
)

// The files of state.dir.
const (
	keyFile    = "entity.key"
	journalDir = "journal"
	outcomeDir = "outcomes"
)

// openState opens what is remembered, for the models that are served. Without state.dir that is memory alone.
func (a *App) openState() (err error) {
	c := a.config.State
	if a.hasher, err = a.newHasher(); err != nil {
		return err
	}
	memory := store.Options{Bytes: c.Bytes, ReplayBytes: a.config.Replay.Bytes, ReplayTTL: a.config.Replay.TTL}
	if a.shared != nil || a.function {
		memory = store.Options{Bytes: 1, ReplayBytes: -1} // nothing is remembered here
	}
	o := history.Options{
		Store: store.NewMemory(memory), Shared: a.remembers(), Refuse: c.OnOutage == "refuse",
		Continue: c.OnFailure == "continue", Deadline: c.Deadline, TTL: a.config.Replay.TTL,
		Metrics: a.metrics, Log: a.log, Foreign: a.foreign,
		Served: func(model string, version int) bool { return a.models.Set().Version(model, version) != nil },
	}
	outcomes := outcome.Options{Bytes: max(c.Bytes/8, 1<<20), Log: a.log}
	if c.Dir != "" {
		if o.Journal, err = a.openJournal(); err != nil {
			return fmt.Errorf("state.dir: %w", err)
		}
		outcomes.Dir, outcomes.Durable = filepath.Join(c.Dir, outcomeDir), o.Journal.Settle
	}
	if o.Outcomes, err = outcome.Open(outcomes); err != nil {
		if o.Journal != nil {
			err = errors.Join(err, o.Journal.Close())
		}
		return fmt.Errorf("state.dir: %w", err)
	}
	if o.Journal != nil {
		o.Journal.Skip(o.Outcomes.Position()) // a disk that lost its last records may have kept their outcomes
	}
	a.history = history.New(o)
	a.attach(new(registry.Set), a.models.Set())
	a.history.Measure()
	return nil
}

// remembers returns the store that processes share; nil: this process remembers by itself. A function without one
// remembers nothing.
func (a *App) remembers() store.Shared {
	if a.shared == nil && a.function {
		return store.Absent{Since: time.Now()}
	}
	return a.shared
}

// newHasher returns what makes keyed hashes of ids: with the key of state.entity_key_file, else one that is made
// once and kept in state.dir, else one for this process.
func (a *App) newHasher() (*entity.Hasher, error) {
	c := a.config.State
	var key []byte
	var err error
	switch {
	case c.EntityKeyFile != "":
		key, err = entity.ReadKey(c.EntityKeyFile)
	case c.EntityKey != "":
		key, err = entity.ParseKey(EntityKeyVariable, c.EntityKey)
	case a.config.Valkey.Address != "":
		return nil, errors.New("state.entity_key_file: processes that share a valkey must have the same key, and there is none: " +
			"make one (openssl rand -hex 32) and give each the file, or the variable " + EntityKeyVariable)
	case c.Dir != "":
		if err = os.MkdirAll(c.Dir, 0o700); err == nil {
			key, err = entity.ReadOrMakeKey(filepath.Join(c.Dir, keyFile))
		}
	default:
		key = entity.NewKey()
	}
	if err != nil {
		return nil, fmt.Errorf("entity key: %w", err)
	}
	return entity.NewHasher(key), nil
}

func (a *App) openJournal() (*journal.Journal, error) {
	c, m := a.config.State, a.metrics.Journal
	sync, err := journal.ParseSync(c.Fsync)
	if err != nil {
		return nil, err
	}
	return journal.Open(journal.Options{
		Dir: filepath.Join(c.Dir, journalDir), Sync: sync, Interval: c.FsyncInterval, Keep: c.Keep, Log: a.log,
		OnWrite: func(bytes int, took time.Duration) {
			m.Written.Add(uint64(bytes))
			m.Seconds.ObserveDuration(took)
		},
		OnFailure: func(error) { m.Failures.Inc() },
	})
}

// recover makes the memory what the disk says, and tells how far it is.
func (a *App) recover(ctx context.Context) error {
	if a.history.Journal == nil {
		return nil
	}
	began, told := time.Now(), time.Now()
	var records uint64
	err := a.history.Recover(ctx, a.models.Plan, func(done, total uint64) {
		records = total
		if time.Since(told) > time.Second {
			told = time.Now()
			a.log.Info("recovering", "records", done, "of", total)
		}
	})
	if err != nil {
		return fmt.Errorf("state.dir %s: %w", a.config.State.Dir, err)
	}
	a.recovered.Store(true)
	a.log.Info("recovered", "records", records, "entities", a.history.Store.Stats().Entities,
		"seconds", time.Since(began).Seconds())
	return nil
}

// snapshotBytes of journal since the last snapshot are worth a new one, however young that is.
const snapshotBytes = 256 << 20

// tend looks after what is remembered until ctx ends: drops what is idle, tells how much there is, and writes
// snapshots.
func (a *App) tend(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last, written := time.Now(), true
	var alarms alarms
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		a.history.Store.Sweep(16)
		a.history.Measure()
		a.measureMemo(time.Now())
		a.access.measure(&a.metrics.Store)
		alarms.tell(a)
		if a.history.Journal == nil {
			continue
		}
		_ = a.history.Journal.Retry() // its observers tell
		wrote, age := a.history.Wrote(), time.Since(last)
		due := wrote > snapshotBytes && (written || age > alarmEvery) // a full disk is not tried every second
		if due || wrote > 0 && age > a.config.State.Snapshot {
			written = a.snapshot()
			last = time.Now()
		}
	}
}

func (a *App) snapshot() (written bool) {
	began := time.Now()
	if err := a.history.Snapshot(); err != nil {
		a.log.Error("no snapshot could be written; a start will take longer", "error", err)
		return false
	}
	a.log.Info("snapshot written", "seconds", time.Since(began).Seconds(), "bytes", a.history.Journal.Stats().Bytes)
	return true
}

// closeState writes what is left to write. Half of a memory is not worth a snapshot.
func (a *App) closeState() error {
	if a.history.Journal != nil && a.recovered.Load() && a.history.Wrote() > 0 {
		a.snapshot()
	}
	err := a.history.Close()
	if a.shared != nil {
		a.shared.Close()
	}
	return err
}

// alarmEvery is how often the log tells of what goes on being wrong; metrics tell it all the time.
const alarmEvery = time.Minute

// alarms tells what operators should act on, when it has grown worse.
type alarms struct {
	shed, evicted uint64
	told          time.Time
}

func (l *alarms) tell(a *App) {
	s := a.history.Store.Stats()
	if s.Shed == l.shed && s.EarlyEvictions == l.evicted || time.Since(l.told) < alarmEvery {
		return
	}
	l.told = time.Now()
	if s.Shed > l.shed {
		a.log.Error("state.bytes is reached: histories of entities are being dropped, the oldest first",
			"dropped", s.Shed-l.shed, "youngest_idle", s.ShedYoungest.String(), "bytes", s.Bytes)
	}
	if s.EarlyEvictions > l.evicted {
		a.log.Error("replay.bytes is reached: answers are dropped before replay.ttl",
			"dropped", s.EarlyEvictions-l.evicted, "horizon", s.Horizon.String())
	}
	l.shed, l.evicted = s.Shed, s.EarlyEvictions
}
