package gateway

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/admit"
	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/rfc3339"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/strictjson"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A labelCall is the memory of one request of labels.
type labelCall struct {
	body, out []byte
	scanner   strictjson.Scanner
	all, one  *strictjson.Members
	ids       []byte
	labels    []label
	changes   []history.Relabel
	turn      history.Turn
	tenant    string
	names     []string // of the models that they are about
}

// A label is what an event turned out to be.
type label struct {
	id    []byte
	label outcome.Label
	at    int64 // ms since 1970; -1: not given

	first int // of its changes
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
func (g *Gateway) takeLabels(w http.ResponseWriter, r *http.Request, v *visit) int {
	if g.Recovering() {
		return v.refuse(w, problem.NotReady.Of("", recovering))
	}
	c := g.labels.Get().(*labelCall)
	defer func() {
		clear(c.changes) // they hold plans
		if cap(c.body) <= keepBytes && cap(c.labels) <= keepEvents {
			g.labels.Put(c)
		}
	}()
	asked := time.Now()
	var p *problem.Problem
	c.body, p = g.readBody(w, r, c.body, g.MaxBatchBody)
	begun := time.Now()
	v.ticket.Sent(begun.Sub(asked))
	if p != nil {
		return v.refuse(w, p)
	}
	if err := v.ticket.Turn(v.context(r), begun); err != nil {
		return g.denied(v, w, err)
	}
	at := v.line.Spent(telemetry.StageQueue, begun.Sub(v.line.Begun))
	if p := g.readLabels(c); p != nil {
		return v.refuse(w, syntaxFirst(&c.scanner, c.body, p))
	}
	v.told.Events = len(c.labels)
	v.line.Spent(telemetry.StageDecode, at)
	err := g.applyLabels(context.WithoutCancel(r.Context()), c, v.identity())
	if err != nil {
		return v.refuse(w, v.problem(err))
	}
	var counts [3]int
	for i := range c.labels {
		counts[c.became(i)]++
	}
	b := append(c.out[:0], `{"accepted":`...)
	b = strconv.AppendInt(b, int64(len(c.labels)), 10)
	for i, name := range [...]string{history.Known: "known", history.Repeated: "repeated", history.Early: "early"} {
		b = append(append(append(b, `,"`...), name...), `":`...)
		b = strconv.AppendInt(b, int64(counts[i]), 10)
	}
	c.out = append(b, '}')
	v.ticket.Rest(time.Now())
	return writeJSON(w, http.StatusOK, c.out)
}

func (g *Gateway) readLabels(c *labelCall) *problem.Problem {
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
			return problem.BadRequest.Of("labels", "there are no labels")
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

func (g *Gateway) readList(c *labelCall) *problem.Problem {
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
			return problem.TooLarge.Of("labels", fmt.Sprintf("a request has %d labels at most", g.MaxBatch))
		}
		if p := g.readLabel(c); p != nil {
			p.Field = strings.TrimSuffix(fmt.Sprintf("labels[%d].%s", len(c.labels), p.Field), ".")
			return p
		}
	}
}

func (g *Gateway) readLabel(c *labelCall) *problem.Problem {
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
			if p := l.complete(); p != nil {
				return p
			}
			c.labels = append(c.labels, l)
			return nil
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
				return problem.BadRequest.Of(name, "want 1 to 128 visible ASCII characters")
			}
			if !g.CardNumbers && entity.LooksLikeCardNumber(text) {
				return problem.BadRequest.Of(name, cardNumber)
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
				return problem.BadRequest.Of(name, "want fraud or genuine")
			}
		default:
			if l.at, ok = rfc3339.Parse(text); !ok {
				return problem.BadRequest.Of(name, "want a time of the years 1970 to 9999 as RFC 3339 spells it, with its zone")
			}
		}
	}
}

func (l *label) complete() *problem.Problem {
	switch {
	case l.id == nil:
		return problem.BadRequest.Of("event_id", "is missing")
	case l.label == outcome.Unlabelled:
		return problem.BadRequest.Of("label", "is missing; want fraud or genuine")
	case l.at < 0:
		return problem.BadRequest.Of("time", "is missing: from when on the label is known")
	}
	return nil
}

// applyLabels applies all labels to the events of their ids, of every model that scored them. What no model has
// scored waits for the event of each. Models that the identity may not see are none of its business.
func (g *Gateway) applyLabels(ctx context.Context, c *labelCall, id *identity.Identity) error {
	served := g.Registry.Set()
	c.tenant = id.Tenant
	c.names = append(c.names[:0], served.Names()...)
	c.names = slices.DeleteFunc(c.names, func(name string) bool { return !id.Sees(name) })
	if len(c.names) == 0 {
		g.Metrics.Access.Denied.Model.Inc()
		return &admit.Forbidden{Identity: id}
	}
	c.changes = c.changes[:0]
	for i := range c.labels {
		l := &c.labels[i]
		l.first = len(c.changes)
		if err := g.addChanges(c, served, l); err != nil {
			return err
		}
	}
	return g.History.Label(ctx, &c.turn, c.changes)
}

func (g *Gateway) addChanges(c *labelCall, served *registry.Set, l *label) error {
	names := c.names
	add := func(name string, key store.Key) {
		of := history.Stream{Tenant: c.tenant, Model: name, Plan: served.Plan(name)}
		c.changes = append(c.changes, history.Relabel{Stream: of, Key: key, Label: l.label, At: l.at})
	}
	if len(names) > 1 {
		for _, name := range names {
			key := store.Key(g.Hasher.Event(c.tenant, name, l.id))
			_, scored, err := g.History.Outcomes.Get(outcome.Key(key))
			if err != nil {
				return err
			}
			if scored {
				add(name, key)
			}
		}
	}
	if len(c.changes) == l.first { // not asked again: it may just have been scored
		for _, name := range names {
			add(name, store.Key(g.Hasher.Event(c.tenant, name, l.id)))
		}
	}
	return nil
}

// became says what became of a label: the best of what became of it for each model.
func (c *labelCall) became(i int) history.Labelled {
	end := len(c.changes)
	if i+1 < len(c.labels) {
		end = c.labels[i+1].first
	}
	best := history.Early
	for _, change := range c.changes[c.labels[i].first:end] {
		best = min(best, change.Became)
	}
	return best
}
