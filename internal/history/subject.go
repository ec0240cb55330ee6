package history

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/window"
)

// A Subject is an entity about which somebody asks: by its field and hash, in a stream.
type Subject struct {
	Stream
	Field string
	Hash  feature.Hash
}

// A Held is one history in which a subject is.
type Held struct {
	Group   *feature.Group
	Key     store.Key
	Bytes   int
	Entries []window.Stored // oldest first
}

// Held returns the histories that are kept of a subject, alone and together with others.
func (h *History) Held(s Subject) ([]Held, error) {
	keys, err := h.keysWith(s)
	if err != nil {
		return nil, err
	}
	var held []Held
	for key, i := range keys {
		state, err := h.state(s.Plan, key, i)
		if err != nil {
			return nil, err
		}
		if state == nil {
			continue
		}
		g := s.Plan.Groups[i]
		one := Held{Group: g, Key: key, Bytes: len(state)}
		for e := range g.Layout.Entries(state) {
			one.Entries = append(one.Entries, e)
		}
		held = append(held, one)
	}
	return held, nil
}

// state returns the state of a plan's group under a key; nil: there is none.
func (h *History) state(p *feature.Plan, key store.Key, group int) ([]byte, error) {
	if h.Shared == nil {
		state, _ := h.Store.Get(key, nil)
		return state, nil
	}
	t := &Turn{plan: p, groups: []int{group}}
	l := store.Lease{Change: t}
	if err := h.Shared.Lease(context.Background(), []store.Ref{{Key: key, Group: h.known(p).groups[group].number}}, &l); err != nil {
		return nil, err
	}
	defer h.Shared.Release(&l)
	return slices.Clone(l.States[0]), nil
}

// remove removes a state, and reports whether there was one.
func (h *History) remove(ctx context.Context, key store.Key) (bool, error) {
	if h.Shared != nil {
		return h.Shared.Delete(ctx, key)
	}
	return h.Store.Delete(key), nil
}

// keysWith returns the keys of the histories in which a subject may be, each with its group in the plan. Those
// that it shares with another entity are found by the events that the journal has of both.
func (h *History) keysWith(s Subject) (map[store.Key]int, error) {
	keys := map[store.Key]int{}
	of := h.known(s.Plan).keysOf(s.Stream)
	add := func(e *feature.Event) {
		for i, g := range s.Plan.Groups {
			if !has(g, s.Field) {
				continue
			}
			if key, ok := of.Key(i, e); ok {
				keys[key] = i
			}
		}
	}
	var alone feature.Event
	alone.Reset(s.Plan)
	if f := s.Plan.Field(s.Field); f >= 0 {
		alone.Hashes[f] = s.Hash
	}
	add(&alone)
	for event, err := range h.events(s) {
		if err != nil {
			return nil, err
		}
		add(event.Event)
	}
	return keys, nil
}

func has(g *feature.Group, field string) bool {
	for _, name := range g.Entities {
		if name == field {
			return true
		}
	}
	return false
}

// A Past is an event of a subject that the journal has.
type Past struct {
	Position uint64
	At       time.Time // when it came
	Event    *feature.Event
	Version  int
	Score    float64
	Decision string
	Answer   []byte // with the version before it
}

// Past visits the events of a subject that the journal has, oldest first.
func (h *History) Past(s Subject) iter.Seq2[Past, error] { return h.events(s) }

var errStop = errors.New("stop")

func (h *History) events(s Subject) iter.Seq2[Past, error] {
	return func(yield func(Past, error) bool) {
		if h.Journal == nil {
			return
		}
		var r Record
		var e feature.Event
		err := h.Journal.Read(h.Journal.First(), func(position uint64, data []byte) error {
			if !s.in(data, &r, &e) || r.kind != kindScored {
				return nil
			}
			p := Past{
				Position: position, At: time.UnixMilli(r.At), Event: &e, Version: r.Version, Score: r.Score,
				Decision: r.Decision.String(), Answer: r.Answer,
			}
			if !yield(p, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(Past{}, err)
		}
	}
}

// in reports whether a record is about the subject; r and e are then what it says.
func (s Subject) in(data []byte, r *Record, e *feature.Event) bool {
	f := s.Plan.Field(s.Field)
	if len(data) == 0 || f < 0 || r.read(data) != nil || r.Model != s.Model || r.Tenant != s.Tenant {
		return false
	}
	if r.parts&hasEvent != 0 {
		return s.Plan.ReadEvent(r.Event, e) == nil && e.Hashes[f] == s.Hash
	}
	if len(r.Data) == 0 {
		return false
	}
	_, _, ok := readData(r.Data, s.Plan, e)
	return ok && e.Hashes[f] == s.Hash
}

// Forgotten says what was erased.
type Forgotten struct{ Histories, Outcomes, Records int }

// Forget erases a subject: its histories, alone and together with others, the outcomes of its events, and their
// records. What other entities' histories know of those events is counts and sums, and stays. It refuses when the
// snapshots that it takes would lose events.
func (h *History) Forget(ctx context.Context, s Subject) (Forgotten, error) {
	var done Forgotten
	if h.behind != "" {
		return done, fmt.Errorf("the journal has events of model %s that no snapshot has: name its bundles, too", h.behind)
	}
	keys, err := h.keysWith(s)
	if err != nil {
		return done, err
	}
	for key := range keys {
		gone, err := h.remove(ctx, key)
		if err != nil {
			return done, err
		}
		if gone {
			done.Histories++
		}
	}
	var e feature.Event
	f, tenant := s.Plan.Field(s.Field), hashTenant(s.Tenant)
	done.Outcomes, err = h.Outcomes.Forget(func(r *outcome.Record) bool {
		if r.Model != s.Model || len(r.Data) == 0 {
			return false
		}
		_, of, ok := readData(r.Data, s.Plan, &e)
		return ok && of == tenant && f >= 0 && e.Hashes[f] == s.Hash
	})
	if err != nil || h.Journal == nil {
		return done, err
	}
	// The snapshot is what a start begins with, so that the records are not missed by other entities.
	if err := h.Snapshot(); err != nil {
		return done, err
	}
	// The one before it is kept, too, and has what was erased: a record of nothing makes room for another.
	position, err := h.Journal.Append(nil)
	if err == nil {
		err = h.Journal.Wait(ctx, position)
	}
	if err == nil {
		err = h.Snapshot()
	}
	if err != nil {
		return done, err
	}
	var r Record
	err = h.Journal.Rewrite(func(_ uint64, data []byte) ([]byte, bool) {
		if s.in(data, &r, &e) {
			done.Records++
			return nil, false
		}
		return data, true
	})
	return done, errors.Join(err, ctx.Err())
}
