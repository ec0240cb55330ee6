package valkey

import (
	"strconv"

	"github.com/valkey-io/valkey-go"

	"github.com/besra-ml/besra/internal/store"
)

// state makes the i-th state of a lease of the value that was there before.
func (s *Store) state(l *store.Lease, h *hold, i int, value []byte, now int64) []byte {
	g := &h.log
	foreign := g.read(value) != nil
	if foreign {
		s.metrics.Uses[useState].Foreign.Inc()
	}
	for len(h.states) <= i {
		h.states = append(h.states, nil)
	}
	var state []byte
	if len(g.base) > 0 {
		state = append(h.states[i][:0], g.base...)
		h.states[i] = state
	}
	n := len(g.changes)
	if !h.announced[i] {
		return none(g.play(l.Change, i, state, 0, n))
	}
	switch k, op := g.announced(l.Tag), l.Ops[i]; {
	case k >= 0:
		return none(g.play(l.Change, i, state, 0, k))
	case g.counts(n, l.Tag):
		return none(l.Change.Change(i, state, op, true))
	}
	fold := g.foldable(now)
	if foreign {
		s.fold(l.Refs[i], value, len(value), g.newBase(nil, 0, now))
	} else if fold > 0 {
		state = g.play(l.Change, i, state, 0, fold)
		s.fold(l.Refs[i], value, g.cut(fold), g.newBase(state, fold, now))
	}
	return none(g.play(l.Change, i, state, fold, n))
}

// none is nil for a state of no bytes.
func none(state []byte) []byte {
	if len(state) == 0 {
		return nil
	}
	return state
}

// guard is how much of a log's beginning tells it from another: it has a base's gen, or a change's tag and time.
const guard = 32

// fold has a new base put in the place of the first cut bytes of a log, when there is time.
func (s *Store) fold(ref store.Ref, value []byte, cut int, base []byte) {
	s.amends.add(amend{use: useState, script: fold, key: s.name(ofState, ref.Key), args: []string{
		string(value[:min(guard, len(value))]), strconv.Itoa(cut), valkey.BinaryString(base),
		s.groups.keep(ref.Group),
	}})
}
