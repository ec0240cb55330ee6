package outcome

import (
	"bytes"
	"math"
	"math/bits"
	"os"
	"slices"
)

// mergeAt is how many files of like size are merged into one.
const mergeAt = 8

// Forget removes the records that match, from disk as well: their files are written anew. It covers what was put before the
// call. match must not use the table; the record is its own during the call. It returns how many records there were. The
// owner erases from its journal and makes a snapshot as well, or the labels come back as early ones.
func (t *Table) Forget(match func(*Record) bool) (int, error) {
	if t.o.Dir == "" {
		return t.forgetMemory(match), nil
	}
	defer t.wakeUp()
	t.work.Lock()
	defer t.work.Unlock()
	if err := t.Flush(); err != nil {
		return 0, err
	}
	keep := func(s *stored) bool {
		r := s.record()
		return !match(&r)
	}
	total := int64(0)
	for _, f := range t.current() {
		hit, err := t.any(f, keep)
		if err == nil && hit {
			var n int64
			n, err = t.rewrite([]*file{f}, keep)
			total += n
		}
		if err != nil {
			return int(total), err
		}
	}
	return int(total), nil
}

func (t *Table) current() []*file {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.files
}

// any says whether f has a record that is not to be kept.
func (t *Table) any(f *file, keep func(*stored) bool) (bool, error) {
	s := newScan(f, &t.labels, false)
	for {
		ok, err := s.next()
		if !ok || err != nil {
			return false, err
		}
		if !keep(&s.stored) {
			return true, nil
		}
		if err := t.between(s.sums.count); err != nil {
			return false, err
		}
	}
}

// between is called while files are read, after n records: full parts do not wait for that, nor does Close.
func (t *Table) between(n int64) error {
	if n%4096 != 0 {
		return nil
	}
	if t.ctx.Err() != nil {
		return ErrClosed
	}
	return t.writeAll()
}

// oldest is the event time that is still kept.
func (t *Table) oldest() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	latest, retain := t.latest(), t.o.Retain.Milliseconds()
	return max(latest, math.MinInt64+retain) - retain
}

