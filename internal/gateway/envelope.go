package gateway

import (
	"fmt"

	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/strictjson"
)

// contentKind says which member of an item holds what is scored.
type contentKind uint8

const (
	contentNone contentKind = iota
	contentEvent
	contentFeatures
	contentRow
)

// An item is one thing to score, as the request spells it. Its content is read later, by the model's schema.
type item struct {
	id      []byte // nil: none was given
	kind    contentKind
	content int // offset of the content in the body
	dryRun  bool
}

// An envelope is what stands around the content of a request.
type envelope struct {
	model []byte // as the client names it
	named bool   // whether it does
	ids   []byte // memory of the items' ids
	items []item
	void  []*problem.Problem // for each item, why it cannot be scored; nil when it can
}

// Members of a single request, of a batch, and of an item in a batch.
var (
	singleMembers = members("event_id", "model", "event", "features", "row", "explain", "dry_run")
	batchMembers  = members("model", "events")
	itemMembers   = members("event_id", "event", "features", "row", "explain", "dry_run")
)

func members(names ...string) *strictjson.Names {
	n, err := strictjson.NewNames(names)
	if err != nil {
		panic(err) // names above are distinct
	}
	return n
}

// readSingle reads a body of POST /v1/score.
func (c *call) readSingle() *problem.Problem {
	s := &c.scanner
	s.Reset(c.body)
	c.envelope.reset()
	var it item
	if p := c.readMembers(s, c.single, singleMembers, &it); p != nil {
		return p
	}
	if err := s.End(); err != nil {
		return fromJSON(err, "")
	}
	c.items = append(c.items, it)
	c.void = append(c.void, nil)
	return nil
}

// readBatch reads a body of POST /v1/score/batch. What is wrong with one item is that item's problem; what
// is no JSON is everybody's.
func (c *call) readBatch(most int) *problem.Problem {
	s := &c.scanner
	s.Reset(c.body)
	c.envelope.reset()
	if err := c.batch.Open(s); err != nil {
		return notAnObject(err)
	}
	given := false
	for {
		i, ok, err := c.batch.Next(s)
		var p *problem.Problem
		switch {
		case err != nil:
			return fromJSON(err, "")
		case !ok && !given:
			return problem.BadRequest.Of("events", "there are no events")
		case !ok:
			return c.ended()
		case i == strictjson.Unknown:
			return unknownMember(c.batch)
		case batchMembers.Name(i) == "model":
			p = c.readModel(s)
		default:
			given = true
			p = c.readItems(most)
		}
		if p != nil {
			return p
		}
	}
}

// ended checks that nothing follows the body's value.
func (c *call) ended() *problem.Problem {
	if err := c.scanner.End(); err != nil {
		return fromJSON(err, "")
	}
	return nil
}

// readItems reads the events of a batch. Each is passed over once, so that the rest of the batch can be read
// whatever is in it, and then read by itself.
func (c *call) readItems(most int) *problem.Problem {
	s := &c.scanner
	if err := s.Array(); err != nil {
		return fromJSON(err, "events")
	}
	for {
		ok, err := s.Element()
		if err != nil {
			return fromJSON(err, "events")
		}
		if !ok {
			return nil
		}
		if len(c.items) == most {
			return problem.TooLarge.Of("events", fmt.Sprintf("a batch has %d events at most", most))
		}
		at := s.Offset()
		if _, err := s.SkipSyntax(); err != nil {
			return fromJSON(err, "events")
		}
		var it item
		c.inner.ResetAt(c.body[:s.Offset()], at)
		p := c.readMembers(&c.inner, c.item, itemMembers, &it)
		c.items = append(c.items, it)
		c.void = append(c.void, p)
	}
}

// readMembers reads the members around one thing to score, and where its content is. walker walks names.
func (c *call) readMembers(s *strictjson.Scanner, walker *strictjson.Members, names *strictjson.Names, it *item) *problem.Problem {
	if err := walker.Open(s); err != nil {
		return notAnObject(err)
	}
	for {
		i, ok, err := walker.Next(s)
		var p *problem.Problem
		switch {
		case err != nil:
			return fromJSON(err, "")
		case !ok:
			return it.complete()
		case i == strictjson.Unknown:
			return unknownMember(walker)
		}
		switch name := names.Name(i); name {
		case "event_id":
			it.id, p = c.readID(s)
		case "model":
			p = c.readModel(s)
		case "features":
			p = c.content(s, it, contentFeatures, name)
		case "row":
			p = c.content(s, it, contentRow, name)
		case "event":
			p = c.content(s, it, contentEvent, name)
		case "explain":
			p = readExplain(s)
		default:
			if it.dryRun, err = s.Bool(); err != nil {
				p = fromJSON(err, name)
			}
		}
		if p != nil {
			return p
		}
	}
}

func notAnObject(err error) *problem.Problem { return problem.BadJSON.Of("", err.Error()) }

func unknownMember(w *strictjson.Members) *problem.Problem {
	return problem.BadRequest.Of(short(w.Unknown()), "requests have no such member")
}

func (c *call) readModel(s *strictjson.Scanner) *problem.Problem {
	name, err := s.String()
	if err != nil {
		return fromJSON(err, "model")
	}
	c.model, c.named = append(c.model[:0], name...), true
	return nil
}

// readID copies the id: one that was spelled with escapes lives in the scanner's memory.
func (c *call) readID(s *strictjson.Scanner) ([]byte, *problem.Problem) {
	id, err := s.String()
	if err != nil {
		return nil, fromJSON(err, "event_id")
	}
	if !visible(id) {
		return nil, problem.BadRequest.Of("event_id", "want 1 to 128 visible ASCII characters")
	}
	return c.keep(id), nil
}

// content remembers where the content is and moves past it; with a guess at hand, by decoding it.
func (c *call) content(s *strictjson.Scanner, it *item, kind contentKind, name string) *problem.Problem {
	if it.kind != contentNone {
		return problem.BadRequest.Of(name, "send one of event, features and row")
	}
	it.kind, it.content = kind, s.Offset()
	if c.guess != nil {
		return c.guess.read(s, c, kind, 0)
	}
	if _, err := s.SkipSyntax(); err != nil {
		return fromJSON(err, name)
	}
	return nil
}

func (it *item) complete() *problem.Problem {
	if it.kind == contentNone {
		return problem.BadRequest.Of("", "send one of event, features and row")
	}
	return nil
}

func readExplain(s *strictjson.Scanner) *problem.Problem {
	n, err := s.Float()
	if err != nil {
		return fromJSON(err, "explain")
	}
	if n != 0 {
		return problem.BadRequest.Of("explain", "this version of besra gives no reasons")
	}
	return nil
}

func (e *envelope) reset() {
	e.model, e.named, e.ids, e.items, e.void = e.model[:0], false, e.ids[:0], e.items[:0], e.void[:0]
}
