package outcome

// A mark is a record's label, and the one before it.
type mark struct {
	time      int64
	position  uint64 // of the label in the journal; 0 when it has none
	prevTime  int64
	label     Label
	prevLabel Label
}

// set makes l the label, unless a later position has spoken already. It returns the label as it was before this position:
// exactly when the position is the last that spoke, else as unlabelled; so that who repeats a journal against a table that
// is ahead meets each change again.
func (m *mark) set(l Label, at int64, position uint64) (before mark, changed bool) {
	switch {
	case position != 0 && position < m.position:
		return mark{}, false
	case position != 0 && position == m.position:
		before = mark{label: m.prevLabel, time: m.prevTime}
		changed = l != m.label || at != m.time
		m.label, m.time = l, at
	default:
		before, changed = *m, true
		*m = mark{label: l, time: at, position: position, prevLabel: m.label, prevTime: m.time}
	}
	return before, changed
}
