package events

import (
	"context"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/window"
)

// A census numbers the entities of each group, from 0, as they first come.
type census []map[feature.Hash]int32

func newCensus(groups int) census {
	c := make(census, groups)
	for i := range c {
		c[i] = map[feature.Hash]int32{}
	}
	return c
}

// absent is the number of an entity that is not there.
const absent = -1

// count finds the numbers of a block's entities.
func (c census) count(b *Block) {
	b.ids = grow(b.ids, len(b.keys))
	for i, key := range b.keys {
		known := c[i%b.groups]
		id, ok := known[key]
		switch {
		case key == (feature.Hash{}):
			id = absent
		case !ok:
			id = int32(len(known))
			known[key] = id
		}
		b.ids[i] = id
	}
}

// histories are what the events so far leave behind.
type histories struct {
	plan    *feature.Plan
	program *feature.Program
	all     [][][]byte // states, by group and entity
	event   feature.Event
	work    feature.Work
	states  [][]byte // of the event at hand, by group

	late, full int
}

func newHistories(r *Replay) *histories {
	n := len(r.plan.Groups)
	return &histories{plan: r.plan, program: r.program, all: make([][][]byte, n), states: make([][]byte, n)}
}

// advance answers the events of b in their order, each a row of that width, and remembers each.
func (h *histories) advance(ctx context.Context, b *Block, width int) {
	b.Rows = grow(b.Rows, b.N*width)
	for i := range b.N {
		if i%1024 == 0 && ctx.Err() != nil {
			return
		}
		b.event(i, &h.event)
		ids := b.ids[i*b.groups : (i+1)*b.groups]
		for g, id := range ids {
			h.states[g] = h.state(g, id)
		}
		h.program.Row(b.Rows[i*width:(i+1)*width], &h.event, h.states, &h.work)
		h.remember(ids, b.fraud(i))
	}
}

// fraud returns when event i is known to be fraud; 0: it is none. 0 itself is no mark: then it is 1 ms later.
func (b *Block) fraud(i int) int64 {
	switch {
	case !b.frauds[i]:
		return 0
	case b.known[i] < 0:
		return max(1, b.Times[i])
	}
	return max(1, b.known[i])
}

// remember adds the event at hand to the histories of its entities, and marks it as fraud from that time on;
// 0: it is none.
func (h *histories) remember(ids []int32, fraud int64) {
	late, full := 0, 0
	for g, id := range ids {
		if id == absent {
			continue
		}
		state, kept := h.plan.Insert(g, h.states[g], &h.event, &h.work)
		h.put(g, id, state)
		switch {
		case kept == window.Late:
			late = 1
		case kept == window.Full:
			full = 1
		case fraud > 0 && h.plan.Groups[g].Labels:
			// A mark counts only from its own time on: to set it at once is to receive it then.
			state, _ = h.plan.Mark(g, h.state(g, id), h.event.Time, 0, fraud, &h.work)
			h.put(g, id, state)
		}
	}
	h.late += late
	h.full += full
}

// state returns an entity's state, nil when it has none.
func (h *histories) state(g int, id int32) []byte {
	if id == absent || int(id) >= len(h.all[g]) {
		return nil
	}
	return h.all[g][id]
}

// put keeps what an entity's state has become: the same bytes, changed in place, or others, which are copied.
func (h *histories) put(g int, id int32, state []byte) {
	for int(id) >= len(h.all[g]) {
		h.all[g] = append(h.all[g], nil)
	}
	at := &h.all[g][id]
	switch {
	case len(*at) > 0 && len(state) > 0 && &(*at)[0] == &state[0]:
		*at = state
	default:
		*at = append(make([]byte, 0, len(state)), state...)
	}
}

// grow returns s with length n.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
