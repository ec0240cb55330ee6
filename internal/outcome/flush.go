package outcome

import (
	"errors"
	"math"
	"time"
)

// retryAfter is how long the background waits after a failure.
const retryAfter = time.Second

func (t *Table) wakeUp() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// run is the background: it writes full parts, drops what is old, and merges.
func (t *Table) run() {
	defer close(t.done)
	retry := time.NewTimer(0) // what the last process left undone
	defer retry.Stop()
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-t.wake:
		case <-retry.C:
		}
		if err := t.tend(); err != nil && !errors.Is(err, ErrClosed) {
			t.o.Log.Error("outcomes cannot be written; another attempt follows", "dir", t.o.Dir, "error", err)
			retry.Reset(retryAfter)
		}
	}
}

func (t *Table) tend() error {
	err := t.writeAll()
	if err == nil && t.work.TryLock() { // else Forget rewrites, and wakes the background when it is done
		err = errors.Join(t.expire(), t.merge())
		t.work.Unlock()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Failure = err
	return err
}

// Flush writes the memory part to disk. Afterwards Position is the highest position that Put and Label have met: so Flush
// belongs where nobody has a position from the journal and is yet to call Put or Label with it.
func (t *Table) Flush() error {
	t.mu.Lock()
	closed := t.closed
	t.mu.Unlock()
	if closed {
		return ErrClosed
	}
	err := t.flush()
	t.wakeUp()
	return err
}

func (t *Table) flush() error {
	if t.o.Dir == "" {
		return nil
	}
	t.mu.Lock()
	if t.active.n > 0 || t.seen > t.position {
		t.freeze(t.seen)
	}
	t.mu.Unlock()
	return t.writeAll()
}

func (t *Table) writeAll() error {
	for {
		if more, err := t.writeFrozen(); !more || err != nil {
			return err
		}
	}
}

// writeFrozen writes the oldest of the frozen parts, or says that there is none.
func (t *Table) writeFrozen() (bool, error) {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	t.mu.Lock()
	if len(t.frozen) == 0 {
		t.mu.Unlock()
		return false, nil
	}
	p, files, latest := t.frozen[0], t.files, t.latest()
	claim := max(p.claim, t.position)
	if t.gap != 0 {
		claim = max(min(claim, t.gap-1), t.position)
	}
	t.mu.Unlock()
	if t.o.Durable != nil {
		durable, err := t.o.Durable()
		if err != nil {
			return false, err
		}
		claim = max(min(claim, durable), t.position)
	}

	var f *file
	if p.live > 0 {
		var err error
		if f, err = t.writePart(p, latest); err != nil {
			return false, err
		}
		files = append(files[:len(files):len(files)], f)
	}
	err := t.syncLabels()
	if err == nil {
		err = t.install(p, f, files, claim)
	}
	if err != nil && f != nil {
		f.f.Close() // the file stays: a manifest of which we do not know may list it; else Open removes it
	}
	return err == nil, err
}

// latest is the newest time that an event has for the purpose of retention. mu is held.
func (t *Table) latest() int64 {
	day, _ := t.ledger.newest()
	const days = math.MaxInt64 / dayMillis // no time is further from 1970, in whole days
	return max(min(day+1, days), -days) * dayMillis
}

func (t *Table) writePart(p *part, latest int64) (*file, error) {
	w, err := newWriter(t.o.Dir, int64(p.live))
	if err != nil {
		return nil, err
	}
	order := p.sorted()
	marks := make([]mark, 0, scanSlots)
	for n, i := range order {
		if n%scanSlots == 0 {
			marks = marks[:0]
			t.labels.Lock()
			for _, i := range order[n:min(n+scanSlots, len(order))] {
				e, _ := p.at(i)
				marks = append(marks, e.mark)
			}
			t.labels.Unlock()
		}
		at, c := p.at(i)
		e := entry{
			key: at.key, position: at.position, time: at.time, score: at.score, loss: at.loss, version: at.version,
			mark: marks[n%scanSlots], dataLen: at.dataLen, modelLen: at.modelLen, decision: at.decision,
		}
		text := c.bytes[at.offset:][:int(at.modelLen)+int(at.dataLen)]
		if err := w.add(&e, text, min(e.time, latest)); err != nil {
			w.abandon()
			return nil, err
		}
	}
	return w.finish(t.nextName())
}

// nextName is the name of a new file, which no file had before. flushing is held.
func (t *Table) nextName() string {
	t.next++
	return fileName(t.next)
}

// syncLabels has the disk keep the labels that were written in place. flushing is held, so that no file is closed.
func (t *Table) syncLabels() error {
	t.labels.Lock()
	var dirty []*file
	for _, f := range t.files {
		if f.dirty {
			f.dirty = false
			dirty = append(dirty, f)
		}
	}
	t.labels.Unlock()
	for n, f := range dirty {
		if err := f.f.Sync(); err != nil {
			// Another sync may succeed without having written what this one lost: only a restart repeats the labels.
			t.mu.Lock()
			t.miss(t.position + 1)
			t.mu.Unlock()
			t.labels.Lock()
			defer t.labels.Unlock()
			for _, f := range dirty[n:] {
				f.dirty = true
			}
			return err
		}
	}
	return nil
}

// install makes f, which has the records of p, one of the table's files.
func (t *Table) install(p *part, f *file, files []*file, claim uint64) error {
	t.labels.Lock()
	defer t.labels.Unlock()
	b := t.buffers.Get().(*buffer)
	defer t.buffers.Put(b)
	for _, i := range p.late {
		e, _ := p.at(i)
		at, _, err := f.find(&e.key, b)
		if err == nil {
			err = f.writeMark(at, &e.key, &e.mark, b)
		}
		if err != nil {
			return err
		}
	}
	if err := writeManifest(t.o.Dir, t.manifest(files, claim)); err != nil {
		return err
	}
	t.mu.Lock()
	t.files, t.position = files, claim
	t.frozen = append(t.frozen[:0:0], t.frozen[1:]...)
	t.mu.Unlock()
	p.reset()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.spare) < 2 && p.held < t.o.Bytes/4 {
		t.spare = append(t.spare, p)
	}
	return nil
}

func (t *Table) manifest(files []*file, position uint64) *manifest {
	m := &manifest{position: position, next: t.next}
	for _, f := range files {
		m.files = append(m.files, f.name)
	}
	return m
}
