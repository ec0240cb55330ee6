//go:build linux

package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/besra-ml/besra/bench/internal/draw"
	"github.com/besra-ml/besra/bench/internal/load"
	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/rfc3339"
	"github.com/besra-ml/besra/models"
)

// As many as the demo has.
const (
	cards     = 5_000
	terminals = 10_000
)

// A stream is events without end: its n-th is the same in every run.
type stream struct {
	every int64 // ms
}

type event struct {
	time                  int64 // ms
	card, terminal, cents int
}

func newStream(every time.Duration) stream { return stream{every.Milliseconds()} }

func (s stream) at(n int) event {
	const begin = 1_522_540_800_000 // 2018-04-01, as the demo's
	x, y := draw.Mix(2*uint64(n)), draw.Mix(2*uint64(n)+1)
	return event{
		time: begin + int64(n)*s.every,
		card: int(x>>32) % cards, terminal: int(x&(1<<32-1)) % terminals, cents: 100 + int(y%20_000),
	}
}

// requests makes whole requests as they are sent: the bodies of a contestant are never the same, since each has an
// id of its own. It takes a few hundred nanoseconds, of the client's thread.
type requests struct {
	n    int // of the next
	tail func(body []byte, n int) []byte
	body []byte
	all  []byte
	sum  int // of bodies' lengths
}

// Next makes the next request.
func (r *requests) Next() []byte {
	b := append(r.body[:0], `{"event_id":"evt_`...)
	b = strconv.AppendInt(b, int64(r.n), 10)
	r.body = r.tail(append(b, '"', ','), r.n)
	r.n++
	r.sum += len(r.body)
	r.all = load.AppendRequest(r.all[:0], "POST", "/v1/score", r.body)
	return r.all
}

// mean is the mean length of the bodies so far.
func (r *requests) mean() int { return r.sum / max(1, r.n) }

// events are requests to score the stream's events.
func (s stream) events() *requests {
	return &requests{tail: func(b []byte, n int) []byte {
		e := s.at(n)
		b = append(b, `"event":{"time":"`...)
		b = rfc3339.Append(b, e.time)
		b = append(b, `","card":"c_`...)
		b = strconv.AppendInt(b, int64(e.card), 10)
		b = append(b, `","terminal":"t_`...)
		b = strconv.AppendInt(b, int64(e.terminal), 10)
		b = append(b, `","amount":`...)
		b = strconv.AppendFloat(b, float64(e.cents)/100, 'f', -1, 64)
		return append(b, "}}"...)
	}}
}

// rows are requests to score rows of the stream's events, in turn, by the names of their features. The first that
// belongs to its own event is that of event first.
func rows(names []string, all [][]float64, first int) *requests {
	tails := make([][]byte, len(all))
	for i, row := range all {
		b := []byte(`"features":{`)
		for j, v := range row {
			if j > 0 {
				b = append(b, ',')
			}
			b = fmt.Appendf(b, "%q:", names[j])
			b = strconv.AppendFloat(b, v, 'f', -1, 64)
		}
		tails[i] = append(b, "}}"...)
	}
	shift := len(tails) - first%len(tails)
	return &requests{tail: func(b []byte, n int) []byte { return append(b, tails[(n+shift)%len(tails)]...) }}
}

// rows returns the names of the demo's features, and the rows of n events of the stream, of which the first are
// history alone.
func (s stream) rows(first, n int) (names []string, all [][]float64, err error) {
	b, err := bundle.Read(models.Demo())
	if err != nil {
		return nil, nil, err
	}
	plan, err := feature.NewPlan([]*feature.Definition{b.Events})
	if err != nil {
		return nil, nil, err
	}
	program, err := plan.Program(b.Events, b.Columns())
	if err != nil {
		return nil, nil, err
	}
	for _, c := range b.Columns() {
		names = append(names, c.Name)
	}
	h := histories{plan: plan, keys: plan.Keys("", "fraud"), states: map[[16]byte][]byte{}}
	held := make([][]byte, len(plan.Groups))
	for i := range first + n {
		h.set(s.at(i))
		if i >= first {
			for g := range held {
				k, _ := h.keys.Key(g, &h.event)
				held[g] = h.states[k]
			}
			row := make([]float64, program.Columns())
			program.Row(row, &h.event, held, &h.work)
			all = append(all, row)
		}
		h.insert()
	}
	return names, all, nil
}

// histories remember a stream's events, one after another.
type histories struct {
	plan   *feature.Plan
	keys   *feature.Keys
	states map[[16]byte][]byte
	work   feature.Work
	event  feature.Event
}

func (h *histories) set(e event) {
	h.event.Reset(h.plan)
	h.event.Time = e.time
	h.event.Hashes[h.plan.Field("card")] = hash('c', e.card)
	h.event.Hashes[h.plan.Field("terminal")] = hash('t', e.terminal)
	h.event.Numbers[h.plan.Field("amount")] = float64(e.cents) / 100
}

// hash stands for the keyed hash of an id.
func hash(kind byte, n int) (h feature.Hash) {
	h[0] = kind
	copy(h[1:], strconv.Itoa(n))
	return h
}

func (h *histories) insert() {
	for g := range h.plan.Groups {
		k, _ := h.keys.Key(g, &h.event)
		was := h.states[k]
		state, _ := h.plan.Insert(g, was, &h.event, &h.work)
		if cap(state) > cap(was) { // it has outgrown its memory, and the new one is lent
			state = append(make([]byte, 0, len(state)+len(state)/4), state...)
		}
		h.states[k] = state
	}
}
