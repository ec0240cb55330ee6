package gateway

import (
	"fmt"
	"math"

	"github.com/besra-ml/besra/internal/entity"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/rfc3339"
	"github.com/besra-ml/besra/internal/strictjson"
)

// An eventDecoder reads raw events of one model by its plan.
type eventDecoder struct {
	g      *Gateway
	plan   *feature.Plan
	walker *strictjson.Members
	mac    entity.Mac
}

// maxEntity bounds the id of an entity, and a text, in bytes.
const maxEntity = 256

// read reads the scanner's next value, an event.
func (d *eventDecoder) read(s *strictjson.Scanner, c *call, in *feature.Event, program *feature.Program) *problem.Problem {
	in.Reset(d.plan)
	in.Time = -1
	if err := d.walker.Open(s); err != nil {
		return fromJSON(err, "event")
	}
	for {
		i, ok, err := d.walker.Next(s)
		switch {
		case err != nil:
			return fromJSON(err, "event")
		case !ok:
			return d.whole(in, program)
		case i != strictjson.Unknown:
			if p := d.value(s, c, i, in); p != nil {
				return p
			}
			continue
		case !d.g.IgnoreUnknown:
			return problem.UnknownFeature.Of(short(d.walker.Unknown()), "the model's events have no such field")
		}
		if _, err := s.Skip(); err != nil {
			return fromJSON(err, "event")
		}
	}
}

// whole checks what can be said of an event only when all of it is there.
func (d *eventDecoder) whole(in *feature.Event, program *feature.Program) *problem.Problem {
	if in.Time < 0 {
		return problem.MissingFeature.Of(d.plan.Fields[d.plan.TimeField].Name, "an event has a time")
	}
	if f := program.Missing(in); f >= 0 {
		return problem.MissingFeature.Of(d.plan.Fields[f].Name, "the model's events must have it")
	}
	if f, ok := d.plan.Quantize(in); !ok {
		return problem.OutOfBounds.Of(d.plan.Fields[f].Name, "is more than histories can add up")
	}
	return nil
}

// value reads field i.
func (d *eventDecoder) value(s *strictjson.Scanner, c *call, i int, in *feature.Event) *problem.Problem {
	f := &d.plan.Fields[i]
	kind := s.Kind()
	switch {
	case kind == strictjson.Null:
		if err := s.Null(); err != nil {
			return fromJSON(err, f.Name)
		}
		return nil
	case kind == strictjson.String && f.Type == feature.Time:
		return d.time(s, f, in)
	case kind == strictjson.String && f.Type == feature.Entity:
		return d.entity(s, i, in)
	case kind == strictjson.String && f.Type == feature.Text:
		return d.text(s, c, i, in)
	case kind == strictjson.Number && (f.Type == feature.Number || f.Type == feature.Bool):
		x, err := s.Float()
		if err != nil {
			return fromJSON(err, f.Name)
		}
		if f.Type == feature.Bool && x != 0 && x != 1 {
			return problem.WrongType.Of(f.Name, "want true, false, 0 or 1")
		}
		in.Numbers[i] = x
		return nil
	case f.Type == feature.Bool && (kind == strictjson.True || kind == strictjson.False):
		yes, err := s.Bool()
		if err != nil {
			return fromJSON(err, f.Name)
		}
		in.Numbers[i] = 0
		if yes {
			in.Numbers[i] = 1
		}
		return nil
	}
	if kind == strictjson.Invalid {
		_, err := s.Skip()
		return fromJSON(err, f.Name)
	}
	return problem.WrongType.Of(f.Name, fmt.Sprintf("offset %d: want %s or null, not %s", s.Offset(), wanted(f.Type), kind))
}

// wanted says what a field of a type takes.
func wanted(t feature.FieldType) string {
	switch t {
	case feature.Time:
		return "a string such as 2026-11-27T00:00:01.250Z"
	case feature.Entity:
		return "a string, an id"
	case feature.Text:
		return "a string"
	case feature.Bool:
		return "true, false, 0 or 1"
	case feature.Number:
	}
	return "a number"
}

func (d *eventDecoder) time(s *strictjson.Scanner, f *feature.Field, in *feature.Event) *problem.Problem {
	text, err := s.String()
	if err != nil {
		return fromJSON(err, f.Name)
	}
	ms, ok := rfc3339.Parse(text)
	if !ok {
		return problem.WrongType.Of(f.Name, "want a time of the years 1970 to 9999 as RFC 3339 spells it, with its zone: 2026-11-27T00:00:01.250Z")
	}
	in.Time = ms
	return nil
}

// entity reads the id of an entity, of which only the keyed hash stays.
func (d *eventDecoder) entity(s *strictjson.Scanner, i int, in *feature.Event) *problem.Problem {
	name := d.plan.Fields[i].Name
	id, err := s.String()
	switch {
	case err != nil:
		return fromJSON(err, name)
	case len(id) == 0 || len(id) > maxEntity:
		return problem.OutOfBounds.Of(name, fmt.Sprintf("want an id of 1 to %d bytes", maxEntity))
	case !d.g.CardNumbers && entity.LooksLikeCardNumber(id):
		return problem.BadRequest.Of(name, cardNumber)
	}
	in.Hashes[i] = feature.Hash(d.mac.Hash(name, id))
	return nil
}

// cardNumber does not repeat what it is about.
const cardNumber = "looks like a payment card's number; send a token or a keyed hash of it (state.allow_card_numbers is the way around)"

func (d *eventDecoder) text(s *strictjson.Scanner, c *call, i int, in *feature.Event) *problem.Problem {
	name := d.plan.Fields[i].Name
	text, err := s.String()
	switch {
	case err != nil:
		return fromJSON(err, name)
	case len(text) > maxEntity:
		return problem.OutOfBounds.Of(name, fmt.Sprintf("want a text of at most %d bytes", maxEntity))
	}
	in.Texts[i] = c.keep(text)
	in.Hashes[i] = feature.Hash(d.mac.Hash(name, text))
	return nil
}

// keep copies text into the call's memory: one that was spelled with escapes lives in the scanner's.
func (c *call) keep(text []byte) []byte {
	start := len(c.ids)
	c.ids = append(c.ids, text...)
	return c.ids[start:len(c.ids):len(c.ids)]
}

// event reads the raw event i of a batch.
func (d *decoder) event(s *strictjson.Scanner, c *call, i int) *problem.Problem {
	b := &c.scored
	e := &b.Events[i]
	if d.events == nil {
		return problem.BadRequest.Of("event", "this model takes features or row: its bundle has no features.yaml")
	}
	e.Raw = true
	for k, row := 0, b.Row(i); k < len(row); k++ {
		row[k] = math.NaN()
	}
	return d.events.read(s, c, &b.Inputs[i], b.Model.Program)
}