// expire drops the files whose events are all too old.
func (t *Table) expire() error {
	oldest := t.oldest()
	for _, f := range t.current() {
		if f.newest >= oldest {
			continue
		}
		n, err := t.rewrite([]*file{f}, func(*stored) bool { return false })
		t.expired(n)
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) expired(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Expired += uint64(n)
}

// merge merges the newest files while mergeAt of them are of like size. Only neighbours are merged, so that files stay in
// the order of age.
func (t *Table) merge() error {
	for {
		inputs := pick(t.current())
		if inputs == nil {
			return nil
		}
		oldest := t.oldest()
		n, err := t.rewrite(inputs, func(s *stored) bool { return s.time >= oldest })
		t.expired(n)
		if err != nil {
			return err
		}
		t.mu.Lock()
		t.stats.Merges++
		t.mu.Unlock()
	}
}

// pick returns the newest files up to the first that is above a tier, for the lowest tier where they are enough and none
// has more than a quarter of the records: so that a record is not written often. Files of a tier are within a factor of 8.
func pick(files []*file) []*file {
	for tier := 3; tier <= 63; tier += 3 {
		n, largest, total := len(files), int64(0), int64(0)
		for n > 0 && bits.Len64(uint64(files[n-1].count)) <= tier {
			n--
			largest = max(largest, files[n].count)
			total += files[n].count
		}
		if len(files)-n >= mergeAt && largest <= total/4 {
			return files[n:]
		}
	}
	return nil
}

// rewrite writes the records of inputs, which are neighbours, into one file that takes their place. Of equal keys the
// newest stays; it returns how many of the others were not kept. work is held. Memory is bounded, and labels may come
// meanwhile.
func (t *Table) rewrite(inputs []*file, keep func(*stored) bool) (dropped int64, err error) {
	room := int64(0)
	for _, f := range inputs {
		room += f.count
	}
	w, err := newWriter(t.o.Dir, room)
	if err != nil {
		return 0, err
	}
	defer t.stopLate(inputs)
	gone := newLedger(maxCohorts*2, t.tomorrow) // more than the table has
	dropped, err = t.copy(w, inputs, keep, gone)
	if err != nil {
		w.abandon()
		return 0, err
	}
	if err := t.replace(w, inputs, gone); err != nil {
		return 0, err
	}
	return dropped, nil
}

func (t *Table) stopLate(inputs []*file) {
	t.labels.Lock()
	defer t.labels.Unlock()
	for _, f := range inputs {
		f.cursor, f.late = 0, nil
	}
}

// copy writes what is kept of inputs to w and counts in gone what is not.
func (t *Table) copy(w *writer, inputs []*file, keep func(*stored) bool, gone *ledger) (dropped int64, err error) {
	t.mu.Lock()
	latest := t.latest()
	t.mu.Unlock()
	heads := make([]*scan, 0, len(inputs)) // oldest first
	for _, f := range inputs {
		s := newScan(f, &t.labels, true)
		ok, err := s.next()
		if err != nil {
			return 0, err
		}
		if ok {
			heads = append(heads, s)
		}
	}
	for n := int64(1); len(heads) > 0; n++ {
		i, shadowed := least(heads)
		s := heads[i]
		if !shadowed && keep(&s.stored) {
			if err := w.add(&s.stored.entry, s.stored.text, min(s.time, latest)); err != nil {
				return 0, err
			}
		} else {
			fact := s.fact()
			gone.add(&fact, s.mark.label)
			if !shadowed {
				dropped++
			}
		}
		ok, err := s.next()
		if err == nil {
			err = t.between(n)
		}
		if err != nil {
			return 0, err
		}
		if !ok {
			heads = slices.Delete(heads, i, i+1)
		}
	}
	return dropped, nil
}

// least finds the scan with the least key; of equal keys the oldest, which is shadowed by the others.
func least(heads []*scan) (at int, shadowed bool) {
	for i := 1; i < len(heads); i++ {
		switch c := bytes.Compare(heads[i].stored.key[:], heads[at].stored.key[:]); {
		case c < 0:
			at, shadowed = i, false
		case c == 0:
			shadowed = true
		}
	}
	return at, shadowed
}

// replace puts the file of w in the place of inputs, with the labels that came meanwhile.
func (t *Table) replace(w *writer, inputs []*file, gone *ledger) error {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	var out *file
	if w.head.count == 0 {
		w.abandon()
	} else {
		var err error
		if out, err = w.finish(t.nextName()); err != nil {
			return err
		}
	}
	if err := t.swap(out, inputs, gone); err != nil {
		if out != nil {
			out.f.Close() // see writeFrozen
		}
		return err
	}
	t.disk.Lock() // lookups that began before are done
	for _, f := range inputs {
		f.f.Close()
	}
	t.disk.Unlock()
	for _, f := range inputs {
		if err := os.Remove(f.f.Name()); err != nil {
			t.o.Log.Warn("a file of outcomes that was replaced cannot be removed; the next start does", "error", err)
		}
	}
	return nil
}

func (t *Table) swap(out *file, inputs []*file, gone *ledger) error {
	t.labels.Lock()
	defer t.labels.Unlock()
	if err := t.applyLate(out, inputs, gone); err != nil {
		return err
	}
	var files []*file
	placed := false
	for _, f := range t.files {
		if !slices.Contains(inputs, f) {
			files = append(files, f)
		} else if !placed && out != nil {
			files, placed = append(files, out), true
		}
	}
	t.mu.Lock()
	position := t.position
	t.mu.Unlock()
	if err := writeManifest(t.o.Dir, t.manifest(files, position)); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.files = files
	t.ledger.subtract(gone)
	return nil
}

// applyLate writes to out the labels that came after their records were read, and has the disk keep them before the
// manifest says so: the table's position may lie beyond them by now.
func (t *Table) applyLate(out *file, inputs []*file, gone *ledger) error {
	b := t.buffers.Get().(*buffer)
	defer t.buffers.Put(b)
	for _, f := range inputs {
		for _, late := range f.late {
			if out != nil {
				i, ok, err := out.find(&late.key, b)
				if err == nil && ok {
					err = out.writeMark(i, &late.key, &late.mark, b)
				}
				if err != nil {
					return err
				}
				if ok {
					continue
				}
			}
			gone.move(&late.fact, late.from, late.to)
		}
	}
	if out == nil || !out.dirty {
		return nil
	}
	out.dirty = false
	return out.f.Sync()
}
