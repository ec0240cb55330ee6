package history

import (
	"slices"
	"sync"
	"sync/atomic"
)

// marks remember, minute by minute, which position the journal had reached, so that a start knows from where
// answers are still to be given.
type marks struct {
	last atomic.Int64 // time of the newest, ms
	mu   sync.Mutex
	list []timeMark
}

type timeMark struct {
	at       int64 // ms
	position uint64
}

const (
	markEvery = 60_000       // ms
	maxMarks  = 60 * 24 * 14 // of them
)

func (m *marks) add(at int64, position uint64) {
	if last := m.last.Load(); at >= last && at-last < markEvery {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.list); n > 0 && position <= m.list[n-1].position {
		return // a start reads again what the snapshot has marked
	}
	m.last.Store(at)
	if len(m.list) >= maxMarks {
		m.list = append(m.list[:0], m.list[len(m.list)/2:]...)
	}
	m.list = append(m.list, timeMark{at, position})
}

// before returns a position that had been reached before a time: records after it may be younger. 0: none is known.
func (m *marks) before(at int64) (position uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mark := range m.list {
		if mark.at > at {
			break
		}
		position = mark.position
	}
	return position
}

func (m *marks) copy() []timeMark {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.list)
}
