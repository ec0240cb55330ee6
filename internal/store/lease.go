package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
)

const (
	absent  = -1 // there was no state
	settled = -2 // Advance has stored it where it was
)

var errShape = errors.New("store: a lease's States and Changed are not as long as its Refs")

// Lease locks the shards of refs, in ascending order, and so more than refs: it is meant to be held for microseconds.
// ctx matters only before that.
func (m *Memory) Lease(ctx context.Context, refs []Ref, l *Lease) error {
	if l.held {
		return ErrHeld
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	l.Reset(refs)
	if err := l.sort(); err != nil {
		return err
	}
	l.held = true
	var s *shard
	for _, i := range l.order {
		if next := m.shardOf(l.Refs[i].Key); next != s {
			s = next
			s.mu.Lock()
		}
	}
	// A lock waits for all of memory. Behind the last one, what is looked for comes at once.
	for i := range l.Refs {
		l.places[i] = absent
		s := m.shardOf(l.Refs[i].Key)
		if at := s.find(l.Refs[i].Key); at >= 0 {
			l.places[i] = int32(at)
			block := s.blockAt(&s.slots[at])
			l.States[i] = block[blockHeader : blockHeader+stateLen(block)]
		}
	}
	return nil
}

// sort orders the refs by key, which is by shard.
func (l *Lease) sort() error {
	l.order = l.order[:0]
	for i := range l.Refs {
		l.order = append(l.order, int32(i))
	}
	l.places = append(l.places[:0], l.order...)
	if len(l.Refs) == 2 {
		return l.sortTwo()
	}
	slices.SortFunc(l.order, func(a, b int32) int {
		return bytes.Compare(l.Refs[a].Key[:], l.Refs[b].Key[:])
	})
	for i := 1; i < len(l.order); i++ {
		if l.Refs[l.order[i-1]].Key == l.Refs[l.order[i]].Key {
			return ErrTwice
		}
	}
	return nil
}

// sortTwo is sort for the most frequent number of refs.
func (l *Lease) sortTwo() error {
	switch bytes.Compare(l.Refs[0].Key[:], l.Refs[1].Key[:]) {
	case 0:
		return ErrTwice
	case 1:
		l.order[0], l.order[1] = 1, 0
	}
	return nil
}

// Release lets go and stores nothing.
func (m *Memory) Release(l *Lease) {
	if l.held {
		m.unlock(l)
	}
}

func (m *Memory) unlock(l *Lease) {
	l.held = false
	var s *shard
	for _, i := range l.order {
		if next := m.shardOf(l.Refs[i].Key); next != s {
			s = next
			s.mu.Unlock()
		}
	}
	clear(l.States)
}

// Advance stores what has changed and marks all of the lease as touched. ctx does not matter.
func (m *Memory) Advance(_ context.Context, l *Lease, position uint64) error {
	if !l.held {
		return ErrNotHeld
	}
	defer m.unlock(l)
	if err := m.admit(l); err != nil {
		return err
	}
	// What stays where it is comes first: after that, places and blocks move.
	if l.At.IsZero() {
		l.At = m.now()
	}
	now := seconds(l.At)
	moving := false
	for i, ref := range l.Refs {
		s := m.shardOf(ref.Key)
		s.position = max(s.position, position)
		if s.settle(l, i, now) {
			l.places[i] = settled
		} else {
			moving = true
		}
	}
	if moving {
		m.moveStates(l, now)
	}
	return nil
}

// admit refuses what could not be stored even with all others shed.
func (m *Memory) admit(l *Lease) error {
	if len(l.States) != len(l.Refs) || len(l.Changed) != len(l.Refs) {
		return errShape
	}
	var total int64
	for i, state := range l.States {
		if len(state) > maxState {
			return fmt.Errorf("a state of %d bytes: %w", len(state), ErrFull)
		}
		if l.Changed[i] || l.places[i] != absent {
			total += int64(classSize(classOf(len(state)))) + 2*slotBytes
		}
	}
	if total > m.bound {
		return fmt.Errorf("states of %d bytes within %d: %w", total, m.bound, ErrFull)
	}
	return nil
}

// settle stores the i-th state of a lease in its own block, and reports whether that was possible.
func (s *shard) settle(l *Lease, i int, now uint32) bool {
	at := l.places[i]
	if at == absent {
		return !l.Changed[i] || len(l.States[i]) == 0
	}
	p := &s.slots[at]
	p.touched = now
	if !l.Changed[i] {
		return true
	}
	state, block := l.States[i], s.blockAt(p)
	own := cap(state) > 0 && &state[:cap(state)][cap(state)-1] == &block[len(block)-1] // wherever it begins
	fits := len(state) > 0 && blockHeader+len(state) <= len(block)
	if !fits || 2*classSize(classOf(len(state))) <= len(block) {
		if own { // the block will be another's before the state is copied
			l.States[i] = slices.Clone(state)
		}
		return false
	}
	if &state[0] != &block[blockHeader] {
		copy(block[blockHeader:], state)
	}
	setLen(block, len(state))
	p.group = groupNumber(l.Refs[i].Group)
	s.newest = max(s.newest, newestOf(state))
	return true
}

// moveStates stores the states of a lease that have no block, or need another.
func (m *Memory) moveStates(l *Lease, now uint32) {
	for i, ref := range l.Refs {
		if l.places[i] == settled {
			continue
		}
		s := m.shardOf(ref.Key)
		if at := s.find(ref.Key); at >= 0 {
			m.remove(s, at)
		}
		if len(l.States[i]) > 0 {
			m.insert(s, ref, now, l.States[i], l)
		}
	}
}
