package outcome

// Undo takes the record of key out again, of which its owner's journal says that it is lost, and returns it; its
// label waits for the event as one that came early. Only what is new can be undone: a record that has left the part in memory that takes records stays, without an
// event, until the event is put again.
func (t *Table) Undo(key Key) (before Record, ok bool) {
	t.labels.Lock()
	defer t.labels.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.active.find(&key)
	if i < 0 {
		return Record{}, false
	}
	e, c := t.active.at(i)
	f := e.fact(c)
	t.ledger.remove(&f, e.mark.label)
	before = e.record(c)
	if e.mark.label != Unlabelled {
		t.early.add(EarlyLabel{Key: key, Position: e.mark.position, Label: e.mark.label, Time: e.mark.time})
	}
	t.active.remove(i)
	return before, true
}
