package outcome

import "bytes"

// Label says what an event turned out to be. The last word counts, by position; Unlabelled takes a label back. before is
// the record as it was. known is false when there is no such event: the label is kept for a later Put.
//
// A Label that repeats the journal after a crash, when the table is ahead of it, changes nothing, and returns what it
// returned the first time: known is false if the event came later, and before has the label before this one (for an
// event's last label; for earlier ones before is unlabelled).
func (t *Table) Label(key Key, position uint64, l Label, at int64) (before Record, known bool, err error) {
	if l >= labelCount {
		return Record{}, false, errLabel
	}
	return t.label(&EarlyLabel{Key: key, Position: position, Label: l, Time: at}, false)
}

// label is Label. taken says that a Put has taken the label already: then it goes to the Put's record or nowhere.
func (t *Table) label(w *EarlyLabel, taken bool) (before Record, known bool, err error) {
	b := t.buffers.Get().(*buffer)
	defer t.buffers.Put(b)
	t.disk.RLock()
	defer t.disk.RUnlock()
	t.labels.Lock()
	defer t.labels.Unlock()

	before, known, closed := t.labelInMemory(w)
	if closed {
		return Record{}, false, ErrClosed
	}
	if known {
		return before, true, nil
	}
	f, i, err := findIn(t.files, &w.Key, b, unlocked{}) // files change only under labels
	repeated := w.Position != 0 && w.Position <= t.opened
	switch {
	case err != nil:
	case f == nil || repeated && !taken && w.Position < b.stored.position:
		// In a repetition, an event that came later is unknown yet: the Put that is repeated next takes the label.
		if !taken {
			before, known = t.labelEarly(w)
		}
	default:
		before, err = t.labelOnDisk(f, i, w, b)
		known = err == nil
	}
	if err != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.miss(w.Position)
	}
	return before, known, err
}

// unlocked is the lock of who holds it already.
type unlocked struct{}

func (unlocked) Lock()   {}
func (unlocked) Unlock() {}

func (t *Table) labelInMemory(w *EarlyLabel) (before Record, known, closed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return Record{}, false, true
	}
	before, known = t.relabel(w)
	return before, known, false
}

// relabel labels a record in memory. labels and mu are held.
func (t *Table) relabel(w *EarlyLabel) (before Record, known bool) {
	p, i := t.inMemory(&w.Key)
	if p == nil {
		return Record{}, false
	}
	e, c := p.at(i)
	from := e.mark.label
	was, changed := e.mark.set(w.Label, w.Time, w.Position)
	if changed {
		f := e.fact(c)
		t.ledger.move(&f, from, e.mark.label)
		if p != t.active {
			p.late = append(p.late, i)
		}
	}
	t.seen = max(t.seen, w.Position)
	before = e.record(c)
	before.Label, before.LabelTime = was.label, was.time
	return before, true
}

// labelOnDisk labels the record that b has, which is slot i of f. labels is held.
func (t *Table) labelOnDisk(f *file, i int64, w *EarlyLabel, b *buffer) (before Record, err error) {
	s := &b.stored
	from := s.mark.label
	was, changed := s.mark.set(w.Label, w.Time, w.Position)
	if changed {
		if err := f.writeMark(i, &s.key, &s.mark, b); err != nil {
			return Record{}, err
		}
		if i < f.cursor {
			fact := s.fact()
			fact.model = bytes.Clone(fact.model)
			f.late = append(f.late, lateMark{s.key, s.mark, fact, from, s.mark.label})
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen = max(t.seen, w.Position)
	if changed {
		fact := s.fact()
		t.ledger.move(&fact, from, s.mark.label)
	}
	before = s.record()
	before.Label, before.LabelTime = was.label, was.time
	return before, nil
}

// labelEarly keeps a label for a later Put, unless it has come by now.
func (t *Table) labelEarly(w *EarlyLabel) (before Record, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if before, known = t.relabel(w); !known {
		t.early.add(*w)
		t.seen = max(t.seen, w.Position)
	}
	return before, known
}

// Early returns the labels without events, oldest first, for the owner's snapshot. Flush comes before it: else a label is
// neither here nor on disk that an event has taken which is in memory.
func (t *Table) Early() []EarlyLabel {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.early.all()
}

// EarlyLabel returns the label of key that waits for its event, if there is one.
func (t *Table) EarlyLabel(key Key) (EarlyLabel, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.early.labels[key]
	return l.EarlyLabel, ok
}

// RestoreEarly gives back what Early returned, before the journal is repeated from there.
func (t *Table) RestoreEarly(labels []EarlyLabel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range labels {
		if l.Label < labelCount {
			t.early.add(l)
		}
	}
}
