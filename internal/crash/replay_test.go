//go:build unix

package crash

import (
	"fmt"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/window"
)

// A replay is what the records of a journal amount to, one after another, in plain maps.
type replay struct {
	plan   *feature.Plan
	keys   *feature.Keys
	states map[[16]byte][]byte
	groups map[[16]byte]int // of states
	events map[[16]byte]*past
	early  map[[16]byte]said
	labels map[[16]byte]map[said]int // how many records each label has
	table  *outcome.Table            // in memory
	work   feature.Work

	nameless int // events without ids
	wrong    []string
}

// A past is an event that has an id.
type past struct {
	record
	keys    [][16]byte // by group; those of groups that did not keep it are zero
	mark    int64
	said    said
	carried said // the label in its own record
	waited  bool // the last label came before it, and may follow once more
}

type said struct {
	label outcome.Label
	time  int64
}

// mark is what marks the event of a label.
func (s said) mark() int64 {
	if s.label != outcome.Fraud {
		return 0
	}
	return max(s.time, 1)
}

func newReplay(plan *feature.Plan) (*replay, error) {
	table, err := outcome.Open(outcome.Options{})
	return &replay{
		plan: plan, keys: plan.Keys("", "fraud"), table: table,
		states: map[[16]byte][]byte{}, groups: map[[16]byte]int{}, events: map[[16]byte]*past{},
		early: map[[16]byte]said{}, labels: map[[16]byte]map[said]int{},
	}, err
}

// apply applies the journal's next record.
func (r *replay) apply(position uint64, data []byte) error {
	rec, err := parse(data)
	switch {
	case err != nil:
	case rec.label:
		err = r.label(position, rec)
	default:
		err = r.event(position, rec)
	}
	if err != nil {
		return fmt.Errorf("record %d: %w", position, err)
	}
	return nil
}

func (r *replay) event(position uint64, rec record) error {
	p := &past{record: rec, keys: make([][16]byte, len(r.plan.Groups))}
	if rec.id {
		if _, twice := r.events[rec.key]; twice {
			return fmt.Errorf("event %x was counted before", rec.key)
		}
		p.said, p.waited = r.early[rec.key], true
		delete(r.early, rec.key)
		if rec.said != outcome.Unlabelled { // its own record may follow, or be lost
			p.said = said{rec.said, rec.labelTime}
			p.carried = p.said
		}
		r.events[rec.key] = p
		r.table.Put(outcome.Key(rec.key), position, &outcome.Record{
			Time: rec.time, Model: rec.model, Version: rec.version, Score: rec.score, Decision: rec.decision, Loss: rec.loss,
		})
		if p.said != (said{}) {
			if _, _, err := r.table.Label(outcome.Key(rec.key), position, p.said.label, p.said.time); err != nil {
				return err
			}
		}
	} else {
		r.nameless++
	}
	var e feature.Event
	if err := r.plan.ReadEvent(rec.event, &e); err != nil {
		return err
	}
	if e.Time != rec.time {
		return fmt.Errorf("its event is of %d, not of %d", e.Time, rec.time)
	}
	for i, g := range r.plan.Groups {
		key, ok := r.keys.Key(i, &e)
		if !ok {
			continue
		}
		state, kept := r.plan.Insert(i, r.states[key], &e, &r.work)
		if kept != window.Remembered {
			continue
		}
		p.keys[i] = key
		r.keep(key, i, state)
		if g.Labels && p.said.mark() != 0 {
			r.move(p, i, p.said.mark())
		}
	}
	p.mark = p.said.mark()
	return nil
}

func (r *replay) label(position uint64, rec record) error {
	now := said{rec.said, rec.labelTime}
	if r.labels[rec.key] == nil {
		r.labels[rec.key] = map[said]int{}
	}
	r.labels[rec.key][now]++
	p, ok := r.events[rec.key]
	if r.early[rec.key] == now || ok && p.said == now && !p.waited {
		r.wrong = append(r.wrong, fmt.Sprintf("record %d: its event had this label already", position))
	}
	if !ok {
		r.early[rec.key] = now
		return nil
	}
	if _, _, err := r.table.Label(outcome.Key(rec.key), position, now.label, now.time); err != nil {
		return err
	}
	if rec.known && rec.before != p.mark {
		r.wrong = append(r.wrong, fmt.Sprintf("record %d: its event's mark was %d, and the record says %d", position, p.mark, rec.before))
	}
	p.said, p.waited = now, false
	for i, g := range r.plan.Groups {
		if g.Labels && p.keys[i] != [16]byte{} && p.mark != now.mark() {
			r.move(p, i, now.mark())
		}
	}
	p.mark = now.mark()
	return nil
}

// move moves the mark of p in group i's history.
func (r *replay) move(p *past, i int, to int64) {
	if state, ok := r.plan.Mark(i, r.states[p.keys[i]], p.time, p.mark, to, &r.work); ok {
		r.keep(p.keys[i], i, state)
	}
}

// keep keeps a state, which may be in the work's memory.
func (r *replay) keep(key [16]byte, i int, state []byte) {
	if old := r.states[key]; cap(old) == 0 || len(state) == 0 || &old[:1][0] != &state[0] {
		state = append(make([]byte, 0, len(state)+len(state)/2+64), state...)
	}
	r.states[key], r.groups[key] = state, i
}

// canonical returns all histories in the form that does not tell how they came about.
func (r *replay) canonical() map[[16]byte]string {
	all := map[[16]byte]string{}
	for key, state := range r.states {
		if text := r.plan.Groups[r.groups[key]].Layout.AppendCanonical(nil, state); len(text) > 0 {
			all[key] = string(text)
		}
	}
	return all
}
