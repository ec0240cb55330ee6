package outcome

import "slices"

// early holds the labels that came before their events, a bounded number; the oldest leave first.
type early struct {
	bound   int
	labels  map[Key]earlyEntry
	order   []earlyEntry // by age; those whose number is not that of labels are gone
	number  uint64
	dropped uint64
}

type earlyEntry struct {
	EarlyLabel
	number uint64
}

func newEarly(bound int) *early { return &early{bound: bound, labels: map[Key]earlyEntry{}} }

// add keeps l, unless there is one of a later position. The last word counts, in the place of the first.
func (e *early) add(l EarlyLabel) {
	old, ok := e.labels[l.Key]
	switch {
	case ok && l.Position != 0 && l.Position < old.Position:
		return
	case l.Label == Unlabelled:
		delete(e.labels, l.Key)
		return
	case ok:
		old.EarlyLabel = l
		e.labels[l.Key] = old
		return
	}
	e.number++
	entry := earlyEntry{l, e.number}
	e.labels[l.Key] = entry
	if len(e.order) >= 2*e.bound {
		e.order = slices.DeleteFunc(e.order, e.left)
	}
	e.order = append(e.order, entry)
	for len(e.labels) > e.bound {
		if oldest := e.order[0]; !e.left(oldest) {
			delete(e.labels, oldest.Key)
			e.dropped++
		}
		e.order = e.order[1:]
	}
}

func (e *early) left(x earlyEntry) bool { return e.labels[x.Key].number != x.number }

func (e *early) take(k *Key) (EarlyLabel, bool) {
	if len(e.labels) == 0 {
		return EarlyLabel{}, false
	}
	l, ok := e.labels[*k]
	if ok {
		delete(e.labels, *k)
	}
	return l.EarlyLabel, ok
}

func (e *early) all() []EarlyLabel {
	all := make([]EarlyLabel, 0, len(e.labels))
	for _, x := range e.order {
		if !e.left(x) {
			all = append(all, e.labels[x.Key].EarlyLabel)
		}
	}
	return all
}
