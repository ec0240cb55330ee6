package outcome

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// A Table maps events' keys to their records. All methods may be called from many goroutines.
//
// Its locks are taken in the order of their fields. Put takes mu alone, which is never held while the disk works.
type Table struct {
	o      Options
	start  uint64 // Position at Open
	opened uint64 // the highest position that was on disk at Open; up to there a Put or Label may be a repetition

	work     sync.Mutex   // one rewriting of files at a time
	flushing sync.Mutex   // one change of the manifest at a time
	next     uint64       // number of the next file, under flushing
	disk     sync.RWMutex // read-locked while files are looked up, locked to close them
	labels   sync.Mutex   // one label at a time, and none while what it would change is being replaced
	mu       sync.Mutex
	active   *part
	frozen   []*part // wait for the disk, oldest first; their marks change under labels and mu
	spare    []*part
	files    []*file // oldest first; replaced under labels and mu, never changed
	early    *early
	ledger   *ledger
	seen     uint64 // the highest position met
	gap      uint64 // the lowest position that was not taken; 0 when all were
	position uint64
	stats    Stats // what is counted as it happens
	closed   bool

	wake    chan struct{}
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	done    chan struct{}
	buffers sync.Pool
}

func (o Options) filled() Options {
	o.Bytes = cmp.Or(o.Bytes, 1<<30)
	o.Retain = cmp.Or(o.Retain, 400*24*time.Hour)
	o.Early = cmp.Or(o.Early, 1<<16)
	// Four parts of the largest records fit Bytes: two that wait, one that fills, and one over.
	o.Part = min(cmp.Or(o.Part, 1<<16), max(chunkEntries, int(o.Bytes/4/(entryBytes+textBytes))))
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	return o
}

// Open opens the table, reading every file once to check it and to count. Damage is a *DamagedError.
func Open(o Options) (*Table, error) {
	if o.Bytes < 0 || o.Part < 0 || o.Early < 0 || o.Retain < 0 {
		return nil, errors.New("outcome: options must not be negative")
	}
	o = o.filled()
	t := &Table{
		o: o, active: newPart(), early: newEarly(o.Early),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		buffers: sync.Pool{New: func() any { return new(buffer) }},
	}
	t.ledger = newLedger(maxCohorts, t.tomorrow)
	t.ctx, t.cancel = context.WithCancel(context.Background())
	if o.Dir == "" {
		close(t.done)
		return t, nil
	}
	if err := t.load(); err != nil {
		t.cancel()
		return nil, err
	}
	go t.run()
	return t, nil
}

// tomorrow is the last day that an event can be of whose clock is right.
func (t *Table) tomorrow() int64 { return dayOf(t.o.Now().UnixMilli()) + 1 }

// Put remembers r, which is copied. position is the journal's, rising, or 0 without one. When a label came before the
// event (see Label) it is taken, is in the record, and is returned.
//
// Put never waits for the disk: while two full memory parts wait for it the third grows (Stats.Late, Stats.Lost). A key is
// put once; put again at a later position it is a new record, without label, that stands before the old one.
//
// A Put that repeats the journal after a crash changes nothing when the table has the record already, and returns a label
// that came before the event if Label or RestoreEarly has met it. It looks on disk, where only a repetition does.
func (t *Table) Put(key Key, position uint64, r *Record) (early Label, earlyTime int64, had bool) {
	if position != 0 && position <= t.opened && t.has(key, position) {
		return t.putAgain(key)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return Unlabelled, 0, false
	}
	label, had := t.early.take(&key)
	t.put(&key, position, r, label)
	return label.Label, label.Time, had
}

// putAgain takes the early label of a record that the table has already.
func (t *Table) putAgain(key Key) (early Label, earlyTime int64, had bool) {
	t.mu.Lock()
	label, had := t.early.take(&key)
	t.mu.Unlock()
	if had {
		if _, _, err := t.label(&label, true); err != nil {
			t.o.Log.Error("a label cannot be written; a restart writes it", "error", err)
		}
	}
	return label.Label, label.Time, had
}

func (t *Table) put(key *Key, position uint64, r *Record, label EarlyLabel) {
	if i := t.active.find(key); i >= 0 {
		e, c := t.active.at(i)
		if position != 0 && position <= e.position {
			return
		}
		f := e.fact(c)
		t.ledger.remove(&f, e.mark.label)
		t.active.remove(i)
	}
	if !t.makeRoom(position) {
		return
	}
	kept := *r
	kept.Model = kept.Model[:min(len(kept.Model), MaxModel)]
	if kept.Decision >= decisionCount {
		kept.Decision = None
	}
	if len(kept.Data) > MaxData {
		kept.Data = nil
		t.stats.Oversized++
	}
	e := t.active.add(key, position, &kept)
	e.mark = mark{label: label.Label, time: label.Time, position: label.Position}
	_, c := t.active.at(t.active.n - 1)
	f := e.fact(c)
	t.ledger.add(&f, e.mark.label)
	t.seen = max(t.seen, position)
}

// makeRoom makes room for a record, or says that there is none.
func (t *Table) makeRoom(position uint64) bool {
	p := t.active
	if t.o.Dir == "" {
		if p.n == len(p.chunks)*chunkEntries {
			for len(p.chunks) > 1 && p.held+p.nextChunk() > t.o.Bytes {
				t.stats.Dropped += uint64(p.dropChunk(func(e *entry, c *chunk) {
					f := e.fact(c)
					t.ledger.remove(&f, e.mark.label)
				}))
				if p.held > t.o.Bytes {
					p.release()
				}
			}
		}
		return true
	}
	if p.n < t.o.Part {
		return true
	}
	if len(t.frozen) < 2 {
		t.freeze(p.begin)
		t.wakeUp()
		return true
	}
	if t.memory() > t.o.Bytes {
		t.stats.Lost++
		t.miss(position)
		return false
	}
	t.stats.Late++
	return true
}

