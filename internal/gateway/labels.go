package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/rfc3339"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/strictjson"
)

// A labelCall is the memory of one request of labels.
type labelCall struct {
	body, out []byte
	scanner   strictjson.Scanner
	all, one  *strictjson.Members
	ids       []byte
	labels    []label
	turn      history.Turn
}

// A label is what an event turned out to be.
type label struct {
	id    []byte
	label outcome.Label
	at    int64 // ms since 1970; -1: not given
}

var (
	labelsMembers = members("labels")
	labelMembers  = members("event_id", "label", "time")
)

func newLabelCall() *labelCall {
	return &labelCall{all: labelsMembers.Members(), one: labelMembers.Members()}
}

// takeLabels answers POST /v1/labels. Nothing is taken of a request that is wrong anywhere; all of one that is
// not is durable before the answer leaves.
func (g *Gateway) takeLabels(w http.ResponseWriter, r *http.Request) int {
	if g.Recovering() {
		return g.refuse(w, notReady.of("", recovering))
	}
	c := g.labels.Get().(*labelCall)
	defer func() {
		if cap(c.body) <= keepBytes && cap(c.labels) <= keepEvents {
			g.labels.Put(c)
		}
	}()
	var p *Problem
	if c.body, p = readBody(w, r, c.body, g.MaxBatchBody); p != nil {
		return g.refuse(w, p)
	}
	if p := g.readLabels(c); p != nil {
		return g.refuse(w, p)
	}
	counts, err := g.applyLabels(context.WithoutCancel(r.Context()), c)
	if err != nil {
		return g.refuse(w, g.problem(r.Context(), err, w.Header().Get("X-Request-Id")))
	}
	b := append(c.out[:0], `{"accepted":`...)
	b = strconv.AppendInt(b, int64(len(c.labels)), 10)
	for i, name := range [...]string{history.Known: "known", history.Repeated: "repeated", history.Early: "early"} {
		b = append(append(append(b, `,"`...), name...), `":`...)
		b = strconv.AppendInt(b, int64(counts[i]), 10)
	}
	c.out = append(b, '}')
	return writeJSON(w, http.StatusOK, c.out)
}

func (g *Gateway) readLabels(c *labelCall) *Problem {
	s := &c.scanner
	s.Reset(c.body)
	c.labels, c.ids = c.labels[:0], c.ids[:0]
	if err := c.all.Open(s); err != nil {
		return notAnObject(err)
	}
	given := false
	for {
		i, ok, err := c.all.Next(s)
		switch {
		case err != nil:
			return fromJSON(err, "")
		case !ok && !given:
			return badRequest.of("labels", "there are no labels")
		case !ok:
			if err := s.End(); err != nil {
				return fromJSON(err, "")
			}
			return nil
		case i == strictjson.Unknown:
			return unknownMember(c.all)
		}
		given = true
		if p := g.readList(c); p != nil {
			return p
		}
	}
}

func (g *Gateway) readList(c *labelCall) *Problem {
	s := &c.scanner
	if err := s.Array(); err != nil {
		return fromJSON(err, "labels")
	}
	for {
		ok, err := s.Element()
		switch {
		case err != nil:
			return fromJSON(err, "labels")
		case !ok:
			return nil
		case len(c.labels) == g.MaxBatch:
			return tooLarge.of("labels", fmt.Sprintf("a request has %d labels at most", g.MaxBatch))
		}
		if p := g.readLabel(c); p != nil {
			p.field = fmt.Sprintf("labels[%d].%s", len(c.labels), p.field)
			return p
		}
	}
}

func (g *Gateway) readLabel(c *labelCall) *Problem {
	s := &c.scanner
	if err := c.one.Open(s); err != nil {
		return fromJSON(err, "")
	}
	l := label{at: -1}
	for {
		i, ok, err := c.one.Next(s)
		switch {
		case err != nil:
			return fromJSON(err, "")
		case !ok:
			c.labels = append(c.labels, l)
			return l.complete()
		case i == strictjson.Unknown:
			return unknownMember(c.one)
		}
		name := labelMembers.Name(i)
		text, err := s.String()
		if err != nil {
			return fromJSON(err, name)
		}
		switch name {
		case "event_id":
			if !visible(text) {
				return badRequest.of(name, "want 1 to 128 visible ASCII characters")
			}
			if !g.CardNumbers && entity.LooksLikeCardNumber(text) {
				return badRequest.of(name, cardNumber)
			}
			start := len(c.ids)
			c.ids = append(c.ids, text...)
			l.id = c.ids[start:len(c.ids):len(c.ids)]
		case "label":
			switch string(text) {
			case "fraud":
				l.label = outcome.Fraud
			case "genuine":
				l.label = outcome.Genuine
			default:
				return badRequest.of(name, "want fraud or genuine")
			}
		default:
			if l.at, ok = rfc3339.Parse(text); !ok {
				return badRequest.of(name, "want a time of the years 1970 to 9999 as RFC 3339 spells it, with its zone")
			}
		}
	}
}

func (l *label) complete() *Problem {
	switch {
	case l.id == nil:
		return badRequest.of("event_id", "is missing")
	case l.label == outcome.Unlabelled:
		return badRequest.of("label", "is missing; want fraud or genuine")
	case l.at < 0:
		return badRequest.of("time", "is missing: from when on the label is known")
	}
	return nil
}

// applyLabels applies all labels, and returns what became of them once they are durable.
func (g *Gateway) applyLabels(ctx context.Context, c *labelCall) (counts [3]int, err error) {
	names := g.Registry.Names()
	var last uint64
	for i := range c.labels {
		l := &c.labels[i]
		became, position, err := g.applyLabel(ctx, c, names, l)
		if err != nil {
			return counts, err
		}
		counts[became]++
		last = max(last, position)
	}
	err = g.History.Wait(ctx, last)
	if err != nil && g.History.Continue {
		err = nil
	}
	return counts, err
}

// applyLabel applies one label to the event of that id of every model that scored it. When none has, it waits
// for the event of each.
func (g *Gateway) applyLabel(ctx context.Context, c *labelCall, names []string, l *label) (became history.Labelled, last uint64, err error) {
	known := len(names) == 1
	became = history.Early
	for _, wanted := range []bool{true, false} {
		for _, name := range names {
			key := store.Key(g.Hasher.Event("", name, l.id))
			if len(names) > 1 {
				_, has, err := g.History.Outcomes.Get(outcome.Key(key))
				if err != nil {
					return became, last, err
				}
				if has != wanted {
					continue
				}
				known = known || has
			}
			b, position, err := g.History.Label(ctx, &c.turn, g.stream(name), key, l.label, l.at)
			if err != nil {
				return became, last, err
			}
			became, last = min(became, b), max(last, position)
		}
		if known {
			break
		}
	}
	return became, last, nil
}

func (g *Gateway) stream(model string) history.Stream {
	return history.Stream{Model: model, Plan: g.Registry.Plan(model)}
}