// miss keeps Position before what was not taken.
func (t *Table) miss(position uint64) {
	if t.gap == 0 || position < t.gap {
		t.gap = max(1, position)
	}
}

// freeze hands the active part to the disk. When that is done the table has everything up to claim.
//
// Of a part that is full claim is what had been met when it began, not when it ended: a goroutine may have its position
// from the journal and be late with its Put, but not by a whole part.
func (t *Table) freeze(claim uint64) {
	t.active.claim = claim
	t.frozen = append(t.frozen, t.active)
	if n := len(t.spare); n > 0 {
		t.active, t.spare = t.spare[n-1], t.spare[:n-1]
	} else {
		t.active = newPart()
	}
	t.active.begin = t.seen
}

func (t *Table) memory() int64 {
	n := t.active.held
	for _, p := range t.frozen {
		n += p.held
	}
	for _, p := range t.spare {
		n += p.held
	}
	return n
}

// inMemory returns the part and number of key's newest record in memory. mu is held.
func (t *Table) inMemory(key *Key) (*part, int) {
	if i := t.active.find(key); i >= 0 {
		return t.active, i
	}
	for n := len(t.frozen) - 1; n >= 0; n-- {
		if i := t.frozen[n].find(key); i >= 0 {
			return t.frozen[n], i
		}
	}
	return nil, 0
}

// has says whether a repeated Put has been taken already.
func (t *Table) has(key Key, position uint64) bool {
	if position <= t.start {
		return true
	}
	_, at, ok, err := t.get(&key)
	if err != nil {
		t.o.Log.Error("a record cannot be looked up; it is taken again", "error", err)
	}
	return ok && at >= position
}

// Get returns the record of key.
func (t *Table) Get(key Key) (Record, bool, error) {
	r, _, ok, err := t.get(&key)
	return r, ok, err
}

func (t *Table) get(key *Key) (r Record, position uint64, ok bool, err error) {
	t.disk.RLock()
	defer t.disk.RUnlock()
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return r, 0, false, ErrClosed
	}
	if p, i := t.inMemory(key); p != nil {
		e, c := p.at(i)
		r, position = e.record(c), e.position
		t.mu.Unlock()
		return r, position, true, nil
	}
	files := t.files
	t.mu.Unlock()

	b := t.buffers.Get().(*buffer)
	defer t.buffers.Put(b)
	f, _, err := findIn(files, key, b, &t.labels)
	if f == nil || err != nil {
		return r, 0, false, err
	}
	return b.stored.record(), b.stored.position, true, nil
}

// findIn looks key up in files, the newest first. still keeps labels from being written.
func findIn(files []*file, key *Key, b *buffer, still sync.Locker) (*file, int64, error) {
	for n := len(files) - 1; n >= 0; n-- {
		f := files[n]
		i, ok, err := f.find(key, b)
		if errors.Is(err, errMark) {
			still.Lock()
			err = f.readMark(i, b)
			still.Unlock()
		}
		if ok || err != nil {
			return f, i, err
		}
	}
	return nil, 0, nil
}

// Position is up to where the table is on disk; 0 in memory. After a crash what the journal has after it must be put and
// labelled again, in order; to begin further back is harmless. Labels without events are not on disk: they are in the
// owner's snapshot (Early).
//
// A table whose Position lies beyond the end of the journal belongs to another journal: it would take new records for
// repetitions.
func (t *Table) Position() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.position
}

// Performance returns the figures, by model, version and age, counted in cohorts of a day (UTC).
//
// Ages are counted from the newest day, tomorrow at most, that has at least a hundredth of the events of a usual day, where a usual day is
// the smallest of those busiest days that together have half of all events: so that events of a far future do not make all
// others old.
func (t *Table) Performance() []Performance {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ledger.performance()
}

// Stats returns the counts.
func (t *Table) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.MemoryRecords, s.MemoryBytes = int64(t.active.live), t.memory()
	for _, p := range t.frozen {
		s.MemoryRecords += int64(p.live)
	}
	s.Records = s.MemoryRecords
	for _, f := range t.files {
		s.Records += f.count
		s.DiskBytes += f.bytes()
	}
	s.Files, s.Waiting, s.Position = len(t.files), len(t.frozen), t.position
	s.Early, s.EarlyDropped = len(t.early.labels), t.early.dropped
	s.Cohorts, s.CohortsGone = len(t.ledger.cohorts), t.ledger.gone
	return s
}

// Close writes what is in memory and ends the table.
func (t *Table) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	<-t.done
	t.work.Lock() // a Forget that is under way ends first
	defer t.work.Unlock()
	err := t.flush()
	t.disk.Lock()
	defer t.disk.Unlock()
	t.labels.Lock()
	defer t.labels.Unlock()
	for _, f := range t.files {
		err = errors.Join(err, f.f.Close())
	}
	return err
}

// forgetMemory is Forget for a table without disk.
func (t *Table) forgetMemory(match func(*Record) bool) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.active.n {
		e, c := t.active.at(i)
		if e.gone() {
			continue
		}
		r := e.record(c)
		if !match(&r) {
			continue
		}
		f := e.fact(c)
		t.ledger.remove(&f, e.mark.label)
		clear(e.model(c))
		clear(e.data(c))
		t.active.remove(i)
		n++
	}
	return n
}
